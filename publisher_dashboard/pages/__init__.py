"""The pages, one module for each place that a person goes to; ``publisher_dashboard.app`` lists their routes."""

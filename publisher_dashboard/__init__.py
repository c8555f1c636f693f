"""The publisher's dashboard: server-rendered pages over ``edge.core`` and ``edge.store``. Importing it does nothing."""

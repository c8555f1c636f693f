"""farebox: an edge in front of a site that charges AI crawlers per page.

This package imports nothing, so that each floor loads only what it needs.
"""

__version__ = "0.1.0"

"""What is a sample, and who sees one: a banner says so on every page whose numbers hold made-up traffic."""

from __future__ import annotations

from edge.store.sample_site import is_sample_host
from edge.store.sites import Site


def is_sample(site: Site) -> bool:
    """Whether a site is a sample."""
    return is_sample_host(site.host)

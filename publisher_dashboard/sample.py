"""What is a sample, and who sees one: a banner says so on every page whose numbers hold made-up traffic."""

from __future__ import annotations

from edge.core.money import Money
from edge.store.connection import Connection
from edge.store.sample_site import add_sample, is_sample_host
from edge.store.sites import Site
from publisher_dashboard.presets import SUGGESTED_PRICE_MICROS, preset_rules

CURRENCY = "USD"


def is_sample(site: Site) -> bool:
    """Whether a site is a sample."""
    return is_sample_host(site.host)


def make_sample(connection: Connection, publisher_id: int, author: str, now_micros: int) -> Site:
    """Make a publisher's sample with a week of traffic, watched only; the one that is there stays."""
    rules = preset_rules("watch", Money(SUGGESTED_PRICE_MICROS, CURRENCY))
    assert rules is not None, "there is a preset that watches"
    return add_sample(connection, publisher_id, rules, CURRENCY, author, now_micros)

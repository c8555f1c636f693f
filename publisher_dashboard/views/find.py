"""Find what somebody means by a few words: a screen, a site, a rule, a charge, or a page to test. Only of one's own.

Rules of this file: everything is looked up below one's own memberships; what belongs to others is not found, as if it
were not there. Nothing is read but names, so that it costs the same however much was sold.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from edge.store.charge_story import charge_entries
from edge.store.connection import Connection
from edge.store.people import Membership
from edge.store.rulesets import live_version
from edge.store.sites import Site, list_sites
from publisher_dashboard.browser_safety import split
from publisher_dashboard.navigation import Links

FOUND_MAX = 30
_CHARGE = "ch_"


@dataclass(frozen=True, slots=True)
class Found:
    """One answer: what it is, its name, a few words more, and where it is."""

    kind: str
    text: str
    detail: str
    href: str


def find(connection: Connection, words: str, own: Sequence[Membership], links: Iterable[Links]) -> tuple[Found, ...]:
    """What fits, the nearest first; nothing for no words."""
    text = words.strip()
    if not text:
        return ()
    sites = [(one, site) for one in own for site in list_sites(connection, one.publisher_id)]
    found = (
        *_charges(connection, text, own),
        *_screens(text, links),
        *_sites(text, sites),
        *_rules(connection, text, sites),
        *_pages(text, sites),
    )
    return found[:FOUND_MAX]


def words_of(path: str) -> str:
    """What somebody may have meant by an address that leads nowhere: its last word that is no number."""
    parts = [part for part in path.split("/") if part and not part.isdigit()]
    return parts[-1].replace("-", " ").replace("_", " ")[:80] if parts else ""


def _fits(text: str, *names: str) -> bool:
    """Whether every word stands in one of the names, in any case."""
    whole = " ".join(names).casefold()
    return all(word in whole for word in text.casefold().split())


def _charges(connection: Connection, text: str, own: Sequence[Membership]) -> Iterator[Found]:
    if not text.startswith(_CHARGE):
        return
    of = {one.publisher_id for one in charge_entries(connection, text)}
    for one in own:
        if one.publisher_id in of:
            href = f"/publishers/{one.publisher_id}/charges/{quote(text, safe='')}"
            yield Found("Charge", text, one.publisher_name, href)


def _screens(text: str, links: Iterable[Links]) -> Iterator[Found]:
    for group in links:
        for link in group.links:
            if _fits(text, link.text, group.title):
                yield Found("Screen", link.text, group.title, link.href)


def _sites(text: str, sites: Iterable[tuple[Membership, Site]]) -> Iterator[Found]:
    for one, site in sites:
        if _fits(text, site.host):
            yield Found("Site", site.host, one.publisher_name, f"/sites/{quote(site.host, safe='')}/rules")


def _rules(connection: Connection, text: str, sites: Iterable[tuple[Membership, Site]]) -> Iterator[Found]:
    for _, site in sites:
        live = live_version(connection, site.site_id)
        for number, rule in enumerate(live.rules.rules if live else (), 1):
            if _fits(text, rule.name, rule.where):
                href = f"/sites/{quote(site.host, safe='')}/rules#rule-{number}"
                yield Found("Rule", rule.name, f"{rule.where} of {site.host}", href)


def _pages(text: str, sites: Sequence[tuple[Membership, Site]]) -> Iterator[Found]:
    """An address, or what begins as one: what a crawler would hear there."""
    address = split(text if "://" in text else f"//{text}")
    if text.startswith("/"):
        wanted = [site for _, site in sites]
    else:
        wanted = [site for _, site in sites if site.host == address.hostname and address.path]
    for site in wanted:
        below, path = f"/sites/{quote(site.host, safe='')}", text if text.startswith("/") else address.path
        yield Found("Test a URL", path, site.host, f"{below}/test?{urlencode({'url': path})}")
        yield Found("Requests for", path, site.host, f"{below}/activity?{urlencode({'path': path})}")

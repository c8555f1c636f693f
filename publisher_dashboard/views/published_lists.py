"""What bears a crawler's name out by address: the lists that its operator publishes, how old they are, what matched.

Rules of this file
- Lists are those that the edge goes by: the copy that was fetched, else the one that is shipped.
- A range is named only where what is kept of an address lies in it for certain. Of a network (``FAREBOX_ADDRESSES`` at
  ``truncate``) that a list names in part, the part is named; of a hash nothing can be said, and nothing is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network

from edge.core.address_book import FeedCopy, Sources, load_seed
from edge.core.identity import Rung
from edge.store.activity import Activity
from edge.store.address_feeds import StoredFeed, copies_in_force, list_feeds
from edge.store.connection import Connection

MATCHES_SHOWN = 5

_Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class PublishedList:
    """One list. ``read_micros`` is when it was fetched, None for the shipped copy, which is of the day ``shipped_of``.

    ``ranges`` is how many it has; ``accuses`` whether it is recent enough to say who is not on it; ``failure`` what the
    last try to fetch it met.
    """

    url: str
    operator: str
    ranges: int
    read_micros: int | None
    shipped_of: str
    accuses: bool
    failure: str | None


@dataclass(frozen=True, slots=True)
class Match:
    """Requests from one address, or the network that is kept of it, and the range of a list that they matched."""

    address: str
    range: str
    url: str
    requests: int


@dataclass(frozen=True, slots=True)
class Published:
    """``matches`` are of the newest requests that were kept; ``unnamed`` counts those whose range cannot be told."""

    lists: tuple[PublishedList, ...]
    matches: tuple[Match, ...]
    unnamed: int


def tell_published(connection: Connection, name: str, latest: Sequence[Activity], now_micros: int) -> Published:
    """The lists of a crawler by its name in the catalogue, and which of their ranges its latest requests matched."""
    feeds = [feed for feed in Sources.load().feeds if name in feed.crawlers]
    if not feeds:
        return Published((), (), 0)
    seeds = load_seed()
    stored = {one.url: one for one in list_feeds(connection)}
    copies = copies_in_force(stored.values(), seeds, now_micros)
    days = {seed.url: seed.published for seed in seeds}
    lists = tuple(
        _list(feed.url, feed.operator, copies.get(feed.url), stored.get(feed.url), days.get(feed.url, ""))
        for feed in feeds
    )
    proved = Counter[str]()
    for row in latest:
        if row.rung == Rung.ADDRESS.label:
            proved[row.address] += row.requests
    matches = _matches(proved, [copies[feed.url] for feed in feeds if feed.url in copies])
    named = {one.address for one in matches}
    unnamed = sum(requests for address, requests in proved.items() if address not in named)
    return Published(lists, tuple(matches[:MATCHES_SHOWN]), unnamed)


def _list(url: str, operator: str, copy: FeedCopy | None, stored: StoredFeed | None, day: str) -> PublishedList:
    was_read = stored is not None and stored.ranges is not None
    return PublishedList(
        url=url,
        operator=operator,
        ranges=0 if copy is None else len(copy.ranges),
        read_micros=stored.fetched_at_micros if stored is not None and was_read else None,
        shipped_of="" if was_read else day,
        accuses=copy is not None and copy.accuses,
        failure=None if stored is None else stored.failure,
    )


def _matches(proved: Counter[str], copies: Iterable[FeedCopy]) -> list[Match]:
    """The most frequent first."""
    ranges = [(ip_network(text), copy.url) for copy in copies for text in copy.ranges] if proved else []
    found = []
    for address, requests in proved.most_common():
        kept = _network(address)
        if kept is not None and (which := _range_of(kept, ranges)) is not None:
            found.append(Match(address, str(which[0]), which[1], requests))
    return found


def _range_of(kept: _Network, ranges: Sequence[tuple[_Network, str]]) -> tuple[_Network, str] | None:
    """The range that holds all of what is kept, else the first that is a part of it."""
    holds = next((one for one in ranges if _is_in(kept, one[0])), None)
    return holds or next((one for one in ranges if _is_in(one[0], kept)), None)


def _network(address: str) -> _Network | None:
    """What is kept of an address as a network; None for a hash, or nothing."""
    try:
        return ip_network(address, strict=False)
    except ValueError:
        return None


def _is_in(inner: _Network, outer: _Network) -> bool:
    if isinstance(inner, IPv4Network):
        return isinstance(outer, IPv4Network) and inner.subnet_of(outer)
    return isinstance(outer, IPv6Network) and inner.subnet_of(outer)

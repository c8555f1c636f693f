"""Which addresses the operators of crawlers publish, and whether an address is one of them.

Rules of this file

- A list is read tolerantly (JAFAR, draft-illyes-webbotauth-jafar-00, and what was there before it) and used
  strictly: no list without a range, none with a range so wide that it would prove half the world.
- A copy of any age proves a name; only one that was fetched lately accuses, because an old one says "impostor" of a
  crawler that has moved.
- An address that is not a public one says nothing: behind a front that nobody named it is the front's.
- A list of one crawler says by itself who comes from it, whatever name was given; a list of several needs the name to
  tell them apart. Taking somebody who gives no crawler's name for one accuses, so only recent copies do.
- Looking up is a binary search in memory. What was looked up is remembered, and what is remembered is bounded.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from importlib import resources
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, collapse_addresses, ip_network
from itertools import groupby
from operator import itemgetter
from typing import Any, TypeAlias

import orjson

from edge.core.addresses import read_address
from edge.core.identity import Rung

BODY_BYTES_MAX = 1024 * 1024
PREFIXES_MAX = 20_000
REMEMBERED_MAX = 8192
_WIDEST = {4: 8, 6: 20}
_PREFIX_MEMBERS = ("ipv4Prefix", "ipv6Prefix", "prefix", "cidr", "ip_prefix", "ipv6_prefix")

Network: TypeAlias = IPv4Network | IPv6Network
Address: TypeAlias = IPv4Address | IPv6Address


class FeedFault(StrEnum):
    """Why a document is not a list of addresses; the copy held before stays in force."""

    TOO_LARGE = "too_large"
    NOT_JSON = "not_json"
    NO_RANGES = "no_ranges"
    TOO_MANY_RANGES = "too_many_ranges"


@dataclass(frozen=True, slots=True)
class Feed:
    """A list that an operator publishes, and the crawlers, by their names in the catalogue, that come from it."""

    url: str
    operator: str
    crawlers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FeedCopy:
    """What a list said; ``accuses`` when it is recent enough to say who is *not* on it."""

    url: str
    ranges: tuple[str, ...]
    accuses: bool = False


@dataclass(frozen=True, slots=True)
class Sources:
    """By what a name can be proved: lists, and the names that reverse DNS must end in."""

    feeds: tuple[Feed, ...]
    suffixes: Mapping[str, tuple[str, ...]]

    @classmethod
    def load(cls) -> Sources:
        """Read what is shipped with this package."""
        document = _shipped("evidence.json")
        feeds = (Feed(entry["url"], entry["operator"], tuple(entry["crawlers"])) for entry in document["feeds"])
        return cls(tuple(feeds), {name: tuple(ends) for name, ends in document["reverse_dns"].items()})


@dataclass(frozen=True, slots=True)
class Seed:
    """A shipped copy of a list; ``published`` is the day it is of."""

    url: str
    published: str
    ranges: tuple[str, ...]


def load_seed() -> tuple[Seed, ...]:
    """The copies that are shipped with this package."""
    copies = _shipped("address_seed.json")["copies"]
    return tuple(Seed(copy["url"], copy["published"], tuple(copy["prefixes"])) for copy in copies)


def parse_feed(body: bytes) -> tuple[str, ...] | FeedFault:
    """The ranges of a fetched list, merged and in order."""
    if len(body) > BODY_BYTES_MAX:
        return FeedFault.TOO_LARGE
    try:
        document: object = orjson.loads(body)
    except orjson.JSONDecodeError:
        return FeedFault.NOT_JSON
    found: list[Network] = []
    waiting = [document]
    while waiting:
        match waiting.pop():
            case dict() as entry:
                found += [network for name in _PREFIX_MEMBERS if (network := _network(entry.get(name))) is not None]
                waiting += [part for part in entry.values() if isinstance(part, dict | list)]
            case list() as parts:
                waiting += [part for part in parts if isinstance(part, dict | list)]
        if len(found) > PREFIXES_MAX:
            return FeedFault.TOO_MANY_RANGES
    return tuple(str(network) for network in _merged(found)) or FeedFault.NO_RANGES


class AddressBook:
    """The ranges of every crawler, at one moment; replaced whole when a list changes."""

    def __init__(self, feeds: Iterable[Feed] = (), copies: Iterable[FeedCopy] = ()) -> None:
        feeds = tuple(feeds)
        held = {copy.url: copy for copy in copies}
        by_crawler: dict[str, list[Feed]] = {}
        for feed in feeds:
            for crawler in feed.crawlers:
                by_crawler.setdefault(crawler, []).append(feed)
        self._tables: dict[str, _Table] = {}
        self._accusing: set[str] = set()
        shared: dict[tuple[str, ...], _Table] = {}
        for crawler, listed in by_crawler.items():
            urls = tuple(feed.url for feed in listed if feed.url in held)
            if urls:
                ranges = (text for url in urls for text in held[url].ranges)
                self._tables[crawler] = shared.get(urls) or shared.setdefault(urls, _Table(ranges))
            if len(urls) == len(listed) and all(held[url].accuses for url in urls):
                self._accusing.add(crawler)
        alone = [(feed.crawlers[0], held[feed.url]) for feed in feeds if len(feed.crawlers) == 1 and feed.url in held]
        self._owners = _Owners((name, copy.ranges) for name, copy in alone if copy.accuses)
        self.owner = lru_cache(REMEMBERED_MAX)(self._owner)
        """The one crawler that comes from an address, whatever it calls itself; None for everybody else's."""
        self._remembered = lru_cache(REMEMBERED_MAX)(self._lists)
        self._public = lru_cache(REMEMBERED_MAX)(_is_public)

    def lists(self, crawler: str, address: str) -> bool | None:
        """Whether ``address`` is one of the crawler's; None where nothing is known of the crawler or the address."""
        if crawler not in self._tables:
            return None
        return self._remembered(crawler, address)

    def accuses(self, crawler: str) -> bool:
        """Whether all of the crawler's lists are here and recent, so that an address beside them is an impostor's."""
        return crawler in self._accusing

    def weigh(self, crawler: str, address: str) -> Rung:
        """How far the lists alone bear out a name."""
        listed = self.lists(crawler, address)
        if listed:
            return Rung.ADDRESS
        return Rung.IMPOSTOR if listed is False and self.accuses(crawler) else Rung.CLAIMED

    def is_public(self, address: str) -> bool:
        """Whether somebody on the internet can have this address."""
        return self._public(address)

    def _owner(self, address: str) -> str | None:
        parsed = read_address(address)
        name = None if parsed is None else self._owners.at(parsed)
        return name if name is not None and parsed is not None and parsed.is_global else None

    def _lists(self, crawler: str, address: str) -> bool | None:
        parsed = read_address(address)
        return self._tables[crawler].holds(parsed) if parsed is not None and parsed.is_global else None


def _is_public(address: str) -> bool:
    parsed = read_address(address)
    return parsed is not None and parsed.is_global


class _Table:
    """Ranges that do not touch, in order: the last one that starts at or before an address holds it or none does."""

    __slots__ = ("_ends", "_starts")

    def __init__(self, ranges: Iterable[str]) -> None:
        networks = _merged([ip_network(text) for text in ranges])
        self._starts: dict[int, list[int]] = {4: [], 6: []}
        self._ends: dict[int, list[int]] = {4: [], 6: []}
        for network in networks:
            self._starts[network.version].append(int(network.network_address))
            self._ends[network.version].append(int(network.broadcast_address))

    def holds(self, address: Address) -> bool:
        number = int(address)
        place = bisect_right(self._starts[address.version], number) - 1
        return place >= 0 and number <= self._ends[address.version][place]


class _Owners:
    """Whose an address is among several tables: the places where that changes, in order, and who it is from there on.

    What two crawlers claim is nobody's alone.
    """

    __slots__ = ("_names", "_starts")

    def __init__(self, tables: Iterable[tuple[str, Iterable[str]]]) -> None:
        changes: dict[int, list[tuple[int, str, int]]] = {4: [], 6: []}
        for name, ranges in tables:
            for network in _merged([ip_network(text) for text in ranges]):
                changes[network.version].append((int(network.network_address), name, 1))
                changes[network.version].append((int(network.broadcast_address) + 1, name, -1))
        self._starts: dict[int, list[int]] = {4: [], 6: []}
        self._names: dict[int, list[str | None]] = {4: [], 6: []}
        for version, marks in changes.items():
            here: Counter[str] = Counter()
            for place, at_once in groupby(sorted(marks), key=itemgetter(0)):
                for _, name, step in at_once:
                    here[name] += step
                names = [name for name, number in here.items() if number]
                self._starts[version].append(place)
                self._names[version].append(names[0] if len(names) == 1 else None)

    def at(self, address: Address) -> str | None:
        place = bisect_right(self._starts[address.version], int(address)) - 1
        return self._names[address.version][place] if place >= 0 else None


def _network(text: object) -> Network | None:
    if not isinstance(text, str):
        return None
    try:
        network = ip_network(text.strip(), strict=False)
    except ValueError:
        return None
    return network if network.prefixlen >= _WIDEST[network.version] else None


def _merged(networks: Sequence[Network]) -> list[Network]:
    fours = [network for network in networks if isinstance(network, IPv4Network)]
    sixes = [network for network in networks if isinstance(network, IPv6Network)]
    return [*collapse_addresses(fours), *collapse_addresses(sixes)]


def _shipped(name: str) -> Any:
    return json.loads(resources.files("edge.core").joinpath("data", name).read_text("utf-8"))

"""An operator's own entries for the catalogue: crawlers, lists of addresses and names in DNS, as data.

What is shipped ages with the release; a file of the same shape goes over it. Own words win over shipped ones, an own
list of the same URL over the shipped one, and an own name in DNS over the shipped names of that crawler.

Rule of this file: what is misspelt is refused with its place, never ignored.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edge.core.address_book import Feed, Sources
from edge.core.catalogue import Catalogue
from edge.core.errors import EdgeError
from edge.core.identity import CrawlerKind

_TEXT_MAX = 100
_CRAWLER_KEYS = {"token", "name", "operator", "kind"}
_FEED_KEYS = {"url", "operator", "crawlers"}


class InvalidCatalogue(EdgeError, ValueError):
    """A file of own entries that cannot be used; the message names the entry and what to write."""


@dataclass(frozen=True, slots=True)
class OwnCatalogue:
    """Own entries: ``crawlers`` as the catalogue takes them, and what proves names."""

    crawlers: tuple[Mapping[str, str], ...] = ()
    feeds: tuple[Feed, ...] = ()
    suffixes: Mapping[str, tuple[str, ...]] | None = None

    def catalogue(self) -> Catalogue:
        """The shipped catalogue with these entries over it."""
        return Catalogue.load(self.crawlers)

    def sources(self) -> Sources:
        """The shipped lists and names with these over them."""
        shipped = Sources.load()
        own = {feed.url: feed for feed in self.feeds}
        kept = tuple(feed for feed in shipped.feeds if feed.url not in own)
        return Sources((*kept, *own.values()), {**shipped.suffixes, **(self.suffixes or {})})


def read_own_catalogue(text: str) -> OwnCatalogue:
    """Read a TOML file of own entries; raises ``InvalidCatalogue``."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as why:
        raise InvalidCatalogue(f"it is not TOML: {why}") from why
    _refuse_unknown(document, {"crawler", "feed", "reverse_dns"}, "the file")
    crawlers = tuple(_crawler(entry, f"crawler {at}") for at, entry in enumerate(_tables(document, "crawler"), 1))
    feeds = tuple(_feed(entry, f"feed {at}") for at, entry in enumerate(_tables(document, "feed"), 1))
    suffixes = document.get("reverse_dns", {})
    if not isinstance(suffixes, dict):
        raise InvalidCatalogue('write [reverse_dns] and below it NAME = ["example.com"]')
    return OwnCatalogue(crawlers, feeds, {name: _texts(ends, f"reverse_dns {name}") for name, ends in suffixes.items()})


def _crawler(entry: Mapping[str, Any], place: str) -> Mapping[str, str]:
    _refuse_unknown(entry, _CRAWLER_KEYS, place)
    kind = entry.get("kind", CrawlerKind.OTHER.value)
    if kind not in tuple(CrawlerKind):
        raise InvalidCatalogue(f"{place}: kind is one of {', '.join(CrawlerKind)}")
    token = _text(entry.get("token"), f"{place}: token").lower()
    name = _text(entry.get("name", entry.get("token")), f"{place}: name")
    operator = entry.get("operator", "")
    return {"token": token, "name": name, "operator": _text(operator, f"{place}: operator", empty=True), "kind": kind}


def _feed(entry: Mapping[str, Any], place: str) -> Feed:
    _refuse_unknown(entry, _FEED_KEYS, place)
    url = _text(entry.get("url"), f"{place}: url", most=2000)
    if not url.startswith("https://"):
        raise InvalidCatalogue(f"{place}: url begins with https://")
    operator = _text(entry.get("operator", ""), f"{place}: operator", empty=True)
    return Feed(url, operator, _texts(entry.get("crawlers"), f"{place}: crawlers"))


def _tables(document: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    tables = document.get(key, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise InvalidCatalogue(f"write [[{key}]] before each {key}")
    return tables


def _texts(value: object, place: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise InvalidCatalogue(f"{place}: write a list of texts in quotes")
    return tuple(_text(item, place) for item in value)


def _text(value: object, place: str, *, empty: bool = False, most: int = _TEXT_MAX) -> str:
    if not isinstance(value, str) or not value.isprintable() or len(value) > most or not (value.strip() or empty):
        raise InvalidCatalogue(f"{place}: write a text of 1 to {most} characters in quotes")
    return value.strip()


def _refuse_unknown(entry: Mapping[str, Any], known: set[str], place: str) -> None:
    if unknown := set(entry) - known:
        raise InvalidCatalogue(f"{place}: unknown {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}")

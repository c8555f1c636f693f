"""Registries of signature agents: a text file with one URL to a line, and the cards behind them.

From draft-meunier-webbotauth-registry: ``https:`` URLs, ``#`` begins a comment. A card is OAuth client metadata with
a ``web_bot_auth`` member; all of it is optional and none of it is proved, so it only suggests how to register.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from edge.core.identity import CrawlerKind
from edge.core.signature_agent import agent_reference
from edge.core.signature_faults import Flaw

LINES_MAX = 10_000
NAME_CHARACTERS_MAX = 60

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9 ._+-]+")
_KIND_WORDS = (
    (("train", "tdm", "model"), CrawlerKind.TRAINING),
    (("search", "index"), CrawlerKind.SEARCH),
    (("archiv", "preserv"), CrawlerKind.ARCHIVER),
    (("monitor", "uptime"), CrawlerKind.MONITOR),
    (("seo", "marketing"), CrawlerKind.SEO),
    (("assist", "agent", "user"), CrawlerKind.ASSISTANT),
)


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of a registry: its number, and the URL, or why it is none that can be used."""

    line: int
    url: str
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Suggestion:
    """How an agent could be registered: ``agent`` is the URL of its keys."""

    name: str
    agent: str
    kind: CrawlerKind


def parse_registry(text: str, *, allow_loopback_http: bool = False) -> tuple[Listed, ...]:
    """The URLs of a registry, each once, in order; lines that are none keep their reason."""
    found: dict[str, Listed] = {}
    for number, line in enumerate(text.splitlines()[:LINES_MAX], start=1):
        url = line.partition("#")[0].strip() if not line.strip().startswith("#") else ""
        if not url or url in found:
            continue
        reference = agent_reference(url, allow_loopback_http)
        found[url] = Listed(number, url, str(reference) if isinstance(reference, Flaw) else None)
    return tuple(found.values())


def suggestion_for(url: str, document: object) -> Suggestion:
    """How to register what is behind ``url``: a card when the document is one, else keys of the host."""
    host = urlsplit(url).hostname or url
    if not isinstance(document, Mapping) or "client_id" not in document:
        return Suggestion(host, url, CrawlerKind.OTHER)
    link = document.get("jwks_uri")
    told = document.get("client_name")
    more = document.get("web_bot_auth")
    return Suggestion(
        _name(told) or host,
        link if isinstance(link, str) else url,
        _kind(more if isinstance(more, Mapping) else {}),
    )


def _name(told: object) -> str:
    """A name that rules and headers can hold; empty when nothing of it is left."""
    text = " ".join(_NOT_IN_NAMES.sub(" ", told).split()) if isinstance(told, str) else ""
    return text[:NAME_CHARACTERS_MAX].strip(" ._+-")


def _kind(told: Mapping[str, object]) -> CrawlerKind:
    """What it says that it is for; a fetcher comes for a person."""
    purpose = str(told.get("purpose", "")).lower()
    for words, kind in _KIND_WORDS:
        if any(word in purpose for word in words):
            return kind
    return CrawlerKind.ASSISTANT if told.get("trigger") == "fetcher" else CrawlerKind.OTHER

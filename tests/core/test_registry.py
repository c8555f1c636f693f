"""Registries are read line by line, and cards suggest how to register an agent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge.core.identity import CrawlerKind
from edge.core.registry import Suggestion, parse_registry, suggestion_for

VECTORS = json.loads((Path(__file__).parent / "vectors" / "wba_cards_registry.json").read_text())
URL = "https://example.com/bot"


@pytest.mark.parametrize("row", VECTORS["registries"], ids=lambda row: row["name"])
def test_the_published_registries_list_what_they_say(row: dict[str, object]) -> None:
    listed = parse_registry(str(row["registry_txt"]))
    assert [one.url for one in listed] == row["signature_agent_cards"]
    assert all(one.fault is None for one in listed)


def test_a_line_that_cannot_be_used_says_why_and_a_url_counts_once() -> None:
    listed = parse_registry(
        "https://a.example\n\nhttp://b.example\ndata:text/plain,x\nhttps://a.example # again\n# no\n"
    )
    assert [(one.line, one.url, one.fault is None) for one in listed] == [
        (1, "https://a.example", True),
        (3, "http://b.example", False),
        (4, "data:text/plain,x", False),
    ]


def test_a_card_suggests_name_keys_and_kind() -> None:
    card = next(row["card"] for row in VECTORS["signature_agent_cards"] if row["name"] == "jwks-uri-card")
    keys = "https://example.com/.well-known/http-message-signatures-directory"
    assert suggestion_for(URL, card) == Suggestion("Example Bot", keys, CrawlerKind.TRAINING)
    inline = next(row["card"] for row in VECTORS["signature_agent_cards"] if row["name"] == "jwks-card")
    assert suggestion_for(URL, inline) == Suggestion("Example Bot", URL, CrawlerKind.OTHER)


@pytest.mark.parametrize("document", [None, [], {"keys": []}, "card"])
def test_keys_alone_are_known_by_their_host(document: object) -> None:
    assert suggestion_for(URL, document) == Suggestion("example.com", URL, CrawlerKind.OTHER)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Ex\u00e4mple\nBot; <b>", "Ex mple Bot b"),
        ("\u30dc\u30c3\u30c8", "example.com"),
        ("x" * 200, "x" * 60),
        (7, "example.com"),
    ],
)
def test_a_name_is_made_fit_for_rules_and_headers(name: object, expected: str) -> None:
    assert suggestion_for(URL, {"client_id": URL, "client_name": name}).name == expected


@pytest.mark.parametrize(
    ("purpose", "trigger", "kind"),
    [
        ("ai search", "crawler", CrawlerKind.SEARCH),
        ("model training", "crawler", CrawlerKind.TRAINING),
        ("", "fetcher", CrawlerKind.ASSISTANT),
        ("web archiving", None, CrawlerKind.ARCHIVER),
        (None, None, CrawlerKind.OTHER),
    ],
)
def test_the_purpose_that_it_tells_suggests_its_kind(purpose: object, trigger: object, kind: CrawlerKind) -> None:
    card = {"client_id": URL, "web_bot_auth": {"purpose": purpose, "trigger": trigger}}
    assert suggestion_for(URL, card).kind is kind

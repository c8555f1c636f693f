"""Signature agent cards lead to keys, or say why not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from edge.core.agent_card import CardFault, CardLink, parse_card
from edge.core.directory import DirectoryFault
from tests.support.vectors import vectors

URL = "https://example.com/bot"


@pytest.mark.parametrize("case", vectors("wba_cards_registry")["signature_agent_cards"], ids=lambda case: case["name"])
def test_published_cards(case: dict[str, Any]) -> None:
    found = parse_card(json.dumps(case["card"]).encode(), case["url"], allow_test_keys=True)
    assert isinstance(found, CardLink | tuple) is case["valid"]


def test_a_card_links_or_holds() -> None:
    link = json.dumps({"client_id": URL, "jwks_uri": "https://example.com/keys"}).encode()
    assert parse_card(link, URL) == CardLink("https://example.com/keys")
    assert parse_card(json.dumps({"client_id": URL, "jwks": {"keys": []}}).encode(), URL) == ()


@pytest.mark.parametrize(
    ("card", "fault"),
    [
        ([], CardFault.NOT_AN_OBJECT),
        ({"jwks": {"keys": []}}, CardFault.CLIENT_ID_DIFFERS),
        ({"client_id": URL}, CardFault.NEITHER_KEYS_NOR_LINK),
        ({"client_id": URL, "jwks_uri": 7}, CardFault.NEITHER_KEYS_NOR_LINK),
        ({"client_id": URL, "jwks_uri": "https://a.test", "jwks": {}}, CardFault.BOTH_KEYS_AND_LINK),
        ({"client_id": URL, "jwks": []}, DirectoryFault.NOT_A_KEY_SET),
    ],
)
def test_a_card_without_keys_says_why(card: Any, fault: CardFault | DirectoryFault) -> None:
    assert parse_card(json.dumps(card).encode(), URL) is fault


def test_a_card_that_is_no_json_is_refused_as_such() -> None:
    assert parse_card(b"{", URL) is DirectoryFault.NOT_JSON

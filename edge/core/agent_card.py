"""Signature agent cards (``type=cimd``): a JSON document that leads to an agent's keys.

The card either holds the keys or names the URL of the key set, never both, and its ``client_id`` must be the URL from
which it was fetched (draft-meunier-webbotauth-registry, OAuth client ID metadata).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from edge.core.directory import DirectoryFault, keys_of_set, load_json
from edge.core.keys import PublicKey


class CardFault(StrEnum):
    """Why a card leads to no key."""

    NOT_AN_OBJECT = "not_an_object"
    CLIENT_ID_DIFFERS = "client_id_differs"
    BOTH_KEYS_AND_LINK = "both_keys_and_link"
    NEITHER_KEYS_NOR_LINK = "neither_keys_nor_link"


@dataclass(frozen=True, slots=True)
class CardLink:
    """The key set is at another URL, which has to pass the same address checks as any other."""

    jwks_uri: str


def parse_card(
    body: bytes, url: str, *, allow_test_keys: bool = False
) -> tuple[PublicKey, ...] | CardLink | CardFault | DirectoryFault:
    """Read a card that was fetched from ``url``."""
    card = load_json(body)
    if isinstance(card, DirectoryFault):
        return card
    if not isinstance(card, Mapping):
        return CardFault.NOT_AN_OBJECT
    if card.get("client_id") != url:
        return CardFault.CLIENT_ID_DIFFERS
    keys, link = card.get("jwks"), card.get("jwks_uri")
    if keys is not None and link is not None:
        return CardFault.BOTH_KEYS_AND_LINK
    if isinstance(link, str):
        return CardLink(link)
    if keys is None:
        return CardFault.NEITHER_KEYS_NOR_LINK
    return keys_of_set(keys, allow_test_keys=allow_test_keys)

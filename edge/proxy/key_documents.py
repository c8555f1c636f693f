"""From an agent's URL to its keys: a key set, or a card that leads to one, read once and judged as a whole.

Rules of this file:

- the document says itself what it is: a JSON object with ``client_id`` and no keys of its own is a card, everything
  else has to be a key set;
- at the well-known path the media type must be the directory's own; elsewhere any JSON type does;
- a card is followed one step, to a key set, never to another card;
- a document whose own signature or digest contradicts it was changed on the way and is not used; one that is merely
  not proved (no signature, an expired one, one by a key it does not list) is used, since TLS already says whose it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from edge.core.agent_card import CardFault, CardLink, parse_card
from edge.core.content_digest import DigestFault, check_content_digest
from edge.core.directory import MEDIA_TYPE, DirectoryFault, keys_of_set, load_json, verify_directory_response
from edge.core.keys import PublicKey
from edge.core.message import Request, Response
from edge.core.signature_agent import WELL_KNOWN_PATH
from edge.core.signature_faults import Flaw, SignatureFault
from edge.proxy.directory_fetch import Fetch, Fetched, FetchFailure

TTL_DEFAULT_SECONDS = 3_600
TTL_MIN_SECONDS = 60
TTL_MAX_SECONDS = 86_400

_MAX_AGE = re.compile(r'(?:^|,)\s*max-age\s*=\s*"?([0-9]{1,10})"?\s*(?=,|$)', re.IGNORECASE)
_NOT_KEPT = re.compile(r"(?:^|,)\s*no-(?:store|cache)\s*(?=,|=|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class KeySet:
    """A good answer: the agent's current keys by thumbprint, and for how long they may be believed unasked.

    ``proved`` are the thumbprints that signed the answer; ``remarks`` what was odd about it, for people.
    """

    keys: Mapping[str, PublicKey]
    ttl_seconds: int
    proved: frozenset[str]
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unusable:
    """No good answer, so what was known before stays in force. ``told`` is what strangers hear, if not ``reason``."""

    reason: str
    retry_after_seconds: int | None = None
    told: str | None = None


async def read_keys(agent_url: str, fetch: Fetch, now: float, *, allow_test_keys: bool = False) -> KeySet | Unusable:
    """Fetch and read an agent's keys; ``now`` is in Unix seconds, ``fetch`` guards the address."""
    fetched = await fetch(agent_url)
    if isinstance(fetched, FetchFailure):
        return _unusable(fetched)
    document = load_json(fetched.body)
    if not isinstance(document, Mapping) or "client_id" not in document or {"keys", "kty"} & document.keys():
        return _key_set(fetched, now, allow_test_keys)
    card = parse_card(fetched.body, agent_url, allow_test_keys=allow_test_keys)
    match card:
        case CardFault() | DirectoryFault():
            return Unusable(f"the agent card cannot be used: {card}")
        case CardLink():
            return await _linked(card.jwks_uri, ttl_seconds(fetched), fetch, now, allow_test_keys)
        case keys:
            return KeySet(_by_thumbprint(keys), ttl_seconds(fetched), frozenset(), ())


async def _linked(
    url: str, card_ttl_seconds: int, fetch: Fetch, now: float, allow_test_keys: bool
) -> KeySet | Unusable:
    fetched = await fetch(url)
    if isinstance(fetched, FetchFailure):
        return _unusable(fetched)
    found = _key_set(fetched, now, allow_test_keys)
    if isinstance(found, Unusable):
        return found
    return KeySet(found.keys, min(found.ttl_seconds, card_ttl_seconds), found.proved, found.remarks)


def _unusable(failure: FetchFailure) -> Unusable:
    return Unusable(f"{failure.fault}: {failure.detail}", failure.retry_after_seconds, failure.told)


def _key_set(fetched: Fetched, now: float, allow_test_keys: bool) -> KeySet | Unusable:
    fields = Response.from_parts(200, fetched.headers, Request.from_parts("GET", fetched.url))
    wrong_type = _wrong_type(fetched.url, fields.fields.get("content-type", ""))
    if wrong_type is not None:
        return Unusable(wrong_type)
    document = load_json(fetched.body)
    keys = document if isinstance(document, DirectoryFault) else keys_of_set(document, allow_test_keys=allow_test_keys)
    if isinstance(keys, DirectoryFault):
        return Unusable(f"the key directory cannot be used: {keys}")
    digest = fields.fields.get("content-digest")
    if digest is not None and check_content_digest(digest, fetched.raw) is DigestFault.MISMATCH:
        return Unusable("the body does not match its own content-digest")
    proof = verify_directory_response(fields, fetched.raw, keys, now)
    contradiction = next((flaw for flaw in proof.flaws if _contradicts(flaw)), None)
    if contradiction is not None:
        return Unusable(f"the directory's own signature does not hold: {contradiction}")
    remarks = tuple(str(flaw) for flaw in proof.flaws)
    return KeySet(_by_thumbprint(keys), ttl_seconds(fetched), proof.proved, remarks)


def _contradicts(flaw: Flaw) -> bool:
    return flaw.fault in (SignatureFault.BAD_SIGNATURE, SignatureFault.COMPONENT_VALUE)


def _by_thumbprint(keys: tuple[PublicKey, ...]) -> Mapping[str, PublicKey]:
    return {key.thumbprint: key for key in keys}


def _wrong_type(url: str, content_type: str) -> str | None:
    essence = content_type.partition(";")[0].strip().lower()
    if urlsplit(url).path == WELL_KNOWN_PATH:
        right = essence == MEDIA_TYPE
    else:
        right = essence == "application/json" or essence.endswith("+json")
    return None if right else f"the media type is {essence[:80]!r} instead of {MEDIA_TYPE}"


def ttl_seconds(fetched: Fetched) -> int:
    """How long the answer is fresh (RFC 9111 section 4.2), within our own bounds."""
    fields = Response.from_parts(200, fetched.headers).fields
    control = fields.get("cache-control", "")
    if _NOT_KEPT.search(control):
        return TTL_MIN_SECONDS
    found = _MAX_AGE.search(control)
    if found is None:
        return TTL_DEFAULT_SECONDS
    age = fields.get("age", "0")
    spent = int(age) if age.isascii() and age.isdigit() and len(age) < 11 else 0
    return min(max(int(found[1]) - spent, TTL_MIN_SECONDS), TTL_MAX_SECONDS)

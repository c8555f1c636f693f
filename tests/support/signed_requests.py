"""Requests that a crawler signed, or seems to have signed, with a key of the tests."""

from __future__ import annotations

import base64
from typing import Any

from edge.core.keys import PublicKey, new_private_key, public_half
from edge.core.message import Request
from edge.core.signature_base import build_base
from edge.core.signatures import LabelledSignature, parse_signatures
from edge.core.web_bot_auth import (
    Examination,
    Invalid,
    KeyLookup,
    KeyUnknown,
    SignatureFault,
    sign_request,
)

NOW = 1_800_000_000
AGENT = "https://bot.example"
AGENT_URL = "https://bot.example/.well-known/http-message-signatures-directory"
PRIVATE = new_private_key()
PUBLIC = public_half(PRIVATE)
COVERED = ("@method", "@authority", "@target-uri", "crawler-max-price")
URL = "https://site.example/page?q=1"


def holding(*keys: tuple[str, PublicKey]) -> KeyLookup:
    held = {(agent_url, key.thumbprint): key for agent_url, key in keys}
    return lambda agent_url, thumbprint: held.get((agent_url, thumbprint), KeyUnknown())


find_key = holding((AGENT_URL, PUBLIC))


def unsigned(url: str = URL, *more: tuple[str, str]) -> Request:
    return Request.from_parts("GET", url, [("crawler-max-price", "USD 0.01"), *more])


def signed_headers(**changes: Any) -> dict[str, str]:
    given = {"agent": AGENT, "covered": COVERED, "created": NOW, "expires": NOW + 60, "nonce": "n", **changes}
    return sign_request(unsigned(), given.pop("private_key", PRIVATE), **given)


def signed(**changes: Any) -> Request:
    return unsigned(URL, *signed_headers(**changes).items())


def raw(text: str, *, agent: str | None = 'sig1="https://bot.example"', label: str = "sig1") -> Request:
    """A request signed over exactly this inner list, whatever it says."""
    fields = [] if agent is None else [("signature-agent", agent)]
    request = unsigned(URL, *fields)
    parsed = parse_signatures(f"{label}={text}", f"{label}=:AA==:")
    assert isinstance(parsed, tuple)
    value = b"\0" * 64
    if isinstance(parsed[0], LabelledSignature):
        base = build_base(parsed[0].components, parsed[0].parameters_text, request)
        value = PRIVATE.sign(base) if isinstance(base, bytes) else value
    encoded = base64.b64encode(value).decode()
    return unsigned(URL, *fields, ("signature-input", f"{label}={text}"), ("signature", f"{label}=:{encoded}:"))


def invalid_fault(outcome: Examination) -> SignatureFault:
    assert isinstance(outcome, Invalid), outcome
    return outcome.fault


def parameters(**changes: str | None) -> str:
    given: dict[str, str | None] = {
        "created": str(NOW),
        "expires": str(NOW + 60),
        "keyid": f'"{PUBLIC.thumbprint}"',
        "tag": '"web-bot-auth"',
        **changes,
    }
    return "".join(f";{name}={text}" for name, text in given.items() if text is not None)


AGENT_COVERED = '"signature-agent";key="sig1"'

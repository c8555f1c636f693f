"""Web Bot Auth: who signed a request, for which agent, and whether that may be believed.

Rules of this file (draft-ietf-webbotauth-httpsig-protocol; design choices in docs/decisions):

- the answer is one of ``Verified``, ``Invalid``, ``Unverified`` (no key to be had) and ``Unsigned``; only
  ``Verified`` names an agent that can be charged;
- only signatures with ``tag="web-bot-auth"`` count. Each is judged alone and the best outcome wins: verified, then
  good but expired, then unverified, then invalid. So a bad extra signature harms nothing, neither a good one nor one
  whose directory is down just now;
- a key is looked up by the agent's identity and the thumbprint together, never by ``keyid`` alone;
- shape comes before the key lookup, and both before any cryptography. A signature that is merely past its ``expires``
  is still checked, because its sender may hold a right to be served again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias, assert_never

from edge.core.keys import PublicKey
from edge.core.message import RequestView
from edge.core.request_signing import TAG, Dialect, sign_request
from edge.core.signature_agent import (
    AgentRef,
    parse_signature_agent,
    resolve_agent,
)
from edge.core.signature_base import Component, build_base
from edge.core.signatures import (
    Candidate,
    Flaw,
    FlawedSignature,
    LabelledSignature,
    SignatureFault,
    parse_signatures,
)
from edge.core.values import per_request

__all__ = [
    "CHARGE_AGE_SECONDS",
    "CREATED_AHEAD_SECONDS",
    "TAG",
    "Dialect",
    "DirectoryDown",
    "Examination",
    "Invalid",
    "KeyAnswer",
    "KeyLookup",
    "KeyUnknown",
    "SignatureFault",
    "Unsigned",
    "Unverified",
    "Verified",
    "charge_freshness",
    "covers_target",
    "examine",
    "sign_request",
]

CREATED_AHEAD_SECONDS = 60
CHARGE_AGE_SECONDS = 300

Seconds: TypeAlias = int | float


@dataclass(frozen=True, slots=True)
class KeyUnknown:
    """The agent is not known, or its current directory does not list the key."""


@dataclass(frozen=True, slots=True)
class DirectoryDown:
    """The agent's directory cannot be read and no earlier copy holds the key."""

    retry_after_seconds: int


KeyAnswer: TypeAlias = PublicKey | KeyUnknown | DirectoryDown
KeyLookup: TypeAlias = Callable[[str, str], KeyAnswer]


@per_request
class Verified:
    """A signature that holds, with a key that the agent itself publishes.

    ``agent_url`` is the agent's identity URL. ``covered`` holds plain component names (``@authority``) and, for
    components with parameters, their serialised identifiers (``"signature-agent";key="sig1"``, with the quotes).
    Times are Unix seconds as signed.
    """

    agent_url: str
    thumbprint: str
    label: str
    covered: frozenset[str]
    created: int
    expires: int
    nonce: str | None
    signature: bytes


@per_request
class Invalid:
    """A signature that must not be believed.

    ``verified`` is filled only where the cryptography holds and nothing but ``expires`` is past.
    """

    fault: SignatureFault
    detail: str
    verified: Verified | None = None


@per_request
class Unverified:
    """A signature that cannot be checked: no agent is named, or there is no key to be had just now."""

    agent_url: str | None
    thumbprint: str | None
    fault: SignatureFault
    retry_after_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Unsigned:
    """Neither of the two signature fields was sent."""


Examination: TypeAlias = Verified | Invalid | Unverified | Unsigned


def _invalid(flaw: Flaw) -> Invalid:
    return Invalid(flaw.fault, flaw.detail)


@per_request
class _Sound:
    """A signature whose shape is in order; ``expired`` says that only its end time is past."""

    signature: LabelledSignature
    keyid: str
    created: int
    expires: int
    expired: bool


def _required(signature: LabelledSignature, now: Seconds) -> _Sound | Flaw:
    """Parameters and times (draft section 4.1)."""
    label, created, expires, keyid = signature.label, signature.created, signature.expires, signature.keyid
    if created is None:
        return Flaw(SignatureFault.NO_CREATED, f"label {label}")
    if expires is None:
        return Flaw(SignatureFault.NO_EXPIRES, f"label {label}")
    if not keyid:
        return Flaw(SignatureFault.NO_KEYID, f"label {label}")
    if signature.alg not in (None, "ed25519"):
        return Flaw(SignatureFault.ALGORITHM, f"label {label}, alg {signature.alg}")
    if len(signature.signature) != 64:
        told = f"label {label}, {len(signature.signature)} bytes where a signature of ed25519 has 64"
        return Flaw(SignatureFault.ALGORITHM, told)
    if expires <= created:
        return Flaw(SignatureFault.WINDOW, f"created {created}, expires {expires}")
    if created > now + CREATED_AHEAD_SECONDS:
        return Flaw(SignatureFault.CREATED_IN_FUTURE, f"created {created}, it is {int(now)} here")
    return _Sound(signature, keyid, created, expires, expired=expires <= now)


# A crawler names the same agent and covers the same components in every request: the memos of two pure functions,
# small and bounded.
@lru_cache(maxsize=256)
def _agent(
    components: tuple[Component, ...], label: str, agent_text: str | None, allow_loopback_http: bool
) -> AgentRef | Flaw | None:
    """Coverage, and the agent; ``None`` when no Signature-Agent was sent."""
    names = {component.name for component in components if not component.parameters}
    if "@authority" not in names and "@target-uri" not in names:
        return Flaw(SignatureFault.AUTHORITY_NOT_COVERED, f"label {label}")
    if agent_text is None:
        return None
    agents = parse_signature_agent(agent_text)
    if isinstance(agents, Flaw):
        return agents
    return resolve_agent(agents, label, components, allow_loopback_http)


@lru_cache(maxsize=256)
def _covered(components: tuple[Component, ...]) -> frozenset[str]:
    return frozenset(component.plain for component in components)


def _key_problem(key: KeyAnswer, keyid: str, agent_url: str, now: Seconds) -> Unverified | None:
    match key:
        case PublicKey():
            if key.thumbprint != keyid:
                return Unverified(agent_url, keyid, SignatureFault.KEY_UNKNOWN)
            if key.not_before is not None and key.not_before > now + CREATED_AHEAD_SECONDS:
                return Unverified(agent_url, keyid, SignatureFault.KEY_NOT_YET_VALID)
            if key.expires_at is not None and key.expires_at <= now:
                return Unverified(agent_url, keyid, SignatureFault.KEY_EXPIRED)
            return None
        case KeyUnknown():
            return Unverified(agent_url, keyid, SignatureFault.KEY_UNKNOWN)
        case DirectoryDown():
            return Unverified(agent_url, keyid, SignatureFault.DIRECTORY_DOWN, key.retry_after_seconds)
        case _ as unreachable:
            assert_never(unreachable)


def _check(request: RequestView, sound: _Sound, key: PublicKey, agent_url: str) -> Verified | Invalid:
    signature = sound.signature
    base = build_base(signature.components, signature.parameters_text, request)
    if isinstance(base, Flaw):
        return _invalid(base)
    if not key.verifies(signature.signature, base):
        return _invalid(Flaw(SignatureFault.BAD_SIGNATURE, f"label {signature.label}"))
    return Verified(
        agent_url,
        sound.keyid,
        signature.label,
        _covered(signature.components),
        sound.created,
        sound.expires,
        signature.nonce,
        signature.signature,
    )


def _judge(
    request: RequestView,
    signature: LabelledSignature,
    agent_text: str | None,
    find_key: KeyLookup,
    now: Seconds,
    allow_loopback_http: bool,
) -> Verified | Invalid | Unverified:
    sound = _required(signature, now)
    if isinstance(sound, Flaw):
        return _invalid(sound)
    agent = _agent(signature.components, signature.label, agent_text, allow_loopback_http)
    if isinstance(agent, Flaw):
        return _invalid(agent)
    if agent is None:
        return Unverified(None, sound.keyid, SignatureFault.AGENT_MISSING)
    key = find_key(agent.identity, sound.keyid)
    problem = _key_problem(key, sound.keyid, agent.identity, now)
    if problem is None and isinstance(key, PublicKey):
        outcome = _check(request, sound, key, agent.identity)
        if not sound.expired or isinstance(outcome, Invalid):
            return outcome
        return Invalid(SignatureFault.EXPIRED, f"expired at {sound.expires}", outcome)
    if sound.expired:
        return Invalid(SignatureFault.EXPIRED, f"expired at {sound.expires}")
    assert problem is not None
    return problem


def _rank(outcome: Invalid | Unverified) -> int:
    match outcome:
        case Invalid():
            return 2 if outcome.verified is not None else 0
        case Unverified():
            return 1
        case _ as unreachable:
            assert_never(unreachable)


def _ours(candidates: Sequence[Candidate]) -> list[Candidate]:
    return [candidate for candidate in candidates if candidate.tag == TAG]


def examine(
    request: RequestView, find_key: KeyLookup, now: Seconds, *, allow_loopback_http: bool = False
) -> Examination:
    """Say who signed a request.

    ``find_key`` answers for an agent's identity URL and a thumbprint; ``now`` is in Unix seconds.
    ``allow_loopback_http`` lets agents on this machine take part, for development only.
    """
    fields = request.fields
    signature_input, signature = fields.get("signature-input"), fields.get("signature")
    if signature_input is None or signature is None:
        if signature_input is None and signature is None:
            return Unsigned()
        return Invalid(SignatureFault.HALF_SIGNED, "")
    candidates = parse_signatures(signature_input, signature)
    if isinstance(candidates, Flaw):
        return _invalid(candidates)
    ours = _ours(candidates)
    if not ours:
        return Invalid(SignatureFault.NO_TAG, "")
    agent_text = fields.get("signature-agent")
    best: Invalid | Unverified | None = None
    for candidate in ours:
        if isinstance(candidate, FlawedSignature):
            outcome: Verified | Invalid | Unverified = _invalid(candidate.flaw)
        else:
            outcome = _judge(request, candidate, agent_text, find_key, now, allow_loopback_http)
        if isinstance(outcome, Verified):
            return outcome
        if best is None or _rank(outcome) > _rank(best):
            best = outcome
    assert best is not None
    return best


def charge_freshness(verified: Verified, now: Seconds) -> SignatureFault | None:
    """``STALE`` when the signature is too old to pay with, whatever its own window says."""
    return SignatureFault.STALE if now - verified.created > CHARGE_AGE_SECONDS else None


def covers_target(verified: Verified) -> bool:
    """Whether the signature is bound to the whole target: ``@target-uri``, or ``@path`` with ``@query``."""
    covered = verified.covered
    return "@target-uri" in covered or ("@path" in covered and "@query" in covered)

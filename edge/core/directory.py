"""Key directories: the JWK Set under which an agent publishes its keys, read tolerantly and made strictly.

What real directories do and what is therefore accepted: a bare JWK instead of a set, keys without ``kid``, extra
members, keys of other types beside ours. What is never accepted: more than 64 KiB, more than 32 keys, weak keys.

A directory may be signed by each of its keys (``tag="http-message-signatures-directory"``). That is optional for keys
fetched from the agent itself over TLS, so what was proved is reported apart from what was listed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.core.content_digest import check_content_digest, make_content_digest
from edge.core.keys import PublicKey, public_half, public_key_from_jwk, public_keys_to_jwks
from edge.core.message import Request, Response
from edge.core.signature_agent import WELL_KNOWN_PATH
from edge.core.signatures import (
    Candidate,
    Flaw,
    FlawedSignature,
    LabelledSignature,
    SignatureFault,
    parse_signatures,
    sign_message,
    signing_key,
    verification_key,
    verify_signature,
)

MEDIA_TYPE = "application/http-message-signatures-directory+json"
TAG = "http-message-signatures-directory"
MAX_BODY_BYTES = 64 * 1024
MAX_KEYS = 32
CREATED_AHEAD_SECONDS = 60

_AUTHORITY_OF_REQUEST = '"@authority";req'


class DirectoryFault(StrEnum):
    """Why a body is not a directory; the keys held before stay in force."""

    TOO_LARGE = "too_large"
    NOT_JSON = "not_json"
    NOT_A_KEY_SET = "not_a_key_set"
    TOO_MANY_KEYS = "too_many_keys"


def load_json(body: bytes) -> object | DirectoryFault:
    """Bounded JSON from a stranger."""
    if len(body) > MAX_BODY_BYTES:
        return DirectoryFault.TOO_LARGE
    try:
        document: object = orjson.loads(body)
    except orjson.JSONDecodeError:
        return DirectoryFault.NOT_JSON
    return document


def keys_of_set(document: object, *, allow_test_keys: bool = False) -> tuple[PublicKey, ...] | DirectoryFault:
    """The usable keys of a JWK Set or of a bare JWK, each once, in the order in which they are listed."""
    if not isinstance(document, Mapping):
        return DirectoryFault.NOT_A_KEY_SET
    listed = document.get("keys", [document] if "kty" in document else None)
    if not isinstance(listed, list):
        return DirectoryFault.NOT_A_KEY_SET
    if len(listed) > MAX_KEYS:
        return DirectoryFault.TOO_MANY_KEYS
    loaded = (public_key_from_jwk(jwk, allow_test_keys=allow_test_keys) for jwk in listed)
    keys: dict[str, PublicKey] = {}
    for key in loaded:
        if isinstance(key, PublicKey):
            keys.setdefault(key.thumbprint, key)
    return tuple(keys.values())


def parse_directory(body: bytes, *, allow_test_keys: bool = False) -> tuple[PublicKey, ...] | DirectoryFault:
    """The Ed25519 keys of a fetched directory; an empty tuple is a directory that lists none (that is revocation)."""
    document = load_json(body)
    if isinstance(document, DirectoryFault):
        return document
    return keys_of_set(document, allow_test_keys=allow_test_keys)


@dataclass(frozen=True, slots=True)
class DirectoryProof:
    """Which listed keys signed the response, by thumbprint, and what was wrong with other signatures."""

    proved: frozenset[str]
    flaws: tuple[Flaw, ...]


def _shape(signature: LabelledSignature, now: int | float) -> Flaw | None:
    label = signature.label
    if signature.created is None:
        return Flaw(SignatureFault.NO_CREATED, label)
    if signature.expires is None:
        return Flaw(SignatureFault.NO_EXPIRES, label)
    if signature.created > now + CREATED_AHEAD_SECONDS:
        return Flaw(SignatureFault.CREATED_IN_FUTURE, label)
    if signature.expires <= now:
        return Flaw(SignatureFault.EXPIRED, label)
    if _AUTHORITY_OF_REQUEST not in {component.text for component in signature.components}:
        return Flaw(SignatureFault.AUTHORITY_NOT_COVERED, f'{label} needs "@authority";req')
    return None


def _prove(
    candidate: Candidate, response: Response, body: bytes, keys: Mapping[str, PublicKey], now: int | float
) -> str | Flaw:
    """The thumbprint that the signature proves."""
    if isinstance(candidate, FlawedSignature):
        return candidate.flaw
    key = keys.get(candidate.keyid or "")
    if key is None:
        return Flaw(SignatureFault.KEY_UNKNOWN, f"{candidate.label}: keyid is not in the directory")
    flaw = _shape(candidate, now) or verify_signature(candidate, verification_key(key.key), response)
    if flaw is not None:
        return flaw
    digest = response.fields.get("content-digest")
    if digest is not None and any(component.name == "content-digest" for component in candidate.components):
        # Coverage of a digest that nobody compares with the body would be mere decoration.
        fault = check_content_digest(digest, body)
        if fault is not None:
            return Flaw(SignatureFault.COMPONENT_VALUE, f"content-digest: {fault}")
    return key.thumbprint


def verify_directory_response(
    response: Response, body: bytes, keys: Iterable[PublicKey], now: int | float
) -> DirectoryProof:
    """Check the signatures on a directory; ``response.request`` is the request that was sent for it.

    A response without signatures, or with other tags only, proves nothing and has no flaw.
    """
    texts = response.fields.get("signature-input"), response.fields.get("signature")
    if texts[0] is None and texts[1] is None:
        return DirectoryProof(frozenset(), ())
    if texts[0] is None or texts[1] is None:
        return DirectoryProof(frozenset(), (Flaw(SignatureFault.HALF_SIGNED, ""),))
    candidates = parse_signatures(texts[0], texts[1], max_labels=MAX_KEYS)
    if isinstance(candidates, Flaw):
        return DirectoryProof(frozenset(), (candidates,))
    by_thumbprint = {key.thumbprint: key for key in keys}
    ours = (candidate for candidate in candidates if candidate.tag == TAG)
    outcomes = [_prove(candidate, response, body, by_thumbprint, now) for candidate in ours]
    return DirectoryProof(
        frozenset(outcome for outcome in outcomes if isinstance(outcome, str)),
        tuple(outcome for outcome in outcomes if isinstance(outcome, Flaw)),
    )


@dataclass(frozen=True, slots=True)
class SignedDirectory:
    """What to serve at the well-known path: the body and the header fields, lower-case names."""

    body: bytes
    headers: Mapping[str, str]


def build_directory(
    private_keys: Sequence[Ed25519PrivateKey],
    authority: str,
    created: int,
    expires: int,
    *,
    publish: Callable[[Ed25519PrivateKey], PublicKey] = public_half,
) -> SignedDirectory:
    """A directory of the keys' public halves, signed by each of them for one authority (a host name).

    Times are Unix seconds; the signature has to be renewed before ``expires``. ``publish`` may add ``nbf`` and ``exp``.
    """
    publics = [publish(private_key) for private_key in private_keys]
    body = public_keys_to_jwks(publics)
    headers = {"content-type": MEDIA_TYPE, "content-digest": make_content_digest(body)}
    request = Request.from_parts("GET", f"https://{authority}{WELL_KNOWN_PATH}")
    response = Response.from_parts(200, headers.items(), request)
    signed = [
        sign_message(
            response,
            signing_key(private_key),
            label=f"binding{number}",
            components=(_AUTHORITY_OF_REQUEST, "content-digest"),
            parameters={"created": created, "expires": expires, "keyid": public.thumbprint, "tag": TAG},
        )
        for number, (private_key, public) in enumerate(zip(private_keys, publics, strict=True), 1)
    ]
    headers["signature-input"] = ", ".join(fields.signature_input for fields in signed)
    headers["signature"] = ", ".join(fields.signature for fields in signed)
    return SignedDirectory(body, headers)

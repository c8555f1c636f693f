"""Signature-Input and Signature: read strictly, verify, sign (RFC 9421 sections 3 and 4).

Rules of this file:

- each label is judged alone: what is wrong with one is said about that one, and the others stand;
- only what spoils the field as a whole (it is not a Dictionary, a label comes twice, there are too many) refuses all;
- the usual spelling goes through one regular expression, everything else through the structured field parser; the
  test suite holds that both agree, and that the fast lane never accepts what the slow one refuses.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias, cast

import http_sf

from edge.core.accept_signature import SignatureRequest, build_accept_signature, parse_accept_signature
from edge.core.fields import (
    STRUCTURED_TYPES,
    BareItem,
    Dictionary,
    InnerList,
    Malformed,
    Member,
    parse_repeating_dictionary,
    serialise_member,
    serialise_parameters,
    split_members,
)
from edge.core.signature_algorithms import (
    Algorithm,
    SigningKey,
    VerificationKey,
    sign_base,
    signing_key,
    verification_key,
    verify_base,
)
from edge.core.signature_base import NO_TRAILERS, Component, Message, build_base, make_component, parse_component
from edge.core.signature_faults import Flaw, SignatureFault
from edge.core.values import per_request

__all__ = [
    "Algorithm",
    "Flaw",
    "FlawedSignature",
    "LabelledSignature",
    "SignatureFault",
    "SignatureRequest",
    "SignedFields",
    "SigningKey",
    "VerificationKey",
    "build_accept_signature",
    "parse_accept_signature",
    "parse_signatures",
    "sign_message",
    "signing_key",
    "verification_key",
    "verify_signature",
]

MAX_LABELS = 4
MAX_COMPONENTS = 24
# Enough for a label with 24 components and all its parameters.
MAX_BYTES_PER_LABEL = 2048


@per_request
class LabelledSignature:
    """One signature as sent. ``parameters_text`` is the value of its ``@signature-params`` line.

    ``created`` and ``expires`` are Unix seconds; parameters that RFC 9421 does not name are signed but not kept.
    """

    label: str
    components: tuple[Component, ...]
    parameters_text: str
    signature: bytes
    created: int | None = None
    expires: int | None = None
    keyid: str | None = None
    nonce: str | None = None
    alg: str | None = None
    tag: str | None = None


@dataclass(frozen=True, slots=True)
class FlawedSignature:
    """One label that cannot be used; ``tag`` where it could be read."""

    label: str
    flaw: Flaw
    tag: str | None = None


Candidate: TypeAlias = LabelledSignature | FlawedSignature

_LABEL = r"[a-z*][a-z0-9_\-.*]*"
# A lower-case name without space, quote or backslash, and at most one parameter, ;key=.
_COMPONENT = r'"[!#-@\[\]-~]+"(?:;key="[!#-\[\]-~]+")?'
# Only spellings that serialise to themselves: no leading zero, no escape.
_INTEGER = r"(?:0|[1-9][0-9]{0,14})"
_CHARACTERS = r"[ !#-\[\]-~]*"
_USUAL_HEAD = re.compile(rf"({_LABEL})=\(({_COMPONENT}(?: {_COMPONENT})*)")
# Each parameter at most once: whoever uses this compares the number of groups that matched with that of semicolons.
_USUAL_TAIL = re.compile(
    rf"(?:;created=({_INTEGER})|;expires=({_INTEGER})"
    rf'|;keyid="({_CHARACTERS})"|;nonce="({_CHARACTERS})"|;alg="({_CHARACTERS})"|;tag="({_CHARACTERS})")*+'
)
# 64 bytes: the length of an Ed25519 or P-256 signature.
_USUAL_SIGNATURE = re.compile(rf"({_LABEL})=:([A-Za-z0-9+/]{{86}}==):")


# A crawler covers the same components in every request: the memo of a pure function, small and bounded.
@lru_cache(maxsize=256)
def _usual_head(text: str) -> tuple[str, tuple[Component, ...]] | None:
    """Label and components of what stands before the closing bracket."""
    found = _USUAL_HEAD.fullmatch(text)
    texts = found[2].split(" ") if found is not None else []
    if found is None or len(texts) > MAX_COMPONENTS or len(set(texts)) != len(texts):
        return None
    components = []
    for item in texts:
        name, keyed, key = item.partition('";key="')
        parameters: tuple[tuple[str, BareItem], ...] = (("key", key[:-1]),) if keyed else ()
        components.append(Component(name[1:] if keyed else name[1:-1], parameters, item))
    return found[1], tuple(components)


def parse_usual_signature(signature_input: str, signature: str) -> LabelledSignature | None:
    """The fast lane: one label in the usual spelling, or ``None`` where the slow lane must look."""
    if len(signature_input) > MAX_BYTES_PER_LABEL:
        return None
    before, _, tail = signature_input.partition(")")
    head = _usual_head(before)
    found = _USUAL_TAIL.fullmatch(tail)
    value = _USUAL_SIGNATURE.fullmatch(signature)
    if head is None or found is None or value is None or head[0] != value[1]:
        return None
    parameters = found.groups()
    if len(parameters) - parameters.count(None) != tail.count(";"):
        return None  # one is there twice, or a semicolon stands within a string
    label, components = head
    created, expires, keyid, nonce, alg, tag = parameters
    return LabelledSignature(
        label,
        components,
        signature_input[len(label) + 1 :],
        binascii.a2b_base64(value[2]),
        int(created) if created else None,
        int(expires) if expires else None,
        keyid,
        nonce,
        alg,
        tag,
    )


def _read_field(name: str, text: str, max_labels: int) -> tuple[Dictionary, frozenset[str]] | Flaw:
    """The members of one field, and the labels in which a parameter is given twice."""
    if len(text) > MAX_BYTES_PER_LABEL * max_labels:
        return Flaw(SignatureFault.UNREADABLE, f"{name} is longer than {MAX_BYTES_PER_LABEL * max_labels} bytes")
    outcome = parse_repeating_dictionary(text)
    if isinstance(outcome, Malformed):
        return Flaw(SignatureFault.UNREADABLE, f"{name}: {outcome.reason}")
    members, repetition = outcome
    if repetition.keys:
        return Flaw(SignatureFault.DUPLICATE_LABEL, f"{name}: {repetition.keys[0]}")
    if len(members) > max_labels:
        return Flaw(SignatureFault.TOO_MANY_LABELS, f"{name} has {len(members)}")
    if not repetition.parameters:
        return members, frozenset()
    pieces = (parse_repeating_dictionary(piece) for piece in split_members(text))
    doubled = [piece[0] for piece in pieces if not isinstance(piece, Malformed) and piece[1].parameters]
    return members, frozenset(label for members_of_piece in doubled for label in members_of_piece)


def _components(items: Sequence[object]) -> tuple[Component, ...] | Flaw:
    if len(items) > MAX_COMPONENTS:
        return Flaw(SignatureFault.TOO_MANY_COMPONENTS, f"{len(items)} components")
    components: list[Component] = []
    seen: set[object] = set()
    for name, parameters in cast("Sequence[tuple[BareItem, dict[str, BareItem]]]", items):
        component = make_component(name, parameters)
        if isinstance(component, Flaw):
            return component
        if component.identity in seen:
            return Flaw(SignatureFault.DUPLICATE_COMPONENT, component.text)
        seen.add(component.identity)
        components.append(component)
    return tuple(components)


def _mistyped(parameters: Mapping[str, BareItem]) -> Flaw | None:
    for name, value in parameters.items():
        if name in ("created", "expires") and type(value) is not int:
            return Flaw(SignatureFault.PARAMETER_TYPE, f"{name} is not an integer")
        if name in ("keyid", "nonce", "alg", "tag") and not isinstance(value, str):
            return Flaw(SignatureFault.PARAMETER_TYPE, f"{name} is not a string")
    return None


def _labelled(label: str, inner_list: InnerList, signature: bytes) -> Candidate:
    items, parameters = inner_list
    tag = parameters.get("tag")
    components = _components(items)
    flaw = components if isinstance(components, Flaw) else _mistyped(parameters)
    if flaw is not None or isinstance(components, Flaw):
        assert flaw is not None
        return FlawedSignature(label, flaw, tag if isinstance(tag, str) else None)
    known = {
        name: parameters[name] for name in ("created", "expires", "keyid", "nonce", "alg", "tag") if name in parameters
    }
    text = serialise_member(inner_list)
    return LabelledSignature(label, components, text, signature, **known)  # type: ignore[arg-type]  # _mistyped checked


def _candidate(label: str, member: Member, value: Member | None, doubled: frozenset[str]) -> Candidate:
    content, parameters = member
    tag = parameters.get("tag")
    known_tag = tag if isinstance(tag, str) else None
    if not isinstance(content, list):
        return FlawedSignature(label, Flaw(SignatureFault.UNREADABLE, f"{label} is not an inner list"), known_tag)
    if label in doubled:
        return FlawedSignature(label, Flaw(SignatureFault.DUPLICATE_PARAMETER, label), known_tag)
    if value is None or not isinstance(value[0], bytes):
        return FlawedSignature(label, Flaw(SignatureFault.LABEL_WITHOUT_SIGNATURE, label), known_tag)
    return _labelled(label, cast("InnerList", member), value[0])


def parse_signatures_slowly(
    signature_input: str, signature: str, max_labels: int = MAX_LABELS
) -> tuple[Candidate, ...] | Flaw:
    """The slow lane: every label, through the structured field parser."""
    inputs = _read_field("Signature-Input", signature_input, max_labels)
    if isinstance(inputs, Flaw):
        return inputs
    values = _read_field("Signature", signature, max_labels)
    if isinstance(values, Flaw):
        return values
    members, doubled = inputs
    return tuple(_candidate(label, member, values[0].get(label), doubled) for label, member in members.items())


def parse_signatures(
    signature_input: str, signature: str, max_labels: int = MAX_LABELS
) -> tuple[Candidate, ...] | Flaw:
    """Every signature of a message, from the combined values of the two fields.

    A ``Flaw`` means that the fields cannot be used at all. A label that is only in ``Signature`` is not looked at.
    """
    usual = parse_usual_signature(signature_input, signature)
    return (usual,) if usual is not None else parse_signatures_slowly(signature_input, signature, max_labels)


def verify_signature(
    signature: LabelledSignature,
    key: VerificationKey,
    message: Message,
    *,
    trailers: Mapping[str, str] = NO_TRAILERS,
    structured_types: Mapping[str, str] = STRUCTURED_TYPES,
) -> Flaw | None:
    """Check the cryptography of one signature (RFC 9421 section 3.2); ``None`` when it holds.

    Times, coverage and who owns the key are the caller's to judge.
    """
    if signature.alg is not None and signature.alg != key.algorithm:
        return Flaw(SignatureFault.ALGORITHM, f"alg is {signature.alg}, the key is for {key.algorithm}")
    base = build_base(
        signature.components, signature.parameters_text, message, trailers=trailers, structured_types=structured_types
    )
    if isinstance(base, Flaw):
        return base
    if not verify_base(key, base, signature.signature):
        return Flaw(SignatureFault.BAD_SIGNATURE, f"label {signature.label}")
    return None


@dataclass(frozen=True, slots=True)
class SignedFields:
    """One member for each of the two fields, label included."""

    signature_input: str
    signature: str


def sign_message(
    message: Message,
    key: SigningKey,
    *,
    label: str,
    components: Sequence[str],
    parameters: Mapping[str, int | str],
    trailers: Mapping[str, str] = NO_TRAILERS,
    structured_types: Mapping[str, str] = STRUCTURED_TYPES,
) -> SignedFields:
    """Sign a message (RFC 9421 section 3.1).

    ``components`` are names or serialised identifiers, ``parameters`` in the order in which they shall be sent.
    Raises ``ValueError`` for a component that the message does not have or that cannot be signed.
    """
    covered = [parse_component(text) for text in components]
    refused = [str(component) for component in covered if isinstance(component, Flaw)]
    if refused:
        raise ValueError(refused[0])
    chosen = [component for component in covered if isinstance(component, Component)]
    if len({component.identity for component in chosen}) != len(chosen):
        raise ValueError(SignatureFault.DUPLICATE_COMPONENT.sentence)
    text = f"({' '.join(component.text for component in chosen)}){serialise_parameters(parameters)}"
    base = build_base(chosen, text, message, trailers=trailers, structured_types=structured_types)
    if isinstance(base, Flaw):
        raise ValueError(str(base))
    value = http_sf.ser(sign_base(key, base))
    return SignedFields(f"{label}={text}", f"{label}={value}")

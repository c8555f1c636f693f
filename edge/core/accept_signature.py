"""Accept-Signature: how a server asks for a signature that would do (RFC 9421 section 5)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

from edge.core.fields import (
    BareItem,
    Dictionary,
    InnerList,
    Malformed,
    Member,
    parse_dictionary,
    serialise_dictionary,
)
from edge.core.signature_base import Component, parse_component
from edge.core.signature_base import make_component as _make_component
from edge.core.signature_faults import Flaw, SignatureFault


@dataclass(frozen=True, slots=True)
class SignatureRequest:
    """One wanted signature.

    ``components`` are plain names or serialised identifiers. ``created`` and ``expires`` say that the signer shall
    set that parameter; the others, where given, are the values it shall use.
    """

    label: str
    components: tuple[str, ...]
    created: bool = True
    expires: bool = True
    tag: str | None = None
    keyid: str | None = None
    nonce: str | None = None
    alg: str | None = None


def _member(request: SignatureRequest) -> Member:
    items: list[tuple[BareItem, dict[str, BareItem]]] = []
    for text in request.components:
        component = parse_component(text)
        if isinstance(component, Flaw):
            raise ValueError(str(component))
        items.append((component.name, dict(component.parameters)))
    flags: dict[str, BareItem] = {
        name: True for name, wanted in (("created", request.created), ("expires", request.expires)) if wanted
    }
    named = {"keyid": request.keyid, "nonce": request.nonce, "alg": request.alg, "tag": request.tag}
    values: dict[str, BareItem] = {name: value for name, value in named.items() if value is not None}
    return items, {**flags, **values}


def build_accept_signature(requests: Iterable[SignatureRequest]) -> str:
    """The field value; raises ``ValueError`` for a component that does not exist or a label without a spelling."""
    return serialise_dictionary({request.label: _member(request) for request in requests})


def _components(inner_list: InnerList) -> tuple[str, ...] | Flaw:
    made = [_make_component(name, parameters) for name, parameters in inner_list[0]]
    for component in made:
        if isinstance(component, Flaw):
            return component
    return tuple(component.plain for component in made if isinstance(component, Component))


def _read_member(label: str, member: Member) -> SignatureRequest | Flaw:
    content, parameters = member
    if not isinstance(content, list):
        return Flaw(SignatureFault.UNREADABLE, f"{label} is not an inner list")
    components = _components(cast("InnerList", member))
    if isinstance(components, Flaw):
        return components
    texts = {name: parameters.get(name) for name in ("tag", "keyid", "nonce", "alg")}
    strings = {name: value for name, value in texts.items() if isinstance(value, str)}
    if any(value is not None and name not in strings for name, value in texts.items()):
        return Flaw(SignatureFault.PARAMETER_TYPE, label)
    return SignatureRequest(
        label,
        components,
        created="created" in parameters,
        expires="expires" in parameters,
        tag=strings.get("tag"),
        keyid=strings.get("keyid"),
        nonce=strings.get("nonce"),
        alg=strings.get("alg"),
    )


def parse_accept_signature(text: str) -> tuple[SignatureRequest, ...] | Flaw:
    """Read the field value that a server sent; the first flaw refuses it."""
    members: Dictionary | Malformed = parse_dictionary(text)
    if isinstance(members, Malformed):
        return Flaw(SignatureFault.UNREADABLE, f"Accept-Signature: {members.reason}")
    wanted: list[SignatureRequest] = []
    for label, member in members.items():
        request = _read_member(label, member)
        if isinstance(request, Flaw):
            return request
        wanted.append(request)
    return tuple(wanted)

"""The signature base: the exact text that is signed (RFC 9421 sections 2 and 2.5).

Rules of this file:

- a component is a name with parameters; every name starting with ``@`` is derived, never looked up in the header;
- what cannot be said exactly is refused: an unknown or inapplicable parameter, a component given twice (parameter
  order does not tell two apart), a field that is not there, a value with a line break, a control byte or a non-ASCII
  byte;
- field values come combined from ``edge.core.fields``; only ``bs`` looks at separate lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple, TypeAlias
from urllib.parse import quote, unquote_plus

import http_sf

from edge.core.fields import (
    STRUCTURED_TYPES,
    BareItem,
    Malformed,
    parse_dictionary,
    parse_item,
    reserialise,
    serialise_member,
)
from edge.core.message import RequestView, Response
from edge.core.signature_faults import Flaw, SignatureFault

Message: TypeAlias = RequestView | Response
NO_TRAILERS: Mapping[str, str] = MappingProxyType({})

_FLAGS = frozenset({"sf", "bs", "req", "tr"})


class Component(NamedTuple):
    """A covered component: ``text`` is its serialised identifier, ``parameters`` in the order in which they came.

    A tuple rather than a dataclass because components are keys of memos, and a tuple's hash costs nothing.
    """

    name: str
    parameters: tuple[tuple[str, BareItem], ...]
    text: str

    @property
    def identity(self) -> tuple[str, frozenset[tuple[str, BareItem]]]:
        """Equal for two spellings that differ in parameter order only (RFC 9421 section 2)."""
        return self.name, frozenset(self.parameters)

    @property
    def plain(self) -> str:
        """The bare name without parameters, else the serialised identifier."""
        return self.text if self.parameters else self.name


def make_component(name: BareItem, parameters: Mapping[str, BareItem]) -> Component | Flaw:
    """Check the name and parameter types of one item of an inner list."""
    if not isinstance(name, str) or not name or name != name.lower():
        return Flaw(SignatureFault.UNKNOWN_COMPONENT, f"{name!s:.80} is not a lower-case string")
    for key, value in parameters.items():
        known = value is True if key in _FLAGS else isinstance(value, str) and key in ("key", "name")
        if not known:
            return Flaw(SignatureFault.UNKNOWN_COMPONENT_PARAMETER, f'"{name}";{key}')
    return Component(name, tuple(parameters.items()), http_sf.ser((name, dict(parameters))))


# A signer covers the same few components in every message: the memo of a pure function, small and bounded.
@lru_cache(maxsize=256)
def parse_component(text: str) -> Component | Flaw:
    """Read ``@method``, ``content-type`` or a serialised identifier such as ``"signature-agent";key="sig1"``."""
    if not text.startswith('"'):
        return make_component(text, {})
    item = parse_item(text)
    if isinstance(item, Malformed):
        return Flaw(SignatureFault.UNKNOWN_COMPONENT, item.reason)
    return make_component(*item)


def target_uri(request: RequestView) -> str:
    """``@target-uri``: the absolute URI of the request (RFC 9421 section 2.2.2)."""
    query = "" if request.query is None else f"?{request.query}"
    return f"{request.scheme}://{request.authority}{request.path}{query}"


_DERIVED: Mapping[str, Callable[[RequestView], str]] = {
    "@method": lambda request: request.method,
    "@target-uri": target_uri,
    "@authority": lambda request: request.authority,
    "@scheme": lambda request: request.scheme,
    "@request-target": lambda request: request.target,
    "@path": lambda request: request.path or "/",
    "@query": lambda request: f"?{request.query or ''}",
}


def _percent_encode(text: str) -> str:
    # The form set of the URL standard keeps only * - . _ and alphanumerics; Python's quote also keeps the tilde.
    return quote(text, safe="*").replace("~", "%7E")


def query_parameters(query: str | None) -> list[tuple[str, str]]:
    """Names and values of a raw query, decoded as an HTML form and encoded again (RFC 9421 section 2.2.8)."""
    pairs = (part.partition("=") for part in (query or "").split("&") if part)
    return [(_percent_encode(unquote_plus(name)), _percent_encode(unquote_plus(value))) for name, _, value in pairs]


def _query_parameter(component: Component, parameters: Mapping[str, BareItem], request: RequestView) -> str | Flaw:
    name = parameters.get("name")
    if len(parameters) > 1 or not isinstance(name, str):
        return Flaw(SignatureFault.UNKNOWN_COMPONENT_PARAMETER, f"{component.text} needs name and nothing else")
    values = [value for key, value in query_parameters(request.query) if key == name]
    if not values:
        return Flaw(SignatureFault.COMPONENT_MISSING, component.text)
    if len(values) > 1:
        return Flaw(SignatureFault.COMPONENT_VALUE, f"{component.text} occurs {len(values)} times in the query")
    return values[0]


def _derived_value(component: Component, parameters: Mapping[str, BareItem], message: Message) -> str | Flaw:
    if isinstance(message, Response):
        if component.name != "@status":
            return Flaw(SignatureFault.UNKNOWN_COMPONENT, f"{component.text} of a response needs ;req")
        if parameters:
            return Flaw(SignatureFault.UNKNOWN_COMPONENT_PARAMETER, component.text)
        return str(message.status)
    if component.name == "@query-param":
        return _query_parameter(component, parameters, message)
    derive = _DERIVED.get(component.name)
    if derive is None:
        return Flaw(SignatureFault.UNKNOWN_COMPONENT, f"{component.text} of a request")
    if parameters:
        return Flaw(SignatureFault.UNKNOWN_COMPONENT_PARAMETER, component.text)
    return derive(message)


# A crawler covers the same member of the same Signature-Agent in every request: the memo of a pure function, small and
# bounded.
@lru_cache(maxsize=256)
def _dictionary_member(text: str, key: str, component: Component) -> str | Flaw:
    members = parse_dictionary(text)
    if isinstance(members, Malformed):
        return Flaw(SignatureFault.COMPONENT_VALUE, f"{component.text}: {members.reason}")
    if key not in members:
        return Flaw(SignatureFault.COMPONENT_MISSING, component.text)
    return serialise_member(members[key])


def _binary_lines(lines: Sequence[str], component: Component) -> str | Flaw:
    try:
        return ", ".join(http_sf.ser(line.encode("latin-1")) for line in lines)
    except UnicodeEncodeError:
        return Flaw(SignatureFault.COMPONENT_VALUE, f"{component.text} holds more than bytes")


def _strict(text: str, component: Component, structured_types: Mapping[str, str]) -> str | Flaw:
    field_type = structured_types.get(component.name)
    if field_type is None:
        return Flaw(SignatureFault.COMPONENT_VALUE, f"{component.text}: not known to be a structured field")
    strict = reserialise(text, field_type)
    if isinstance(strict, Malformed):
        return Flaw(SignatureFault.COMPONENT_VALUE, f"{component.text}: {strict.reason}")
    return strict


def _field_value(
    component: Component,
    parameters: dict[str, BareItem],
    message: Message,
    trailers: Mapping[str, str],
    structured_types: Mapping[str, str],
) -> str | Flaw:
    in_trailers = parameters.pop("tr", False) is True
    text = (trailers if in_trailers else message.fields).get(component.name)
    if text is None:
        return Flaw(SignatureFault.COMPONENT_MISSING, component.text)
    key = parameters.get("key")
    if "name" in parameters or ("bs" in parameters and len(parameters) > 1):
        return Flaw(SignatureFault.UNKNOWN_COMPONENT_PARAMETER, component.text)
    if isinstance(key, str):
        return _dictionary_member(text, key, component)
    if "sf" in parameters:
        return _strict(text, component, structured_types)
    lines = (text,) if in_trailers else message.repeated.get(component.name, (text,))
    if "bs" in parameters:
        return _binary_lines(lines, component)
    if component.name == "set-cookie" and len(lines) > 1:
        # Cookie values hold commas, so joined lines could be split in another way (RFC 9421 section 7.5.6).
        return Flaw(SignatureFault.COMPONENT_VALUE, '"set-cookie" in several lines needs ;bs')
    return text


def component_value(
    component: Component,
    message: Message,
    *,
    trailers: Mapping[str, str] = NO_TRAILERS,
    structured_types: Mapping[str, str] = STRUCTURED_TYPES,
) -> str | Flaw:
    """The value of one component, without the check that it can stand in a base.

    ``;req`` is resolved against the request that a response answers (RFC 9421 section 2.4).
    """
    parameters = dict(component.parameters)
    if parameters.pop("req", False):
        if not isinstance(message, Response) or message.request is None:
            return Flaw(SignatureFault.UNKNOWN_COMPONENT_PARAMETER, f"{component.text}: there is no related request")
        message = message.request
    if component.name.startswith("@"):
        return _derived_value(component, parameters, message)
    return _field_value(component, parameters, message, trailers, structured_types)


def _is_signable(value: str) -> bool:
    # A tab may stand inside a field value; every other control byte could forge a line or hide from a reader.
    return value.isascii() and (value.isprintable() or value.replace("\t", " ").isprintable())


def component_line(
    component: Component,
    message: Message,
    *,
    trailers: Mapping[str, str] = NO_TRAILERS,
    structured_types: Mapping[str, str] = STRUCTURED_TYPES,
) -> str | Flaw:
    """``"<name>"<parameters>: <value>``, without a line break (RFC 9421 section 2.5)."""
    if not component.parameters and not isinstance(message, Response):
        # The usual case, spelled out: no parameter, so a plain derived value or a plain field.
        derive = _DERIVED.get(component.name)
        value: str | Flaw | None = derive(message) if derive else message.fields.get(component.name)
        if value is None:
            value = component_value(component, message, trailers=trailers, structured_types=structured_types)
    else:
        value = component_value(component, message, trailers=trailers, structured_types=structured_types)
    if isinstance(value, Flaw):
        return value
    if not _is_signable(value):
        return Flaw(SignatureFault.COMPONENT_VALUE, f"{component.text} holds a control or non-ASCII byte")
    return f"{component.text}: {value}"


def build_base(
    components: Iterable[Component],
    parameters_text: str,
    message: Message,
    *,
    trailers: Mapping[str, str] = NO_TRAILERS,
    structured_types: Mapping[str, str] = STRUCTURED_TYPES,
) -> bytes | Flaw:
    """The signature base.

    ``parameters_text`` is the re-serialised inner list with its parameters, the value of ``@signature-params``.
    """
    lines: list[str] = []
    for component in components:
        line = component_line(component, message, trailers=trailers, structured_types=structured_types)
        if isinstance(line, Flaw):
            return line
        lines.append(line)
    lines.append(f'"@signature-params": {parameters_text}')
    return "\n".join(lines).encode("ascii")

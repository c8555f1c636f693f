"""Signature-Agent: whose key directory vouches for a signature, in the three spellings that are in use.

====  =============================================  =====================================================
A     ``"https://host"``                             draft-meunier-…-directory-03, what ChatGPT sends
B     ``sig1="https://host"``, with ``;type=``       draft-ietf-webbotauth-httpsig-protocol-00, what Google sends
C     ``sig1="https://host/keys.json"``              the -01 draft: the value is the key set's URL itself
====  =============================================  =====================================================

A value that starts with a quote is A, since a dictionary key never does. The member is chosen by the covered
``;key=`` and never by the label alone, which is not signed.

The identity of an agent is the URL of its keys without query and fragment; keys are looked up by that identity and
their thumbprint, so nobody is taken for another one by listing a key of theirs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from edge.core.fields import Malformed, Member, Parameters, parse_dictionary, parse_item
from edge.core.signature_base import Component
from edge.core.signature_faults import Flaw, SignatureFault

WELL_KNOWN_PATH = "/.well-known/http-message-signatures-directory"
MAX_URL_LENGTH = 1024

_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*)://(?P<authority>[^/?#]*)(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?(?:#.*)?"
)
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# The last label starts with a letter: that leaves no room for an address in any of its spellings (127.1, 0x7f.1).
_DNS_NAME = re.compile(rf"(?:{_LABEL}\.)+[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?")
_LOOPBACK = re.compile(r"(?:127\.0\.0\.1|localhost)(?::[1-9][0-9]{0,4})?")
_PATH = re.compile(r"(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})*)*")
_QUERY = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*")
_DOT_SEGMENT = re.compile(r"/(?:\.|%2e){1,2}(?:/|$)", re.IGNORECASE)


class AgentKind(StrEnum):
    """What is found at the URL."""

    DIRECTORY = "directory"
    JWKS_URI = "jwks_uri"
    CIMD = "cimd"


@dataclass(frozen=True, slots=True)
class AgentRef:
    """Where an agent's keys are.

    ``url`` is what to fetch; ``identity`` is the same without query and names the agent. Keys that were fetched from a
    ``url`` with a query must never be kept under the identity: the query could choose somebody else's keys.
    """

    url: str
    identity: str
    kind: AgentKind


@dataclass(frozen=True, slots=True)
class AgentField:
    """The parsed field: ``bare`` for spelling A, else the members of the dictionary."""

    bare: str | None
    members: Mapping[str, Member]


def _refused(text: str, why: str) -> Flaw:
    return Flaw(SignatureFault.AGENT_URL_REFUSED, f"{text[:200]!r}: {why}")


def _authority(scheme: str, authority: str, allow_loopback_http: bool) -> str | None:
    """The normalised authority, or ``None`` where it may not be contacted."""
    authority = authority.lower()
    if scheme == "https":
        host = authority.removesuffix(":443")
        return host if len(host) <= 253 and _DNS_NAME.fullmatch(host) else None
    if scheme == "http" and allow_loopback_http and _LOOPBACK.fullmatch(authority):
        return authority.removesuffix(":80")
    return None


def _reference(text: str, kind: AgentKind, allow_loopback_http: bool) -> AgentRef | Flaw:
    if len(text) > MAX_URL_LENGTH:
        return _refused(text, f"longer than {MAX_URL_LENGTH} characters")
    return _short_reference(text, kind, allow_loopback_http)


# An agent sends the same URL in every request: the memo of a pure function, small and bounded.
@lru_cache(maxsize=256)
def _short_reference(text: str, kind: AgentKind, allow_loopback_http: bool) -> AgentRef | Flaw:
    found = _URL.fullmatch(text)
    if found is None:
        return _refused(text, "not an absolute URL")
    scheme = found["scheme"].lower()
    authority = _authority(scheme, found["authority"], allow_loopback_http)
    if authority is None:
        return _refused(text, "needs https, a DNS name with a dot, port 443 and no user name")
    path, query = found["path"], found["query"]
    if not _PATH.fullmatch(path) or not _QUERY.fullmatch(query or "") or _DOT_SEGMENT.search(path):
        return _refused(text, "the path or query is not in its plain form (RFC 3986)")
    if path in ("", "/"):
        if kind is AgentKind.DIRECTORY:
            path = WELL_KNOWN_PATH
        else:
            path = "/"
    elif kind is AgentKind.DIRECTORY and path != WELL_KNOWN_PATH:
        # Spelling C: the value is the key set's URL itself.
        kind = AgentKind.JWKS_URI
    identity = f"{scheme}://{authority}{path}"
    return AgentRef(identity if query is None else f"{identity}?{query}", identity, kind)


def agent_reference(text: str, allow_loopback_http: bool = False) -> AgentRef | Flaw:
    """Where the keys of an agent are whose URL somebody typed: a host, or the URL of its key set."""
    return _reference(text.strip(), AgentKind.DIRECTORY, allow_loopback_http)


def normalise_agent_url(text: str, allow_loopback_http: bool = False) -> str | Flaw:
    """The identity of an agent whose URL an operator typed, the same text that its signatures resolve to.

    A host alone, with or without a trailing slash, stands for its well-known directory.
    """
    reference = agent_reference(text, allow_loopback_http)
    return reference if isinstance(reference, Flaw) else reference.identity


def parse_signature_agent(text: str) -> AgentField | Flaw:
    """Read the field in whichever spelling it is."""
    if text.startswith('"'):
        item = parse_item(text)
        if isinstance(item, Malformed):
            return Flaw(SignatureFault.AGENT_UNREADABLE, item.reason)
        value, parameters = item
        assert isinstance(value, str), "an item that starts with a quote is a string"
        if parameters:
            return Flaw(SignatureFault.AGENT_UNREADABLE, "a bare string takes no parameters")
        return AgentField(value, {})
    members = parse_dictionary(text)
    if isinstance(members, Malformed):
        return Flaw(SignatureFault.AGENT_UNREADABLE, members.reason)
    return AgentField(None, members) if members else Flaw(SignatureFault.AGENT_UNREADABLE, "empty")


def _kind(parameters: Parameters) -> AgentKind | None:
    value = parameters.get("type", "directory")
    # The drafts write type=cimd, a Token; a String says the same thing.
    return AgentKind(str(value)) if str(value) in set(AgentKind) else None


def resolve_member(key: str, member: Member, allow_loopback_http: bool = False) -> AgentRef | Flaw:
    """Where the keys of one dictionary member are (spellings B and C)."""
    value, parameters = member
    if not isinstance(value, str):
        return Flaw(SignatureFault.AGENT_UNREADABLE, f"{key} is not a string in quotes")
    kind = _kind(parameters)
    if kind is None:
        return Flaw(SignatureFault.AGENT_UNREADABLE, f"{key} has an unknown type")
    return _reference(value, kind, allow_loopback_http)


def resolve_agent(
    agents: AgentField, label: str, covered: Sequence[Component], allow_loopback_http: bool = False
) -> AgentRef | Flaw:
    """The agent that a signature speaks for.

    ``covered`` are the signature's components. The member is the one that a covered ``;key=`` names. Where the whole
    field is covered instead, it is the only member, or the one under the signature's label.
    """
    forms = [component for component in covered if component.name == "signature-agent"]
    if not forms:
        return Flaw(SignatureFault.AGENT_NOT_COVERED, f"label {label}")
    if agents.bare is not None:
        return _reference(agents.bare, AgentKind.DIRECTORY, allow_loopback_http)
    keys = {value for form in forms for name, value in form.parameters if name == "key" and isinstance(value, str)}
    if len(keys) > 1:
        return Flaw(SignatureFault.AGENT_UNREADABLE, "several members are covered by one signature")
    whole = next(iter(agents.members)) if len(agents.members) == 1 else label
    key = keys.pop() if keys else whole
    if key not in agents.members:
        return Flaw(SignatureFault.AGENT_UNREADABLE, f"there is no member {key[:80]!r}")
    return resolve_member(key, agents.members[key], allow_loopback_http)

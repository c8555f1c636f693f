"""Signing a request as a Web Bot Auth agent: the other end of ``edge.core.web_bot_auth.examine``."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Literal, TypeAlias

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.core.fields import serialise_string
from edge.core.keys import thumbprint_of
from edge.core.message import RequestView
from edge.core.signature_agent import WELL_KNOWN_PATH, AgentKind, AgentRef, agent_reference
from edge.core.signature_base import Component, component_line, parse_component
from edge.core.signature_faults import Flaw

TAG = "web-bot-auth"

Dialect: TypeAlias = Literal["A", "B", "C"]


def _agent_value(agent: str, reference: AgentRef, dialect: Dialect) -> str:
    """The member's (or the bare) value; see ``edge.core.signature_agent`` for the three spellings."""
    if dialect == "C":
        return serialise_string(reference.url)
    if reference.kind is AgentKind.DIRECTORY:
        return serialise_string(reference.url.removesuffix(WELL_KNOWN_PATH))
    if dialect == "B":
        return f"{serialise_string(reference.url)};type={reference.kind}"
    raise ValueError(f"the bare spelling names a host, not {agent!r}")


def _covered_components(names: Sequence[str], agent_component: Component) -> list[Component]:
    """The wanted components with the agent's own in its place, or at the end when it was not named."""
    components: list[Component] = []
    for name in names:
        if name == "signature-agent":
            components.append(agent_component)
            continue
        component = parse_component(name)
        if isinstance(component, Flaw):
            raise ValueError(str(component))
        components.append(component)
    if agent_component not in components:
        components.append(agent_component)
    if len({component.identity for component in components}) != len(components):
        raise ValueError("a component is covered twice.")
    return components


def _lines(components: Sequence[Component], request: RequestView, agent: Component, agent_value: str) -> list[str]:
    lines = []
    for component in components:
        # The agent's field is about to be added, so it is not in the request yet.
        line = f"{agent.text}: {agent_value}" if component == agent else component_line(component, request)
        if isinstance(line, Flaw):
            raise ValueError(str(line))
        lines.append(line)
    return lines


def sign_request(
    request: RequestView,
    private_key: Ed25519PrivateKey,
    agent: str,
    covered: Sequence[str],
    created: int,
    expires: int,
    nonce: str | None = None,
    dialect: Dialect = "B",
    *,
    label: str = "sig1",
    keyid: str | None = None,
    allow_loopback_http: bool = False,
) -> dict[str, str]:
    """The three fields to add to a request: ``signature-agent``, ``signature-input``, ``signature``.

    ``agent`` is the agent's URL: a host (``https://host``) or the URL of its key set. ``covered`` are component names;
    ``signature-agent`` is covered in any case. Times are Unix seconds. ``keyid`` saves computing the thumbprint.
    Raises ``ValueError`` for an agent URL that no verifier would accept, and for a component that the request does not
    have or that cannot be signed.
    """
    reference = agent_reference(agent, allow_loopback_http)
    if isinstance(reference, Flaw):
        raise ValueError(str(reference))
    value = _agent_value(agent, reference, dialect)
    if dialect == "A":
        member = Component("signature-agent", (), '"signature-agent"')
        field = value
    else:
        member = Component("signature-agent", (("key", label),), f'"signature-agent";key="{label}"')
        field = f"{label}={value}"
    components = _covered_components(covered, member)
    keyid_text = serialise_string(keyid or thumbprint_of(private_key))
    nonce_text = "" if nonce is None else f";nonce={serialise_string(nonce)}"
    listed = " ".join([component.text for component in components])
    text = f'({listed});created={created};expires={expires};keyid={keyid_text}{nonce_text};tag="{TAG}"'
    lines = _lines(components, request, member, value)
    lines.append(f'"@signature-params": {text}')
    signature = private_key.sign("\n".join(lines).encode("ascii"))
    return {
        "signature-agent": field,
        "signature-input": f"{label}={text}",
        "signature": f"{label}=:{base64.b64encode(signature).decode('ascii')}:",
    }

"""Signature-Agent in its three spellings, and which URLs are refused."""

from __future__ import annotations

from typing import Any

import pytest

from edge.core.signature_agent import (
    AgentKind,
    AgentRef,
    normalise_agent_url,
    parse_signature_agent,
    resolve_agent,
    resolve_member,
)
from edge.core.signature_base import Component, parse_component
from edge.core.signature_faults import Flaw, SignatureFault
from tests.support.vectors import vectors

VECTORS = vectors("wba_signature_agent_parse")
WELL_KNOWN = "/.well-known/http-message-signatures-directory"


def covering(*texts: str) -> list[Component]:
    parsed = [parse_component(text) for text in texts]
    assert all(isinstance(component, Component) for component in parsed)
    return [component for component in parsed if isinstance(component, Component)]


def resolve(header: str, *covered: str, label: str = "sig1", loopback: bool = False) -> AgentRef | Flaw:
    agents = parse_signature_agent(header)
    return agents if isinstance(agents, Flaw) else resolve_agent(agents, label, covering(*covered), loopback)


@pytest.mark.parametrize("case", VECTORS["upstream"]["cases"], ids=lambda case: case["name"])
def test_published_members_have_their_type(case: dict[str, Any]) -> None:
    agents = parse_signature_agent(case["header"])
    assert not isinstance(agents, Flaw)
    for entry in case["entries"]:
        found = resolve_member(entry["label"], agents.members[entry["label"]])
        assert isinstance(found, AgentRef)
        assert found.kind == entry["type"]
        assert found.url.startswith(entry["uri"])


@pytest.mark.parametrize("case", VECTORS["derived"]["cases"], ids=lambda case: case["header"])
def test_every_spelling_leads_to_its_keys_or_is_refused(case: dict[str, Any]) -> None:
    if "member_by" in case:
        assert [getattr(resolve(case["header"], f'"signature-agent";key="{key}"'), "url", None) for key in "ab"] == [
            f"https://{key}.test{WELL_KNOWN}" for key in "ab"
        ]
        return
    covered = '"signature-agent";key="{}"'.format(case["member"]) if "member" in case else "signature-agent"
    found = resolve(case["header"], covered)
    if "fetch" in case:
        assert isinstance(found, AgentRef)
        assert (found.url, found.identity) == (case["fetch"], case["fetch"])
        assert (found.kind is AgentKind.CIMD) is ("then" in case)
    else:
        assert isinstance(found, Flaw)
        assert found.fault in (SignatureFault.AGENT_UNREADABLE, SignatureFault.AGENT_URL_REFUSED)


def test_the_covered_key_decides_and_not_the_label() -> None:
    found = resolve('sig1="https://a.test", agent2="https://b.test"', '"signature-agent";key="agent2"', label="sig1")
    assert isinstance(found, AgentRef)
    assert found.identity == f"https://b.test{WELL_KNOWN}"


@pytest.mark.parametrize(
    ("header", "covered", "fault"),
    [
        ('"https://a.test"', (), SignatureFault.AGENT_NOT_COVERED),
        ('a="https://a.test"', ("@method",), SignatureFault.AGENT_NOT_COVERED),
        ('a="https://a.test", b="https://b.test"', ("signature-agent",), SignatureFault.AGENT_UNREADABLE),
        ('a="https://a.test"', ('"signature-agent";key="b"',), SignatureFault.AGENT_UNREADABLE),
        (
            'a="https://a.test", b="https://b.test"',
            ('"signature-agent";key="a"', '"signature-agent";key="b"'),
            SignatureFault.AGENT_UNREADABLE,
        ),
        ('a="https://a.test", a="https://b.test"', ('"signature-agent";key="a"',), SignatureFault.AGENT_UNREADABLE),
        ('"https://a.test", "https://b.test"', ("signature-agent",), SignatureFault.AGENT_UNREADABLE),
        ('"https://a.test";type=cimd', ("signature-agent",), SignatureFault.AGENT_UNREADABLE),
        ("", ("signature-agent",), SignatureFault.AGENT_UNREADABLE),
        ('a=("https://a.test")', ("signature-agent",), SignatureFault.AGENT_UNREADABLE),
    ],
)
def test_who_is_meant_must_be_signed_and_plain(header: str, covered: tuple[str, ...], fault: SignatureFault) -> None:
    found = resolve(header, *covered)
    assert isinstance(found, Flaw)
    assert found.fault is fault


def test_a_whole_dictionary_covered_means_its_only_member_or_the_label_s_own() -> None:
    for header in ('x="https://a.test"', 'x="https://b.test", sig1="https://a.test"'):
        found = resolve(header, "signature-agent")
        assert isinstance(found, AgentRef)
        assert found.identity == f"https://a.test{WELL_KNOWN}"


@pytest.mark.parametrize(
    ("text", "identity"),
    [
        ("https://bot.example", f"https://bot.example{WELL_KNOWN}"),
        (" https://bot.example/ ", f"https://bot.example{WELL_KNOWN}"),
        ("HTTPS://Bot.Example:443", f"https://bot.example{WELL_KNOWN}"),
        (f"https://bot.example{WELL_KNOWN}", f"https://bot.example{WELL_KNOWN}"),
        ("https://bot.example/Keys.json?x=1#y", "https://bot.example/Keys.json"),
        ("https://bot.example#y", f"https://bot.example{WELL_KNOWN}"),
        ("https://xn--bcher-kva.example/%7E", "https://xn--bcher-kva.example/%7E"),
    ],
)
def test_an_operator_s_url_has_the_identity_that_signatures_resolve_to(text: str, identity: str) -> None:
    assert normalise_agent_url(text) == identity
    found = resolve(f'"{text.strip()}"', "signature-agent")
    assert isinstance(found, AgentRef)
    assert found.identity == identity


@pytest.mark.parametrize(
    "url",
    [
        *("http://bot.example", "ftp://bot.example", "bot.example", "//bot.example", "https:bot.example", "https://"),
        *("https://localhost", "https://intranet", "https://127.0.0.1", "https://127.1", "https://2130706433"),
        *("https://0x7f.0.0.1", "https://0x7f.1", "https://1.2.3.4.", "https://[::1]", "https://[::ffff:1.2.3.4]"),
        *(
            "https://user@bot.example",
            "https://user:pw@bot.example",
            "https://bot.example:8443",
            "https://bot.example:",
        ),
        *(
            "https://bot.example.",
            "https://.example",
            "https://bot..example",
            "https://-bot.example",
            "https://b_t.example",
        ),
        *("https://bücher.example", "https://bot.example%2eevil.test", "https://bot.example\\@evil.test"),
        *(
            "https://bot.example/a b",
            "https://bot.example/a\\b",
            "https://bot.example/%zz",
            "https://bot.example/a/../b",
        ),
        *(
            "https://bot.example/%2e%2E/b",
            "https://bot.example/./b",
            'https://bot.example/"',
            "https://bot.example/\nx",
        ),
        *("https://bot.example/?a b", f"https://bot.example/{'a' * 1024}", f"https://{'a.' * 130}test", "data:,x", ""),
    ],
)
def test_urls_that_may_not_be_fetched_are_refused(url: str) -> None:
    # What is let through for development lets none of these through either.
    for allow_loopback_http in (False, True):
        found = normalise_agent_url(url, allow_loopback_http)
        assert isinstance(found, Flaw)
        assert found.fault is SignatureFault.AGENT_URL_REFUSED


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost:1", "localhost", "127.0.0.1"])
def test_loopback_is_let_through_for_development_only(host: str) -> None:
    assert isinstance(normalise_agent_url(f"http://{host}"), Flaw)
    assert normalise_agent_url(f"http://{host}", allow_loopback_http=True) == f"http://{host}{WELL_KNOWN}"
    assert normalise_agent_url("http://LOCALHOST:80", allow_loopback_http=True) == f"http://localhost{WELL_KNOWN}"
    found = resolve(f'"http://{host}/keys"', "signature-agent", loopback=True)
    assert isinstance(found, AgentRef)
    assert found.kind is AgentKind.JWKS_URI


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1.evil.test", "http://127.0.0.2", "http://localhost:x", "http://[::1]"]
)
def test_development_knows_two_hosts(url: str) -> None:
    assert isinstance(normalise_agent_url(url, allow_loopback_http=True), Flaw)


def test_a_query_is_fetched_but_is_no_part_of_the_identity() -> None:
    found = resolve('a="https://bot.example/keys?x=1"', '"signature-agent";key="a"')
    assert found == AgentRef("https://bot.example/keys?x=1", "https://bot.example/keys", AgentKind.JWKS_URI)


def test_a_card_or_key_set_at_the_root_is_not_the_directory() -> None:
    for kind in (AgentKind.CIMD, AgentKind.JWKS_URI):
        found = resolve(f'a="https://bot.example";type={kind}', '"signature-agent";key="a"')
        assert found == AgentRef("https://bot.example/", "https://bot.example/", kind)

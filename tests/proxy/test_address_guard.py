"""The guard at the resolver and at the socket: a directory lives at a public address or is not contacted."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.proxy.address_guard import (
    FORBIDDEN_RANGES,
    MAX_ADDRESSES,
    AddressForbidden,
    GuardedResolver,
    SystemLookup,
    guarded_socket,
    why_forbidden,
    why_not_loopback,
)
from tests.support.fake_dns import FakeDns

FORBIDDEN = [
    ("0.0.0.0", "this network"),
    ("0.255.255.255", "this network"),
    ("10.0.0.0", "private"),
    ("10.255.255.255", "private"),
    ("100.64.0.0", "carrier-grade NAT"),
    ("100.100.100.200", "carrier-grade NAT"),
    ("100.127.255.255", "carrier-grade NAT"),
    ("127.0.0.1", "loopback"),
    ("127.255.255.254", "loopback"),
    ("168.63.129.16", "cloud metadata"),
    ("169.254.0.1", "link-local"),
    ("169.254.169.254", "cloud metadata"),
    ("172.16.0.0", "private"),
    ("172.31.255.255", "private"),
    ("192.0.0.0", "protocol assignments"),
    ("192.0.0.8", "protocol assignments"),
    ("192.0.0.192", "protocol assignments"),
    ("192.0.2.1", "documentation"),
    ("192.31.196.1", "AS112 sink"),
    ("192.52.193.1", "automatic multicast tunnelling"),
    ("192.88.99.1", "6to4 relay"),
    ("192.168.0.1", "private"),
    ("192.168.255.255", "private"),
    ("192.175.48.1", "AS112 sink"),
    ("198.18.0.0", "benchmarking"),
    ("198.19.255.255", "benchmarking"),
    ("198.51.100.7", "documentation"),
    ("203.0.113.7", "documentation"),
    ("224.0.0.1", "multicast"),
    ("239.255.255.250", "multicast"),
    ("240.0.0.1", "reserved"),
    ("255.255.255.255", "reserved"),
    ("::", "unspecified"),
    ("::1", "loopback"),
    ("::2", "IPv4-compatible"),
    ("::127.0.0.1", "IPv4-compatible"),
    ("::8.8.8.8", "IPv4-compatible"),
    ("::ffff:127.0.0.1", "IPv4-mapped"),
    ("::ffff:8.8.8.8", "IPv4-mapped"),
    ("::ffff:0:127.0.0.1", "IPv4-translated"),
    ("64:ff9b::7f00:1", "NAT64"),
    ("64:ff9b::8.8.8.8", "NAT64"),
    ("64:ff9b:1::a00:1", "NAT64"),
    ("100::1", "discard"),
    ("100:0:0:1::1", "discard"),
    ("2001::1", "Teredo"),
    ("2001:2::1", "protocol assignments"),
    ("2001:10::1", "protocol assignments"),
    ("2001:20::1", "protocol assignments"),
    ("2001:db8::1", "documentation"),
    ("2002:7f00:1::1", "6to4"),
    ("2002:808:808::1", "6to4"),
    ("2620:4f:8000::1", "AS112 sink"),
    ("3ffe::1", "retired 6bone"),
    ("3fff::1", "documentation"),
    ("5f00::1", "segment routing"),
    ("fc00::1", "private"),
    ("fd00:ec2::254", "cloud metadata"),
    ("fd12:3456::1", "private"),
    ("fe80::1", "link-local"),
    ("fe80::1%eth0", "scoped to one link"),
    ("2606:4700::1%1", "scoped to one link"),
    ("fec0::1", "site-local"),
    ("ff02::1", "multicast"),
    ("400::1", "outside global unicast"),
    ("4000::1", "outside global unicast"),
    ("e000::1", "outside global unicast"),
    ("localhost", "not an address"),
    ("127.1", "not an address"),
    ("2130706433", "not an address"),
    ("0x7f000001", "not an address"),
    ("0177.0.0.1", "not an address"),
    ("[::1]", "not an address"),
    ("", "not an address"),
]
PUBLIC = [
    *("1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255"),
    *("128.0.0.0", "168.63.129.15", "169.253.255.255", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.167.0.1"),
    *("198.17.255.255", "198.20.0.0", "223.255.255.255", "2606:4700:4700::1111", "2a00:1450:4001::1", "2001:4860::1"),
]


@pytest.mark.parametrize(("address", "reason"), FORBIDDEN)
def test_a_forbidden_address_is_refused_for_its_reason(address: str, reason: str) -> None:
    assert why_forbidden(address) == reason


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_allowed(address: str) -> None:
    assert why_forbidden(address) is None


def test_both_ends_of_every_range_are_refused() -> None:
    for network, _ in FORBIDDEN_RANGES:
        assert why_forbidden(str(network[0])) is not None
        assert why_forbidden(str(network[-1])) is not None


def test_every_range_has_an_example_in_the_table() -> None:
    shown = [ip_address(address) for address, reason in FORBIDDEN if reason not in ("not an address",)]
    assert [str(network) for network, _ in FORBIDDEN_RANGES if not any(one in network for one in shown)] == []


@given(st.ip_addresses())
def test_the_guard_allows_nothing_that_python_knows_not_to_be_global(address: object) -> None:
    parsed = ip_address(str(address))
    if why_forbidden(str(parsed)) is None:
        assert parsed.is_global
        assert not parsed.is_multicast


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_inside_an_ipv6_address_is_never_allowed(address: object) -> None:
    for form in (f"::ffff:{address}", f"::{address}", f"64:ff9b::{address}", f"::ffff:0:{address}"):
        assert why_forbidden(form) is not None


def test_the_development_guard_allows_loopback_and_nothing_else() -> None:
    assert why_not_loopback("127.0.0.1") is None
    assert why_not_loopback("::1") is None
    for address in ("10.0.0.1", "127.0.0.2", "8.8.8.8", "::ffff:127.0.0.1", "0.0.0.0", "localhost"):
        assert why_not_loopback(address) == "not loopback"


def test_a_public_answer_is_pinned_with_its_family() -> None:
    found = asyncio.run(GuardedResolver(FakeDns(["1.1.1.1", "2606:4700::1"])).resolve("bot.example", 443))
    assert [(one["hostname"], one["host"], one["port"], one["family"]) for one in found] == [
        ("bot.example", "1.1.1.1", 443, socket.AF_INET),
        ("bot.example", "2606:4700::1", 443, socket.AF_INET6),
    ]


@pytest.mark.parametrize("bad", ["127.0.0.1", "64:ff9b::7f00:1", "192.0.0.192", "fe80::1%eth0"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_forbidden_address_spoils_the_whole_answer(bad: str, place: int) -> None:
    answer = ["1.1.1.1", "2606:4700::1"]
    answer.insert(place, bad)
    with pytest.raises(AddressForbidden, match="not allowed"):
        asyncio.run(GuardedResolver(FakeDns(answer)).resolve("bot.example", 443))


@pytest.mark.parametrize("count", [0, MAX_ADDRESSES + 1])
def test_an_empty_or_swollen_answer_is_refused(count: int) -> None:
    with pytest.raises(AddressForbidden, match=f"resolves to {count} addresses"):
        asyncio.run(GuardedResolver(FakeDns(["1.1.1.1"] * count)).resolve("bot.example", 443))


def test_no_socket_is_made_towards_a_forbidden_address() -> None:
    make = guarded_socket()
    with pytest.raises(AddressForbidden):
        make((socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", 443)))
    with make((socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("1.1.1.1", 443))) as allowed:
        assert allowed.family == socket.AF_INET


def test_the_system_resolver_answers_with_plain_addresses() -> None:
    lookup = SystemLookup()
    try:
        addresses = asyncio.run(_look_up(lookup))
    finally:
        lookup.close()
    assert addresses
    assert all(why_not_loopback(address) is None and port == 80 for address, port in addresses)


async def _look_up(lookup: SystemLookup) -> Sequence[tuple[str, int]]:
    return await lookup("localhost", 80)

"""Signatures that do not verify are counted by address, and only so many are looked at."""

from __future__ import annotations

import json

import pytest

from edge.proxy.bad_signatures import BURST, PER_SECOND, BadSignatures
from edge.proxy.leaky_buckets import ADDRESSES_MAX
from tests.support.edge_under_test import NOW, RICH, EdgeUnderTest
from tests.support.signing_crawler import claimed


def filled(peer: str = "192.0.2.1", now: float = 0.0) -> BadSignatures:
    buckets = BadSignatures()
    for _ in range(BURST):
        assert buckets.seconds_to_wait(peer, now) == 0
        buckets.note(peer, now)
    return buckets


def test_a_burst_is_looked_at_and_then_the_address_waits() -> None:
    buckets = filled()
    assert buckets.seconds_to_wait("192.0.2.1", 0.0) == 1
    assert buckets.seconds_to_wait("192.0.2.2", 0.0) == 0


def test_the_bucket_leaks() -> None:
    buckets = filled()
    assert buckets.seconds_to_wait("192.0.2.1", 1.5 / PER_SECOND) == 0
    buckets.note("192.0.2.1", 1.5 / PER_SECOND)
    buckets.note("192.0.2.1", 1.5 / PER_SECOND)
    assert buckets.seconds_to_wait("192.0.2.1", 1.5 / PER_SECOND) == 1


def test_a_clock_that_is_set_back_empties_nothing() -> None:
    assert filled(now=1000.0).seconds_to_wait("192.0.2.1", 0.0) == 1


@pytest.mark.parametrize("peer", ["2001:db8::1", "2001:db8::ffff"])
def test_one_subscriber_of_ipv6_is_one_address(peer: str) -> None:
    assert filled("2001:db8::1").seconds_to_wait(peer, 0.0) == 1


def test_the_memory_is_bounded_and_forgets_who_failed_least_recently() -> None:
    buckets = filled()
    for number in range(ADDRESSES_MAX):
        buckets.note(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", 0.0)
    assert buckets.seconds_to_wait("192.0.2.1", 0.0) == 0


def forged(path: str) -> bytes:
    return RICH.paying(path).replace(b"signature: sig1=:", b"signature: sig1=:AAAA")


def test_an_address_that_forges_on_and_on_is_refused_before_verifying(edge: EdgeUnderTest) -> None:
    for number in range(BURST):
        assert json.loads(edge.ask(forged(f"/{number}")).body)["code"] == "signature_invalid"
    refused = edge.ask(RICH.paying("/a"))
    assert (refused.status, json.loads(refused.body)["code"]) == (429, "too_many_bad_signatures")
    assert refused.fields["retry-after"] == "1"
    assert edge.ask(claimed("/a")).status == 402  # without a signature there is nothing to check
    edge.now = NOW + 10
    assert edge.ask(RICH.paying("/a")).status == 200
    assert edge.gate.traffic.totals["too_many_bad_signatures"] == 1

"""So many connections from one address and so many in all, on real sockets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from ipaddress import ip_network
from typing import Any

import pytest

from edge.proxy.connection_limits import LINGER_SECONDS, address_key
from tests.support.edge_under_test import EdgeUnderTest
from tests.support.signing_crawler import claimed
from tests.support.wire import Wire

LOOPBACK = ip_network("127.0.0.0/8")


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Closes every connection that a test opened."""
    with ExitStack() as stack:
        yield stack


def served(edge: EdgeUnderTest, stack: ExitStack) -> Wire:
    """A connection that is served; it stays open."""
    wire = stack.enter_context(edge.connect())
    assert wire.ask(claimed("/a")).status == 402
    return wire


def limits_met(edge: EdgeUnderTest) -> dict[str, int]:
    return {limit.value: number for (_, limit), number in edge.limit_counts.totals.items()}


def test_one_over_an_addresss_share_is_told_so_and_one_more_is_taken_when_one_goes(
    make_edge: Any, stack: ExitStack
) -> None:
    edge = make_edge(per_address=2)
    first, second = served(edge, stack), served(edge, stack)
    third = stack.enter_context(edge.connect())
    refused = third.ask(claimed("/a"))
    assert (refused.status, refused.closes, refused.fields["retry-after"]) == (503, True, "5")
    assert refused.fields["cache-control"] == "no-store"
    assert json.loads(refused.body)["code"] == "too_many_connections"
    assert third.is_closed()
    assert second.ask(claimed("/b")).status == 402
    first.close()
    edge.wait_until(lambda: len(edge.watchman.connections) == 1)
    served(edge, stack)
    assert limits_met(edge) == {"address_limit": 1}
    assert edge.gate.traffic.totals == {"payment_required": 4, "too_many_connections": 1}


def test_a_request_that_is_refused_for_its_connection_never_reaches_the_origin(
    make_edge: Any, stack: ExitStack
) -> None:
    edge = make_edge(per_address=1)
    served(edge, stack)
    with edge.connect() as wire:  # the answer arrives although content is on its way
        wire.send(claimed("/free/a", "Content-Length: 9000000", method="POST") + b"x" * 6_000_000)
        assert wire.answer().status == 503
    assert edge.origin.seen == []


def test_beyond_twice_its_share_an_address_is_not_even_told(make_edge: Any, stack: ExitStack) -> None:
    edge = make_edge(per_address=1)
    served(edge, stack)
    quiet = stack.enter_context(edge.connect())
    edge.wait_until(lambda: limits_met(edge) == {"address_limit": 1})
    assert stack.enter_context(edge.connect()).is_closed()
    assert quiet.ask(claimed("/a")).status == 503


def test_who_is_turned_away_and_says_nothing_is_closed(make_edge: Any, stack: ExitStack) -> None:
    edge = make_edge(per_address=1)
    served(edge, stack)
    wire = stack.enter_context(edge.connect())
    edge.wait_until(lambda: limits_met(edge) == {"address_limit": 1})

    async def look_later() -> None:
        edge.watchman.room.look(edge._loop.time() + LINGER_SECONDS + 1)

    edge.do(look_later)
    assert wire.is_closed()


def test_over_the_whole_a_connection_is_closed_without_a_word(make_edge: Any, stack: ExitStack) -> None:
    edge = make_edge(per_address=2, connections=2)
    first = served(edge, stack)
    served(edge, stack)
    assert stack.enter_context(edge.connect()).is_closed()
    first.close()
    edge.wait_until(lambda: len(edge.watchman.connections) == 1)
    served(edge, stack)
    assert limits_met(edge) == {"total_limit": 1}


def test_a_trusted_front_has_no_share_of_its_own_but_counts_in_the_whole(make_edge: Any, stack: ExitStack) -> None:
    edge = make_edge(per_address=1, connections=3, trusted=(LOOPBACK,))
    for _ in range(3):
        served(edge, stack)
    assert stack.enter_context(edge.connect()).is_closed()
    assert limits_met(edge) == {"total_limit": 1}


def test_everything_is_given_back_however_a_connection_ends(make_edge: Any) -> None:
    edge = make_edge(per_address=1)
    for end in (Wire.close, Wire.reset, Wire.rest):
        wire = edge.connect()
        assert wire.ask(claimed("/a")).status == 402
        wire.send(b"GET")
        if end is Wire.rest:
            edge.wait_until_a_head_is_owed()
            edge.let_pass(31.0)
        end(wire)
        wire.close()
        edge.wait_until_alone()
    assert edge.ask(claimed("/a")).status == 402
    edge.wait_until_alone()
    room = edge.watchman.room
    assert (room._count, dict(room._taken), dict(room._leaving), room._turned_away) == (0, {}, {}, {})


@pytest.mark.parametrize(
    ("host", "key"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2::1", "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::"),
        ("2001:db8:1:3::1", "2001:db8:1:3::"),
        ("fe80::1%eth0", "fe80::"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::ffff:10.1.2.3", ""),
        ("10.1.2.3", ""),
        ("2001:db8:f::9", ""),
        ("::no", ""),
    ],
)
def test_an_address_is_an_ipv4_address_or_an_ipv6_64_and_a_front_is_none(host: str, key: str) -> None:
    assert address_key(host, (ip_network("10.0.0.0/8"), ip_network("2001:db8:f::/48"))) == key


def test_without_fronts_every_address_has_a_share() -> None:
    assert address_key("10.1.2.3", ()) == "10.1.2.3"
    assert address_key("::ffff:10.1.2.3", ()) == "10.1.2.3"

"""The sandbox over real sockets: statuses that authors know, the failing step, the budget, and nothing charged."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from edge.core.request import CrawlRequest
from edge.core.target import read_target
from edge.proxy.directory_fetch import NO_PUBLIC_ADDRESS, FetchFailure, FetchFault
from edge.proxy.registrar import NotProved, Registrar
from edge.proxy.signature_routes import ADDRESS_BURST, CHECK_PATH, CheckDesk, key_budget, signature_routes
from tests.support.edge_under_test import NOW, RICH, EdgeUnderTest, Setting, policy_for
from tests.support.fake_fetch import FakeFetch, key_set
from tests.support.signing_crawler import COVERED, SigningCrawler, browsed
from tests.support.wire import Received

STRANGER, UNPUBLISHED = SigningCrawler(9, NOW), SigningCrawler(10, NOW)


class Sandbox:
    """An edge with the route, and what its fetcher was asked for."""

    def __init__(self, edge: EdgeUnderTest, fetch: FakeFetch, clock: list[float], registrar: Registrar) -> None:
        self.edge, self.fetch, self.clock, self.registrar = edge, fetch, clock, registrar

    def check(self, data: bytes) -> tuple[int, dict[str, Any]]:
        answer = self.edge.ask(data)
        return answer.status, self.document(answer)

    def document(self, answer: Received) -> dict[str, Any]:
        assert answer.fields["cache-control"] == "no-store"
        found: dict[str, Any] = json.loads(answer.body)
        return found


@pytest.fixture
def sandbox(make_edge: Callable[..., EdgeUnderTest]) -> Sandbox:
    fetch = FakeFetch({STRANGER.agent_url: replace(key_set([STRANGER.private_key]), url=STRANGER.agent_url)})
    policy = policy_for(Setting(), "http://127.0.0.1:1")
    clock = [float(NOW)]

    async def ensure(agent_url: str, thumbprint: str) -> None:
        raise AssertionError("the keys of these crawlers are known")

    def find(agent_url: str, thumbprint: str) -> Any:
        return policy.registered_keys[agent_url, thumbprint]

    registrar = Registrar(lambda: policy, find, ensure, fetch, lambda: clock[0], by_address=key_budget())
    desk = CheckDesk(registrar, lambda: policy, lambda: clock[0])
    return Sandbox(make_edge(routes=(signature_routes(desk),)), fetch, clock, registrar)


def signed_from(peer: str, number: int) -> CrawlRequest:
    """A request of a stranger of that number from an address."""
    lines = SigningCrawler(number, NOW).signed(CHECK_PATH).decode("latin-1").split("\r\n")[1:]
    fields = {name.lower(): value.strip() for name, colon, value in (line.partition(":") for line in lines) if colon}
    return CrawlRequest(
        "GET", "http", "news.example", "news.example", CHECK_PATH, CHECK_PATH, None, fields, {},
        read_target(CHECK_PATH), False, peer, "r",
    )  # fmt: skip


def test_a_registered_crawler_hears_that_all_is_well_and_is_not_charged(sandbox: Sandbox) -> None:
    status, told = sandbox.check(RICH.paying(CHECK_PATH))
    assert (status, told["outcome"], told["crawler"]) == (200, "verified", "bot1")
    assert all(step["passed"] for step in [*told["steps"], *told["to_pay"]])
    assert f'"@target-uri": http://news.example{CHECK_PATH}' in told["as_received"]["signature_bases"]["sig1"]
    assert sandbox.edge.ledger.entries == []
    assert sandbox.edge.origin.seen == []


def test_a_stranger_can_try_before_anybody_registers_it(sandbox: Sandbox) -> None:
    status, told = sandbox.check(STRANGER.paying(CHECK_PATH))
    assert (status, told["outcome"], told["crawler"]) == (200, "verified", None)
    passed = {check["name"]: check["passed"] for check in told["to_pay"]}
    assert (passed["registered"], passed["account"]) == (False, None)
    assert sandbox.fetch.asked == [STRANGER.agent_url]


def test_a_key_that_nobody_publishes_is_401_with_the_reason(sandbox: Sandbox) -> None:
    status, told = sandbox.check(UNPUBLISHED.signed(CHECK_PATH))
    assert (status, told["outcome"]) == (401, "unverified")
    assert "nobody there" in told["why"]


def test_a_stranger_hears_nothing_of_names_and_addresses_inside(sandbox: Sandbox) -> None:
    failure = FetchFailure(FetchFault.ADDRESS_REFUSED, "bot10.example resolves to 10.1.2.3", told=NO_PUBLIC_ADDRESS)
    sandbox.fetch.answers[UNPUBLISHED.agent_url] = failure
    answer = sandbox.edge.ask(UNPUBLISHED.signed(CHECK_PATH))
    assert sandbox.document(answer)["why"] == f"the agent's keys cannot be had: {NO_PUBLIC_ADDRESS}"
    assert b"10.1.2.3" not in answer.body


@pytest.mark.parametrize(
    ("data", "step"),
    [
        (browsed(CHECK_PATH), "fields"),
        (browsed(CHECK_PATH, "Signature: sig1=:AAAA:"), "fields"),
        (RICH.signed(CHECK_PATH).replace(b'"@method"', b'"@status"'), "base"),
        (RICH.signed(CHECK_PATH).replace(b"signature: sig1=:", b"signature: sig1=:AAAA"), "parameters"),
        (RICH.signed(CHECK_PATH, covered=COVERED[:1] + COVERED[3:]), "coverage"),
        (RICH.signed(CHECK_PATH + "?a").replace(b"?a", b"?b"), "signature"),
    ],
)
def test_the_failing_step_is_named(sandbox: Sandbox, data: bytes, step: str) -> None:
    status, told = sandbox.check(data)
    assert status == 400
    assert [one["name"] for one in told["steps"] if one["passed"] is False] == [step]
    assert told["why"]


def test_an_address_that_asks_too_often_is_told_to_wait_and_others_are_not_slowed(sandbox: Sandbox) -> None:
    for _ in range(ADDRESS_BURST):
        assert sandbox.edge.ask(browsed(CHECK_PATH)).status == 400
    refused = sandbox.edge.ask(browsed(CHECK_PATH))
    assert (refused.status, refused.fields["retry-after"]) == (429, "1")
    sandbox.clock[0] += 2
    assert sandbox.edge.ask(browsed(CHECK_PATH)).status == 400


def test_strangers_keys_are_fetched_on_a_budget(sandbox: Sandbox) -> None:
    told = [sandbox.check(SigningCrawler(20 + number, NOW).signed(CHECK_PATH)) for number in range(25)]
    assert {status for status, _ in told} == {401}
    assert len(sandbox.fetch.asked) == 20
    assert "too many" in told[-1][1]["why"]


def test_its_failures_are_not_held_against_the_address_elsewhere(sandbox: Sandbox) -> None:
    broken = RICH.signed(CHECK_PATH + "?a").replace(b"?a", b"?b")
    for _ in range(120):
        sandbox.clock[0] += 1
        sandbox.edge.ask(broken)
    assert sandbox.edge.ask(RICH.paying("/page")).status == 200


def test_an_address_has_one_fetch_under_way_and_leaves_room_for_others(sandbox: Sandbox) -> None:
    """Whoever has slow hosts of their own keeps no turn from anybody else."""

    async def three() -> list[object]:
        sandbox.fetch.hold = asyncio.Event()
        registrar = sandbox.registrar
        first = asyncio.create_task(registrar.examine(signed_from("192.0.2.1", 20)))
        await asyncio.sleep(0)
        second = await registrar.examine(signed_from("192.0.2.1", 21))
        other = asyncio.create_task(registrar.examine(signed_from("192.0.2.2", 22)))
        await asyncio.sleep(0)
        asked = len(sandbox.fetch.asked)
        sandbox.fetch.hold.set()
        await asyncio.gather(first, other)
        again = await registrar.examine(signed_from("192.0.2.1", 23))
        return [second, asked, again, len(sandbox.fetch.asked)]

    second, asked, again, at_last = asyncio.run(three())
    assert isinstance(second, NotProved)
    assert second.code is None
    assert asked == 2
    assert isinstance(again, NotProved)
    assert again.code is not None
    assert at_last == 3

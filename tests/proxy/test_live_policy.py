"""A published rule changes a running edge, and a store that fails changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from edge.core.money import Money
from edge.core.policy import Policy
from edge.core.rules import Action, RuleSet, everything_else
from edge.proxy.live_policy import LivePolicy
from tests.support.edge_under_test import RICH, EdgeUnderTest
from tests.support.scripted_origin import Then, page
from tests.support.signing_crawler import claimed

EMPTY = Policy(1, {}, {}, {}, {})


def charge(amount_micros: int) -> RuleSet:
    return RuleSet((), everything_else(Action.CHARGE, Money(amount_micros, "USD")))


# On a running edge


def test_a_published_price_is_asked_on_connections_that_are_open_already(edge: EdgeUnderTest) -> None:
    with edge.connect() as wire:
        assert wire.ask(claimed("/a")).fields["crawler-price"] == "USD 0.01"
        edge.publish(charge(250_000))
        edge.wait_until(lambda: edge.gate.live.policy.version == 2)
        assert wire.ask(claimed("/a")).fields["crawler-price"] == "USD 0.25"
        assert wire.ask(RICH.paying("/a")).fields["crawler-charged"] == "USD 0.25"
        edge.publish(RuleSet((), everything_else(Action.ALLOW)))
        edge.wait_until(lambda: edge.gate.live.policy.version == 3)
        assert wire.ask(claimed("/a")).status == 200
    assert [entry.rule_version for entry in edge.ledger.entries] == [2]


def test_a_request_under_way_is_finished_under_the_policy_it_was_judged_by(edge: EdgeUnderTest) -> None:
    edge.origin.script["/a"] = [Then.WAIT, page(b"body")]
    with edge.connect() as wire:
        wire.send(RICH.paying("/a", limit="USD 0.01"))
        edge.wait_until_asked()
        edge.publish(charge(250_000))
        edge.wait_until(lambda: edge.gate.live.policy.version == 2)
        edge.origin.go_on()
        assert wire.answer().fields["crawler-charged"] == "USD 0.01"
        refused = wire.ask(RICH.paying("/a", limit="USD 0.01"))
        assert (refused.status, refused.fields["crawler-price"]) == (402, "USD 0.25")


def test_a_block_stops_what_was_sold_a_moment_ago(edge: EdgeUnderTest) -> None:
    assert edge.ask(RICH.paying("/a")).status == 200
    edge.publish(RuleSet((), everything_else(Action.BLOCK)))
    edge.wait_until(lambda: edge.gate.live.policy.version == 2)
    assert edge.ask(RICH.paying("/a")).status == 403


# The mechanism


@dataclass
class Store:
    """A store of policies that counts how often it is asked, and may be down."""

    version: int = 1
    loads: int = 0
    fault: Exception | None = None
    reports: list[tuple[str, BaseException]] = field(default_factory=list)

    def load(self) -> Policy:
        self.loads += 1
        if self.fault is not None:
            raise self.fault
        return replace(EMPTY, version=self.version)

    def current_version(self) -> int:
        if self.fault is not None:
            raise self.fault
        return self.version

    def live(self, poll_seconds: float = 0.001) -> LivePolicy:
        return LivePolicy(
            self.load, self.current_version, poll_seconds, lambda what, error: self.reports.append((what, error))
        )


def test_only_a_new_version_is_loaded() -> None:
    store = Store()
    live = store.live()
    assert asyncio.run(live.refresh()) is False
    store.version = 2
    assert asyncio.run(live.refresh()) is True
    assert (live.policy.version, store.loads) == (2, 2)
    assert asyncio.run(live.refresh()) is False
    assert store.loads == 2


def test_a_store_that_is_down_leaves_the_last_policy_in_force() -> None:
    store = Store()
    live = store.live()
    store.version, store.fault = 2, OSError("down")
    assert asyncio.run(live.refresh()) is False
    assert live.policy.version == 1
    assert [str(error) for _, error in store.reports] == ["down"]
    store.fault = None
    assert asyncio.run(live.refresh()) is True
    assert live.policy.version == 2


def test_the_background_keeps_looking_after_a_fault() -> None:
    store = Store()
    live = store.live()

    async def watch() -> None:
        running = asyncio.create_task(live.run())
        store.version, store.fault = 2, OSError("down")
        await _until(lambda: bool(store.reports))
        store.fault = None
        await _until(lambda: live.policy.version == 2)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(asyncio.wait_for(watch(), 10))


def _until(holds: Callable[[], bool]) -> Awaitable[None]:
    changed = asyncio.get_running_loop().create_future()

    def look() -> None:
        if holds():
            changed.set_result(None)
        else:
            asyncio.get_running_loop().call_later(0.001, look)

    look()
    return changed

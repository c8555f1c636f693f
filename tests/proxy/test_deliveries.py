"""Sold answers to their end: confirmed, reversed, or left open."""

from __future__ import annotations

import asyncio

import pytest

from edge.core.ledger import LedgerUnavailable, Posted, Redelivery
from edge.core.money import Money
from edge.proxy.deliveries import OpenDeliveries
from edge.proxy.delivery import DeliveryWatch, Verdict

KEY = b"k" * 16
SOLD = Posted("ch_1", Money(10_000, "USD"), 1, 7, True)


class FakeWatch:
    """Stands for a connection's evidence: the test says what became of each answer."""

    def __init__(self) -> None:
        self.tells: list[object] = []
        self.can_tell = True

    def expect(self, tell: object) -> None:
        self.tells.append(tell)


class FakeConnection:
    """Both the exchange and its connection, as far as deliveries look at them."""

    deliveries: DeliveryWatch

    def __init__(self, *, lost: bool = False) -> None:
        self.deliveries = FakeWatch()  # type: ignore[assignment]  # the two share the one method in use
        self.connection = self
        self.lost = lost

    def end(self, verdict: Verdict) -> None:
        for tell in self.deliveries.tells:  # type: ignore[attr-defined]
            tell(verdict)


class FakeLedger:
    def __init__(self, *, down: bool = False) -> None:
        self.confirmed: list[tuple[int, int]] = []
        self.reversed: list[bytes] = []
        self.suspended: list[bytes] = []
        self.down = down

    def confirm_delivery(self, position: tuple[int, int]) -> None:
        self.confirmed.append(position)

    async def reverse(self, key: bytes, reason: str, *, position: tuple[int, int]) -> None:
        if self.down:
            raise LedgerUnavailable("down")
        self.reversed.append(key)

    async def suspend(self, key: bytes, reason: str, *, position: tuple[int, int]) -> None:
        self.suspended.append(key)


def play(*verdicts: Verdict, down: bool = False) -> tuple[FakeLedger, list[str]]:
    """Sell one charge on as many connections as there are verdicts, then end them in turn."""
    ledger, reports = FakeLedger(down=down), []
    deliveries = OpenDeliveries(ledger, lambda what, error: reports.append(what), grace_seconds=0)

    async def run() -> None:
        connections = [FakeConnection() for _ in verdicts]
        for connection in connections:
            deliveries.watch(connection, KEY, SOLD)
        for connection, verdict in zip(connections, verdicts, strict=True):
            connection.end(verdict)
        await deliveries.finish()

    asyncio.run(run())
    return ledger, reports


def test_a_delivered_answer_is_confirmed() -> None:
    ledger, _ = play(Verdict.DELIVERED)
    assert (ledger.confirmed, ledger.reversed) == ([(1, 7)], [])


def test_a_broken_answer_is_reversed() -> None:
    ledger, _ = play(Verdict.BROKEN)
    assert (ledger.confirmed, ledger.reversed) == ([], [KEY])


def test_what_nobody_knows_of_waits_in_suspense_unless_another_copy_arrived() -> None:
    for verdicts in ([Verdict.UNKNOWN], [Verdict.UNKNOWN, Verdict.BROKEN], [Verdict.BROKEN, Verdict.UNKNOWN]):
        ledger, _ = play(*verdicts)
        assert (ledger.confirmed, ledger.reversed, ledger.suspended) == ([], [], [KEY])
    ledger, _ = play(Verdict.UNKNOWN, Verdict.DELIVERED)
    assert (ledger.confirmed, ledger.reversed, ledger.suspended) == ([(1, 7)], [], [])


def test_where_the_system_never_tells_nothing_is_taken_back() -> None:
    ledger = FakeLedger()

    async def run() -> None:
        deliveries = OpenDeliveries(ledger, lambda what, error: None, grace_seconds=0)
        blind = FakeConnection()
        blind.deliveries.can_tell = False  # type: ignore[misc]
        deliveries.watch(blind, KEY, SOLD)
        await deliveries.finish()

    asyncio.run(run())
    assert (ledger.confirmed, ledger.reversed, ledger.suspended) == ([], [], [])


def test_one_delivery_of_a_charge_is_enough_whatever_the_order() -> None:
    for verdicts in ([Verdict.BROKEN, Verdict.DELIVERED], [Verdict.DELIVERED, Verdict.BROKEN]):
        ledger, _ = play(*verdicts)
        assert (ledger.confirmed, ledger.reversed) == ([(1, 7)], [])


def test_all_broken_deliveries_of_a_charge_are_one_reversal() -> None:
    ledger, _ = play(Verdict.BROKEN, Verdict.BROKEN)
    assert ledger.reversed == [KEY]


def test_a_reversal_that_cannot_be_written_is_reported() -> None:
    _, reports = play(Verdict.BROKEN, down=True)
    assert reports == [KEY.hex()]


def test_what_was_given_for_nothing_is_not_followed() -> None:
    ledger = FakeLedger()
    connection = FakeConnection()
    OpenDeliveries(ledger, lambda what, error: None).watch(connection, KEY, Redelivery("ch_1"))
    connection.end(Verdict.BROKEN)
    assert ledger.reversed == []


def test_an_answer_that_could_not_be_handed_over_is_reversed() -> None:
    ledger = FakeLedger()
    deliveries = OpenDeliveries(ledger, lambda what, error: None, grace_seconds=0)

    async def run() -> None:
        deliveries.watch(FakeConnection(lost=True), KEY, SOLD)
        await deliveries.finish()

    asyncio.run(run())
    assert ledger.reversed == [KEY]


def while_another_copy_is_being_sold(verdict: Verdict | None, *, after_the_break: bool = False) -> FakeLedger:
    """One copy breaks off while another is on its way from the ledger; ``verdict`` None: it is never handed over."""
    ledger = FakeLedger()
    deliveries = OpenDeliveries(ledger, lambda what, error: None, grace_seconds=0.01)

    async def run() -> None:
        first, second = FakeConnection(), FakeConnection()
        deliveries.watch(first, KEY, SOLD)
        if after_the_break:
            first.end(Verdict.BROKEN)
        with deliveries.selling(KEY):
            if not after_the_break:
                first.end(Verdict.BROKEN)
            await asyncio.sleep(0.03)
            assert ledger.reversed == []
            if verdict is not None:
                deliveries.watch(second, KEY, SOLD)
        if verdict is not None:
            second.end(verdict)
        await deliveries.finish()

    asyncio.run(run())
    return ledger


@pytest.mark.parametrize("after_the_break", [False, True])
def test_a_copy_that_breaks_off_takes_nothing_from_one_that_is_being_sold(after_the_break: bool) -> None:
    ledger = while_another_copy_is_being_sold(Verdict.DELIVERED, after_the_break=after_the_break)
    assert (ledger.confirmed, ledger.reversed) == ([(1, 7)], [])


@pytest.mark.parametrize("after_the_break", [False, True])
@pytest.mark.parametrize("verdict", [Verdict.BROKEN, None])
def test_a_reversal_that_waited_for_another_copy_is_made_when_that_is_lost_too(
    verdict: Verdict | None, after_the_break: bool
) -> None:
    ledger = while_another_copy_is_being_sold(verdict, after_the_break=after_the_break)
    assert (ledger.confirmed, ledger.reversed) == ([], [KEY])

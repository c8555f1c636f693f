"""The queue in front of the writer, with a hand-written writer behind it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from typing import Any, cast

import pytest

from edge.core.ledger import NOBODY_WAITED, Held, InvariantBroken, LedgerUnavailable, Posted
from edge.core.ledger_operations import Hold, Operation, Post, Reverse, Void
from edge.core.money import Money
from edge.store.batch_writer import Answer, BatchWriter
from edge.store.group_commit import BATCH_LIMIT, GroupCommit
from tests.support.books import Reports
from tests.support.ledger_desk import ORDER

POSTED = Posted("ch_" + ORDER.key.hex(), Money(10_000, "USD"), 1, 1, True)
HELD = Held(POSTED.charge_id, POSTED.amount, ORDER, 1, True)


class SlowWriter:
    """Writes a batch when it is let, and remembers what it was given."""

    def __init__(self) -> None:
        self.batches: list[list[Operation]] = []
        self.started = threading.Semaphore(0)
        self.let = threading.Semaphore(0)
        self.error: Exception | None = None
        self.closed = False

    def write(self, operations: Sequence[Operation]) -> list[Answer]:
        self.batches.append(list(operations))
        self.started.release()
        self.let.acquire()
        if self.error is not None:
            raise self.error
        return [HELD if isinstance(one, Hold) else POSTED for one in operations]

    def note_deliveries(self, positions: Iterable[tuple[int, int]]) -> None:
        pass

    def write_marks(self) -> None:
        pass

    def renew_lease(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True


def commits(writer: SlowWriter, reports: Reports) -> GroupCommit:
    return GroupCommit(cast(BatchWriter, writer), lambda: None, reports)


def ask(group: GroupCommit, operation: Operation = Post(ORDER)) -> Future[Any]:  # noqa: B008 -- frozen
    waiter: Future[Any] = Future()
    group.submit(operation, waiter)
    return waiter


def test_what_queues_up_during_a_commit_shares_the_next_one() -> None:
    writer, reports = SlowWriter(), Reports()
    group = commits(writer, reports)
    first = ask(group)
    writer.started.acquire()
    rest = [ask(group) for _ in range(2 * BATCH_LIMIT + 5)]
    writer.let.release(10)
    group.close()
    assert [len(batch) for batch in writer.batches] == [1, BATCH_LIMIT, BATCH_LIMIT, 5]
    assert all(waiter.result(0) == POSTED for waiter in [first, *rest])
    assert writer.closed
    assert reports.errors == []


def test_who_stopped_waiting_before_the_batch_is_left_out_of_it() -> None:
    writer = SlowWriter()
    group = commits(writer, Reports())
    ask(group)
    writer.started.acquire()
    gone, stays = ask(group), ask(group)
    assert gone.cancel()
    writer.let.release(10)
    assert stays.result(60) == POSTED
    group.close()
    assert [len(batch) for batch in writer.batches] == [1, 1]


@pytest.mark.parametrize(
    ("operation", "repayment"),
    [
        (Post(ORDER), Reverse(ORDER.key, NOBODY_WAITED, POSTED.position)),
        (Hold(ORDER), Void(HELD, NOBODY_WAITED)),
    ],
)
def test_who_stopped_waiting_during_the_commit_is_paid_back(operation: Operation, repayment: Operation) -> None:
    writer = SlowWriter()
    group = commits(writer, Reports())

    async def leave() -> None:
        waiter = asyncio.get_running_loop().create_future()
        group.submit(operation, waiter)
        await asyncio.to_thread(writer.started.acquire)
        waiter.cancel()
        writer.let.release(10)
        await asyncio.to_thread(writer.started.acquire)

    asyncio.run(leave())
    group.close()
    assert writer.batches == [[operation], [repayment]]


def test_who_waits_in_a_loop_that_has_ended_is_paid_back() -> None:
    writer = SlowWriter()
    group = commits(writer, Reports())
    loop = asyncio.new_event_loop()
    group.submit(Post(ORDER), loop.create_future())
    writer.started.acquire()
    loop.close()
    writer.let.release(10)
    assert writer.started.acquire(timeout=60)
    group.close()
    assert writer.batches[1] == [Reverse(ORDER.key, NOBODY_WAITED, POSTED.position)]


def test_a_broken_invariant_ends_selling() -> None:
    writer, reports = SlowWriter(), Reports()
    writer.error = InvariantBroken("the books contradict themselves")
    writer.let.release(10)
    group = commits(writer, reports)
    for _ in range(3):
        with pytest.raises(LedgerUnavailable):
            ask(group).result(60)
    assert len(writer.batches) == 1
    assert reports.errors == [writer.error]
    assert group.failure is writer.error
    group.close()
    assert not writer.closed


def test_a_mistake_of_ours_ends_selling_too() -> None:
    writer, reports = SlowWriter(), Reports()
    writer.error = ZeroDivisionError("a mistake")
    writer.let.release(10)
    group = commits(writer, reports)
    with pytest.raises(LedgerUnavailable):
        ask(group).result(60)
    assert isinstance(group.failure, InvariantBroken)
    assert group.failure.__cause__ is writer.error
    group.close()


def test_an_outage_is_reported_once_and_selling_goes_on_after_it() -> None:
    writer, reports = SlowWriter(), Reports()
    writer.error = LedgerUnavailable("away")
    writer.let.release(1_000)
    group = commits(writer, reports)
    for _ in range(5):
        with pytest.raises(LedgerUnavailable):
            ask(group).result(60)
    assert len(writer.batches) == 1  # the others were refused at once: there is a pause between tries
    writer.error = None
    answer: object = None
    while answer != POSTED:
        try:
            answer = ask(group).result(60)
        except LedgerUnavailable:
            continue
    assert reports.errors[1:] == []
    assert group.failure is None
    group.close()


def test_each_waiter_gets_an_exception_of_its_own() -> None:
    writer = SlowWriter()
    group = commits(writer, Reports())
    ask(group)
    writer.started.acquire()
    waiters = [ask(group) for _ in range(2)]
    writer.error = LedgerUnavailable("away")
    writer.let.release(10)
    group.close()
    one, other = (waiter.exception(0) for waiter in waiters)
    assert isinstance(one, LedgerUnavailable)
    assert one is not other


def test_after_closing_everything_is_refused() -> None:
    writer = SlowWriter()
    writer.let.release(10)
    group = commits(writer, Reports())
    group.close()
    with pytest.raises(LedgerUnavailable):
        ask(group, Void(HELD, "x")).result(60)
    group.close()
    assert writer.batches == []

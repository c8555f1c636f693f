"""Group commit: one thread takes what has queued up, writes it as one batch, and answers everybody at once.

Rules of this file
- The first operation that finds the thread idle starts a batch at once; while that is on its way to the disk the
  next ones queue up and share the next commit. There is no waiting for company.
- Answers to an event loop go over in one call per batch; the futures are the loop's own.
- Whoever stopped waiting before the batch was built is left out of it. Whoever stopped waiting after is paid back:
  a charge that nobody delivers must not stay (D2).
- An invariant that broke, or a disk that failed, ends selling until the process has started again (D6).
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any

from edge.core.errors import EdgeError
from edge.core.ledger import NOBODY_WAITED, Held, InvariantBroken, LedgerUnavailable, Posted, key_of_charge_id
from edge.core.ledger_operations import Operation, Reverse, Void
from edge.store.batch_writer import Answer, BatchWriter
from edge.store.database_errors import StorageFailed
from edge.store.deliveries import Position

BATCH_LIMIT = 64
TICK_SECONDS = 0.5
MARKS_EVERY_SECONDS = 1.0
LEASE_EVERY_SECONDS = 4.0
OUTAGE_PAUSE_SECONDS = 0.25

Waiter = asyncio.Future[Any] | Future[Any]
Report = Callable[[EdgeError], None]


# What is asked, and who waits for the answer; a bare tuple, because one is made for every charge.
Ticket = tuple[Operation, Waiter | None]


class GroupCommit:
    """The queue in front of one ``BatchWriter`` and the thread that empties it.

    ``recover`` resolves what dead processes left; it is called on the thread every few seconds. ``report`` hears of
    outages, once each, and of what ended selling; it is called on the thread too. With a ``failure`` nothing is ever
    sold.
    """

    def __init__(
        self,
        writer: BatchWriter,
        recover: Callable[[], None],
        report: Report,
        batch_limit: int = BATCH_LIMIT,
        failure: EdgeError | None = None,
    ) -> None:
        self._writer = writer
        self._recover = recover
        self._report = report
        self._batch_limit = batch_limit
        self._queue: SimpleQueue[Ticket | None] = SimpleQueue()
        self._confirmed: SimpleQueue[Position] = SimpleQueue()
        self._failure = failure
        self._out_until = 0.0
        self._out = False
        self._marks_due = 0.0
        self._lease_due = 0.0
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="farebox-ledger", daemon=True)
        self._thread.start()

    @property
    def failure(self) -> EdgeError | None:
        """What ended selling in this process, or None."""
        return self._failure

    def fail(self, error: EdgeError) -> None:
        """End selling: the books are not what they should be, as somebody found who reads them. From any thread."""
        self._stop(error)

    def submit(self, operation: Operation, waiter: Waiter | None) -> None:
        """Queue an operation; its answer, or ``LedgerUnavailable``, is set on ``waiter``."""
        self._queue.put((operation, waiter))
        if self._ended:  # the thread may have emptied the queue before this ticket was in it
            self._refuse_the_rest()

    def confirm(self, position: Position) -> None:
        """Note that the page an entry paid for has arrived; written with the others, a second late at most."""
        self._confirmed.put(position)

    def close(self) -> None:
        """Write what has queued up, the marks too, and end the thread; more operations are refused."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        try:
            closing = False
            while not closing:
                tickets, closing = self._collect(TICK_SECONDS)
                self._serve(tickets)
                self._keep_house()
            self._finish()
        except Exception as error:
            # A mistake of ours where money is moved: nothing more is sold until somebody has looked.
            self._stop(_as_broken(error))
        finally:
            self._ended = True
            self._refuse_the_rest()

    def _collect(self, patience_seconds: float) -> tuple[list[Ticket], bool]:
        """Wait for one ticket, then take all that are there, up to the limit; True when asked to close."""
        tickets: list[Ticket] = []
        try:
            ticket = self._queue.get(timeout=patience_seconds)
            while ticket is not None:
                tickets.append(ticket)
                if len(tickets) >= self._batch_limit:
                    return tickets, False
                ticket = self._queue.get_nowait()
        except Empty:
            return tickets, False
        return tickets, True

    def _serve(self, tickets: Sequence[Ticket]) -> None:
        wanted = [ticket for ticket in tickets if ticket[1] is None or not ticket[1].cancelled()]
        if wanted:
            answers = self._write([operation for operation, _ in wanted])
            _deliver(zip((waiter for _, waiter in wanted), answers, strict=True), self._orphaned)

    def _write(self, operations: Sequence[Operation]) -> Sequence[Answer | EdgeError]:
        """Write one batch; what befalls the whole batch becomes everybody's answer."""
        self._take_confirmations()
        if self._failure is not None or time.monotonic() < self._out_until:
            return _unavailable("the ledger cannot be written just now", len(operations))
        try:
            answers = self._writer.write(operations)
        except StorageFailed as error:
            self._stop(error)
        except LedgerUnavailable as error:
            self._note_outage(error)
        except Exception as error:
            self._stop(_as_broken(error))
        else:
            self._out = False
            return answers
        return _unavailable("the ledger cannot be written just now", len(operations))

    def _stop(self, error: EdgeError) -> None:
        self._failure = error
        self._report(error)

    def _note_outage(self, error: LedgerUnavailable) -> None:
        self._out_until = time.monotonic() + OUTAGE_PAUSE_SECONDS
        if not self._out:
            self._out = True
            self._report(error)

    def _keep_house(self) -> None:
        """Write marks, renew the lease and resolve what dead processes left, each when due."""
        now = time.monotonic()
        if now < min(self._marks_due, self._lease_due) or now < self._out_until or self._failure is not None:
            return
        try:
            if now >= self._marks_due:
                self._marks_due = now + MARKS_EVERY_SECONDS
                self._take_confirmations()
                self._writer.write_marks()
            if now >= self._lease_due:
                self._lease_due = now + LEASE_EVERY_SECONDS
                self._writer.renew_lease()
                self._recover()
        except StorageFailed as error:
            self._stop(error)
        except LedgerUnavailable as error:
            self._note_outage(error)

    def _finish(self) -> None:
        """Write what came in while closing, and the last marks; then nobody needs to wait for our lease."""
        while not self._queue.empty():
            tickets, _ = self._collect(0)
            self._serve(tickets)
        if self._failure is not None:
            return
        try:
            self._take_confirmations()
            self._writer.write_marks()
            self._writer.close()
        except LedgerUnavailable as error:
            self._note_outage(error)

    def _take_confirmations(self) -> None:
        positions: list[Position] = []
        while not self._confirmed.empty():
            positions.append(self._confirmed.get())
        self._writer.note_deliveries(positions)

    def _refuse_the_rest(self) -> None:
        """Answer those who came after the end."""
        while True:
            try:
                ticket = self._queue.get_nowait()
            except Empty:
                return
            if ticket is not None:
                _deliver([(ticket[1], LedgerUnavailable("the ledger has stopped"))], self._orphaned)

    def _orphaned(self, answer: object) -> None:
        """Pay back what was charged for somebody who had stopped waiting."""
        match answer:
            case Posted(fresh=True):
                key = key_of_charge_id(answer.charge_id)
                if key is None:
                    raise AssertionError(f"{answer.charge_id} is not a charge id of ours")
                self.submit(Reverse(key, NOBODY_WAITED, answer.position), None)
            case Held(fresh=True):
                self.submit(Void(answer, NOBODY_WAITED), None)
            case _:
                pass


def _unavailable(sentence: str, count: int) -> list[EdgeError]:
    """One exception for each: raised in several tasks, a shared one would collect all their tracebacks."""
    return [LedgerUnavailable(sentence) for _ in range(count)]


def _as_broken(error: Exception) -> InvariantBroken:
    if isinstance(error, InvariantBroken):
        return error
    broken = InvariantBroken(f"the ledger failed: {error!r}")
    broken.__cause__ = error
    return broken


def _deliver(pairs: Iterable[tuple[Waiter | None, object]], orphaned: Callable[[object], None]) -> None:
    """Set the answers: threads' futures here, each loop's in one call on that loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], object]]] = {}
    for waiter, answer in pairs:
        if isinstance(waiter, asyncio.Future):
            by_loop.setdefault(waiter.get_loop(), []).append((waiter, answer))
        elif waiter is not None and waiter.set_running_or_notify_cancel():
            _settle(waiter, answer)
        elif waiter is not None:
            orphaned(answer)
    for loop, answers in by_loop.items():
        try:
            loop.call_soon_threadsafe(_resolve, answers, orphaned)
        except RuntimeError:  # the loop is closed: nobody there waits any more
            for _, answer in answers:
                orphaned(answer)


def _resolve(answers: list[tuple[asyncio.Future[Any], object]], orphaned: Callable[[object], None]) -> None:
    for waiter, answer in answers:
        if waiter.done():
            orphaned(answer)
        else:
            _settle(waiter, answer)


def _settle(waiter: Waiter, answer: object) -> None:
    if isinstance(answer, EdgeError):
        waiter.set_exception(answer)
    else:
        waiter.set_result(answer)

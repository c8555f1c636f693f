"""What becomes of sold answers after their last byte: confirmed in the ledger, reversed, or put into suspense.

The same signed request may be answered twice at once, so a charge is reversed only when every sale of it in this
process has ended, from before the ledger is asked until the last acknowledgement, and none of them arrived (D1).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from edge.core.ledger import BROKEN_OFF, NOBODY_KNOWS, InvariantBroken, LedgerUnavailable, Posted, Redelivery
from edge.proxy.delivery import DeliveryWatch, Verdict

GRACE_SECONDS = 2.0
"""How long a reversal waits for other processes, whose delivery marks are written once a second."""


class DeliveryLedger(Protocol):
    """What delivery evidence tells the ledger."""

    def confirm_delivery(self, position: tuple[int, int]) -> None: ...
    def reverse(self, key: bytes, reason: str, *, position: tuple[int, int]) -> Awaitable[object]: ...
    def suspend(self, key: bytes, reason: str, *, position: tuple[int, int]) -> Awaitable[object]: ...


class WatchedConnection(Protocol):
    """A connection that can say what its peer has acknowledged."""

    deliveries: DeliveryWatch


class Answered(Protocol):
    """An exchange whose answer was sold; ``lost`` when its connection broke before all was handed over."""

    @property
    def connection(self) -> WatchedConnection | None: ...
    @property
    def lost(self) -> bool: ...


@dataclass(slots=True)
class _Open:
    """Sales of one charge that have not ended, whether one arrived, and the entry that paid for one that did not.

    ``unknown`` says that of one of them nobody knows.
    """

    count: int = 0
    arrived: bool = False
    unknown: bool = False
    lost: tuple[int, int] | None = None


@dataclass(slots=True)
class OpenDeliveries:
    """Follows the sold answers of one process to their end.

    ``report`` is told about a reversal that could not be written; the charge then keeps its free redelivery.
    """

    ledger: DeliveryLedger
    report: Callable[[str, BaseException], None]
    grace_seconds: float = GRACE_SECONDS
    _open: dict[bytes, _Open] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def selling(self, key: bytes) -> _Selling:
        """A sale is under way: until it ends, what another copy of the same request lost is not taken back."""
        return _Selling(self, key)

    def handing_over(self, answered: Answered, key: bytes, sold: Posted | Redelivery) -> _HandingOver:
        """Hand over the end of a sold answer, then follow it; what a fault of ours keeps back is reversed."""
        return _HandingOver(self, answered, key, sold)

    def watch(self, answered: Answered, key: bytes, sold: Posted | Redelivery) -> None:
        """Follow one answer whose last byte has just been handed over, or could not be any more."""
        if answered.connection is None or not isinstance(sold, Posted):
            return
        position = sold.position
        self.begin(key)
        if not answered.connection.deliveries.can_tell:
            self._arrived_for_all_we_know(key)
        elif answered.lost:
            self.ended(key, position, Verdict.BROKEN)
        else:
            answered.connection.deliveries.expect(lambda verdict: self.ended(key, position, verdict))

    def broke_off(self, key: bytes, sold: Posted) -> None:
        """An answer that nothing was held for could not be completed: what its entry granted is taken back."""
        self.begin(key)
        self.ended(key, sold.position, Verdict.BROKEN)

    def ended(self, key: bytes, position: tuple[int, int], verdict: Verdict) -> None:
        """It is known what became of an answer that was waited for."""
        charge = self._open[key]
        match verdict:
            case Verdict.DELIVERED:
                charge.arrived = True
                self.ledger.confirm_delivery(position)
            case Verdict.BROKEN:
                charge.lost = position
            case Verdict.UNKNOWN:
                charge.unknown, charge.lost = True, position
        self.end(key)

    def _arrived_for_all_we_know(self, key: bytes) -> None:
        """Where the system never tells, the entry says so, and nothing is taken back."""
        self._open[key].arrived = True
        self.end(key)

    def begin(self, key: bytes) -> None:
        """One more sale of this charge is to be waited for."""
        charge = self._open.get(key)
        if charge is None:
            self._open[key] = _Open(1)
        else:
            charge.count += 1

    def end(self, key: bytes) -> None:
        """One of them has ended; the last one decides."""
        charge = self._open[key]
        charge.count -= 1
        if charge.count:
            return
        del self._open[key]
        if charge.lost is not None and not charge.arrived:
            task = asyncio.get_running_loop().create_task(self._take_back(key, charge.lost, charge.unknown))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _take_back(self, key: bytes, position: tuple[int, int], unknown: bool) -> None:
        # Another process may be delivering the same charge just now: what it confirms is not taken back.
        await asyncio.sleep(self.grace_seconds)
        again = self._open.get(key)
        if again is not None:  # another copy has come in: what becomes of it decides
            again.lost, again.unknown = again.lost or position, again.unknown or unknown
            return
        try:
            if unknown:
                await self.ledger.suspend(key, NOBODY_KNOWS, position=position)
            else:
                await self.ledger.reverse(key, BROKEN_OFF, position=position)
        except (LedgerUnavailable, InvariantBroken) as error:
            self.report(key.hex(), error)

    async def finish(self) -> None:
        """Wait for the reversals under way; part of a graceful stop."""
        while self._tasks:
            await asyncio.gather(*self._tasks)


# The two ``with`` blocks that every sale goes through: classes, because generators cost twice as much.


class _Selling:
    __slots__ = ("_deliveries", "_key")

    def __init__(self, deliveries: OpenDeliveries, key: bytes) -> None:
        self._deliveries = deliveries
        self._key = key

    def __enter__(self) -> None:
        self._deliveries.begin(self._key)

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._deliveries.end(self._key)


class _HandingOver:
    __slots__ = ("_answered", "_deliveries", "_key", "_sold")

    def __init__(self, deliveries: OpenDeliveries, answered: Answered, key: bytes, sold: Posted | Redelivery) -> None:
        self._deliveries = deliveries
        self._answered = answered
        self._key = key
        self._sold = sold

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None:
            self._deliveries.watch(self._answered, self._key, self._sold)
        elif isinstance(error, Exception) and isinstance(self._sold, Posted):
            self._deliveries.begin(self._key)
            self._deliveries.ended(self._key, self._sold.position, Verdict.BROKEN)

"""Looks after every connection of one port, four times a second: timers per request would cost more than they save."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar

import structlog

from edge.proxy.connection_limits import ConnectionRoom, Limit
from edge.proxy.transfer_rates import TransferLimits

WATCH_SECONDS = 0.25
LOOKS_AT_ONCE = 200
"""Connections of a round between two turns of everybody else: thousands of idle ones must not hold up one that pays."""
TELL_SECONDS = 60.0

log = structlog.get_logger("farebox.connections")


class Watched(Protocol):
    """A connection that the watchman looks after."""

    def look(self, now: float, limits: TransferLimits) -> Limit | None:
        """One round at ``now``, the event loop's clock; the limit that ended the connection or its request."""


Connection = TypeVar("Connection", bound=Watched)


class LimitCounts:
    """Connections that met a limit, by port and limit, since the start; the log has a line about them at most a minute.

    Strangers decide how many there are, so they never get a line each.
    """

    def __init__(self) -> None:
        self.totals: Counter[tuple[str, Limit]] = Counter()
        self._told: Counter[tuple[str, Limit]] = Counter()

    def at(self, port: str) -> Callable[[Limit], None]:
        """What counts one more at a port."""

        def count(limit: Limit) -> None:
            self.totals[port, limit] += 1

        return count

    async def run(self) -> None:
        """Tell every minute, and when cancelled."""
        try:
            while True:
                await asyncio.sleep(TELL_SECONDS)
                self.tell()
        finally:
            self.tell()

    def tell(self) -> None:
        """Log what was counted since the last time."""
        new = self.totals - self._told
        if new:
            log.warning(
                "limits ended connections", **{f"{port}_{what}": number for (port, what), number in new.items()}
            )
            self._told = self.totals.copy()


class Watchman(Generic[Connection]):
    """One port's: header deadline, transfer rates, open deliveries, and who is turned away."""

    def __init__(self, limits: TransferLimits, room: ConnectionRoom) -> None:
        self.connections: set[Connection] = set()
        self.room = room
        self._limits = limits

    async def run(self) -> None:
        """Walk the rounds until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            for _ in self._round(loop.time()):
                await asyncio.sleep(0)

    def look(self, now: float) -> None:
        """One round at ``now`` (the event loop's clock), all at once."""
        for _ in self._round(now):
            pass

    def _round(self, now: float) -> Iterator[None]:
        """Look at every connection, with a pause after so many; who was lost in a pause is passed over."""
        for number, connection in enumerate(tuple(self.connections), 1):
            if connection in self.connections:
                limit = connection.look(now, self._limits)
                if limit is not None:
                    self.room.met(limit)
            if not number % LOOKS_AT_ONCE:
                yield
        self.room.look(now)

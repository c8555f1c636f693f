"""The watchman looks after every connection, and the log hears of limits without a line for each."""

from __future__ import annotations

import asyncio

from structlog.testing import capture_logs

from edge.proxy.connection_limits import ConnectionLimits, ConnectionRoom, Limit
from edge.proxy.transfer_rates import TransferLimits
from edge.proxy.watchman import LOOKS_AT_ONCE, LimitCounts, Watchman

LIMITS = TransferLimits(10.0, 30.0, 500, 900.0)


class Slow:
    """A connection that meets a limit in its second round, and is lost then."""

    def __init__(self, watchman: Watchman[Slow]) -> None:
        self._watchman = watchman
        self._rounds = 0

    def look(self, now: float, limits: TransferLimits) -> Limit | None:
        self._rounds += 1
        if self._rounds < 2:
            return None
        self._watchman.connections.discard(self)
        return Limit.SLOW_HEAD


def test_limits_are_counted_by_port_and_told_in_one_line() -> None:
    counts = LimitCounts()
    room = ConnectionRoom(ConnectionLimits(1, 1), lambda: b"", counts.at("edge"))
    watchman: Watchman[Slow] = Watchman(LIMITS, room)
    watchman.connections.update({Slow(watchman), Slow(watchman)})
    for now in range(3):
        watchman.look(float(now))
    counts.at("admin")(Limit.TOTAL)
    assert counts.totals == {("edge", Limit.SLOW_HEAD): 2, ("admin", Limit.TOTAL): 1}
    with capture_logs() as lines:
        counts.tell()
        counts.tell()
        counts.at("edge")(Limit.SLOW_HEAD)
        counts.tell()
    told = {"event": "limits ended connections", "log_level": "warning"}
    assert lines == [told | {"edge_slow_head": 2, "admin_total_limit": 1}, told | {"edge_slow_head": 1}]


class Counted:
    """A connection that is only counted; ``looked`` and ``seen`` are shared by all of a test."""

    def __init__(self, looked: list[Counted], seen: asyncio.Event) -> None:
        self._looked = looked
        self._seen = seen

    def look(self, now: float, limits: TransferLimits) -> Limit | None:
        self._looked.append(self)
        self._seen.set()
        return None


def test_a_round_gives_way_to_everybody_else_and_passes_over_who_is_lost_meanwhile() -> None:
    looked: list[Counted] = []
    seen = asyncio.Event()
    room = ConnectionRoom(ConnectionLimits(1, 1), lambda: b"", LimitCounts().at("edge"))
    watchman: Watchman[Counted] = Watchman(LIMITS, room)
    watchman.connections.update(Counted(looked, seen) for _ in range(3 * LOOKS_AT_ONCE))

    async def lose_the_rest_within_the_first_round() -> None:
        rounds = asyncio.create_task(watchman.run())
        await seen.wait()  # over in the first pause
        watchman.connections.intersection_update(looked)
        seen.clear()
        await seen.wait()
        rounds.cancel()

    asyncio.run(lose_the_rest_within_the_first_round())
    assert len(looked) == 2 * LOOKS_AT_ONCE
    assert set(looked[:LOOKS_AT_ONCE]) == set(looked[LOOKS_AT_ONCE:])  # the second round has only who is left

"""The watchman looks after every connection, and the log hears of limits without a line for each."""

from __future__ import annotations

from structlog.testing import capture_logs

from edge.proxy.connection_limits import ConnectionLimits, ConnectionRoom, Limit
from edge.proxy.transfer_rates import TransferLimits
from edge.proxy.watchman import LimitCounts, Watchman

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

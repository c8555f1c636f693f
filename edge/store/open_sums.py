"""What of a crawler's money is neither spent nor free: set aside for pages under way, or in suspense.

Nothing stays so for long: a hold is concluded when its node is recovered, suspense ends after a day. So a week of
entries is read, not all there are.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, exists, func, literal_column, select

from edge.core.ledger import EntryKind, Step
from edge.store.tables import entry

LOOKED_BACK_MICROS = 7 * 86_400_000_000
# Literals, so that the planner sees that the partial indexes fit.
_HOLD = entry.c.kind == literal_column("'hold'")
_SUSPEND = entry.c.kind == literal_column("'suspend'")


@dataclass(frozen=True, slots=True)
class OpenSum:
    """How much is set aside, and how much waits until it is known whether a page arrived, in micro-units."""

    held: int
    held_micros: int
    suspended: int
    suspended_micros: int


def open_sums(connection: Connection, crawler_id: int, now_micros: int) -> dict[str, OpenSum]:
    """The open sums of one crawler by currency; currencies without any are left out."""
    assert EntryKind.HOLD.value == "hold"
    assert EntryKind.SUSPEND.value == "suspend"
    recent = (entry.c.crawler_id == crawler_id) & (entry.c.recorded_at_micros >= now_micros - LOOKED_BACK_MICROS)
    held = _sums(connection, recent & _HOLD, (Step.RESOLVE,))
    waiting = _sums(connection, recent & _SUSPEND, (Step.RELEASE, Step.REVERSE))
    nothing = (0, 0)
    return {each: OpenSum(*held.get(each, nothing), *waiting.get(each, nothing)) for each in held.keys() | waiting}


def _sums(connection: Connection, where: ColumnElement[bool], ended_by: tuple[Step, ...]) -> dict[str, tuple[int, int]]:
    later = entry.alias("later")
    ended = exists().where(
        later.c.key == entry.c.key,
        later.c.attempt == entry.c.attempt,
        later.c.step.in_([step.value for step in ended_by]),
    )
    query = (
        select(entry.c.currency, func.count(), func.sum(entry.c.amount_micros))
        .where(where, ~ended)
        .group_by(entry.c.currency)
    )
    return {currency: (int(count), int(amount)) for currency, count, amount in connection.execute(query)}

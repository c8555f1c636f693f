"""Sum up each day of the books once it is over, so that screens read days and not entries.

Rules of this file
- A day is summed ``MARGIN_MICROS`` after its end: by then no writer records anything in it any more.
- The sums are read first and written after, in two transactions, so that the ledger does not wait for the reading. The
  mark moves by a conditional statement in the transaction that writes: of two processes one writes, the other nothing.
- Of a site's pages a day keeps the ``PAGES_MAX`` that earned most; the rest are one row, so that no crawler can make
  this table grow beyond that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, case, func, insert, select, update

from edge.core.ledger import EntryKind
from edge.store.database import Database
from edge.store.earned_sums import AMOUNT, COUNTED, PAGES, REVERSED, path_of
from edge.store.insertion import insert_new
from edge.store.moved_days import read_day, summed_until
from edge.store.tables import earned_day, earned_page_day, earned_until, entry, moved_day, opened_day

DAY_MICROS = 86_400_000_000
MARGIN_MICROS = 3_600_000_000
PAGES_MAX = 1_000
OTHER_PAGES = "*"


@dataclass(frozen=True, slots=True)
class _Day:
    """The rows of one day, for each table."""

    earned: list[dict[str, Any]]
    pages: list[dict[str, Any]]
    opened: list[dict[str, Any]]
    moved: list[dict[str, Any]]


def sum_next_day(database: Database, now_micros: int) -> bool:
    """Sum up the oldest day that is over and not summed yet; False when there is none."""
    with database.read() as connection:
        seen = summed_until(connection)
        day = seen or _first_day(connection)
        if day is None or day + DAY_MICROS + MARGIN_MICROS > now_micros:
            return False
        # Days in which nothing was recorded need no reading of their own.
        day = max(day, _first_day(connection, day) or now_micros // DAY_MICROS * DAY_MICROS)
        if day + DAY_MICROS + MARGIN_MICROS > now_micros:
            rows, until = _Day([], [], [], []), (now_micros - MARGIN_MICROS) // DAY_MICROS * DAY_MICROS
        else:
            rows, until = _read(connection, day), day + DAY_MICROS
    with database.write() as connection:
        return _write(connection, rows, seen, until)


def _first_day(connection: Connection, since_micros: int = 0) -> int | None:
    """The day of the first entry from a time on."""
    at = select(func.min(entry.c.recorded_at_micros)).where(entry.c.recorded_at_micros >= since_micros)
    found: int | None = connection.execute(at).scalar_one()
    return None if found is None else found - found % DAY_MICROS


def _read(connection: Connection, day: int) -> _Day:
    recorded = entry.c.recorded_at_micros
    of_day = (recorded >= day) & (recorded < day + DAY_MICROS) & entry.c.kind.in_(COUNTED)
    of_day &= entry.c.publisher_id.is_not(None)
    place = (entry.c.publisher_id, func.coalesce(entry.c.site_id, 0).label("place"), entry.c.currency)
    payer = (func.coalesce(entry.c.crawler_id, 0).label("payer"), func.coalesce(entry.c.rule, "").label("priced_by"))
    path = func.coalesce(path_of(connection), "").label("path")
    sums = (PAGES, REVERSED, AMOUNT)
    # By their names: PostgreSQL takes two texts of one expression with parameters for two expressions.
    by_rule = select(*place, *payer, *sums).group_by("publisher_id", "place", "currency", "payer", "priced_by")
    by_page = select(*place, path, *sums).group_by("publisher_id", "place", "currency", "path")
    earned = [_row(earned_day.columns.keys(), day, row) for row in connection.execute(by_rule.where(of_day))]
    pages = [_row(earned_page_day.columns.keys(), day, row) for row in connection.execute(by_page.where(of_day))]
    return _Day(earned, _cut(pages), _opened(connection, day), read_day(connection, day))


def _opened(connection: Connection, day: int) -> list[dict[str, Any]]:
    recorded = entry.c.recorded_at_micros
    keys = [entry.c[name] for name in ("publisher_id", "site_id", "currency", "crawler_id", "rule")]
    posted = case((entry.c.kind == EntryKind.POST.value, 1), else_=0)
    query = (
        select(*keys, func.sum(posted), func.sum(posted * entry.c.amount_micros), func.sum(1 - posted))
        .where(recorded >= day, recorded < day + DAY_MICROS)
        .where(entry.c.kind.in_((EntryKind.POST.value, EntryKind.GRANT.value)))
        .group_by(*keys)
    )
    return [_row(opened_day.columns.keys(), day, row) for row in connection.execute(query)]


def _row(names: list[str], day: int, found: Any) -> dict[str, Any]:
    publisher_id, *rest = found
    numbers = [int(str(value)) for value in rest[-3:]]
    return dict(zip(names, (publisher_id, day, *rest[:-3], *numbers), strict=True))


def _cut(pages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """At most ``PAGES_MAX`` rows for each site and currency, and one for the rest."""
    by_place: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for page in pages:
        by_place.setdefault((page["publisher_id"], page["site_id"], page["currency"]), []).append(page)
    kept = []
    for found in by_place.values():
        found.sort(key=lambda page: (-page["amount_micros"], page["path"]))
        kept += found[:PAGES_MAX]
        if others := found[PAGES_MAX:]:
            sums = {name: sum(page[name] for page in others) for name in ("pages", "reversed_pages", "amount_micros")}
            kept.append(others[0] | sums | {"path": OTHER_PAGES})
    return kept


def _write(connection: Connection, rows: _Day, seen: int, until: int) -> bool:
    insert_new(connection, earned_until, {"id": 1, "until_micros": 0})
    here = (earned_until.c.id == 1) & (earned_until.c.until_micros == seen)
    if connection.execute(update(earned_until).where(here).values(until_micros=until)).rowcount != 1:
        return False  # another process has just written it
    written = (
        *((earned_day, rows.earned), (earned_page_day, rows.pages), (opened_day, rows.opened)),
        (moved_day, rows.moved),
    )
    for table, values in written:
        if values:
            connection.execute(insert(table), values)
    return True

"""What a publisher earned or a crawler spent, summed for people's screens: by day, crawler, page, rule and site.

Rules of this file
- Days that are over are read as they were summed then (``earned_days``), the rest from the entries; together they are
  what the entries alone would give (a property test holds this).
- Amounts of different currencies are never added: every sum is in one.
- The publisher, site or crawler is always a condition of the statement, so that no sum can hold another's money.
- What a crawler spent is what publishers earned of it, so both sides read the same numbers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, func, literal_column, select, union_all

from edge.store.earned_days import OTHER_PAGES
from edge.store.earned_sums import AMOUNT, COUNTED, GIVEN, PAGES, REVERSED, path_of
from edge.store.moved_days import summed_until
from edge.store.tables import crawler, earned_day, earned_page_day, entry, site

DAY_MICROS = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Earned:
    """A sum: pages paid, pages given back, and what remains in micro-units of one currency."""

    currency: str
    pages: int
    reversed_pages: int
    amount_micros: int


@dataclass(frozen=True, slots=True)
class Period:
    """From ``since_micros`` on, up to but not including ``until_micros`` (microseconds since the epoch, UTC)."""

    since_micros: int
    until_micros: int


@dataclass(frozen=True, slots=True)
class CrawlerEarned:
    """What one crawler paid."""

    crawler_id: int
    name: str
    operator: str
    earned: Earned


@dataclass(frozen=True, slots=True)
class PageEarned:
    """What one page earned; ``path`` is its canonical path, whatever the query was."""

    host: str
    path: str
    earned: Earned


def earned_by_currency(connection: Connection, publisher_id: int, period: Period) -> dict[str, Earned]:
    """A publisher's sums, one for each currency there was."""
    found = _fold(
        connection,
        period,
        select(entry.c.currency, *_SUMS).where(entry.c.publisher_id == publisher_id).group_by(entry.c.currency),
        select(_days.currency, *_DAY_SUMS).where(_days.publisher_id == publisher_id).group_by(_days.currency),
    )
    return {currency: Earned(currency, *sums) for (currency,), sums in sorted(found.items())}


def earned_by_crawler(
    connection: Connection, publisher_id: int, currency: str, period: Period, limit: int
) -> list[CrawlerEarned]:
    """The crawlers that paid most."""
    found = _fold(
        connection,
        period,
        select(entry.c.crawler_id, *_SUMS)
        .where(entry.c.publisher_id == publisher_id, entry.c.currency == currency, entry.c.crawler_id.is_not(None))
        .group_by(entry.c.crawler_id),
        select(_days.crawler_id, *_DAY_SUMS)
        .where(_days.publisher_id == publisher_id, _days.currency == currency, _days.crawler_id != 0)
        .group_by(_days.crawler_id),
    )
    first = sorted(found.items(), key=lambda one: (-one[1].amount_micros, one[0]))[:limit]
    names = {
        row.id: row for row in connection.execute(select(crawler).where(crawler.c.id.in_([key for (key,), _ in first])))
    }
    return [
        CrawlerEarned(key, names[key].name, names[key].operator, Earned(currency, *sums))
        for (key,), sums in first
        if key in names
    ]


def earned_by_day_and_crawler(
    connection: Connection, publisher_id: int, period: Period
) -> dict[tuple[str, int, int], Earned]:
    """A publisher's sums by currency, day (counted from 0 at the period's start) and crawler id (0 for none)."""
    assert period.since_micros % DAY_MICROS == 0, "days are counted from a day's start"
    length: ColumnElement[int] = literal_column(str(DAY_MICROS))
    begins: ColumnElement[int] = literal_column(str(period.since_micros))
    payer = func.coalesce(entry.c.crawler_id, literal_column("0")).label("payer")
    found = _fold(
        connection,
        period,
        select(entry.c.currency, ((entry.c.recorded_at_micros - begins) // length).label("day"), payer, *_SUMS)
        .where(entry.c.publisher_id == publisher_id)
        .group_by(entry.c.currency, "day", "payer"),
        select(_days.currency, ((_days.day_micros - begins) // length).label("day"), _days.crawler_id, *_DAY_SUMS)
        .where(_days.publisher_id == publisher_id)
        .group_by(_days.currency, "day", _days.crawler_id),
    )
    return {
        (currency, int(day), int(crawler_id)): Earned(currency, *sums)
        for (currency, day, crawler_id), sums in found.items()
    }


def earned_by_page(
    connection: Connection, publisher_id: int, currency: str, period: Period, limit: int
) -> list[PageEarned]:
    """The pages that earned most; what differs in its query alone is one page."""
    statements = _by_page(connection, publisher_id, None, currency, period)
    if not statements:
        return []
    parts = union_all(*statements).subquery().c
    sums = [func.sum(parts[name]).label(name) for name in _Sums._fields]
    first = (
        select(site.c.host, parts.path, *sums)
        .join_from(site, parts.path.table, parts.place == site.c.id)
        .where(parts.path != OTHER_PAGES)
        .group_by(site.c.host, parts.path)
        .order_by(sums[-1].desc(), site.c.host, parts.path)
    )
    rows = connection.execute(first.limit(limit))
    return [PageEarned(host, path or "/", Earned(currency, *_whole(counts))) for host, path, *counts in rows]


def earned_by_path(
    connection: Connection, publisher_id: int, site_id: int, currency: str, period: Period, prefix: str = ""
) -> dict[str, Earned]:
    """A site's sums by path, of those that begin so; ``*`` is the path of what pages earned that were not among a day's
    first (``earned_days``).
    """
    found = _added(connection, _by_page(connection, publisher_id, site_id, currency, period, prefix))
    return {path: Earned(currency, *sums) for (_, path), sums in found.items()}


def earned_by_rule(connection: Connection, site_id: int, currency: str, period: Period) -> dict[str, Earned]:
    """A site's sums by the name of the rule that priced them."""
    found = _fold(
        connection,
        period,
        select(func.coalesce(entry.c.rule, literal_column("''")).label("priced_by"), *_SUMS)
        .where(entry.c.site_id == site_id, entry.c.currency == currency)
        .group_by("priced_by"),
        select(_days.rule, *_DAY_SUMS).where(_days.site_id == site_id, _days.currency == currency).group_by(_days.rule),
    )
    return {name: Earned(currency, *sums) for (name,), sums in found.items()}


def earned_by_crawler_on_site(connection: Connection, site_id: int, currency: str, period: Period) -> dict[str, Earned]:
    """A site's sums by the name of the crawler that paid."""
    found = _fold(
        connection,
        period,
        select(entry.c.crawler_id, *_SUMS)
        .where(entry.c.site_id == site_id, entry.c.currency == currency, entry.c.crawler_id.is_not(None))
        .group_by(entry.c.crawler_id),
        select(_days.crawler_id, *_DAY_SUMS)
        .where(_days.site_id == site_id, _days.currency == currency, _days.crawler_id != 0)
        .group_by(_days.crawler_id),
    )
    names = {row.id: row.name for row in connection.execute(select(crawler.c.id, crawler.c.name))}
    return {names[key]: Earned(currency, *sums) for (key,), sums in found.items() if key in names}


def spent_by_currency(connection: Connection, crawler_id: int, period: Period) -> dict[str, Earned]:
    """A crawler's sums, one for each currency there was."""
    found = _fold(
        connection,
        period,
        select(entry.c.currency, *_SUMS).where(entry.c.crawler_id == crawler_id).group_by(entry.c.currency),
        select(_days.currency, *_DAY_SUMS).where(_days.crawler_id == crawler_id).group_by(_days.currency),
    )
    return {currency: Earned(currency, *sums) for (currency,), sums in sorted(found.items())}


def spent_by_day(connection: Connection, crawler_id: int, currency: str, period: Period) -> dict[int, Earned]:
    """A crawler's sums by day, counted from 0 at the period's start; days without any are left out."""
    assert period.since_micros % DAY_MICROS == 0, "days are counted from a day's start"
    length: ColumnElement[int] = literal_column(str(DAY_MICROS))
    begins: ColumnElement[int] = literal_column(str(period.since_micros))
    found = _fold(
        connection,
        period,
        select(((entry.c.recorded_at_micros - begins) // length).label("day"), *_SUMS)
        .where(entry.c.crawler_id == crawler_id, entry.c.currency == currency)
        .group_by("day"),
        select(((_days.day_micros - begins) // length).label("day"), *_DAY_SUMS)
        .where(_days.crawler_id == crawler_id, _days.currency == currency)
        .group_by("day"),
    )
    return {int(day): Earned(currency, *sums) for (day,), sums in found.items()}


def spent_by_site(
    connection: Connection, crawler_id: int, currency: str, period: Period, limit: int
) -> list[tuple[str, Earned]]:
    """The sites at which a crawler spent most, by host."""
    found = _fold(
        connection,
        period,
        select(entry.c.site_id, *_SUMS)
        .where(entry.c.crawler_id == crawler_id, entry.c.currency == currency, entry.c.site_id.is_not(None))
        .group_by(entry.c.site_id),
        select(_days.site_id, *_DAY_SUMS)
        .where(_days.crawler_id == crawler_id, _days.currency == currency, _days.site_id != 0)
        .group_by(_days.site_id),
    )
    first = sorted(found.items(), key=lambda one: (-one[1].amount_micros, one[0]))[:limit]
    hosts = {row.id: row.host for row in connection.execute(select(site.c.id, site.c.host))}
    return [(hosts[key], Earned(currency, *sums)) for (key,), sums in first]


def first_page_at(connection: Connection, publisher_id: int) -> int | None:
    """When the publisher's first page was paid or granted, in microseconds since the epoch; None before."""
    recorded = entry.c.recorded_at_micros
    first = select(recorded).where(entry.c.publisher_id == publisher_id, entry.c.kind.in_(GIVEN))
    found: int | None = connection.execute(first.order_by(recorded).limit(1)).scalar_one_or_none()
    return found


def has_earned(connection: Connection, publisher_id: int, period: Period) -> bool:
    """Whether anything was paid in the period; stops at the first page."""
    recorded = entry.c.recorded_at_micros
    query = select(entry.c.number).where(recorded >= period.since_micros, recorded < period.until_micros)
    query = query.where(entry.c.publisher_id == publisher_id, entry.c.kind.in_(COUNTED))
    return connection.execute(query.limit(1)).first() is not None


# Days that are summed, and entries for the rest


class _Sums(NamedTuple):
    """Pages, pages given back, and the amount; in the order of ``Earned``."""

    pages: int
    reversed_pages: int
    amount_micros: int


_Statement = Select[*tuple[Any, ...]]
_days = earned_day.c
_SUMS = (PAGES, REVERSED, AMOUNT)
_DAY_SUMS = (func.sum(_days.pages), func.sum(_days.reversed_pages), func.sum(_days.amount_micros))


def _by_page(
    connection: Connection, publisher_id: int, site_id: int | None, currency: str, period: Period, prefix: str = ""
) -> list[_Statement]:
    """Statements that together have every sum by ``place`` (a site's id) and ``path``, each of them once or more."""
    page = earned_page_day.c
    place = func.coalesce(entry.c.site_id, literal_column("0")).label("place")
    path = path_of(connection)
    sums = (sum_.label(name) for sum_, name in zip(_SUMS, _Sums._fields, strict=True))
    of_entries = select(place, path.label("path"), *sums).group_by("place", "path")
    of_entries = of_entries.where(entry.c.publisher_id == publisher_id, entry.c.currency == currency)
    day_sums = (func.sum(page[name]).label(name) for name in _Sums._fields)
    of_days = select(page.site_id.label("place"), page.path, *day_sums).group_by(page.site_id, page.path)
    of_days = of_days.where(page.publisher_id == publisher_id, page.currency == currency)
    if site_id is not None:
        of_entries, of_days = of_entries.where(entry.c.site_id == site_id), of_days.where(page.site_id == site_id)
    if prefix:
        of_entries = of_entries.where(func.substr(path, 1, len(prefix)) == prefix)
        of_days = of_days.where(func.substr(page.path, 1, len(prefix)) == prefix)
    return _parts(connection, period, of_entries, of_days, page.day_micros)


def _fold(
    connection: Connection, period: Period, of_entries: _Statement, of_days: _Statement
) -> dict[tuple[Any, ...], _Sums]:
    """The sums of a period by what stands before them in both statements."""
    return _added(connection, _parts(connection, period, of_entries, of_days, _days.day_micros))


def _parts(
    connection: Connection, period: Period, of_entries: _Statement, of_days: _Statement, day: ColumnElement[int]
) -> list[_Statement]:
    """The statements that make a period: whole days from the days, the rest from the entries."""
    first = -(-period.since_micros // DAY_MICROS) * DAY_MICROS
    last = min(period.until_micros // DAY_MICROS * DAY_MICROS, summed_until(connection))
    recorded = entry.c.recorded_at_micros
    statements = []
    if first < last:
        statements.append(of_days.where(day >= first, day < last))
        rests = [(period.since_micros, first), (last, period.until_micros)]
    else:
        rests = [(period.since_micros, period.until_micros)]
    for since, until in rests:
        if since < until:
            counted = entry.c.kind.in_(COUNTED) & entry.c.publisher_id.is_not(None)
            statements.append(of_entries.where(recorded >= since, recorded < until, counted))
    return statements


def _added(connection: Connection, statements: Iterable[_Statement]) -> dict[tuple[Any, ...], _Sums]:
    """The rows of all of them, added up by their keys; a key that is None for nothing comes out as an empty text."""
    found: dict[tuple[Any, ...], _Sums] = {}
    for statement in statements:
        for *keys, pages, reversed_pages, amount in connection.execute(statement):
            key = tuple("" if one is None else one for one in keys)
            before = found.get(key, _Sums(0, 0, 0))
            found[key] = _Sums(
                *(old + new for old, new in zip(before, _whole((pages, reversed_pages, amount)), strict=True))
            )
    return found


def _whole(counts: Iterable[Any]) -> tuple[int, ...]:
    """PostgreSQL sums bigints into numerics; they are whole numbers all the same."""
    return tuple(int(str(one)) for one in counts)

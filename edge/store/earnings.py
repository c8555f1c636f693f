"""What a publisher earned, summed for people's screens: by day, crawler, page and rule.

Rules of this file
- Earned is what was posted, settled or released, less what was suspended, reversed or given back by a credit note,
  each at its own time, as in the month's report. A reversal out of suspense takes nothing from the publisher.
- Amounts of different currencies are never added: every sum is in one.
- The publisher or site is always a condition of the statement, so that no sum can hold another's money.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, case, func, select

from edge.core.ledger import EntryKind
from edge.store.tables import account, crawler, entry, site

DAY_MICROS = 86_400_000_000
WEEK_MICROS = 7 * DAY_MICROS

_PAID = (EntryKind.POST.value, EntryKind.SETTLE.value)
_GIVEN = (*_PAID, EntryKind.GRANT.value)
_EARNING = (*_PAID, EntryKind.RELEASE.value)
_COUNTED = (*_EARNING, EntryKind.SUSPEND.value, EntryKind.REVERSE.value, EntryKind.ADJUST.value)
_OURS = select(account.c.id).where(account.c.owner_kind == "internal").scalar_subquery()
_PAYS = select(account.c.id).where(account.c.owner_kind == "crawler").scalar_subquery()
_EARNS = entry.c.kind.in_(_EARNING)
_GIVES_BACK = (entry.c.kind == EntryKind.REVERSE.value) & entry.c.debit_account.not_in(_OURS)
_WAITS = entry.c.kind == EntryKind.SUSPEND.value
_CREDIT_NOTE = (entry.c.kind == EntryKind.ADJUST.value) & entry.c.credit_account.in_(_PAYS)
_DEBIT_NOTE = (entry.c.kind == EntryKind.ADJUST.value) & entry.c.debit_account.in_(_PAYS)
_AMOUNT = func.sum(
    case(
        (_EARNS | _DEBIT_NOTE, entry.c.amount_micros),
        (_WAITS | _GIVES_BACK | _CREDIT_NOTE, -entry.c.amount_micros),
        else_=0,
    )
)
_PAGES = func.sum(case((_EARNS, 1), (_WAITS, -1), else_=0))
_REVERSED = func.sum(case((_GIVES_BACK, 1), else_=0))


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
    rows = connection.execute(
        select(entry.c.currency, _PAGES, _REVERSED, _AMOUNT).where(_of(publisher_id, period)).group_by(entry.c.currency)
    )
    return {row[0]: _earned(*row) for row in rows}


def earned_by_day(connection: Connection, publisher_id: int, currency: str, period: Period) -> dict[int, Earned]:
    """A publisher's sums by day, counted from 0 at the period's start; days without any are left out."""
    day = ((entry.c.recorded_at_micros - period.since_micros) // DAY_MICROS).label("day")
    rows = connection.execute(
        select(day, _PAGES, _REVERSED, _AMOUNT)
        .where(_of(publisher_id, period), entry.c.currency == currency)
        .group_by("day")
    )
    return {int(number): _earned(currency, *sums) for number, *sums in rows}


def earned_by_crawler(
    connection: Connection, publisher_id: int, currency: str, period: Period, limit: int
) -> list[CrawlerEarned]:
    """The crawlers that paid most."""
    rows = connection.execute(
        select(entry.c.crawler_id, crawler.c.name, crawler.c.operator, _PAGES, _REVERSED, _AMOUNT.label("amount"))
        .join(crawler, crawler.c.id == entry.c.crawler_id)
        .where(_of(publisher_id, period), entry.c.currency == currency)
        .group_by(entry.c.crawler_id, crawler.c.name, crawler.c.operator)
        .order_by(_AMOUNT.desc(), entry.c.crawler_id)
        .limit(limit)
    )
    return [CrawlerEarned(key, name, operator, _earned(currency, *sums)) for key, name, operator, *sums in rows]


def earned_by_page(
    connection: Connection, publisher_id: int, currency: str, period: Period, limit: int
) -> list[PageEarned]:
    """The pages that earned most; what differs in its query alone is one page."""
    path = _path(connection).label("path")
    rows = connection.execute(
        select(site.c.host, path, _PAGES, _REVERSED, _AMOUNT)
        .join(site, site.c.id == entry.c.site_id)
        .where(_of(publisher_id, period), entry.c.currency == currency)
        .group_by(site.c.host, "path")
        .order_by(_AMOUNT.desc(), site.c.host, "path")
        .limit(limit)
    )
    return [PageEarned(host, found or "/", _earned(currency, *sums)) for host, found, *sums in rows]


def _path(connection: Connection) -> ColumnElement[str]:
    """The target up to its first question mark, in the words of each database."""
    if connection.dialect.name == "postgresql":
        return func.split_part(entry.c.target, "?", 1)
    return func.substr(entry.c.target, 1, func.instr(entry.c.target.concat("?"), "?") - 1)


def earned_by_rule(connection: Connection, site_id: int, currency: str, period: Period) -> dict[str, Earned]:
    """A site's sums by the name of the rule that priced them."""
    rows = connection.execute(
        select(entry.c.rule, _PAGES, _REVERSED, _AMOUNT)
        .where(_in(period), entry.c.site_id == site_id, entry.c.currency == currency)
        .group_by(entry.c.rule)
    )
    return {name or "": _earned(currency, *sums) for name, *sums in rows}


def earned_by_crawler_on_site(connection: Connection, site_id: int, currency: str, period: Period) -> dict[str, Earned]:
    """A site's sums by the name of the crawler that paid."""
    rows = connection.execute(
        select(crawler.c.name, _PAGES, _REVERSED, _AMOUNT)
        .join(crawler, crawler.c.id == entry.c.crawler_id)
        .where(_in(period), entry.c.site_id == site_id, entry.c.currency == currency)
        .group_by(crawler.c.name)
    )
    return {name: _earned(currency, *sums) for name, *sums in rows}


def first_page_at(connection: Connection, publisher_id: int) -> int | None:
    """When the publisher's first page was paid or granted, in microseconds since the epoch; None before."""
    first = select(func.min(entry.c.recorded_at_micros)).where(
        entry.c.publisher_id == publisher_id, entry.c.kind.in_(_GIVEN)
    )
    found: int | None = connection.execute(first).scalar_one()
    return found


def _of(publisher_id: int, period: Period) -> ColumnElement[bool]:
    return _in(period) & (entry.c.publisher_id == publisher_id)


def _in(period: Period) -> ColumnElement[bool]:
    recorded = entry.c.recorded_at_micros
    return (recorded >= period.since_micros) & (recorded < period.until_micros) & entry.c.kind.in_(_COUNTED)


def _earned(currency: str, pages: object, reversed_pages: object, amount_micros: object) -> Earned:
    # PostgreSQL sums bigints into numerics; they are whole numbers all the same.
    return Earned(currency, int(str(pages)), int(str(reversed_pages)), int(str(amount_micros)))

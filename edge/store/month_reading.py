"""A month as its statement needs it: summed by the database, with names, and each entry for the detail.

Rules of this file
- Sums are made by GROUP BY; what has ten million rows is never held, only its groups.
- Names are looked up in small tables read once, not joined to every entry.
- A reader's part is bounded in the query itself, by the ids that an entry names.
- Everything is read in one snapshot (``Database.read``), so that lines, sums, balances and details agree.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, select
from sqlalchemy.sql.expression import FromClause

from edge.core.ledger import EntryKind, Step, key_of_charge_id
from edge.core.month import Month
from edge.core.month_rows import DayCharges, DayTransfers, EntryDetail
from edge.core.report import EFFECTS, EntryRow, Pocket, ReportMismatch
from edge.store.moved_days import MOVE, Bounds, summed_by_days, summed_entries
from edge.store.sliced_sums import DAY_MICROS, summed
from edge.store.tables import account, crawler, entry, publisher, site

STREAM_CHUNK = 2_000


@dataclass(frozen=True, slots=True)
class Part:
    """Whose part of a month: one publisher's, one crawler's, or everything."""

    publisher_id: int | None = None
    crawler_id: int | None = None

    def conditions(self, rows: FromClause = entry) -> list[ColumnElement[bool]]:
        """What an entry of this part fulfils, or a row of days."""
        bounds: list[ColumnElement[bool]] = []
        if self.publisher_id is not None:
            bounds.append(rows.c.publisher_id == self.publisher_id)
        if self.crawler_id is not None:
            bounds.append(rows.c.crawler_id == self.crawler_id)
        return bounds


WHOLE = Part()


@dataclass(frozen=True, slots=True)
class AccountName:
    """An account as reports speak of it."""

    code: str
    pocket: Pocket
    owner_id: int | None
    currency: str


class Accounts(dict[int, AccountName]):
    """Accounts by number; an entry that moves one that is not there has no report."""

    def __missing__(self, number: int) -> AccountName:
        """Raise ``ReportMismatch``."""
        raise ReportMismatch(f"an entry moves account {number}, which does not exist")


@dataclass(slots=True)
class Names:
    """The names of everything that entries number; those of rows that are gone are empty."""

    accounts: Accounts = field(default_factory=Accounts)
    publishers: dict[int | None, str] = field(default_factory=dict)
    crawlers: dict[int | None, str] = field(default_factory=dict)
    sites: dict[int | None, str] = field(default_factory=dict)

    @classmethod
    def read(cls, connection: Connection) -> Names:
        """Read the small tables."""
        accounts = connection.execute(select(account.c.id, account.c.code, account.c.owner_id, account.c.currency))
        return cls(
            Accounts(
                (row.id, AccountName(row.code, pocket_of(row.code), row.owner_id, row.currency)) for row in accounts
            ),
            _names(connection, publisher.c.id, publisher.c.name),
            _names(connection, crawler.c.id, crawler.c.name),
            _names(connection, site.c.id, site.c.host),
        )


def pocket_of(code: str) -> Pocket:
    """What kind of account a code names; raises ``ReportMismatch``."""
    try:
        return Pocket(code.partition(":")[0])
    except ValueError as why:
        raise ReportMismatch(f"no report knows what the account {code!r} is") from why


@dataclass(frozen=True, slots=True)
class Move:
    """All entries of a month that agree in everything a report tells apart, accounts included."""

    kind: EntryKind
    currency: str
    debit_account: int
    credit_account: int
    publisher_id: int | None
    site_id: int | None
    crawler_id: int | None
    rule: str | None
    licence: str | None
    entries: int
    amount_micros: int

    def row(self, names: Names, month: Month) -> EntryRow:
        """The entries as a report takes them: by the names that they bear."""
        return EntryRow(
            self.kind,
            self.amount_micros,
            self.currency,
            names.publishers.get(self.publisher_id),
            names.sites.get(self.site_id),
            names.crawlers.get(self.crawler_id),
            self.rule,
            self.licence,
            None,
            month.start_micros,
            names.accounts[self.debit_account].pocket,
            self.entries,
        )


def moves(
    connection: Connection, bounds: Bounds, since_micros: int, until_micros: int | None, *, by_days: bool
) -> list[Move]:
    """What was recorded in a time, summed as far as a report can tell it apart."""
    found = (summed_by_days if by_days else summed_entries)(connection, MOVE, bounds, since_micros, until_micros)
    return [_move(key, *sums) for key, sums in found.items()]


def _move(key: tuple[Any, ...], entries: int, amount_micros: int) -> Move:
    kind, currency, debit, credit, publisher_id, site_id, crawler_id, rule, licence = key
    whose = (publisher_id, site_id, crawler_id)
    return Move(EntryKind(kind), currency, debit, credit, *whose, rule, licence, entries, amount_micros)


def days(month: Month) -> Iterator[tuple[int, int, int]]:
    """The days of a month: their place in it, first instant, and the first instant after."""
    for number, start in enumerate(range(month.start_micros, month.end_micros, DAY_MICROS)):
        yield number, start, start + DAY_MICROS


def transfers_by_day(connection: Connection, names: Names, month: Month) -> Iterator[DayTransfers]:
    """All transfers recorded in the month, fees of earlier months included, by day, kind and pair of accounts."""
    keys = (entry.c.kind, entry.c.debit_account, entry.c.credit_account, entry.c.currency)
    for day, start, end in days(month):
        found = summed(connection, keys, [entry.c.amount_micros > 0], start, end)
        for (kind, debit, credit, currency), (entries, amount) in sorted(found.items()):
            debited, credited = names.accounts[debit].code, names.accounts[credit].code
            yield DayTransfers(day, EntryKind(kind), debited, credited, currency, entries, amount)


def charges_by_day(connection: Connection, names: Names, month: Month, part: Part = WHOLE) -> Iterator[DayCharges]:
    """What the crawlers' costs consist of, by day and price, in the order of the days."""
    opening = entry.alias("opening")
    same = (opening.c.key == entry.c.key) & (opening.c.attempt == entry.c.attempt) & (opening.c.step == Step.OPEN.value)
    opened_at = select(opening.c.recorded_at_micros).where(same).scalar_subquery()
    # CASE asks for the opening of the few entries that have one elsewhere, not of every sale.
    earlier = case(
        (entry.c.step > Step.RESOLVE.value, case((opened_at < month.start_micros, 1), else_=0)),
        (entry.c.request_id.in_(_corrected_before(connection, month, part)), 1),
        else_=0,
    ).label("corrects_earlier")
    keys = (
        *(entry.c.crawler_id, entry.c.publisher_id, entry.c.site_id, entry.c.rule, entry.c.licence, entry.c.currency),
        *(entry.c.kind, entry.c.amount_micros, entry.c.debit_account, entry.c.credit_account, earlier),
    )
    conditions = [*part.conditions(), _counts()]
    for day, start, end in days(month):
        found = summed(connection, keys, conditions, start, end)
        for key in sorted(found, key=_none_first):
            yield _day_charges(names, day, key, found[key][0])


def _none_first(key: tuple[Any, ...]) -> tuple[tuple[bool, Any], ...]:
    return tuple((value is not None, value) for value in key)


def _day_charges(names: Names, day: int, key: tuple[Any, ...], entries: int) -> DayCharges:
    crawler_id, publisher_id, site_id, rule, licence, currency, kind, unit, debit, credit, earlier = key
    return DayCharges(
        day,
        EntryKind(kind),
        names.accounts[debit].pocket,
        names.accounts[credit].pocket,
        names.publishers.get(publisher_id, ""),
        names.sites.get(site_id, ""),
        names.crawlers.get(crawler_id, ""),
        f"crawler:{crawler_id}:{currency}",
        rule or "",
        licence or "",
        currency,
        unit,
        entries,
        bool(earlier),
    )


def _corrected_before(connection: Connection, month: Month, part: Part) -> list[str]:
    """The charges of earlier months that notes of this one correct; a note names the charge as its request."""
    notes = select(entry.c.request_id).where(*_of(month, part), entry.c.kind == EntryKind.ADJUST.value)
    ids = [found for found in connection.execute(notes.distinct()).scalars() if found is not None]
    keys = {key: each for each in ids if (key := key_of_charge_id(each)) is not None}
    opened = select(entry.c.key).where(
        entry.c.key.in_(keys), entry.c.step == Step.OPEN.value, entry.c.recorded_at_micros < month.start_micros
    )
    return [keys[bytes(key)] for key in connection.execute(opened).scalars()]


_DETAIL = (
    *(entry.c.recorded_at_micros, entry.c.kind, entry.c.debit_account, entry.c.credit_account, entry.c.key),
    *(entry.c.attempt, entry.c.publisher_id, entry.c.site_id, entry.c.crawler_id, entry.c.target, entry.c.rule),
    *(entry.c.rule_version, entry.c.licence, entry.c.currency, entry.c.amount_micros, entry.c.offer, entry.c.status),
    *(entry.c.evidence, entry.c.request_id, entry.c.reference, entry.c.reason, entry.c.author),
    *(entry.c.writer_id, entry.c.number),
)


_KINDS = {kind.value: kind for kind in EntryKind}


def month_details(connection: Connection, names: Names, month: Month, part: Part = WHOLE) -> Iterator[EntryDetail]:
    """Every entry that a report of the month counts, oldest first; the connection is busy until the end."""
    place = (entry.c.recorded_at_micros, entry.c.writer_id, entry.c.number)
    query = select(*_DETAIL).where(*_of(month, part), _counts()).order_by(*place)
    for row in _stream(connection, query):
        yield _detail(names, row)


def _detail(names: Names, row: Any) -> EntryDetail:
    # By position: a row's names cost more than all the rest, and there are millions.
    at, kind, debit, credit, key, attempt, publisher_id, site_id, crawler_id, target, rule, *rest = row
    version, licence, currency, amount, offer, status, evidence, request, reference, reason, author, *place = rest
    accounts = names.accounts
    return EntryDetail(
        at,
        _KINDS.get(kind) or EntryKind(kind),
        accounts[debit].pocket,
        accounts[credit].pocket,
        bytes(key),
        attempt,
        names.publishers.get(publisher_id, ""),
        names.sites.get(site_id, ""),
        names.crawlers.get(crawler_id, ""),
        target or "",
        rule or "",
        version,
        licence or "",
        currency,
        amount,
        offer or "",
        status,
        evidence or "",
        request or "",
        reference or "",
        reason or "",
        author or "",
        *place,
    )


def recorded_in(month: Month) -> list[ColumnElement[bool]]:
    """What an entry recorded in the month fulfils."""
    return [entry.c.recorded_at_micros >= month.start_micros, entry.c.recorded_at_micros < month.end_micros]


def _of(month: Month, part: Part) -> list[ColumnElement[bool]]:
    """Recorded in the month and of its statement: a fee is recorded after the month that it belongs to."""
    return [*recorded_in(month), entry.c.kind != EntryKind.FEE.value, *part.conditions()]


def _counts() -> ColumnElement[bool]:
    """Whether an entry is in a report at all: holds, top-ups and the like are not."""
    return entry.c.kind.in_([kind for kind, effect in EFFECTS.items() if kind == "adjust" or effect.is_listed])


def _stream(connection: Connection, query: Any) -> Iterator[Any]:
    with connection.execute(query.execution_options(yield_per=STREAM_CHUNK)) as rows:
        yield from rows


def _names(connection: Connection, number: Any, name: Any) -> dict[int | None, str]:
    return {row[0]: row[1] for row in connection.execute(select(number, name))}

"""What the accounts moved in a month: what a report is checked against, and what each account opened and closed with.

Rules of this file
- A report goes by the names that entries bear; the sums here go by the accounts that money went into or out of, so
  that the two cannot agree by reading the same column.
- Balances are read backwards from today's: what an account held at a month's end is what it holds now, less what has
  been recorded since. That today's is the fold of all entries is for ``farebox verify`` to say.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import BigInteger, ColumnElement, Connection, cast, exists, func, or_, select

from edge.core.ledger import EntryKind, Step
from edge.core.ledger_corrections import fee_key
from edge.core.month import Month
from edge.core.report import EntryRow, EntrySum, Pocket
from edge.core.statement import AccountMonth
from edge.store.month_reading import WHOLE, Names, Part, recorded_in
from edge.store.tables import account, entry

KEYS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Move:
    """All entries of one kind between two accounts; ``publisher_id`` is whom they name."""

    kind: EntryKind
    currency: str
    debit_account: int
    credit_account: int
    publisher_id: int | None
    entries: int
    amount_micros: int


def month_moves(connection: Connection, month: Month, part: Part = WHOLE) -> list[Move]:
    """What was recorded in the month, summed by accounts; fees of earlier months included."""
    return _moves(connection, [*recorded_in(month), *_touching(part)])


def moves_after(connection: Connection, month: Month, part: Part = WHOLE) -> list[Move]:
    """What has been recorded since the month's end."""
    return _moves(connection, [entry.c.recorded_at_micros >= month.end_micros, *_touching(part)])


def entry_sums(moves: Iterable[Move], fees: Iterable[Move], names: Names) -> list[EntrySum]:
    """The sums that a report of the month is checked against; a fee is counted by the month that it names."""
    of_the_month = [move for move in moves if move.kind is not EntryKind.FEE]
    return [
        EntrySum(
            move.kind,
            move.currency,
            move.entries,
            move.amount_micros,
            names.publishers.get(_earner(move, names)),
            names.accounts[move.debit_account].pocket,
        )
        for move in (*of_the_month, *fees)
    ]


def month_fees(connection: Connection, names: Names, month: Month, part: Part = WHOLE) -> list[Move]:
    """The fees that belong to the month, whenever they were taken; a crawler's part has none."""
    if part.crawler_id is not None:
        return []
    earners = [known for known in names.accounts.values() if known.pocket is Pocket.PUBLISHER]
    keys = [
        fee_key(month.label, known.owner_id, known.currency)
        for known in earners
        if known.owner_id is not None and part.publisher_id in (None, known.owner_id)
    ]
    return [
        move for start in range(0, len(keys), KEYS_AT_ONCE) for move in _fees(connection, keys[start:][:KEYS_AT_ONCE])
    ]


def fee_rows(fees: Iterable[Move], names: Names, month: Month) -> Iterator[EntryRow]:
    """Fees as rows of the report, by the publisher that they name."""
    for fee in fees:
        whose = names.publishers.get(fee.publisher_id)
        yield EntryRow(
            fee.kind, fee.amount_micros, fee.currency, whose, *(None,) * 5, month.start_micros, "publisher", fee.entries
        )


def account_months(
    connection: Connection, names: Names, moved: Iterable[Move], since: Iterable[Move], part: Part = WHOLE
) -> tuple[AccountMonth, ...]:
    """Every account of the part over the month, by code; ``since`` is what was recorded after it."""
    credited, debited, changed = _sums(moved)
    credited_since, debited_since, _ = _sums(since)
    rows = connection.execute(select(account.c.id, account.c.currency, account.c.balance_micros).where(_owned(part)))
    found = []
    for number, currency, balance in rows:
        known = names.accounts[number]
        taken, given = credited.get(number, 0), debited.get(number, 0)
        closing = balance - credited_since.get(number, 0) + debited_since.get(number, 0)
        opening = closing - taken + given
        if opening or number in changed or part != WHOLE:
            owner = _owner(known.pocket, known.owner_id, names)
            found.append(AccountMonth(known.code, known.pocket, owner, currency, opening, taken, given))
    return tuple(sorted(found, key=lambda each: each.code))


def suspended(connection: Connection, month: Month, part: Part = WHOLE) -> tuple[tuple[str, int], ...]:
    """What lies in suspense at the month's end, in micro-units by currency: suspended before it, and not ended."""
    ended = entry.alias("ended")
    same = (ended.c.key == entry.c.key) & (ended.c.attempt == entry.c.attempt)
    ends = ended.c.step.in_((Step.RELEASE.value, Step.REVERSE.value)) & (ended.c.recorded_at_micros < month.end_micros)
    query = (
        select(entry.c.currency, cast(func.sum(entry.c.amount_micros), BigInteger))
        .where(entry.c.kind == EntryKind.SUSPEND.value, entry.c.recorded_at_micros < month.end_micros)
        .where(*part.conditions(), ~exists().where(same, ends))
        .group_by(entry.c.currency)
    )
    return tuple(sorted((currency, int(amount)) for currency, amount in connection.execute(query)))


def _fees(connection: Connection, keys: list[bytes]) -> list[Move]:
    return _moves(connection, [entry.c.key.in_(keys), entry.c.step == Step.OPEN.value])


def _moves(connection: Connection, conditions: Iterable[ColumnElement[bool]]) -> list[Move]:
    keys = (entry.c.kind, entry.c.currency, entry.c.debit_account, entry.c.credit_account, entry.c.publisher_id)
    query = select(*keys, func.count(), cast(func.sum(entry.c.amount_micros), BigInteger)).where(*conditions)
    rows = connection.execute(query.group_by(*keys).order_by(*keys))
    return [
        Move(EntryKind(kind), currency, debit, credit, publisher_id, entries, int(amount))
        for kind, currency, debit, credit, publisher_id, entries, amount in rows
    ]


def _touching(part: Part) -> Iterator[ColumnElement[bool]]:
    """A publisher's entries are those that move its accounts, and of the others those that name it."""
    if part.crawler_id is not None:
        yield entry.c.crawler_id == part.crawler_id
    if part.publisher_id is not None:
        publishers = account.c.owner_kind == "publisher"
        own = select(account.c.id).where(publishers, account.c.owner_id == part.publisher_id)
        anyones = select(account.c.id).where(publishers)
        nobodys = entry.c.debit_account.not_in(anyones) & entry.c.credit_account.not_in(anyones)
        named = (entry.c.publisher_id == part.publisher_id) & nobodys
        yield or_(entry.c.debit_account.in_(own), entry.c.credit_account.in_(own), named)


def _earner(move: Move, names: Names) -> int | None:
    for number in (move.credit_account, move.debit_account):
        known = names.accounts[number]
        if known.pocket is Pocket.PUBLISHER:
            return known.owner_id
    return move.publisher_id


def _sums(moves: Iterable[Move]) -> tuple[dict[int, int], dict[int, int], set[int]]:
    credited: dict[int, int] = {}
    debited: dict[int, int] = {}
    for move in moves:
        credited[move.credit_account] = credited.get(move.credit_account, 0) + move.amount_micros
        debited[move.debit_account] = debited.get(move.debit_account, 0) + move.amount_micros
    return credited, debited, credited.keys() | debited.keys()


def _owned(part: Part) -> ColumnElement[bool]:
    if part.publisher_id is not None:
        return (account.c.owner_kind == "publisher") & (account.c.owner_id == part.publisher_id)
    if part.crawler_id is not None:
        return (account.c.owner_kind == "crawler") & (account.c.owner_id == part.crawler_id)
    return account.c.id.is_not(None)


def _owner(pocket: Pocket, owner_id: int | None, names: Names) -> str | None:
    match pocket:
        case Pocket.PUBLISHER:
            return names.publishers.get(owner_id)
        case Pocket.CRAWLER:
            return names.crawlers.get(owner_id)
        case _:
            return None

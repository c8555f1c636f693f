"""Read, under lock, all that a batch of operations can touch, so that it can be planned.

The crawlers' accounts are locked first, in id order. Every transaction that writes an entry of a key has locked that
key's crawler's account, so the entries read afterwards cannot change until this transaction ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import assert_never

from sqlalchemy import ColumnElement, Connection, Row, func, select

from edge.core.budgets import DAY_MICROS
from edge.core.grant_plan import GrantBook
from edge.core.ledger import LEFT_EARLY, Entry, EntryKind, Step, charge_id
from edge.core.ledger_afterwards import FREE_REDELIVERIES_PER_DAY, REVERSALS_PER_DAY, AccountState
from edge.core.ledger_entries import Page
from edge.core.ledger_operations import (
    Adjust,
    BreakOff,
    Conclude,
    Credit,
    Fee,
    Hold,
    Note,
    Operation,
    Post,
    Reverse,
    Settle,
    Suspend,
    Void,
    VoidAbandoned,
    key_of,
)
from edge.core.ledger_plan import Planner
from edge.core.ledger_state import ChargeState, Phase, fold_charge
from edge.store.account_rows import suspense_account
from edge.store.budget_rows import read_book
from edge.store.deliveries import Position
from edge.store.grant_rows import read_grants, read_purchases
from edge.store.tables import account, entry


def read_planner(
    connection: Connection,
    page: Page,
    operations: Sequence[Operation],
    holds_accounts: Mapping[str, int],
    is_delivered: Callable[[Position], bool],
) -> Planner:
    """Lock and read what the operations are about, and return the planner that decides them onto ``page``."""
    keys = {key for operation in operations for key in _keys_of(operation)}
    payers = _payers(connection, operations)
    accounts = _read_accounts(connection, payers, lock=True)
    charges = read_charges(connection, keys)
    since = page.recorded_at_micros - DAY_MICROS
    for number in {state.opening.debit_account for state in charges.values() if state and state.may_redeliver}:
        if number in accounts:
            # One with a reason was paid for.
            for_nothing = (entry.c.debit_account == number) & entry.c.reason.is_(None)
            used = _count(connection, EntryKind.REDELIVER, for_nothing, since)
            accounts[number].redeliveries_left = max(0, FREE_REDELIVERIES_PER_DAY - used)
    for number in _broken_for(operations, charges):
        if number in accounts:
            accounts[number].reversals_left = max(0, REVERSALS_PER_DAY - _paid_back(connection, number, since))
    suspense_accounts = _open_suspense(connection, operations, charges)
    corrected = _read_corrections(connection, operations, charges)
    others = {number for operation in operations for number in _other_accounts(operation)}
    others |= {*holds_accounts.values(), *suspense_accounts.values()}
    for state in charges.values():
        if state is not None:
            others |= {state.opening.credit_account, (state.payment or state.opening).credit_account, state.holder}
    watched = [number for number, state in accounts.items() if state.watched]
    openings = [state.opening for state in charges.values() if state is not None]
    budgets = read_book(connection, watched, page.recorded_at_micros, openings) if watched else None
    accounts |= _read_accounts(connection, others - accounts.keys(), lock=False)
    grants = _read_grants(connection, operations, charges, page.recorded_at_micros)
    ours = (holds_accounts, budgets, suspense_accounts, corrected, grants)
    return Planner(page, accounts, charges, is_delivered, *ours)


def _read_grants(
    connection: Connection,
    operations: Sequence[Operation],
    charges: dict[bytes, ChargeState | None],
    at_micros: int,
) -> GrantBook | None:
    """What the orders may be granted by, and what granted pages may go back to; None where nothing is free.

    The charges that re-crawls are held against are added to ``charges``: of the same accounts, so they stay as read.
    """
    orders = [one.order for one in operations if isinstance(one, Post | Hold) and one.order.grants]
    orders += [one.held.order for one in operations if isinstance(one, Settle) and one.held.order.grants]
    granted = [state.opening for state in charges.values() if state is not None and state.is_granted]
    if not orders and not granted:
        return None
    bought = read_purchases(connection, orders)
    further = {one.key for one in bought.values()} - charges.keys()
    if further:
        charges |= read_charges(connection, further)
    return read_grants(connection, orders, granted, bought, at_micros)


def read_charges(connection: Connection, keys: set[bytes]) -> dict[bytes, ChargeState | None]:
    """Return the state of each key; None for a key without entries."""
    charges: dict[bytes, ChargeState | None] = dict.fromkeys(keys)
    rows = connection.execute(
        select(entry).where(entry.c.key.in_(keys)).order_by(entry.c.key, entry.c.attempt, entry.c.step)
    )
    for key, group in groupby(map(entry_of, rows), lambda one: one.key):
        charges[key] = fold_charge(group)
    return charges


def payer_of(operation: Operation) -> int | None:
    """The crawler's account whose balance the operation changes when it is assumed; None when there is none."""
    match operation:
        case Post(order) | Hold(order):
            return order.crawler_account
        case Void(held):
            return held.order.crawler_account
        case Credit(credit):
            return credit.account
        case _:
            return None


def _keys_of(operation: Operation) -> Iterator[bytes]:
    """The keys that an operation must know: its own, and that of the charge which it corrects."""
    yield key_of(operation)
    if isinstance(operation, Adjust) and (corrected := operation.order.charge_key) is not None:
        yield corrected


def _broken_for(operations: Sequence[Operation], charges: Mapping[bytes, ChargeState | None]) -> set[int]:
    """The accounts that deliveries may be paid back to: broken ones, and those whose time in suspense is over."""
    states = (
        charges[key_of(one)]
        for one in operations
        if isinstance(one, Conclude | BreakOff) or (isinstance(one, Reverse) and one.author is None)
    )
    return {state.opening.debit_account for state in states if state is not None and not state.is_over}


def _open_suspense(
    connection: Connection, operations: Sequence[Operation], charges: Mapping[bytes, ChargeState | None]
) -> dict[str, int]:
    """The accounts that money may be put into. Opened here, after the payers are locked: nobody waits in a circle."""
    states = (charges[key_of(one)] for one in operations if isinstance(one, Suspend | Reverse | BreakOff))
    waiting = (Phase.LIVE, Phase.HELD)
    currencies = {state.opening.currency for state in states if state is not None and state.phase in waiting}
    return {currency: suspense_account(connection, currency) for currency in sorted(currencies)}


def _read_corrections(
    connection: Connection, operations: Sequence[Operation], charges: Mapping[bytes, ChargeState | None]
) -> dict[bytes, int]:
    """What credit notes gave back of each charge that is about to be moved; all of them lock the same payer."""
    asked = {key for one in operations if isinstance(one, Adjust | Reverse | Suspend) for key in _keys_of(one)}
    payers = {charge_id(key): (key, state.opening.debit_account) for key in asked if (state := charges[key])}
    rows = connection.execute(
        select(entry.c.request_id, entry.c.credit_account, entry.c.amount_micros).where(
            entry.c.kind == EntryKind.ADJUST.value, entry.c.request_id.in_(payers)
        )
    )
    corrected: dict[bytes, int] = {}
    for corrects, credit_account, amount_micros in rows:
        key, payer = payers[corrects]
        change = amount_micros if credit_account == payer else -amount_micros
        corrected[key] = corrected.get(key, 0) + change
    return corrected


def _paid_back(connection: Connection, payer: int, since_micros: int) -> int:
    """How many deliveries that broke were paid back to an account, by a reversal or a void, or given back to it."""
    own = entry.c.credit_account == payer
    reversed_ones = _count(connection, EntryKind.REVERSE, own & entry.c.author.is_(None), since_micros)
    left_early = own & (entry.c.reason == LEFT_EARLY)
    withdrawn = _count(connection, EntryKind.WITHDRAW, own, since_micros)
    return reversed_ones + withdrawn + _count(connection, EntryKind.VOID, left_early, since_micros)


def _count(connection: Connection, kind: EntryKind, of_account: ColumnElement[bool], since_micros: int) -> int:
    """How many entries of a kind an account has had since then; each kind asked for has an index of its own."""
    found = select(func.count()).where(
        entry.c.kind == kind.value, of_account, entry.c.recorded_at_micros > since_micros
    )
    return connection.execute(found).scalar_one()


def entry_of(row: Row[tuple[object, ...]]) -> Entry:
    """Turn a row of the entry table, all columns in order, into what the core works on."""
    return Entry._make(row)


def _payers(connection: Connection, operations: Sequence[Operation]) -> set[int]:
    """The crawlers' accounts. A reversal knows only its key: which account a key belongs to never changes."""
    payers: set[int] = set()
    by_key: set[bytes] = set()
    for operation in operations:
        match operation:
            case Post(order) | Hold(order):
                payers.add(order.crawler_account)
            case Settle(held) | Void(held) | BreakOff(held):
                payers.add(held.order.crawler_account)
            case VoidAbandoned(opening):
                payers.add(opening.debit_account)
            case Credit(credit):
                payers.add(credit.account)
            case Reverse(key) | Suspend(key) | Conclude(key):
                by_key.add(key)
            case Adjust() | Note():
                by_key.update(_keys_of(operation))
                payers |= _crawlers_among(connection, _other_accounts(operation))
            case Fee():
                pass
            case _:
                assert_never(operation)
    if by_key:
        openings = select(entry.c.debit_account).where(entry.c.key.in_(by_key), entry.c.step == Step.OPEN.value)
        payers |= set(connection.execute(openings).scalars())
    return payers


def _crawlers_among(connection: Connection, ids: Sequence[int]) -> set[int]:
    """Those of the accounts that are crawlers': they are locked before all others."""
    found = select(account.c.id).where(account.c.id.in_(ids), account.c.owner_kind == "crawler")
    return set(connection.execute(found).scalars())


def _other_accounts(operation: Operation) -> tuple[int, ...]:
    match operation:
        case Post(order) | Hold(order):
            return (order.publisher_account,)
        case Settle(held) | BreakOff(held):
            return (held.order.publisher_account,)
        case Credit(credit):
            return (credit.funding_account,)
        case Adjust(adjust):
            return (adjust.debit_account, adjust.credit_account)
        case Fee(fee):
            return (fee.publisher_account, fee.fees_account)
        case Note(note):
            return (note.account, note.counter_account)
        case Void() | VoidAbandoned() | Reverse() | Suspend() | Conclude():
            return ()
        case _:
            assert_never(operation)


def _read_accounts(connection: Connection, ids: set[int], *, lock: bool) -> dict[int, AccountState]:
    """Read accounts; with ``lock`` their rows are ours until the transaction ends, taken in id order."""
    if not ids:
        return {}
    own = account.c
    columns = (own.id, own.currency, own.balance_micros, own.floor_micros, own.suspended, own.watched)
    query = select(*columns).where(own.id.in_(ids)).order_by(own.id)
    rows = connection.execute(query.with_for_update() if lock else query)
    return {
        row.id: AccountState(row.currency, row.balance_micros, row.floor_micros, row.suspended, watched=row.watched)
        for row in rows
    }

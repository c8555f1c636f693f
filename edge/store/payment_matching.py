"""Whose a payment is: the order of its top-up, or the reason why nobody's account takes it.

Rules of this file
- What was credited is asked of the ledger first: a repeated message is done already, whoever was told of it.
- A payment that no account can take is kept in the very transaction that found so.
- What a person closed is settled, and is never credited by itself afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from edge.core.ledger import CreditOrder, Entry
from edge.core.money import Money
from edge.core.payments import Notice, Payment
from edge.store.accounts import Opening, credit_order, reference_taken
from edge.store.crawlers import find_crawler, find_payer
from edge.store.database import Database
from edge.store.database_errors import unavailable
from edge.store.problems import InvalidValue
from edge.store.unmatched import Unmatched, credited_entry, keep_notice, keep_payment, kept_state


@dataclass(frozen=True, slots=True)
class Taken:
    """The payment is in the books; ``fresh`` False when it was before."""

    fresh: bool


@dataclass(frozen=True, slots=True)
class Kept:
    """The payment waits for a person, or was settled by one; ``reason`` says why no account took it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """The reference names another top-up; nothing was written."""

    detail: str


Outcome: TypeAlias = Taken | Kept | Conflict


def match_payment(database: Database, payment: Payment, now_micros: int, *, allow_dev: bool) -> CreditOrder | Outcome:
    """The order of the payment's top-up, for the ledger to decide; or what became of it without one.

    Raises ``LedgerUnavailable``.
    """
    try:
        with database.write() as connection:
            payer = find_payer(connection, payment.crawler, allow_dev)
            known = _known(connection, payment, payer)
            return known or _order(connection, payment, payer, now_micros)
    except DBAPIError as error:
        raise unavailable(error) from error


def operators_order(
    database: Database, crawler_name: str, money: Money, reference: str, author: str, reason: str | None
) -> CreditOrder:
    """The order of a top-up that an operator's program asks for.

    Raises ``UnknownName`` (field "crawler" for the crawler itself), ``InvalidValue``, ``NameTaken``, and
    ``LedgerUnavailable``.
    """
    try:
        with database.write() as connection:
            known = find_crawler(connection, crawler_name)
            return credit_order(
                connection,
                known.crawler_id,
                money,
                reference=reference,
                author=author,
                reason=reason,
                opening=Opening.KNOWN_CURRENCY,
            )
    except DBAPIError as error:
        raise unavailable(error) from error


def note_reversal(database: Database, notice: Notice, node: str, now_micros: int) -> bool:
    """Keep a refund or dispute and raise the alarm; False when that was done before. Raises ``LedgerUnavailable``."""
    try:
        with database.write() as connection:
            return keep_notice(connection, notice, node, now_micros)
    except DBAPIError as error:
        raise unavailable(error) from error


def conflict(database: Database, reference: str, taken: Entry) -> Conflict:
    """What to say of a reference that the ledger has for another top-up."""
    with database.read() as connection:
        return Conflict(str(reference_taken(connection, reference, taken)))


def _known(connection: Connection, payment: Payment, payer: int | None) -> Outcome | None:
    """What the books or a person said of this reference before."""
    kept = kept_state(connection, payment.reference)
    entry = credited_entry(connection, payment.reference)
    if entry is None:
        return Kept("a person has closed it") if kept is not None and kept.is_closed else None
    money = payment.money
    same = money is None or (entry.amount_micros, entry.currency) == (money.amount_micros, money.currency)
    # A person may have assigned it to another crawler than it names; then it is theirs.
    if same and (payer is None or payer == entry.crawler_id or kept is not None):
        return Taken(fresh=False)
    return Conflict(str(reference_taken(connection, payment.reference, entry)))


def _order(connection: Connection, payment: Payment, payer: int | None, now_micros: int) -> CreditOrder | Kept:
    if payment.money is None:
        return _keep(connection, payment, Unmatched.AMOUNT, now_micros)
    if payer is None:
        why = Unmatched.UNKNOWN_CRAWLER if payment.crawler else Unmatched.NO_CRAWLER
        return _keep(connection, payment, why, now_micros)
    try:
        return credit_order(
            connection,
            payer,
            payment.money,
            reference=payment.reference,
            author=f"{payment.source.value} payment",
            reason="paid through a payment provider",
            opening=Opening.KNOWN_CURRENCY,
        )
    except InvalidValue:  # amount and reference were read before: only the currency is left
        return _keep(connection, payment, Unmatched.CURRENCY, now_micros)


def _keep(connection: Connection, payment: Payment, why: Unmatched, now_micros: int) -> Kept:
    keep_payment(connection, payment, why, now_micros)
    return Kept(why.value)

"""Accounts as people handle them: opened with terms, topped up, refunded, looked at.

Rules of this file
- Money moves through the ledger's own hand, as entries; nothing here writes a balance.
- A top-up is named by its payment's reference: the same one again is said to be done, never done twice.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, StrEnum

from sqlalchemy import Connection, Row, select

from edge.core.ledger import (
    Credited,
    CreditOrder,
    Entry,
    NotReversed,
    ReferenceTaken,
    Reversed,
    credit_key,
    key_of_charge_id,
)
from edge.core.ledger_operations import Credit, Operation, OrderImpossible, Outcome, Reverse
from edge.core.money import Money
from edge.store.account_rows import find_account, funding_account, open_account
from edge.store.batch_reading import read_charges
from edge.store.batch_writer import BatchWriter
from edge.store.database import Database, now_micros
from edge.store.policy_version import bump_policy_version
from edge.store.problems import InvalidValue, NameTaken, StoreProblem, UnknownName
from edge.store.tables import account, site

REFERENCE_LENGTH_MAX = 200


class Terms(StrEnum):
    """How a crawler pays."""

    PREPAID = "prepaid"
    POSTPAID = "postpaid"


@dataclass(frozen=True, slots=True)
class AccountView:
    """An account as it stands. ``balance_micros`` may be negative; ``floor_micros`` None where nothing bounds it."""

    account_id: int
    code: str
    currency: str
    owner_kind: str
    owner_id: int | None
    terms: str
    balance_micros: int
    floor_micros: int | None
    suspended: bool

    @property
    def available_micros(self) -> int | None:
        """What may still be spent: down to zero when prepaid, down to the limit when postpaid."""
        return None if self.floor_micros is None else self.balance_micros - self.floor_micros


def open_crawler_account(
    connection: Connection, crawler_id: int, currency: str, *, terms: Terms = Terms.PREPAID, limit: Money | None = None
) -> int:
    """Open a crawler's account in one currency and return its id; opening it again on the same terms is harmless.

    ``limit`` is how far a postpaid account may go below zero. Raises ``InvalidValue`` for terms without sense and
    ``NameTaken`` when the account exists on other terms.
    """
    floor_micros = _floor(terms, limit, currency)
    made = open_account(
        connection,
        account_code(crawler_id, currency),
        currency,
        owner_kind="crawler",
        owner_id=crawler_id,
        terms=terms.value,
        floor_micros=floor_micros,
    )
    found = connection.execute(select(account.c.terms, account.c.floor_micros).where(account.c.id == made)).one()
    if (found.terms, found.floor_micros) != (terms.value, floor_micros):
        raise NameTaken(f"the crawler has a {found.terms} {currency} account already, on other terms", "terms")
    bump_policy_version(connection, now_micros())
    return made


class Opening(Enum):
    """Whether a top-up may open the account that it goes to."""

    NEVER = "never"
    KNOWN_CURRENCY = "in a currency of a site or an account"
    ANY_CURRENCY = "in any currency"


def credit(
    database: Database,
    crawler_id: int,
    money: Money,
    *,
    reference: str,
    author: str,
    reason: str | None = None,
    opening: Opening = Opening.NEVER,
) -> Credited:
    """Top up a crawler's account; ``fresh`` is False when this reference was credited before.

    ``author`` is the person or command that says so. Raises ``InvalidValue``, ``UnknownName`` without an account in
    that currency, ``NameTaken`` when the reference names another top-up, and ``LedgerUnavailable``.
    """
    with database.write() as connection:
        order = credit_order(
            connection, crawler_id, money, reference=reference, author=author, reason=reason, opening=opening
        )
    outcome = _write(database, Credit(order))
    if isinstance(outcome, Credited):
        return outcome
    if not isinstance(outcome, ReferenceTaken):
        raise AssertionError(f"a credit was answered with {outcome}")
    with database.read() as connection:
        raise reference_taken(connection, order.reference, outcome.entry)


def credit_order(
    connection: Connection,
    crawler_id: int,
    money: Money,
    *,
    reference: str,
    author: str,
    reason: str | None = None,
    opening: Opening = Opening.NEVER,
) -> CreditOrder:
    """The order of a top-up, its account opened where that is allowed; whoever has a ledger enters it.

    Raises as ``credit`` does before it writes.
    """
    if money.amount_micros == 0:
        raise InvalidValue("a top-up of nothing is not one; name an amount", "amount")
    reference = _read_reference(reference)
    number = find_account(connection, account_code(crawler_id, money.currency))
    if number is None and opening is not Opening.NEVER:
        number = _open_for_credit(connection, crawler_id, money.currency, reference, opening)
    if number is None:
        raise UnknownName(f"the crawler has no {money.currency} account; open one first", "amount")
    funding = funding_account(connection, money.currency)
    return CreditOrder(number, funding, crawler_id, money, reference, author, reason)


def _open_for_credit(connection: Connection, crawler_id: int, currency: str, reference: str, opening: Opening) -> int:
    """Open a prepaid account for a top-up that will be done: a refused one must not leave an empty account behind.

    Two top-ups of one reference at the same instant can still leave one, which harms nobody.
    """
    key = credit_key(reference)
    taken = read_charges(connection, {key})[key]
    if taken is not None:
        raise reference_taken(connection, reference, taken.opening)
    in_use = select(site.c.currency).union(select(account.c.currency))
    if opening is not Opening.ANY_CURRENCY and currency not in set(connection.execute(in_use).scalars()):
        raise InvalidValue(f"no site sells in {currency} and no account is kept in it", "amount")
    return open_crawler_account(connection, crawler_id, currency)


def reference_taken(connection: Connection, reference: str, taken: Entry) -> NameTaken:
    """The refusal of a reference that names another top-up."""
    code = connection.execute(select(account.c.code).where(account.c.id == taken.credit_account)).scalar_one_or_none()
    return NameTaken(
        f"the reference {reference!r} was used for {Money(taken.amount_micros, taken.currency)} "
        f"to account {code or taken.credit_account}; use the new payment's own reference",
        "reference",
    )


def refund(database: Database, charge_id: str, *, reason: str, author: str) -> Reversed:
    """Give a charge back to the crawler, as a new entry; ``fresh`` is False when it had been given back before.

    Raises ``InvalidValue``, ``UnknownName`` when there is no live charge of that id, and ``LedgerUnavailable``.
    """
    key = key_of_charge_id(charge_id)
    if key is None:
        raise InvalidValue(f"{charge_id!r} is not a charge id; it looks like ch_ and 32 digits", "charge")
    if not reason.strip():
        raise InvalidValue("say why: a refund needs a reason", "reason")
    outcome = _write(database, Reverse(key, reason.strip(), author=author))
    if isinstance(outcome, Reversed):
        return outcome
    if not isinstance(outcome, NotReversed):
        raise AssertionError(f"a refund was answered with {outcome}")
    raise UnknownName(f"{charge_id} cannot be refunded: {outcome.reason}", "charge")


def show(connection: Connection, crawler_id: int) -> list[AccountView]:
    """A crawler's accounts, by currency."""
    owned = (account.c.owner_kind == "crawler") & (account.c.owner_id == crawler_id)
    return [_view(row) for row in connection.execute(select(account).where(owned).order_by(account.c.currency))]


def publisher_balances(connection: Connection, publisher_id: int | None = None) -> list[AccountView]:
    """What is owed to publishers, or to one, by owner and currency."""
    owned = account.c.owner_kind == "publisher"
    if publisher_id is not None:
        owned &= account.c.owner_id == publisher_id
    query = select(account).where(owned).order_by(account.c.owner_id, account.c.currency)
    return [_view(row) for row in connection.execute(query)]


def balances(connection: Connection) -> list[AccountView]:
    """Every account, by code."""
    return [_view(row) for row in connection.execute(select(account).order_by(account.c.code))]


def _write(database: Database, operation: Operation) -> Outcome:
    """Write one operation as a batch of its own, in a chain of its own: commands run beside a selling edge."""
    with command_hand(database) as hand:
        [answer] = hand.write([operation])
    if isinstance(answer, OrderImpossible):
        raise StoreProblem(str(answer))
    return answer


@contextmanager
def command_hand(database: Database, clock: Callable[[], int] = now_micros) -> Iterator[BatchWriter]:
    """A writer for one command, with a chain of its own: commands run beside a selling edge."""
    hand = BatchWriter(database, f"{socket.gethostname()} command", clock)
    try:
        yield hand
    finally:
        hand.close()


def _floor(terms: Terms, limit: Money | None, currency: str) -> int:
    if terms is Terms.PREPAID:
        if limit is not None:
            raise InvalidValue("a prepaid account has no limit; leave it out, or use postpaid", "limit")
        return 0
    if limit is None or limit.amount_micros == 0:
        raise InvalidValue("a postpaid account needs a limit, such as 'USD 100'", "limit")
    if limit.currency != currency:
        raise InvalidValue(f"the limit of a {currency} account is in {currency}", "limit")
    return -limit.amount_micros


def _read_reference(text: str) -> str:
    reference = text.strip()
    if not reference or len(reference) > REFERENCE_LENGTH_MAX or not reference.isprintable():
        raise InvalidValue(f"a reference is one line of 1 to {REFERENCE_LENGTH_MAX} characters", "reference")
    return reference


def account_code(crawler_id: int, currency: str) -> str:
    """The code of a crawler's account in one currency."""
    return f"crawler:{crawler_id}:{currency}"


def _view(row: Row[tuple[object, ...]]) -> AccountView:
    return AccountView(
        row.id,
        row.code,
        row.currency,
        row.owner_kind,
        row.owner_id,
        row.terms,
        row.balance_micros,
        row.floor_micros,
        row.suspended,
    )

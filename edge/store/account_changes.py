"""Changes of an account that move no money: suspended, let in again, another limit. Each is noted in the books.

Rules of this file
- The account's row is locked first, as every charge does; whether a change makes sense is decided by the statement that
  makes it, so a charge that goes through at that moment cannot be overlooked.
- What is so already, or cannot be, is refused and noted nowhere: the audit log tells what happened.
"""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from edge.core.money import Money, format_signed
from edge.store.account_rows import find_account
from edge.store.accounts import AccountView, Terms, account_code, show
from edge.store.audit import change_noted
from edge.store.database import Database, now_micros
from edge.store.policy_version import bump_policy_version
from edge.store.problems import InvalidValue, UnknownName
from edge.store.tables import account, crawler
from edge.store.watching import lock_account


def suspend_account(
    database: Database, crawler_id: int, currency: str, suspended: bool, *, author: str, reason: str
) -> AccountView:
    """Stop one account from paying, or let it again; its crawler's others go on.

    Raises ``UnknownName`` without such an account, and ``InvalidValue`` when it is so already or its crawler as a whole
    is suspended.
    """
    number = _number(database, crawler_id, currency)

    def change(connection: Connection) -> None:
        lock_account(connection, number)
        if not suspended and _crawler_suspended(connection, crawler_id):
            raise InvalidValue("the crawler itself is suspended; `farebox crawler resume` lets all of it in", "crawler")
        differs = (account.c.id == number) & (account.c.suspended != suspended)
        if connection.execute(update(account).where(differs).values(suspended=suspended)).rowcount != 1:
            raise InvalidValue(f"the {currency} account is {'' if suspended else 'not '}suspended already", "crawler")
        bump_policy_version(connection, now_micros())

    change_noted(database, [number], {"suspended": suspended}, change, author=author, reason=reason)
    return _view(database, crawler_id, number)


def change_limit(
    database: Database, crawler_id: int, currency: str, limit: Money | None, *, may_turn: bool, author: str, reason: str
) -> AccountView:
    """Set how far an account may go below zero; without ``limit`` it is prepaid from then on.

    ``may_turn`` lets a prepaid account become postpaid. Raises ``UnknownName`` without such an account, and
    ``InvalidValue`` for what is so already or is less than what the account owes.
    """
    if limit is not None and limit.amount_micros == 0:
        raise InvalidValue("a limit of nothing is no limit; make the account prepaid, or suspend it", "limit")
    number = _number(database, crawler_id, currency)
    floor = 0 if limit is None else -limit.amount_micros
    terms = Terms.PREPAID if limit is None else Terms.POSTPAID

    def change(connection: Connection) -> None:
        lock_account(connection, number)
        before = connection.execute(select(account).where(account.c.id == number)).one()
        if (before.terms, before.floor_micros) == (terms.value, floor):
            raise InvalidValue(f"the {currency} account is {_terms_text(terms, limit)} already", "limit")
        if before.terms == Terms.PREPAID.value and not may_turn:
            raise InvalidValue("the account is prepaid; say --postpaid if it may pay later from now on", "limit")
        fits = (account.c.id == number) & (account.c.balance_micros >= floor)
        if connection.execute(update(account).where(fits).values(terms=terms.value, floor_micros=floor)).rowcount != 1:
            owed = format_signed(-before.balance_micros, currency)
            raise InvalidValue(f"the account owes {owed}; no limit can be less, until it is paid", "limit")

    what = {"terms": terms.value, "limit": None if limit is None else str(limit)}
    change_noted(database, [number], what, change, author=author, reason=reason)
    return _view(database, crawler_id, number)


def _number(database: Database, crawler_id: int, currency: str) -> int:
    with database.read() as connection:
        number = find_account(connection, account_code(crawler_id, currency))
    if number is None:
        raise UnknownName(
            f"the crawler has no {currency} account; `farebox account show` lists what it has", "currency"
        )
    return number


def _crawler_suspended(connection: Connection, crawler_id: int) -> bool:
    found: bool = connection.execute(select(crawler.c.suspended).where(crawler.c.id == crawler_id)).scalar_one()
    return found


def _terms_text(terms: Terms, limit: Money | None) -> str:
    return terms.value if limit is None else f"{terms.value} up to {limit}"


def _view(database: Database, crawler_id: int, number: int) -> AccountView:
    with database.read() as connection:
        return next(view for view in show(connection, crawler_id) if view.account_id == number)

"""Debit notes: what was topped up by mistake is taken back, as an entry of its own.

Rules of this file
- Nothing is taken out of the books: the top-up stays, and the note beside it says who took how much back, and why. The
  other side is the account ``adjustments``, so that what was paid in is still what the payments come to.
- The ledger decides, under the account's lock, that a prepaid account never goes below zero and a postpaid one never
  beyond its limit: what is spent already is owed, and is not taken back here.
- Numbers count up per year (``DN-2026-0001``); a number that the caller names makes the command safe to repeat.
"""

from __future__ import annotations

from edge.core.ledger_corrections import AdjustOrder, NotAdjusted, NumberTaken, Recorded
from edge.core.ledger_operations import Adjust, OrderImpossible
from edge.core.money import Money
from edge.store.account_rows import adjustments_account, find_account
from edge.store.accounts import account_code, command_hand
from edge.store.credit_notes import DEBIT_PREFIX, TRIES, next_number, read_number
from edge.store.database import Database
from edge.store.problems import InvalidValue, NameTaken, StoreProblem, UnknownName


def take_back(
    database: Database, crawler_id: int, money: Money, *, reason: str, author: str, number: str | None = None
) -> Recorded:
    """Take a mistaken top-up, or a part of it, off a crawler's account.

    ``fresh`` is False when a named ``number`` was written before. Raises ``InvalidValue``, also when the account does
    not cover it, ``UnknownName`` without an account in that currency, ``NameTaken`` when the number names another
    note, and ``LedgerUnavailable``.
    """
    if money.amount_micros == 0:
        raise InvalidValue("a correction of nothing is not one; name an amount", "amount")
    if not reason.strip():
        raise InvalidValue("say why: a correction needs a reason", "reason")
    named = None if number is None else read_number(number)
    with database.write() as connection:
        owned = find_account(connection, account_code(crawler_id, money.currency))
        if owned is None:
            raise UnknownName(f"the crawler has no {money.currency} account", "amount")
        counter = adjustments_account(connection, money.currency)
    with command_hand(database) as hand:
        for _ in range(TRIES):
            tried = named or next_number(database, DEBIT_PREFIX)
            order = AdjustOrder(tried, owned, counter, money, crawler_id, None, reason.strip(), author)
            [answer] = hand.write([Adjust(order)])
            match answer:
                case Recorded() if named is not None or answer.fresh:
                    return answer
                case NotAdjusted(why):
                    raise InvalidValue(f"{money} cannot be taken back: {why}", "amount")
                case OrderImpossible():
                    raise StoreProblem(str(answer))
                case NumberTaken() if named is not None:
                    raise NameTaken(f"the number {named!r} is another note's", "number")
                case _:
                    continue  # somebody else took that number between our looking and our writing
    raise AssertionError(f"{TRIES} commands in a row took the next number")

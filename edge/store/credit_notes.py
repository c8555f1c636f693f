"""Credit notes: a part of a charge given back, under a document number of its own.

Rules of this file
- The ledger decides, under the payer's lock, that a charge's credit notes never exceed it.
- Numbers count up per year (``CN-2026-0001``). A number is used by being written, so that none is left out; two
  commands that try the same one at once find it taken, and the second takes the next.
- A number that the caller names makes the command safe to repeat: the same note is written once.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Connection, func, select

from edge.core.ledger import EntryKind, key_of_charge_id
from edge.core.ledger_corrections import AdjustOrder, NotAdjusted, NumberTaken, Recorded
from edge.core.ledger_operations import Adjust, OrderImpossible
from edge.core.ledger_state import ChargeState
from edge.core.money import Money
from edge.store.accounts import REFERENCE_LENGTH_MAX, command_hand
from edge.store.batch_reading import read_charges
from edge.store.database import Database, now_micros
from edge.store.problems import InvalidValue, NameTaken, StoreProblem, UnknownName
from edge.store.tables import entry

PREFIX = "CN-"
DEBIT_PREFIX = "DN-"
TRIES = 100


def credit_note(
    database: Database, charge_id: str, money: Money, *, reason: str, author: str, number: str | None = None
) -> Recorded:
    """Give a part of a charge back to the crawler; ``fresh`` is False when a named ``number`` was written before.

    Raises ``InvalidValue``, ``UnknownName`` when the charge is not live or less of it is left, ``NameTaken`` when the
    number names another note, and ``LedgerUnavailable``.
    """
    if money.amount_micros == 0:
        raise InvalidValue("a credit note of nothing is not one; name an amount", "amount")
    if not reason.strip():
        raise InvalidValue("say why: a credit note needs a reason", "reason")
    state = _charge(database, charge_id)
    named = None if number is None else read_number(number)
    with command_hand(database) as hand:
        for _ in range(TRIES):
            tried = named or next_number(database, PREFIX)
            [answer] = hand.write([Adjust(_order(state, charge_id, tried, money, reason.strip(), author))])
            match answer:
                case Recorded() if named is not None or answer.fresh:
                    return answer
                case NotAdjusted(why):
                    raise UnknownName(f"{charge_id} cannot be credited: {why}", "charge")
                case OrderImpossible():
                    raise StoreProblem(str(answer))
                case NumberTaken() if named is not None:
                    raise NameTaken(f"the number {named!r} is another credit note's", "number")
                case _:
                    continue  # somebody else took that number between our looking and our writing
    raise AssertionError(f"{TRIES} commands in a row took the next number")


def _charge(database: Database, charge_id: str) -> ChargeState:
    key = key_of_charge_id(charge_id)
    if key is None:
        raise InvalidValue(f"{charge_id!r} is not a charge id; it looks like ch_ and 32 digits", "charge")
    with database.read() as connection:
        state = read_charges(connection, {key})[key]
    if state is None or not state.is_paid or state.opening.crawler_id is None:
        raise UnknownName(f"{charge_id} cannot be credited: there is no live charge of that id", "charge")
    return state


def _order(state: ChargeState, charge_id: str, number: str, money: Money, reason: str, author: str) -> AdjustOrder:
    sold = state.opening
    assert sold.crawler_id is not None
    return AdjustOrder(
        number=number,
        debit_account=state.holder,
        credit_account=sold.debit_account,
        money=money,
        crawler_id=sold.crawler_id,
        publisher_id=sold.publisher_id,
        reason=reason,
        author=author,
        corrects=charge_id,
    )


def next_number(database: Database, prefix: str) -> str:
    """The number that comes next in this year's series; it is used by being written."""
    year = datetime.fromtimestamp(now_micros() / 1_000_000, UTC).year
    with database.read() as connection:
        last = _last_number(connection, f"{prefix}{year}-")
    return f"{prefix}{year}-{last + 1:04}"


def _last_number(connection: Connection, prefix: str) -> int:
    found = (
        select(entry.c.reference)
        .where(entry.c.kind == EntryKind.ADJUST.value, entry.c.reference.startswith(prefix, autoescape=True))
        .order_by(func.length(entry.c.reference).desc(), entry.c.reference.desc())
        .limit(1)
    )
    last = connection.execute(found).scalar_one_or_none()
    return 0 if last is None else int(last.removeprefix(prefix))


def read_number(text: str) -> str:
    """A number that the caller names; raises ``InvalidValue``."""
    number = text.strip()
    if not number or len(number) > REFERENCE_LENGTH_MAX or not number.isprintable():
        raise InvalidValue(f"a number is one line of 1 to {REFERENCE_LENGTH_MAX} characters", "number")
    for prefix in (PREFIX, DEBIT_PREFIX):
        if number.startswith(prefix):
            raise InvalidValue(f"numbers that begin with {prefix} are given by farebox; choose another", "number")
    return number

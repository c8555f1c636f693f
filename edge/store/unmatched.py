"""Payments that no account could take, and payments taken back: kept until a person has seen to them.

Rules of this file
- Keeping is idempotent by the reference, as crediting is: providers send a message until it is taken, and again.
- A payment is open until the ledger holds a top-up of its reference, or a person closed it. The ledger alone says
  whether it was credited, so two people who assign it at once credit it once.
- A refund or dispute never moves money by itself: the credit may be spent. It is told as ``ledger.alarm``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from sqlalchemy import Connection, Row, select, update

from edge.core.ledger import Credited, Entry, credit_key
from edge.core.money import Money
from edge.core.payments import Notice, Payment
from edge.core.webhooks import WebhookEvent, timestamp_text
from edge.store import outbox
from edge.store.accounts import Opening, credit
from edge.store.audit_events import Action, record
from edge.store.batch_reading import read_charges
from edge.store.crawlers import find_crawler
from edge.store.database import Database
from edge.store.insertion import insert_new
from edge.store.problems import InvalidValue, NameTaken, UnknownName
from edge.store.tables import crawler, unmatched_payment

_KEYS_AT_ONCE = 500


class Unmatched(Enum):
    """Why no account took a payment; the value is the sentence that people read."""

    NO_CRAWLER = "the payment names no crawler"
    UNKNOWN_CRAWLER = "no crawler of that name or agent is registered"
    CURRENCY = "no site sells in that currency and no account is kept in it"
    AMOUNT = "the amount cannot be read for sure; credit it by hand under the same reference"


@dataclass(frozen=True, slots=True)
class UnmatchedView:
    """One row; ``state`` is open, credited or closed."""

    number: int
    kind: str
    source: str
    reference: str
    payment: str
    crawler: str
    money: Money | None
    stated: str
    reason: str
    happened_at_micros: int
    received_at_micros: int
    state: str
    closed_by: str | None
    closing_reason: str | None


@dataclass(frozen=True, slots=True)
class KeptState:
    """A payment that was kept; a closed one was settled by a person and is never credited by itself."""

    is_closed: bool


def keep_payment(connection: Connection, payment: Payment, why: Unmatched, now_micros: int) -> bool:
    """Keep a payment for a person to assign; False when it is kept already."""
    return insert_new(
        connection,
        unmatched_payment,
        {
            "kind": "payment",
            "source": payment.source.value,
            "reference": payment.reference,
            "payment": payment.reference,
            "crawler": payment.crawler,
            "amount_micros": payment.money.amount_micros if payment.money else None,
            "currency": payment.money.currency if payment.money else None,
            "stated": payment.stated,
            "reason": why.value,
            "happened_at_micros": payment.paid_at_micros,
            "received_at_micros": now_micros,
        },
    )


def keep_notice(connection: Connection, notice: Notice, node: str, now_micros: int) -> bool:
    """Keep a refund or dispute, and tell the operator in the same transaction; False when that was done before."""
    credited = credited_entry(connection, notice.payment)
    name = _crawler_name(connection, credited.crawler_id) if credited else ""
    kept = insert_new(
        connection,
        unmatched_payment,
        {
            "kind": notice.kind.value,
            "source": notice.source.value,
            "reference": notice.reference,
            "payment": notice.payment,
            "crawler": name,
            "amount_micros": None,
            "currency": None,
            "stated": notice.stated,
            "reason": _what_happened(notice, name),
            "happened_at_micros": notice.at_micros,
            "received_at_micros": now_micros,
        },
    )
    if kept:
        data = {
            "node": node,
            "reason": _what_happened(notice, name),
            "faults": [],
            "selling_ended": False,
            "noticed_at": timestamp_text(now_micros),
        }
        subject = f"{notice.kind.value} of payment {notice.payment}"
        outbox.add(connection, WebhookEvent.LEDGER_ALARM, subject, data, at_micros=now_micros)
    return kept


def kept_state(connection: Connection, reference: str) -> KeptState | None:
    """Whether the payment of that reference ever waited for a person, and whether one has closed it."""
    row = unmatched_payment.c
    query = select(row.closed_at_micros).where(row.kind == "payment", row.reference == reference)
    found = connection.execute(query).one_or_none()
    return None if found is None else KeptState(is_closed=found.closed_at_micros is not None)


def credited_entry(connection: Connection, reference: str) -> Entry | None:
    """The ledger's entry of the top-up of that reference, or None."""
    key = credit_key(reference)
    charge = read_charges(connection, {key})[key]
    return charge.opening if charge else None


def list_unmatched(connection: Connection, *, closed_too: bool = False) -> list[UnmatchedView]:
    """What waits for a person, oldest first; with ``closed_too`` also what was credited or closed."""
    query = select(unmatched_payment).order_by(unmatched_payment.c.id)
    if not closed_too:
        query = query.where(unmatched_payment.c.closed_at_micros.is_(None))
    rows = connection.execute(query).all()
    credited = _credited(connection, [row.reference for row in rows if row.kind == "payment"])
    views = [_view(row, credited) for row in rows]
    return views if closed_too else [view for view in views if view.state == "open"]


def find_unmatched(connection: Connection, number: int) -> UnmatchedView:
    """One row; raises ``UnknownName``."""
    row = connection.execute(select(unmatched_payment).where(unmatched_payment.c.id == number)).one_or_none()
    if row is None:
        raise UnknownName(f"there is no unmatched payment {number}; `farebox account unmatched list` shows all", "id")
    return _view(row, _credited(connection, [row.reference] if row.kind == "payment" else []))


def assign(database: Database, number: int, crawler_name: str, *, author: str, opening: Opening) -> Credited:
    """Credit an unmatched payment to a crawler, under the payment's own reference.

    Doing it again is harmless. Raises what ``credit`` raises, ``UnknownName``, and ``InvalidValue`` for what is no
    payment, is closed, or has no sure amount.
    """
    with database.read() as connection:
        found = find_unmatched(connection, number)
        known = find_crawler(connection, crawler_name)
    if found.kind != "payment":
        raise InvalidValue(f"{number} is a {found.kind}, which is closed and not assigned", "id")
    if found.state == "closed":
        raise InvalidValue(f"{number} was closed by {found.closed_by}; credit it by hand if that was wrong", "id")
    if found.money is None:
        words = f"`farebox account credit {known.name} AMOUNT --reference {found.reference}`"
        raise InvalidValue(f"the amount ({found.stated}) cannot be read for sure; use {words}", "id")
    reason = f"unmatched payment {number} assigned"
    return credit(
        database,
        known.crawler_id,
        found.money,
        reference=found.reference,
        author=author,
        reason=reason,
        opening=opening,
    )


def close_unmatched(connection: Connection, number: int, *, author: str, reason: str, now_micros: int) -> UnmatchedView:
    """Note that a person saw to it by other means; raises ``UnknownName``, ``InvalidValue`` and ``NameTaken``."""
    found = find_unmatched(connection, number)
    if not reason.strip():
        raise InvalidValue("say how it was settled: closing needs a reason", "reason")
    if found.state == "credited":
        raise NameTaken(f"{number} was credited, so there is nothing to close", "id")
    row = unmatched_payment.c
    # Closed once: the first of two people is the one who is named.
    change = update(unmatched_payment).where(row.id == number, row.closed_at_micros.is_(None))
    values = {"closed_at_micros": now_micros, "closed_by": author, "closing_reason": reason.strip()}
    if connection.execute(change.values(values)).rowcount != 1:
        raise NameTaken(f"{number} is closed already", "id")
    record(
        connection,
        Action.PAYMENT_CLOSED,
        author=author,
        now_micros=now_micros,
        subject=f"payment {number}",
        details={"of": found.source, "stated": found.stated},
    )
    return find_unmatched(connection, number)


def _what_happened(notice: Notice, crawler_name: str) -> str:
    credited = f"it was credited to {crawler_name}" if crawler_name else "it was not credited here"
    what = "was refunded by" if notice.kind.value == "refund" else "is disputed at"
    return f"payment {notice.payment} {what} {notice.source.value} ({notice.stated}); {credited}"


def _crawler_name(connection: Connection, crawler_id: int | None) -> str:
    return connection.execute(select(crawler.c.name).where(crawler.c.id == crawler_id)).scalar_one_or_none() or ""


def _credited(connection: Connection, references: list[str]) -> set[str]:
    """Which of the references the ledger holds a top-up of."""
    found: set[str] = set()
    for start in range(0, len(references), _KEYS_AT_ONCE):
        keys: Mapping[bytes, str] = {credit_key(one): one for one in references[start : start + _KEYS_AT_ONCE]}
        charges = read_charges(connection, set(keys))
        found.update(keys[key] for key, charge in charges.items() if charge is not None)
    return found


def _view(row: Row[tuple[Any, ...]], credited: set[str]) -> UnmatchedView:
    state = "closed" if row.closed_at_micros is not None else "open"
    if row.kind == "payment" and row.reference in credited:
        state = "credited"
    return UnmatchedView(
        row.id,
        row.kind,
        row.source,
        row.reference,
        row.payment,
        row.crawler,
        None if row.amount_micros is None else Money(row.amount_micros, row.currency),
        row.stated,
        row.reason,
        row.happened_at_micros,
        row.received_at_micros,
        state,
        row.closed_by,
        row.closing_reason,
    )

"""Give a charge back, whole or in part, with a reason that both sides read.

Rules of this file
- It is asked twice. The whole of a charge can be given back once, the ledger sees to it; a part is a credit note under
  a number of the form's own, so that a double click writes one.
- The publisher pays it back out of what it earned, in the month in which it is given, also for a month that is closed.
"""

from __future__ import annotations

import re
from http import HTTPStatus

from starlette.responses import Response

from edge.core.ledger_state import Phase
from edge.core.money import Money
from edge.store.accounts import refund
from edge.store.charge_story import charge_entries
from edge.store.credit_notes import credit_note
from edge.store.database import Database
from edge.store.entries import ChargeView
from edge.store.problems import InvalidValue, StoreProblem
from publisher_dashboard.acts import (
    REASON_LENGTH_MAX,
    Act,
    Field,
    Question,
    ask_sure,
    is_sure,
    key_of,
    read_choice,
    read_money,
    read_reason,
    refuse,
    show_act,
)
from publisher_dashboard.auth import Turned
from publisher_dashboard.charge_pages import Reach, credited, find_charge
from publisher_dashboard.rendering import money, price
from publisher_dashboard.visit import Visit

_HOW = (("whole", "All of it"), ("part", "A part of it"))
_KEY = re.compile(r"[A-Za-z0-9_-]{22}")
_NUMBER_LENGTH = 12


def show_refund(visit: Visit, reach: Reach) -> Response:
    """The form."""
    charge = find_charge(visit, reach)
    return show_act(visit, _act(reach, charge, left_of(visit.desk.database, charge)))


def give_back(visit: Visit, reach: Reach) -> Response:
    """Ask, then give back."""
    charge = find_charge(visit, reach)
    left = left_of(visit.desk.database, charge)
    act, form = _act(reach, charge, left), visit.form
    try:
        whole = read_choice(form, "how", _HOW) == "whole"
        reason = read_reason(form)
        amount = left if whole else read_money(form, "amount", charge.amount.currency)
        if amount.amount_micros == 0:
            raise InvalidValue("a refund of nothing is not one; name an amount", "amount")
        if not is_sure(visit):
            if amount.amount_micros > left.amount_micros:
                raise InvalidValue(f"no more than {price(left)} is left of it", "amount")
            return ask_sure(visit, act, _question(charge, amount, reason))
        fresh = _do(visit, charge, None if whole and left == charge.amount else amount, reason)
    except StoreProblem as wrong:
        return refuse(visit, act, wrong)
    return visit.go(act.back, "given-back" if fresh else "given-back-before")


def _do(visit: Visit, charge: ChargeView, part: Money | None, reason: str) -> bool:
    key = key_of(visit)
    if part is not None and _KEY.fullmatch(key) is None:
        raise InvalidValue("load this page again, then send it", "amount")
    return write_refund(visit.desk.database, charge, part, key, reason=reason, author=visit.person.email)


def write_refund(
    database: Database, charge: ChargeView, part: Money | None, key: str, *, reason: str, author: str
) -> bool:
    """Give back all of it, or write a credit note under a number made of ``key``; False when that was done before.

    Raises ``StoreProblem``.
    """
    if part is None:
        return refund(database, charge.charge_id, reason=reason, author=author).fresh
    number = f"D-{key[:_NUMBER_LENGTH]}"
    return credit_note(database, charge.charge_id, part, reason=reason, author=author, number=number).fresh


def left_of(database: Database, charge: ChargeView) -> Money:
    """What of the charge was not given back yet; raises ``Turned`` for one of which nothing can be."""
    if charge.grant is not None or charge.state not in (Phase.LIVE, Phase.SUSPENDED, Phase.REVERSED):
        raise Turned(HTTPStatus.CONFLICT, "Nothing was paid for this page, so nothing can be given back.")
    with database.read() as connection:
        given = credited(charge_entries(connection, charge.charge_id))
    return Money(charge.amount.amount_micros - given, charge.amount.currency)


def _act(reach: Reach, charge: ChargeView, left: Money) -> Act:
    return Act(
        f"Give {price(charge.amount)} back to {charge.crawler}",
        "The crawler can spend it again at once. It is an entry of its own, in this month's statement of both sides.",
        "Give it back",
        f"{reach.path}/{charge.charge_id}",
        "The charge",
        (
            Field("how", "How much", options=_HOW if charge.state is Phase.LIVE else _HOW[:1]),
            Field(
                "amount",
                f"Amount in {charge.amount.currency}",
                f"Only for a part. {price(left)} of it stands.",
                required=False,
                numeric=True,
                length_max=17,
            ),
            Field("reason", "Why", "Both sides read it, and it stays in the books.", length_max=REASON_LENGTH_MAX),
        ),
    )


def _question(charge: ChargeView, amount: Money, reason: str) -> Question:
    return Question(
        f"Give {money(amount.amount_micros, amount.currency)} back to {charge.crawler}?",
        "An entry in the books cannot be taken out again.",
        (
            ("Charge", charge.charge_id),
            ("Page", f"{charge.site}{charge.target}"),
            ("Price", price(charge.amount)),
            ("Given back now", price(amount)),
            ("Why", reason),
        ),
    )

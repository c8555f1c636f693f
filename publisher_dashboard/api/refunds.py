"""Giving charges back: whole or in part, with a reason that both sides read.

Rules of this file: the ledger decides. The whole of a charge is given back once; a part is a credit note under a number
made of the ``Idempotency-Key``, so that a request that is sent twice writes one.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from edge.core.money import AMOUNT_MICROS_MAX, Money
from edge.store.problems import UnknownName
from publisher_dashboard.acts import REASON_LENGTH_MAX, read_reason
from publisher_dashboard.api.charges import ChargeTold, find_own_charge, told
from publisher_dashboard.api.operations import Call
from publisher_dashboard.api.problems import Code, Problem
from publisher_dashboard.api.values import Model, Nothing
from publisher_dashboard.forms import sentence
from publisher_dashboard.refunds import left_of, write_refund


class Refund(Model):
    """How much, in millionths of the charge's currency; null is all that was not given back yet."""

    amount_micros: Annotated[int, Field(gt=0, le=AMOUNT_MICROS_MAX)] | None = None
    reason: Annotated[str, Field(min_length=1, max_length=REASON_LENGTH_MAX)]


class Refunded(Model):
    """The charge afterwards; ``changed`` is False where this was done before."""

    changed: bool
    charge: ChargeTold


def give_back(call: Call, asked: Nothing, body: Refund) -> Refunded:
    """Give a charge back to its crawler, whole or in part; it is an entry of this month, on both sides."""
    key = call.once_key()
    charge = find_own_charge(call)
    reason = read_reason({"reason": body.reason})
    left = left_of(call.desk.database, charge)
    wanted = left.amount_micros if body.amount_micros is None else body.amount_micros
    if wanted == 0:
        return Refunded(changed=False, charge=told(call, charge))
    is_whole = wanted == left.amount_micros == charge.amount.amount_micros
    part = None if is_whole else Money(wanted, charge.amount.currency)
    try:
        fresh = write_refund(call.desk.database, charge, part, key, reason=reason, author=call.author)
    except UnknownName as impossible:
        raise Problem(Code.NOT_POSSIBLE, sentence(str(impossible))) from None
    return Refunded(changed=fresh, charge=told(call, find_own_charge(call)))

"""Holding a closed month against its entries, and against what was signed.

Rule of this file: a publisher learns whether it holds, and nothing of other parties; who began it and what was found
stand on the operator's page.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from edge.store.books_tasks import find_task
from publisher_dashboard.api.operations import Answer, Call
from publisher_dashboard.api.problems import Code, Problem
from publisher_dashboard.api.values import Model, Nothing
from publisher_dashboard.books_work import Work, verify_closed, verify_name
from publisher_dashboard.rendering import at
from publisher_dashboard.statement_pages import read_month


class MonthCheck(Model):
    """The last check: ``none`` yet, ``running``, it ``holds``, or it could not be ``confirmed``."""

    month: str
    state: Literal["none", "running", "holds", "not_confirmed"]
    at: datetime | None


def get_month_check(call: Call, asked: Nothing) -> Answer:
    """How the last check of a month ended."""
    shown = _check(call)
    return Answer(shown, headers={"retry-after": "2"} if shown.state == "running" else {})


def verify_month(call: Call, asked: Nothing) -> Answer:
    """Add a closed month up again from every entry; one that was checked some minutes ago is not checked again."""
    month, desk = read_month(call.text("month"), call.now_micros), call.desk
    if desk.books is None:
        raise Problem(Code.NOT_POSSIBLE, "This dashboard runs without the edge's keys, so it cannot check.")
    work = Work(desk.database, desk.books, desk.operator_party, call.author, desk.clock)
    if not verify_closed(work, month, desk.later):
        raise Problem(Code.NOT_POSSIBLE, "This month is not closed yet.")
    return Answer(_check(call), 202)


def _check(call: Call) -> MonthCheck:
    month = read_month(call.text("month"), call.now_micros)
    with call.desk.database.read() as connection:
        last = find_task(connection, verify_name(month))
    if last is None:
        return MonthCheck(month=month.label, state="none", at=None)
    state: Literal["running", "holds", "not_confirmed"] = "holds" if last.state == "done" else "not_confirmed"
    return MonthCheck(
        month=month.label,
        state="running" if last.is_running(call.now_micros) else state,
        at=at(last.seen_at_micros),
    )

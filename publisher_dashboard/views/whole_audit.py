"""Both logs in words: all of them for the operator, and for a crawler's team what concerns it.

Rules of this file
- A team reads its own people's names. Whoever else did something for it is "the operator": whose hands those are is
  the operator's to know, and so is the reason, which is kept for whoever audits the books.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import assert_never

import orjson

from edge.core.ledger import EntryKind
from edge.core.money import Money
from edge.core.report import Pocket
from edge.store.audit import AuditRow
from edge.store.audit_events import AuditEvent
from edge.store.connection import Connection
from edge.store.crawler_people import people_ever
from edge.store.whole_audit import Line, Place, WholeFilter, operators_page, team_page
from publisher_dashboard.views.audit import AREAS, WORDS, details_text

LINES_SHOWN = 50
SUBJECT_SHOWN_MAX = 60
KIND_WORDS: Mapping[str, str] = {
    "credit": "Credited",
    "reverse": "Gave back a charge",
    "adjust": "Wrote a credit or debit note",
    "fee": "Took the operator's share",
    "note": "Changed",
}
OPERATOR_AREAS: Mapping[str, str] = {
    **AREAS,
    "crawler": "Crawlers",
    "alert": "Alerts",
    "registration": "Registrations",
    "payment": "Payments",
    "operator": "The operator's people and tokens",
}
"""What is no entry: the part of an action before its point."""

THE_OPERATOR = "the operator"


@dataclass(frozen=True, slots=True)
class Way:
    """Which way a correction went: what it is, who paid it, and whom."""

    words: str
    payer: str
    payee: str


@dataclass(frozen=True, slots=True)
class LogLine:
    """One thing that somebody did; ``of`` is whose log it stands in, ``told`` what exactly, ``charge`` an id.

    ``way`` is a note's direction; of everything else that moves money the words say it.
    """

    at_micros: int
    author: str
    words: str
    subject: str
    told: str
    of: str
    amount: Money | None
    charge: str | None
    reason: str | None
    way: Way | None = None


@dataclass(frozen=True, slots=True)
class Log:
    """One page, the newest first; ``following`` is where the next begins, None at the end."""

    lines: tuple[LogLine, ...]
    following: Place | None


def operators_log(connection: Connection, wanted: WholeFilter, place: Place) -> Log:
    """What people and commands did."""
    page = operators_page(connection, wanted, place, LINES_SHOWN)
    return Log(tuple(_line(one) for one in page.lines), page.following)


def team_log(connection: Connection, crawler_id: int, place: Place) -> Log:
    """What was done for one crawler, as its team may read it."""
    page, own = team_page(connection, crawler_id, place, LINES_SHOWN), people_ever(connection, crawler_id)
    lines = (_line(one) for one in page.lines)
    told = (replace(one, reason=None, author=one.author if one.author in own else THE_OPERATOR, of="") for one in lines)
    return Log(tuple(told), page.following)


def change_words(what: str | None) -> str:
    """What a note changed, in words: ``suspended: yes``."""
    if not what:
        return ""
    told = {name: value for name, value in orjson.loads(what).items() if (name, value) != ("site_id", None)}
    return ", ".join(f"{name.replace('_', ' ')}: {_value_words(value)}" for name, value in told.items())


def way_of(row: AuditRow) -> Way:
    """Which way the money of a note or a refund went, in words."""
    if row.kind is EntryKind.REVERSE:
        words = "Whole charge"
    else:
        words = "Debit note" if row.payer is Pocket.CRAWLER else "Credit note"
    return Way(words, _side(row, row.payer), _side(row, row.payee))


def _side(row: AuditRow, pocket: Pocket) -> str:
    match pocket:
        case Pocket.CRAWLER:
            return row.crawler or "the crawler"
        case Pocket.PUBLISHER:
            return row.publisher or "the publisher"
        case Pocket.SUSPENSE:
            return "suspense"
        case _:
            return THE_OPERATOR


def _line(one: Line) -> LogLine:
    match one:
        case AuditRow():
            way = way_of(one) if one.kind is EntryKind.ADJUST else None
            words = KIND_WORDS.get(one.kind.value, one.kind.value.capitalize())
            return LogLine(
                one.at_micros,
                one.author,
                f"Wrote a {way.words.lower()}" if way else words,
                "",
                change_words(one.what) if one.what else "" if one.charge else one.reference or "",
                one.crawler or one.publisher or "",
                one.amount if one.amount.amount_micros else None,
                one.charge,
                one.reason,
                way,
            )
        case AuditEvent():
            return LogLine(
                one.at_micros,
                one.author,
                WORDS.get(one.action, one.action),
                _short(one.subject) if one.subject != one.author else "",
                details_text(one.details),
                one.crawler or one.site or one.publisher or "",
                None,
                None,
                None,
            )
        case _:
            assert_never(one)


def _short(subject: str) -> str:
    """An agent's address may fill a page; the file has all of it."""
    return subject if len(subject) <= SUBJECT_SHOWN_MAX else f"{subject[: SUBJECT_SHOWN_MAX - 1]}…"


def _value_words(value: object) -> str:
    match value:
        case True:
            return "yes"
        case False:
            return "no"
        case None:
            return "none"
        case dict():
            return "; ".join(f"{name.replace('_', ' ')} {_value_words(each)}" for name, each in value.items())
        case _:
            return str(value)

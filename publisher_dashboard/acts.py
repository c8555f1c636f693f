"""Forms for single acts: what is asked, what it means, and, where money moves, whether one is sure.

Rules of this file
- A form says what will happen before it is sent; what is wrong stands beside its field, and what was typed is kept.
- An act that moves money is asked twice: the second page says in whole sentences what will be done, and bears what was
  typed. It is checked again when it is done.
- Every form bears a key (``edge.store.once``), so that a double click does an act once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from starlette.responses import Response

from edge.core.money import InvalidPrice, Money, parse_price
from edge.store.once import new_key
from edge.store.problems import InvalidValue, StoreProblem
from publisher_dashboard.forms import sentence
from publisher_dashboard.visit import Visit

KEY_FIELD = "act"
SURE_FIELD = "sure"
REASON_LENGTH_MAX = 500


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a form; with ``options`` (value, words) it is a choice."""

    name: str
    label: str
    hint: str | None = None
    options: tuple[tuple[str, str], ...] = ()
    required: bool = True
    numeric: bool = False
    length_max: int = 200


@dataclass(frozen=True, slots=True)
class Act:
    """One thing to do: its title, what it means, its fields, and where one came from."""

    title: str
    meaning: str
    submit: str
    back: str
    back_words: str
    fields: tuple[Field, ...] = ()
    danger: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """What one is to be sure of: a question, and what will be so afterwards, as (name, value)."""

    question: str
    meaning: str
    facts: tuple[tuple[str, str], ...]


REASON = Field("reason", "Why", "Kept in the books; whoever audits them reads it.", length_max=REASON_LENGTH_MAX)


def show_act(visit: Visit, act: Act, typed: Mapping[str, str] | None = None) -> Response:
    """The empty form, or one that is filled in already."""
    return _form(visit, act, typed or {}, {}, HTTPStatus.OK)


def refuse(visit: Visit, act: Act, wrong: StoreProblem) -> Response:
    """The form again, with what is wrong beside its field."""
    names = {field.name for field in act.fields}
    field = wrong.field if wrong.field in names else (act.fields[0].name if act.fields else "act")
    return _form(visit, act, visit.form, {field: sentence(str(wrong))}, HTTPStatus.UNPROCESSABLE_ENTITY)


def is_sure(visit: Visit) -> bool:
    """Whether the second page was sent."""
    return visit.form.get(SURE_FIELD) == "yes"


def ask_sure(visit: Visit, act: Act, question: Question) -> Response:
    """The second page: what will be done."""
    return visit.render("sure.html", act=act, question=question, form=_kept(act, visit.form), key=_key(visit))


def key_of(visit: Visit) -> str:
    """The key that the form bears; empty when it has none."""
    return visit.form.get(KEY_FIELD, "")


def read_money(form: Mapping[str, str], field: str, currency: str) -> Money:
    """An amount that was typed without its currency; raises ``InvalidValue``."""
    text = form.get(field, "").strip().removeprefix(currency).strip()
    try:
        return parse_price(f"{currency} {text}")
    except InvalidPrice as why:
        raise InvalidValue("write an amount such as 10 or 0.005, without signs and commas", field) from why


def read_choice(form: Mapping[str, str], field: str, options: Sequence[tuple[str, str]]) -> str:
    """One of the options; raises ``InvalidValue``."""
    chosen = form.get(field, "")
    if chosen not in {value for value, _ in options}:
        raise InvalidValue("choose one of these", field)
    return chosen


def read_reason(form: Mapping[str, str], field: str = "reason") -> str:
    """Why: one line; raises ``InvalidValue``."""
    reason = form.get(field, "").strip()
    if not reason or len(reason) > REASON_LENGTH_MAX or not reason.isprintable():
        raise InvalidValue("say why, in one line", field)
    return reason


def _form(visit: Visit, act: Act, typed: Mapping[str, str], errors: Mapping[str, str], status: HTTPStatus) -> Response:
    labels = {field.name: field.label for field in act.fields}
    return visit.render("act.html", status, act=act, form=typed, errors=errors, labels=labels, key=_key(visit))


def _kept(act: Act, form: Mapping[str, str]) -> dict[str, str]:
    return {field.name: form.get(field.name, "") for field in act.fields}


def _key(visit: Visit) -> str:
    return key_of(visit) or new_key()

"""Estimates as a page or a program asks for them: what is wanted, what is wrong with it, keeping and deleting results.

Rule of this file: a result is named by its job's id while it is remembered, and by its number once it is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from edge.core.money import InvalidPrice, Money
from edge.core.rules import Action
from edge.store.log_estimates import delete_estimate, keep_estimate
from edge.store.problems import InvalidValue
from edge.store.sites import Site
from publisher_dashboard.auth import Turned
from publisher_dashboard.estimates import UNPACKED_TIMES, Job, Task, new_job_id
from publisher_dashboard.forms import read_rule_price, sentence
from publisher_dashboard.uploads import Upload
from publisher_dashboard.views.estimate import address_copies, chosen_rules, estimate_start, size_text
from publisher_dashboard.visit import Desk

GONE = "This result is gone: results are forgotten after an hour unless they are kept."
_NAME_CHARACTERS_MAX = 200


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a log is to be held against, and what those rules are called."""

    rules_name: str
    task: Task


def wanted_of(
    desk: Desk, place: Site, form: Mapping[str, str], now_micros: int, errors: dict[str, str]
) -> Wanted | None:
    """What was asked for; None with ``errors`` by field.

    ``rules`` are ``draft``, ``live`` or a preset at a ``price`` for a ``unit``; ``own_host`` leaves others' lines out.
    """
    with desk.database.read() as connection:
        start = estimate_start(connection, place.site_id)
        copies = address_copies(connection, now_micros)
    price = _price(form, place.currency, errors)
    chosen = chosen_rules(start, form.get("rules", ""), price)
    if chosen is None and not errors:
        errors["rules"] = "Choose the rules to hold the log against."
    if chosen is None or errors:
        return None
    task = Task(
        host=place.host,
        currency=place.currency,
        case_sensitive=place.case_sensitive_paths,
        rules=chosen[1],
        copies=copies,
        own_host_only=form.get("own_host") == "on",
        unpacked_bytes_max=UNPACKED_TIMES * desk.estimate_log_bytes,
    )
    return Wanted(chosen[0], task)


def log_problem(desk: Desk, upload: Upload | None, *, too_large: bool) -> str | None:
    """What is wrong with a log that was sent, before it is read."""
    if too_large:
        limit = size_text(desk.estimate_log_bytes)
        return f"This log is larger than {limit}; send a part of it, or pack it with gzip."
    if upload is None or upload.size == 0:
        return "Choose an access log; this one is empty." if upload and upload.name else "Choose an access log."
    return None


def new_job(place: Site, wanted: Wanted, upload: Upload, now_micros: int) -> Job:
    """A job for a log that came whole."""
    name = upload.name.replace("\\", "/").rpartition("/")[2][:_NAME_CHARACTERS_MAX] or "log"
    return Job(new_job_id(), place.publisher_id, place.site_id, name, upload.size, wanted.rules_name, now_micros)


def keep_result(desk: Desk, site_id: int, job_id: str, *, author: str, now_micros: int) -> int:
    """Keep the sums of a result and give its number. Raises ``Turned``."""
    job = desk.estimates.find(job_id, site_id)
    if job is None or job.result is None:
        raise Turned(HTTPStatus.NOT_FOUND, GONE)
    try:
        with desk.database.write() as connection:
            names = (job.log_name, job.rules_name)
            number = keep_estimate(connection, site_id, names, job.result, author, now_micros)
    except InvalidValue as why:
        raise Turned(HTTPStatus.CONFLICT, sentence(str(why))) from why
    desk.estimates.forget(job_id, site_id)
    return number


def delete_result(desk: Desk, site_id: int, name: str, *, author: str, now_micros: int) -> bool:
    """Delete a result, kept or not; whether it was there."""
    if not is_number(name):
        return desk.estimates.forget(name, site_id)
    with desk.database.write() as connection:
        return delete_estimate(connection, site_id, int(name), author=author, now_micros=now_micros)


def is_number(name: str) -> bool:
    """Whether this names a result that is kept."""
    return name.isascii() and name.isdigit() and len(name) < 10


def _price(form: Mapping[str, str], currency: str, errors: dict[str, str]) -> Money | None:
    if form.get("rules", "") in ("", "live", "draft"):
        return None
    try:
        price = read_rule_price(form, currency, Action.CHARGE)
    except InvalidPrice as wrong:
        errors["price"] = sentence(str(wrong))
        return None
    if price is None:
        errors["price"] = "Say a price per page."
    return price

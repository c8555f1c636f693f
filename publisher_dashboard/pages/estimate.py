"""What an access log would have earned: send one, watch it being read, look at the sums, keep them if wanted.

Rules of this file
- The log itself goes to a file without a name and is gone when it was read; a result holds sums, and is gone after an
  hour unless somebody has it kept.
- While a log is read the page asks again by itself, by a header, so that it works without scripts; one may leave.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from urllib.parse import urlencode

from starlette.responses import Response

from edge.core.log_result import LogEstimate
from edge.core.money import InvalidPrice, Money
from edge.core.rules import Action
from edge.store.log_estimates import KeptEstimate, delete_estimate, find_estimate, keep_estimate
from edge.store.problems import InvalidValue
from publisher_dashboard.auth import Turned
from publisher_dashboard.estimates import UNPACKED_TIMES, Job, Task, new_job_id
from publisher_dashboard.forms import read_rule_price, sentence
from publisher_dashboard.uploads import Upload
from publisher_dashboard.views.estimate import (
    BAR_WIDTH,
    EstimateStart,
    address_copies,
    band_lines,
    chosen_rules,
    estimate_start,
    month_of,
    size_text,
    span_text,
)
from publisher_dashboard.visit import Visit

ASK_AGAIN_SECONDS = 2
CRAWLERS_SHOWN = 25
_GONE = "This result is gone: results are forgotten after an hour unless they are kept."


def show(visit: Visit) -> Response:
    """The form; or a log that is being read, or a result, when the address names one."""
    job_id, kept = visit.query("of"), visit.query("kept")
    if job_id:
        job = visit.desk.estimates.find(job_id, visit.place.site_id)
        if job is None:
            return _form(visit, {}, {}, HTTPStatus.NOT_FOUND, gone=_GONE)
        return _progress(visit, job) if job.result is None else _result(visit, job.result, job=job)
    if kept:
        with visit.desk.database.read() as connection:
            found = find_estimate(connection, visit.place.site_id, int(kept)) if _is_number(kept) else None
        if found is None:
            return _form(visit, {}, {}, HTTPStatus.NOT_FOUND, gone="There is no such result; it may have been deleted.")
        return _result(visit, found.estimate, kept=found)
    return _form(visit, {}, {})


def begin(visit: Visit) -> Response:
    """Take a log, and read it behind this page."""
    taken = visit.sent.upload if visit.sent is not None else None
    try:
        answer = _begin(visit, taken)
    except BaseException:
        _let_go(visit)
        raise
    if isinstance(answer, Response):
        _let_go(visit)
        return answer
    job, task, upload = answer
    visit.desk.estimates.begin(job, task, upload.file)
    return visit.go(f"{visit.site_path('estimate')}?{urlencode({'of': job.job_id})}")


def _begin(visit: Visit, upload: Upload | None) -> Response | tuple[Job, Task, Upload]:
    with visit.desk.database.read() as connection:
        start = estimate_start(connection, visit.place.site_id)
        copies = address_copies(connection, visit.now_micros)
    errors: dict[str, str] = {}
    price = _price(visit, errors)
    chosen = chosen_rules(start, visit.form.get("rules", ""), price)
    if chosen is None and not errors:
        errors["rules"] = "Choose the rules to hold the log against."
    if visit.sent is not None and visit.sent.too_large:
        limit = size_text(visit.desk.estimate_log_bytes)
        errors["log"] = f"This log is larger than {limit}; send a part of it, or pack it with gzip."
    elif upload is None or upload.size == 0:
        errors["log"] = (
            "Choose an access log; this one is empty." if upload and upload.name else "Choose an access log."
        )
    if errors or chosen is None or upload is None:
        return _form(visit, visit.form, errors)
    place = visit.place
    task = Task(
        host=place.host,
        currency=place.currency,
        case_sensitive=place.case_sensitive_paths,
        rules=chosen[1],
        copies=copies,
        own_host_only=visit.form.get("own_host") == "on",
        unpacked_bytes_max=UNPACKED_TIMES * visit.desk.estimate_log_bytes,
    )
    name = upload.name.replace("\\", "/").rpartition("/")[2][:200] or "log"
    job = Job(new_job_id(), place.publisher_id, place.site_id, name, upload.size, chosen[0], visit.now_micros)
    return job, task, upload


def _let_go(visit: Visit) -> None:
    """Nothing is read: the file goes, and so does the place that it had."""
    if visit.sent is not None:
        visit.sent.close()
        visit.desk.estimates.give_back(visit.place.publisher_id)


def keep(visit: Visit) -> Response:
    """Keep the sums of a result."""
    job = visit.desk.estimates.find(visit.form.get("of", ""), visit.place.site_id)
    if job is None or job.result is None:
        raise Turned(HTTPStatus.NOT_FOUND, _GONE)
    try:
        with visit.desk.database.write() as connection:
            names = (job.log_name, job.rules_name)
            number = keep_estimate(
                connection, visit.place.site_id, names, job.result, visit.person.email, visit.now_micros
            )
    except InvalidValue as why:
        raise Turned(HTTPStatus.CONFLICT, sentence(str(why))) from why
    visit.desk.estimates.forget(job.job_id, visit.place.site_id)
    return visit.go(f"{visit.site_path('estimate')}?kept={number}", "estimate-kept")


def delete(visit: Visit) -> Response:
    """Delete a result, kept or not."""
    kept = visit.form.get("kept", "")
    visit.desk.estimates.forget(visit.form.get("of", ""), visit.place.site_id)
    if _is_number(kept):
        with visit.desk.database.write() as connection:
            delete_estimate(connection, visit.place.site_id, int(kept))
    return visit.go(visit.site_path("estimate"), "estimate-deleted")


def _price(visit: Visit, errors: dict[str, str]) -> Money | None:
    if visit.form.get("rules", "") in ("", "live", "draft"):
        return None
    try:
        price = read_rule_price(visit.form, visit.place.currency, Action.CHARGE)
    except InvalidPrice as wrong:
        errors["price"] = sentence(str(wrong))
        return None
    if price is None:
        errors["price"] = "Say a price per page."
    return price


def _form(
    visit: Visit, form: Mapping[str, str], errors: Mapping[str, str], status: int = HTTPStatus.OK, gone: str = ""
) -> Response:
    start = _start(visit)
    typed = {"rules": start.choices[0].word, "price": "0.005", "unit": "page", "own_host": "on", **form}
    if form and "own_host" not in form:
        typed["own_host"] = ""
    return visit.render(
        "estimate.html",
        HTTPStatus.UNPROCESSABLE_ENTITY if errors else status,
        start=start,
        jobs=visit.desk.estimates.of_site(visit.place.site_id),
        form=typed,
        errors=errors,
        gone=gone,
        limit=size_text(visit.desk.estimate_log_bytes),
    )


def _start(visit: Visit) -> EstimateStart:
    with visit.desk.database.read() as connection:
        return estimate_start(connection, visit.place.site_id)


def _progress(visit: Visit, job: Job) -> Response:
    answer = visit.render(
        "estimate_progress.html", job=job, read=size_text(job.read_bytes), whole=size_text(job.log_bytes)
    )
    if not job.is_done:
        answer.headers["refresh"] = str(ASK_AGAIN_SECONDS)
    return answer


def _result(
    visit: Visit, estimate: LogEstimate, *, job: Job | None = None, kept: KeptEstimate | None = None
) -> Response:
    shown = estimate.crawlers[:CRAWLERS_SHOWN]
    return visit.render(
        "estimate_result.html",
        estimate=replace(estimate, crawlers=shown),
        more_crawlers=estimate.crawlers[CRAWLERS_SHOWN:],
        bands=band_lines(estimate),
        bar_width=int(BAR_WIDTH),
        month=month_of(estimate, estimate.worth_micros),
        span=span_text(estimate.span_seconds),
        job=job,
        kept=kept,
    )


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10

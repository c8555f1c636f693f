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
from edge.store.log_estimates import KeptEstimate, find_estimate
from publisher_dashboard.estimates import Job, Task
from publisher_dashboard.log_results import (
    GONE,
    delete_result,
    is_number,
    keep_result,
    log_problem,
    new_job,
    wanted_of,
)
from publisher_dashboard.uploads import Upload
from publisher_dashboard.views.estimate import (
    BAR_WIDTH,
    EstimateStart,
    band_lines,
    estimate_start,
    month_of,
    size_text,
    span_text,
)
from publisher_dashboard.visit import Visit

ASK_AGAIN_SECONDS = 2
CRAWLERS_SHOWN = 25


def show(visit: Visit) -> Response:
    """The form; or a log that is being read, or a result, when the address names one."""
    job_id, kept = visit.query("of"), visit.query("kept")
    if job_id:
        job = visit.desk.estimates.find(job_id, visit.place.site_id)
        if job is None:
            return _form(visit, {}, {}, HTTPStatus.NOT_FOUND, gone=GONE)
        return _progress(visit, job) if job.result is None else _result(visit, job.result, job=job)
    if kept:
        with visit.desk.database.read() as connection:
            found = find_estimate(connection, visit.place.site_id, int(kept)) if is_number(kept) else None
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
    errors: dict[str, str] = {}
    wanted = wanted_of(visit.desk, visit.place, visit.form, visit.now_micros, errors)
    if problem := log_problem(visit.desk, upload, too_large=visit.sent is not None and visit.sent.too_large):
        errors["log"] = problem
    if errors or wanted is None or upload is None:
        return _form(visit, visit.form, errors)
    return new_job(visit.place, wanted, upload, visit.now_micros), wanted.task, upload


def _let_go(visit: Visit) -> None:
    """Nothing is read: the file goes, and so does the place that it had."""
    if visit.sent is not None:
        visit.sent.close()
        visit.desk.estimates.give_back(visit.place.publisher_id)


def keep(visit: Visit) -> Response:
    """Keep the sums of a result."""
    job_id, author = visit.form.get("of", ""), visit.person.email
    number = keep_result(visit.desk, visit.place.site_id, job_id, author=author, now_micros=visit.now_micros)
    return visit.go(f"{visit.site_path('estimate')}?kept={number}", "estimate-kept")


def delete(visit: Visit) -> Response:
    """Delete a result, kept or not."""
    for name in (visit.form.get("of", ""), visit.form.get("kept", "")):
        delete_result(visit.desk, visit.place.site_id, name, author=visit.person.email, now_micros=visit.now_micros)
    return visit.go(visit.site_path("estimate"), "estimate-deleted")


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

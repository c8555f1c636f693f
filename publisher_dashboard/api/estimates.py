"""What an access log would have earned: have one read, ask how far it is, keep or delete what came of it.

Rules of this file
- The log is the body itself, packed with gzip or not; it is gone when it was read. A result holds sums, and is
  forgotten after an hour unless it is kept.
- A result is named by the id that it was given; keeping it gives it another one.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from edge.core.log_estimate import Tally
from edge.core.log_result import LogEstimate
from edge.store.log_estimates import KeptEstimate, find_estimate, list_estimates
from publisher_dashboard.api.operations import Answer, Call
from publisher_dashboard.api.problems import Code, Problem
from publisher_dashboard.api.values import Amount, Done, Model, Nothing, amount, time_of
from publisher_dashboard.estimates import Job
from publisher_dashboard.log_results import (
    GONE,
    delete_result,
    is_number,
    keep_result,
    log_problem,
    new_job,
    wanted_of,
)
from publisher_dashboard.rendering import at
from publisher_dashboard.uploads import Upload
from publisher_dashboard.views.estimate import band_lines, month_of

ASK_AGAIN = {"retry-after": "2"}
_BEING_READ = "This log is being read; its result can be deleted or kept when that is done."


class LogQuestion(Model):
    """The rules to hold the log against: the draft's, the live ones, or a preset's at a price."""

    rules: Literal["draft", "live", "training", "bots", "signed"]
    price: Annotated[str, Field(description="For a preset, in the site's currency.", examples=["0.005"])] = ""
    unit: Annotated[Literal["page", "thousand"], Field(description="What the price is for.")] = "page"
    own_host: Annotated[bool, Field(description="Leave lines of other hosts out.")] = True
    name: Annotated[str, Field(max_length=200, description="What to call the log.")] = "access.log"


class Counts(Model):
    """What became of some requests. ``asked`` met a price, ``watched`` a rule that only counts.

    ``proved`` of these came from an address that bears their name out.
    """

    requests: int
    free: int
    asked: int
    watched: int
    blocked: int
    refused: int
    unsold: int
    proved: int
    impostors: int
    worth: Amount


class WorthBand(Model):
    """One part of the worth, by how likely it would have been paid; the parts add up."""

    band: str
    title: str
    meaning: str
    pages: int
    worth: Amount
    month: Amount | None


class CrawlerPart(Model):
    """One crawler's part; bots without a name have an empty one."""

    name: str
    operator: str
    kind: str
    counts: Counts


class KindPart(Model):
    """The part of all crawlers of a kind."""

    kind: str
    counts: Counts


class LogResult(Model):
    """What a log comes to. ``month`` is 30 days at its pace, null when it is too short to say."""

    format: str
    lines: int
    bad_lines: int
    bad_samples: tuple[str, ...]
    first: datetime | None
    last: datetime | None
    requests: int
    people: int
    other_hosts: int
    worth: Amount
    month: Amount | None
    counts: Counts
    bands: tuple[WorthBand, ...]
    crawlers: tuple[CrawlerPart, ...]
    kinds: tuple[KindPart, ...]
    caveats: tuple[str, ...]


class EstimateLine(Model):
    """One estimate: ``reading``, ``done`` or ``failed`` with a ``problem``. One that is not kept lasts an hour."""

    id: str
    state: Literal["reading", "done", "failed"]
    log: str
    rules: str
    at: datetime
    kept: bool
    kept_by: str | None
    worth: Amount | None
    problem: str | None


class EstimateList(Model):
    """A site's estimates: those of the last hour, then those that are kept, each the newest first."""

    data: tuple[EstimateLine, ...]


class EstimateShown(EstimateLine):
    """One estimate; ``part`` is how much of the log has been read."""

    part: float
    result: LogResult | None


def begin_estimate(call: Call, asked: LogQuestion, log: Upload) -> Answer:
    """Read an access log (the body, gzip or not) under some rules. Nothing of it is kept but the sums, for an hour."""
    log.name = asked.name
    errors: dict[str, str] = {}
    form = {**asked.model_dump(include={"rules", "price", "unit"}), "own_host": "on" if asked.own_host else ""}
    wanted = wanted_of(call.desk, call.place, form, call.now_micros, errors)
    if "rules" in errors:
        errors["rules"] = "There is no draft." if asked.rules == "draft" else "Nothing is live yet."
    if problem := log_problem(call.desk, log, too_large=False):
        errors["body"] = problem
    if errors or wanted is None:
        raise Problem(Code.INVALID, fields=errors)
    job = new_job(call.place, wanted, log, call.now_micros)
    answer = Answer(_job(job), 202, {"location": f"{call.request.url.path}/{job.job_id}", **ASK_AGAIN})
    call.desk.estimates.begin(job, wanted.task, log.file)
    return answer


def list_own_estimates(call: Call, asked: Nothing) -> EstimateList:
    """A site's estimates: those that are being read or were in the last hour, and those that are kept."""
    jobs = call.desk.estimates.of_site(call.place.site_id)
    with call.desk.database.read() as connection:
        kept = list_estimates(connection, call.place.site_id)
    return EstimateList(data=(*map(_job_line, jobs), *map(_kept_line, kept)))


def get_estimate(call: Call, asked: Nothing) -> Answer:
    """One estimate: how far it is, or what the log comes to."""
    name = call.text("estimate")
    if is_number(name):
        return Answer(_kept(_find_kept(call, int(name))))
    job = _find_job(call, name)
    return Answer(_job(job), headers={} if job.is_done else ASK_AGAIN)


def keep_own_estimate(call: Call, asked: Nothing) -> Answer:
    """Keep the sums of a result until somebody deletes them; it has another id from then on."""
    name = call.text("estimate")
    if not is_number(name):
        _settled(_find_job(call, name))
        number = keep_result(call.desk, call.place.site_id, name, author=call.author, now_micros=call.now_micros)
        return Answer(_kept(_find_kept(call, number)), 201)
    return Answer(_kept(_find_kept(call, int(name))), 201)


def delete_own_estimate(call: Call, asked: Nothing) -> Done:
    """Delete a result, kept or not."""
    name = call.text("estimate")
    if not is_number(name):
        _settled(_find_job(call, name))
    if not delete_result(call.desk, call.place.site_id, name, author=call.author, now_micros=call.now_micros):
        raise Problem(Code.NOT_FOUND, GONE)
    return Done(changed=True)


def _find_job(call: Call, name: str) -> Job:
    job = call.desk.estimates.find(name, call.place.site_id)
    if job is None:
        raise Problem(Code.NOT_FOUND, GONE)
    return job


def _settled(job: Job) -> None:
    if not job.is_done:
        raise Problem(Code.NOT_POSSIBLE, _BEING_READ)


def _find_kept(call: Call, number: int) -> KeptEstimate:
    with call.desk.database.read() as connection:
        found = find_estimate(connection, call.place.site_id, number)
    if found is None:
        raise Problem(Code.NOT_FOUND)
    return found


def _job_line(job: Job) -> EstimateLine:
    state: Literal["reading", "done", "failed"] = "failed" if job.problem else "done" if job.result else "reading"
    return EstimateLine(
        id=job.job_id,
        state=state,
        log=job.log_name,
        rules=job.rules_name,
        at=at(job.begun_at_micros),
        kept=False,
        kept_by=None,
        worth=None if job.result is None else amount(job.result.worth_micros, job.result.currency),
        problem=job.problem,
    )


def _kept_line(kept: KeptEstimate) -> EstimateLine:
    return EstimateLine(
        id=str(kept.estimate_id),
        state="done",
        log=kept.log_name,
        rules=kept.rules_name,
        at=at(kept.kept_at_micros),
        kept=True,
        kept_by=kept.kept_by,
        worth=amount(kept.estimate.worth_micros, kept.estimate.currency),
        problem=None,
    )


def _job(job: Job) -> EstimateShown:
    part = 1.0 if job.is_done or not job.log_bytes else job.read_bytes / job.log_bytes
    result = None if job.result is None else _result(job.result)
    return EstimateShown(**_job_line(job).model_dump(), part=part, result=result)


def _kept(kept: KeptEstimate) -> EstimateShown:
    return EstimateShown(**_kept_line(kept).model_dump(), part=1.0, result=_result(kept.estimate))


def _result(found: LogEstimate) -> LogResult:
    code = found.currency
    return LogResult(
        format=found.format,
        lines=found.lines,
        bad_lines=found.bad_lines,
        bad_samples=found.bad_samples,
        first=_second(found.first_second),
        last=_second(found.last_second),
        requests=found.requests,
        people=found.people,
        other_hosts=found.other_hosts,
        worth=amount(found.worth_micros, code),
        month=_amount(month_of(found, found.worth_micros), code),
        counts=_counts(found.whole, code),
        bands=tuple(
            WorthBand(
                band=one.word,
                title=one.title,
                meaning=one.meaning,
                pages=one.requests,
                worth=amount(one.amount_micros, code),
                month=_amount(one.month_micros, code),
            )
            for one in band_lines(found)
        ),
        crawlers=tuple(
            CrawlerPart(name=one.name, operator=one.operator, kind=one.kind, counts=_counts(one.tally, code))
            for one in found.crawlers
        ),
        kinds=tuple(KindPart(kind=one.kind, counts=_counts(one.tally, code)) for one in found.kinds),
        caveats=found.caveats,
    )


def _counts(tally: Tally, code: str) -> Counts:
    return Counts(
        requests=tally.requests,
        free=tally.free,
        asked=tally.asked,
        watched=tally.watched,
        blocked=tally.blocked,
        refused=tally.refused,
        unsold=tally.unsold,
        proved=tally.proved,
        impostors=tally.impostors,
        worth=amount(tally.worth_micros, code),
    )


def _amount(micros: int | None, code: str) -> Amount | None:
    return None if micros is None else amount(micros, code)


def _second(second: int | None) -> datetime | None:
    return time_of(None if second is None else second * 1_000_000)

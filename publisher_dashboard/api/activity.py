"""Activity: requests of crawlers with their why, narrowed as on the page; one of them with the rules of its time."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from edge.core.outcomes import OutcomeGroup, outcomes_of
from edge.store.activity import ActivityFilter
from publisher_dashboard.api.days import Days
from publisher_dashboard.api.operations import Call
from publisher_dashboard.api.problems import Code, Problem
from publisher_dashboard.api.values import Amount, Cursor, Kind, Model, Nothing, Proof, amount, time_of
from publisher_dashboard.outcome_words import ended
from publisher_dashboard.rendering import at
from publisher_dashboard.views.activity import ActivityLine, list_requests, read_place, tell


class ActivityQuestion(Days):
    """What the list is narrowed to. ``outcome`` is a group or one outcome; an empty ``crawler`` the nameless."""

    crawler: Annotated[str, Field(description="A crawler's name; empty for bots without one.")] | None = None
    kind: Kind | None = None
    proof: Proof | None = None
    rule: str | None = None
    outcome: Annotated[str, Field(description="A group such as `asked`, or one outcome.")] | None = None
    status: Annotated[int, Field(ge=100, le=599)] | None = None
    path: Annotated[str, Field(description="How the target begins.", pattern="^/")] | None = None
    after: Cursor | None = None


class RequestShown(Model):
    """One request. ``requests`` is how many it stands for, where rows are a sample."""

    id: str
    at: datetime
    crawler: str
    kind: str
    proof: str
    rule: str
    group: OutcomeGroup
    outcome: str
    why: str
    price: Amount | None
    offer: str | None
    method: str
    target: str
    status: int
    user_agent: str
    address: str
    requests: int


class RequestPage(Model):
    """One page. ``rows`` and ``requests`` are of all that fit, null where they were not counted."""

    data: tuple[RequestShown, ...]
    rows: int | None
    requests: int | None
    looked_back_to: datetime | None
    next: str | None


class SkippedRule(Model):
    """A rule that did not decide, with the first reason."""

    name: str
    because: str


class RequestStory(Model):
    """One request with the rules that were in force then; ``version`` is null where none was."""

    request: RequestShown
    operator: str
    ended: str
    version: int | None
    skipped: tuple[SkippedRule, ...]
    decided_by: str | None
    would_take: str | None


def list_activity(call: Call, asked: ActivityQuestion) -> RequestPage:
    """Requests that were kept, the newest first."""
    since, until = asked.bounds()
    before = None if asked.after is None else read_place(asked.after)
    if asked.after is not None and before is None:
        raise Problem(Code.INVALID, fields={"after": "Send the `next` of the page before."})
    wanted = ActivityFilter(
        crawler=asked.crawler,
        kind=asked.kind,
        rung=asked.proof,
        rule=asked.rule,
        outcomes=_outcomes(asked.outcome),
        status=asked.status,
        path=asked.path,
        since_micros=since,
        until_micros=until,
        before=before,
    )
    with call.desk.database.read() as connection:
        found = list_requests(connection, call.place, wanted)
    return RequestPage(
        data=tuple(_shown(line, call.place.currency) for line in found.lines),
        rows=None if found.count is None else found.count.rows,
        requests=None if found.count is None else found.count.requests,
        looked_back_to=time_of(found.looked_back_to),
        next=found.following,
    )


def get_request(call: Call, asked: Nothing) -> RequestStory:
    """One request in full: how the rules of its time came to the answer."""
    with call.desk.database.read() as connection:
        story = tell(connection, call.place, call.text("place"), call.desk.classify)
    if story is None:
        raise Problem(Code.NOT_FOUND)
    return RequestStory(
        request=_shown(story.line, call.place.currency),
        operator=story.operator,
        ended=ended(story.line.row.outcome),
        version=story.version,
        skipped=tuple(SkippedRule(name=one.rule.name, because=one.reason) for one in story.skipped),
        decided_by=story.match.rule.name if story.match else None,
        would_take=story.would_take,
    )


def _outcomes(text: str | None) -> frozenset[str] | None:
    if text is None:
        return None
    return outcomes_of(OutcomeGroup(text)) if text in set(OutcomeGroup) else frozenset({text})


def _shown(line: ActivityLine, currency: str) -> RequestShown:
    row = line.row
    return RequestShown(
        id=line.place,
        at=at(row.at_micros),
        crawler=row.crawler,
        kind=row.kind,
        proof=row.rung,
        rule=row.rule,
        group=line.group,
        outcome=row.outcome,
        why=line.why,
        price=None if row.price_micros is None else amount(row.price_micros, currency),
        offer=row.offer,
        method=row.method,
        target=row.target,
        status=row.status,
        user_agent=row.user_agent,
        address=row.address,
        requests=row.requests,
    )

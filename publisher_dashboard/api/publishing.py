"""Publishing: the draft now or at a time, and an old version again.

Rules of this file
- Who publishes says which draft (``If-Match``) and which live version was looked at; a change of either since then
  stops it, and nothing is published.
- A request that is sent twice with its ``Idempotency-Key`` publishes once. The key is taken in the transaction that
  publishes, and only one publication can ever follow a live version, so the second answer is that same version.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AwareDatetime, Field

from edge.store.connection import Connection
from edge.store.once import take
from edge.store.planned import Plan, cancel_plan, find_plan, plan_publication
from edge.store.rulesets import (
    NOTE_CHARACTERS_MAX,
    DraftMoved,
    Version,
    VersionMoved,
    find_version,
    publish_draft,
)
from edge.store.rulesets import roll_back as publish_again
from publisher_dashboard.api.operations import NUMBER_MAX, Answer, Call
from publisher_dashboard.api.problems import Code, Problem
from publisher_dashboard.api.rules import moved_on, of_version, tag_of
from publisher_dashboard.api.values import Done, Model, Nothing
from publisher_dashboard.edition import edition_of
from publisher_dashboard.rendering import at

Note = Annotated[str, Field(max_length=NOTE_CHARACTERS_MAX)]
Live = Annotated[
    int, Field(ge=0, le=NUMBER_MAX, description="The live version that was looked at; 0 before the first.")
]


class Publication(Model):
    """What goes with a publication."""

    live_version: Live
    note: Note | None = None


class PlannedPublication(Publication):
    """The same, at a time."""

    at: AwareDatetime


class PlanShown(Model):
    """A publication that waits, or one that did not happen, with the reason."""

    at: datetime
    note: str | None
    live_version: int
    revision: int
    planned_by: str
    planned_at: datetime
    failed_because: str | None


def publish(call: Call, asked: Nothing, body: Publication) -> Answer:
    """Make the draft that was looked at live."""
    revision = _revision(call)
    key = call.once_key(revision, body.live_version)
    return _publish(
        call,
        key,
        body.live_version,
        lambda connection: publish_draft(
            connection, call.place.site_id, revision, body.live_version, body.note, call.author, call.now_micros
        ),
    )


def roll_back(call: Call, asked: Nothing, body: Publication) -> Answer:
    """Publish an old version's rules again, as a new version; an open draft stays."""
    number = call.number("version")
    key = call.once_key(number, body.live_version)
    return _publish(
        call,
        key,
        body.live_version,
        lambda connection: publish_again(
            connection, call.place.site_id, number, body.live_version, body.note, call.author, call.now_micros
        ),
    )


def get_plan(call: Call, asked: Nothing) -> PlanShown:
    """The publication that waits for its time, or that did not happen."""
    with call.desk.database.read() as connection:
        plan = find_plan(connection, call.place.site_id)
    if plan is None:
        raise Problem(Code.NOT_FOUND, "No publication is planned.")
    return _plan(plan)


def put_plan(call: Call, asked: Nothing, body: PlannedPublication) -> PlanShown:
    """Publish the draft that was looked at at a time; an edge does that, once, if nothing has changed until then."""
    plan = Plan(
        site_id=call.place.site_id,
        revision=_revision(call),
        seen_version=body.live_version,
        note=body.note,
        planned_by=call.author,
        planned_at_micros=call.now_micros,
        due_micros=_micros_of(body.at),
    )
    try:
        with call.desk.database.write() as connection:
            return _plan(plan_publication(connection, plan))
    except (DraftMoved, VersionMoved):
        raise moved_on(call) from None


def delete_plan(call: Call, asked: Nothing) -> Done:
    """Give a planned publication up; the draft stays."""
    with call.desk.database.write() as connection:
        return Done(changed=cancel_plan(connection, call.place.site_id, call.author, call.now_micros))


def _publish(call: Call, key: str, seen_version: int, act: Callable[[Connection], Version]) -> Answer:
    try:
        with call.desk.database.write() as connection:
            # Of two requests with one key the second waits here for the first, and finds the key taken.
            if take(connection, key, call.now_micros):
                return Answer(of_version(act(connection)), 201)
            done = find_version(connection, call.place.site_id, seen_version + 1)
    except (DraftMoved, VersionMoved):
        raise moved_on(call) from None
    assert done is not None, "a key is taken in the transaction that publishes"
    return Answer(of_version(done), 201, {"idempotent-replayed": "true"})


def _revision(call: Call) -> int:
    """The draft's revision out of ``If-Match``, whether it is still there or not."""
    word, _, number = call.seen.partition("-")
    if word != "draft" or not (number.isascii() and number.isdigit() and len(number) < 16):
        now = tag_of(edition_of(call.desk.database, call.place.site_id))
        raise Problem(Code.MOVED_ON, f"Only a draft is published; the edition is {now} now.")
    return int(number)


def _micros_of(time: datetime) -> int:
    """Microseconds since the epoch; raises ``Problem`` for a time at the very ends of the calendar."""
    try:
        return int(time.astimezone(UTC).timestamp()) * 1_000_000
    except OverflowError:
        raise Problem(Code.INVALID, fields={"at": "Choose a time that is still to come, within a year."}) from None


def _plan(plan: Plan) -> PlanShown:
    return PlanShown(
        at=at(plan.due_micros),
        note=plan.note,
        live_version=plan.seen_version,
        revision=plan.revision,
        planned_by=plan.planned_by,
        planned_at=at(plan.planned_at_micros),
        failed_because=plan.failed_because,
    )

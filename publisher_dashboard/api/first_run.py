"""The first steps of a publisher, and the sample site with made-up traffic."""

from __future__ import annotations

from edge.store.first_steps import dismiss_first_steps
from edge.store.rulesets import find_draft
from edge.store.sample_site import remove_sample
from edge.store.sites import list_sites
from publisher_dashboard.api.operations import Answer, Call
from publisher_dashboard.api.sites import SiteShown, of_site
from publisher_dashboard.api.values import Done, Model, Nothing
from publisher_dashboard.sample import make_sample
from publisher_dashboard.views.first_steps import first_steps


class StepShown(Model):
    """One step; ``page`` is the dashboard's page that does it, null where it cannot be done yet."""

    title: str
    meaning: str
    page: str | None
    done: bool
    optional: bool


class StepList(Model):
    """The steps in their order; none where it was put aside, nothing is left, or every site is paused."""

    data: tuple[StepShown, ...]


def list_first_steps(call: Call, asked: Nothing) -> StepList:
    """What is done of the way from nothing to a first request, and what comes next; each is seen in the data."""
    with call.desk.database.read() as connection:
        every = list_sites(connection, call.publisher_id, with_removed=True)
        found = first_steps(connection, call.publisher_id, every)
    return StepList(
        data=tuple(
            StepShown(
                title=one.title, meaning=one.meaning, page=one.href or None, done=one.is_done, optional=one.is_optional
            )
            for one in (found.steps if found else ())
        )
    )


def put_steps_aside(call: Call, asked: Nothing) -> Done:
    """Put the list aside, for everybody of this publisher and for good."""
    with call.desk.database.write() as connection:
        dismiss_first_steps(connection, call.publisher_id, call.author, call.now_micros)
    return Done(changed=True)


def add_own_sample(call: Call, asked: Nothing) -> Answer:
    """Make a sample site with a week of made-up traffic, watched only; the one that is there stays."""
    with call.desk.database.write() as connection:
        made = make_sample(connection, call.publisher_id, call.author, call.now_micros)
        draft = find_draft(connection, made.site_id)
    found = of_site(made, has_draft=draft is not None)
    assert isinstance(found.document, SiteShown), "a sample is a site"
    return Answer(found.document, 201, found.headers)


def remove_own_sample(call: Call, asked: Nothing) -> Done:
    """Take the sample away, with everything that was made up for it."""
    with call.desk.database.write() as connection:
        return Done(changed=remove_sample(connection, call.publisher_id, call.author, call.now_micros))

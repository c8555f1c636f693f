"""The first steps of a publisher: what is done, what comes next, and where. Each is seen in the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from edge.store.arrivals import sites_seen
from edge.store.connection import Connection
from edge.store.first_steps import are_dismissed
from edge.store.log_estimates import list_estimates
from edge.store.rulesets import find_draft
from edge.store.sites import Site
from publisher_dashboard.sample import is_sample


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what it is, what it means, and the address and words of the button that does it.

    ``href`` is empty where it cannot be done yet.
    """

    title: str
    meaning: str
    href: str
    button: str
    is_done: bool
    is_optional: bool = False


@dataclass(frozen=True, slots=True)
class FirstSteps:
    """The list; ``next_step`` is the first that is not done and must be."""

    steps: tuple[Step, ...]

    @property
    def done(self) -> int:
        """How many are done."""
        return sum(step.is_done for step in self.steps)

    @property
    def next_step(self) -> Step | None:
        """What to do now."""
        return next((step for step in self.steps if not step.is_done and not step.is_optional), None)


def first_steps(connection: Connection, publisher_id: int, sites: Sequence[Site]) -> FirstSteps | None:
    """The list of a publisher; None when it was put aside, nothing is left to do, or every site is paused.

    ``sites`` are all of its sites, paused ones too: whoever paused them has taken the steps once.
    """
    if are_dismissed(connection, publisher_id):
        return None
    own = [site for site in sites if not is_sample(site)]
    served = [site for site in own if site.active]
    if own and not served:
        return None
    found = FirstSteps(_steps(connection, publisher_id, served))
    return found if found.next_step is not None else None


def _steps(connection: Connection, publisher_id: int, own: list[Site]) -> tuple[Step, ...]:
    site = own[0] if own else None
    add = f"/publishers/{publisher_id}/sites/new"
    here = f"/sites/{quote(site.host, safe='')}" if site else ""

    def at(page: str) -> str:
        return f"{here}/{page}" if here else ""

    published = any(one.live_version is not None for one in own)
    drafted = published or any(find_draft(connection, one.site_id) is not None for one in own)
    estimated = any(list_estimates(connection, one.site_id) for one in own)
    seen = bool(own and sites_seen(connection, [one.site_id for one in own]))
    return (
        Step("Add your site", "Its domain, and the server that answers for it today.", add, "Add a site", bool(own)),
        Step(
            "See what a log would have earned",
            "Read an access log under prices of your choice. Nothing is kept unless you want it.",
            at("estimate"),
            "Read a log",
            estimated,
            is_optional=True,
        ),
        Step(
            "Choose where to begin",
            "Watch only is safe: nobody pays and nobody is refused.",
            at("presets"),
            "Choose",
            drafted,
        ),
        Step(
            "Publish",
            "Until you do, everybody gets every page for nothing.",
            at("review"),
            "Review and publish",
            published,
        ),
        Step(
            "Put the edge in front",
            "Lead your visitors through the edge; the first request is seen at once.",
            at("connect"),
            "Connect",
            seen,
        ),
    )

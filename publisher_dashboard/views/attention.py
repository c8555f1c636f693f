"""What needs somebody at a publisher: failed plans, drafts, rules that never match, impostors, webhooks, directories.

Rules of this file: everything here is one cheap question; each answer says what it means and where to go about it. The
order is that of what it costs to leave it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from edge.core.identity import Rung
from edge.core.month import Month
from edge.core.rule_shadow import shadowed
from edge.core.rules import RuleSet
from edge.store.closed_months import closed_labels
from edge.store.connection import Connection
from edge.store.crawlers import list_crawlers
from edge.store.directories import list_directories
from edge.store.earnings import Period, has_earned
from edge.store.planned import find_plan
from edge.store.rulesets import find_draft, live_version
from edge.store.sites import Site
from edge.store.traffic_days import daily_traffic
from edge.store.webhook_lists import endpoints_of
from publisher_dashboard.changes import compare
from publisher_dashboard.rendering import at, month_name, percent, plural

WEEK_MICROS = 7 * 86_400_000_000
IMPOSTOR_SHARE_MIN = 0.2
IMPOSTORS_MIN = 100
_EMPTY_DAYS_MICROS = 5 * 86_400_000_000


@dataclass(frozen=True, slots=True)
class Concern:
    """One thing: what it is, what it means, and the page to go to with the word of the link."""

    what: str
    meaning: str
    href: str
    act: str


def concerns(connection: Connection, publisher_id: int, sites: Sequence[Site], now_micros: int) -> tuple[Concern, ...]:
    """Everything that needs somebody now."""
    broken = {site.site_id: tuple(_of_plans(connection, site)) for site in sites}
    return (
        *(one for plans in broken.values() for one in plans),
        *(one for site in sites for one in _of_rules(connection, site, told=bool(broken[site.site_id]))),
        *_of_webhooks(connection, publisher_id),
        *_of_impostors(connection, sites, now_micros),
        *_of_directories(connection, publisher_id),
        *_of_months(connection, publisher_id, now_micros),
    )


def _of_rules(connection: Connection, site: Site, *, told: bool) -> Iterator[Concern]:
    """``told`` says that the draft stands above already, because of its plan."""
    below = f"/sites/{quote(site.host, safe='')}"
    live, draft = live_version(connection, site.site_id), find_draft(connection, site.site_id)
    if draft is not None and not told:
        number = len(compare(live.rules, draft.rules)) if live else len(draft.rules.rules) + 1
        yield Concern(
            f"The draft of {site.host} has {plural(number, 'change')}",
            "Nothing is charged differently until it is published.",
            f"{below}/review",
            "Review",
        )
    elif draft is None and live is None:
        meaning = "Everybody gets every page for nothing. Begin by watching; nobody is refused."
        yield Concern(f"{site.host} has no rules yet", meaning, f"{below}/presets", "Begin")
    if live is not None:
        yield from _of_shadows(live.rules, site, below)


def _of_plans(connection: Connection, site: Site) -> Iterator[Concern]:
    """A publication that was planned and did not happen, or cannot; nothing of one that waits for its time.

    It stands here until somebody plans it anew, publishes, or forgets the plan (``edge.store.planned``).
    """
    plan = find_plan(connection, site.site_id)
    if plan is None:
        return
    live, draft = live_version(connection, site.site_id), find_draft(connection, site.site_id)
    review = f"/sites/{quote(site.host, safe='')}/review"
    due = f"{at(plan.due_micros):%d %b %Y, %H:%M} UTC".lstrip("0")
    if plan.failed_because is not None:
        what = f"The draft of {site.host} was not published as planned"
        yield Concern(what, f"It was to go live on {due}: {plan.failed_because}.", review, "Review")
    elif draft is None or draft.revision != plan.revision or plan.seen_version != (live.version if live else 0):
        what = f"The draft of {site.host} will not go live as planned"
        meaning = f"It or the live version has changed since it was planned for {due}."
        yield Concern(what, meaning, review, "Review")


def _of_shadows(rules: RuleSet, site: Site, below: str) -> Iterator[Concern]:
    for one in shadowed(rules, case_sensitive=site.case_sensitive_paths):
        hidden, by = rules.rules[one.position], rules.rules[one.by_position]
        yield Concern(
            f"Rule {one.position + 1} of {site.host}, “{hidden.name}”, never matches",
            f"“{by.name}” before it takes every request.",
            f"{below}/rules#rule-{one.position + 1}",
            "Show",
        )


def _of_webhooks(connection: Connection, publisher_id: int) -> Iterator[Concern]:
    for one in endpoints_of(connection, publisher_id):
        if one.state != "active":
            meaning = one.trouble or "The last try failed; it goes on trying for three days."
            yield Concern(f"A webhook is {one.state}", meaning, f"/publishers/{publisher_id}/webhooks", "Look")


def _of_impostors(connection: Connection, sites: Sequence[Site], now_micros: int) -> Iterator[Concern]:
    for site in sites:
        ids = frozenset({site.site_id})
        seen, false = dict[str, int](), dict[str, int]()
        for one in daily_traffic(connection, now_micros - WEEK_MICROS, now_micros + 1, ids):
            name = one.key.crawler
            seen[name] = seen.get(name, 0) + one.requests
            if one.key.rung == Rung.IMPOSTOR.label:
                false[name] = false.get(name, 0) + one.requests
        for name, number in sorted(false.items(), key=lambda item: -item[1]):
            if name and number >= IMPOSTORS_MIN and number >= IMPOSTOR_SHARE_MIN * seen[name]:
                yield Concern(
                    f"{percent(number / seen[name])} of {name} on {site.host} are impostors",
                    f"{plural(number, 'request')} of this week came under its name, from addresses of others.",
                    f"/sites/{quote(site.host, safe='')}/crawlers?{urlencode({'q': name})}",
                    "Decide",
                )


def _of_directories(connection: Connection, publisher_id: int) -> Iterator[Concern]:
    """Registered crawlers whose keys could never be fetched cannot pay."""
    broken = {one.agent_url for one in list_directories(connection) if one.failure and one.document is None}
    if not broken:
        return
    for one in list_crawlers(connection):
        if one.agent_url in broken:
            yield Concern(
                f"The keys of {one.name} cannot be fetched",
                "It cannot pay until its directory answers. Its team is told with each refusal.",
                f"/publishers/{publisher_id}/charges?{urlencode({'crawler': one.name})}",
                "Its charges",
            )


def _of_months(connection: Connection, publisher_id: int, now_micros: int) -> Iterator[Concern]:
    """The month before is expected to be closed some days into this one, if there was anything in it."""
    this = Month.of(now_micros)
    last = Month.of(this.start_micros - 1)
    late = now_micros - this.start_micros > _EMPTY_DAYS_MICROS
    if not late or last.label in closed_labels(connection):
        return
    if has_earned(connection, publisher_id, Period(last.start_micros, last.end_micros)):
        yield Concern(
            f"{month_name(last)} is not closed yet",
            "Its statement is a draft until your operator closes the month.",
            f"/publishers/{publisher_id}/months/{last.label}",
            "See it",
        )

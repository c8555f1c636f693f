"""Activity: the page, one request, the file, and the live stream; the filter stands in the address of all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlencode

from starlette.responses import Response

from edge.core.identity import CrawlerKind, Rung
from edge.core.money import format_micros
from edge.core.outcomes import GROUP_OF, OutcomeGroup, group_of, outcomes_of
from edge.core.report_files import safe_cell
from edge.store.activity import Activity, ActivityFilter
from publisher_dashboard.auth import NOT_HERE, Turned
from publisher_dashboard.csv_stream import csv_answer
from publisher_dashboard.day_range import read_days
from publisher_dashboard.live_activity import follow
from publisher_dashboard.outcome_words import GROUP_WORDS, KINDS, PROOFS, ended
from publisher_dashboard.rendering import at, sentence
from publisher_dashboard.views.activity import (
    ActivityLine,
    ActivityList,
    ActivityStory,
    choices,
    list_requests,
    read_place,
    stream_requests,
    tell,
)
from publisher_dashboard.visit import Visit

FILTERS = ("crawler", "kind", "proof", "rule", "outcome", "status", "path", "from", "to")
NAMELESS = "(no name)"
"""How a bot that says no name is asked for in an address."""

CSV_COLUMNS = (
    "at", "crawler", "kind", "proof", "rule", "group", "outcome", "currency", "price", "offer", "method", "target",
    "status", "user_agent", "address", "requests",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What the address narrows the list to: the filter, what was typed, and what of it makes no sense."""

    filter: ActivityFilter
    form: Mapping[str, str]
    errors: Mapping[str, str]

    @property
    def query(self) -> str:
        """The same narrowing as a query string, without empty parts."""
        return urlencode({name: value for name, value in self.form.items() if value})


def show(visit: Visit) -> Response:
    """The list with its count, and the way to older rows."""
    narrowing = _narrow(visit)
    with visit.desk.database.read() as connection:
        known = choices(connection, visit.place)
        # With a filter that makes no sense nothing is listed: it would look like the answer to another question.
        found = (
            ActivityList((), None, None, None)
            if narrowing.errors
            else list_requests(connection, visit.place, narrowing.filter)
        )
    path, query = visit.site_path("activity"), narrowing.query
    following = urlencode({"after": found.following}) if found.following else ""
    return visit.render(
        "activity.html",
        HTTPStatus.UNPROCESSABLE_ENTITY if narrowing.errors else HTTPStatus.OK,
        list=found,
        form=narrowing.form,
        errors=narrowing.errors,
        filters=query,
        proofs=PROOFS,
        crawler_options=[(NAMELESS, "Bots without a name"), *((name, name) for name in known.crawlers)],
        kind_options=[(kind.value, KINDS[kind.value]) for kind in CrawlerKind],
        proof_options=[(rung.label, sentence(PROOFS[rung.label])) for rung in Rung],
        rule_options=[(name, name) for name in known.rules],
        outcome_options=_outcomes(known.outcomes),
        next_page=f"{path}?{'&'.join(part for part in (query, following) if part)}" if following else None,
        first_page=f"{path}{'?' if query else ''}{query}" if narrowing.filter.before else None,
    )


def show_one(visit: Visit) -> Response:
    """One request: why in full, the rules as they were then, and what to do about it."""
    with visit.desk.database.read() as connection:
        story = tell(connection, visit.place, str(visit.request.path_params["place"]), visit.desk.classify)
    if story is None:
        raise Turned(HTTPStatus.NOT_FOUND, NOT_HERE)
    row = story.line.row
    return visit.render(
        "activity_row.html",
        story=story,
        line=story.line,
        row=row,
        proof=PROOFS.get(row.rung, row.rung),
        kind=KINDS.get(row.kind, row.kind),
        end=ended(row.outcome),
        test=urlencode(_test_query(visit, story)),
        rule=urlencode(_rule_query(row)),
    )


def download(visit: Visit) -> Response:
    """Exactly the rows of this filter as CSV; its column ``requests`` sums to the number on the screen."""
    narrowing = _narrow(visit)
    if narrowing.errors:
        raise Turned(HTTPStatus.UNPROCESSABLE_ENTITY, " ".join(narrowing.errors.values()))
    return csv_answer("activity.csv", CSV_COLUMNS, _csv_rows(visit, narrowing.filter))


def live(visit: Visit) -> Response:
    """The rows that come from now on and fit, as server-sent events; each is a row of the list."""
    narrowing = _narrow(visit)
    if narrowing.errors:
        raise Turned(HTTPStatus.UNPROCESSABLE_ENTITY, " ".join(narrowing.errors.values()))

    def draw(line: ActivityLine) -> str:
        # A row has no surroundings: it is drawn with what its macro asks for, and nothing is looked up for it.
        context = {"line": line, "base": visit.site_path(), "currency": visit.place.currency, "proofs": PROOFS}
        return visit.desk.rendering.page("activity_line.html", context).strip()

    return follow(visit, narrowing.filter, draw)


def _narrow(visit: Visit) -> Narrowing:
    """Read the filter from the address. What is unknown matches nothing, rather than everything."""
    form = {name: visit.query(name) for name in FILTERS}
    errors: dict[str, str] = {}
    since, until = read_days(form, errors)
    status = _status(form["status"], errors)
    outcomes = _chosen_outcomes(form["outcome"])
    narrowed = ActivityFilter(
        crawler=("" if form["crawler"] == NAMELESS else form["crawler"]) if form["crawler"] else None,
        kind=form["kind"] or None,
        rung=form["proof"] or None,
        rule=form["rule"] or None,
        outcomes=outcomes,
        status=status,
        path=_path(form["path"]),
        since_micros=since,
        until_micros=until,
        before=read_place(visit.query("after")),
    )
    return Narrowing(narrowed, form, errors)


def _path(text: str) -> str | None:
    """How the target begins; a slash that was left out is meant."""
    return None if not text else text if text.startswith("/") else f"/{text}"


def _status(text: str, errors: dict[str, str]) -> int | None:
    if not text:
        return None
    if len(text) == 3 and text.isascii() and text.isdigit() and 100 <= int(text) <= 599:
        return int(text[:4])
    errors["status"] = "Write a status such as 402."
    return None


def _chosen_outcomes(text: str) -> frozenset[str] | None:
    if not text:
        return None
    return outcomes_of(OutcomeGroup(text)) if text in set(OutcomeGroup) else frozenset({text})


def _outcomes(known: tuple[str, ...]) -> list[tuple[str, str]]:
    """The groups, then each single outcome that the rows hold, under its group."""
    groups = [(group.value, GROUP_WORDS[group]) for group in OutcomeGroup]
    order = list(OutcomeGroup)
    single = sorted((one for one in known if one in GROUP_OF), key=lambda one: (order.index(group_of(one)), ended(one)))
    return groups + [(one, f"{GROUP_WORDS[group_of(one)]}: {ended(one)}") for one in single]


def _csv_rows(visit: Visit, wanted: ActivityFilter) -> Iterator[list[str | int]]:
    with visit.desk.database.read() as connection:
        for row in stream_requests(connection, visit.place, wanted):
            yield _csv_row(row, visit.place.currency)


def _csv_row(row: Activity, currency: str) -> list[str | int]:
    return [
        at(row.at_micros).isoformat(timespec="microseconds"),
        safe_cell(row.crawler),
        row.kind,
        row.rung,
        safe_cell(row.rule),
        group_of(row.outcome).value,
        row.outcome,
        currency,
        "" if row.price_micros is None else format_micros(row.price_micros),
        safe_cell(row.offer or ""),
        safe_cell(row.method),
        safe_cell(row.target),
        row.status,
        safe_cell(row.user_agent),
        safe_cell(row.address),
        row.requests,
    ]


def _test_query(visit: Visit, story: ActivityStory) -> dict[str, str]:
    """The same request for "test a URL": a crawler that proved its name is asked for as one that signs."""
    row = story.line.row
    asked = {"url": f"https://{visit.place.host}{row.target}"}
    if row.rung in (Rung.SIGNED.label, Rung.TOKEN.label):
        asked["crawler"] = row.crawler
    else:
        asked["agent"] = row.user_agent
    kind, _, amount = (row.offer or "").partition(" ")
    if kind in ("max", "exact"):
        asked |= {"offer": kind, "price": amount}
    return asked


def _rule_query(row: Activity) -> dict[str, str]:
    """A new rule for whoever asked, where it asked: all that lies in the same place, above the rule that decided."""
    path = row.target.partition("?")[0]
    place = path[: path.rfind("/") + 1] or "/"
    who = {"crawler": row.crawler} if row.crawler else {"kind": row.kind}
    name = f"{row.crawler or KINDS.get(row.kind, row.kind)} on {place}"[:100].strip()
    return who | {"name": name, "where": "starts", "address": place, "action": "charge", "before": row.rule}

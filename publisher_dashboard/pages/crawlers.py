"""Crawlers of a site: the list, one of them, and the choice of what to do with it or with its kind."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import urlencode

from starlette.responses import Response

from edge.core.identity import CrawlerKind, Rung
from edge.core.money import InvalidPrice, Money
from edge.core.outcomes import OutcomeGroup, group_of
from edge.core.rules import Action, InvalidRule, RuleSet, is_name
from publisher_dashboard.auth import NOT_HERE, Turned
from publisher_dashboard.crawler_choice import CHOICES, INHERIT, Choice, choice_of, choose, who_is
from publisher_dashboard.edition import Edition, Wanted, look, save
from publisher_dashboard.forms import read_rule_price, sentence
from publisher_dashboard.outcome_words import KINDS, PROOFS, ended
from publisher_dashboard.pages.activity import NAMELESS
from publisher_dashboard.rendering import amount_text
from publisher_dashboard.spark import draw_counts, spark_points
from publisher_dashboard.views.crawlers import DAYS, CrawlerLine, CrawlerStory, list_lines, tell_crawler
from publisher_dashboard.visit import Visit

SHOWN_MAX = 100
SORTS = {
    "requests": "Requests",
    "earned": "Earned",
    "paid": "Paid",
    "refused": "Turned away",
    "acceptance": "Acceptance",
    "name": "Name",
}
CHOICE_WORDS = {
    INHERIT: "Inherit: your other rules decide",
    "allow": "Allow: every page for nothing",
    "charge": "Charge for every page",
    "block": "Block: no page at any price",
    "monitor": "Watch: serve, and count what it would have cost",
}


def show(visit: Visit) -> Response:
    """The list, narrowed, searched and sorted by what stands in the address."""
    form = {name: visit.query(name) for name in ("q", "kind", "sort")}
    rules = look(visit).rules
    with visit.desk.database.read() as connection:
        every = list_lines(connection, visit.place, visit.now_micros, visit.desk.classify)
    fitting = [line for line in every if _fits(line, form)]
    fitting.sort(key=lambda line: _order(line, form["sort"]))
    shown = fitting[:SHOWN_MAX]
    return visit.render(
        "crawlers.html",
        lines=[(line, spark_points(line.days), _query(line), _chosen(rules, line)) for line in shown],
        form=form,
        more=len(fitting) - len(shown),
        came=len(every),
        days=DAYS,
        proofs=PROOFS,
        kinds=KINDS,
        kind_options=[(kind.value, KINDS[kind.value]) for kind in CrawlerKind],
        sort_options=list(SORTS.items()),
    )


def show_one(visit: Visit) -> Response:
    """One crawler: its days, its proof, its refusals and pages, and what to do with it."""
    edition = look(visit)
    story = _story(visit, visit.query("name"))
    line = story.line
    form: dict[str, str] = {}
    whom = {"kind": who_is(kind=line.kind)}
    if can_be_named(line):
        whom["crawler"] = who_is(crawler=line.name)
    for field, who in whom.items():
        now = choice_of(edition.rules, who)
        form |= {field: now.word, f"{field}_price": amount_text(now.price)}
    return _page(visit, edition, story, form, {})


def decide(visit: Visit) -> Response:
    """Put what was chosen for this crawler and its kind into the draft."""
    edition, story = look(visit), _story(visit, visit.form.get("name", ""))
    line, errors = story.line, dict[str, str]()
    targets = [("kind", who_is(kind=line.kind), KINDS[line.kind.value])]
    if can_be_named(line):
        targets.insert(0, ("crawler", who_is(crawler=line.name), line.name))
    wishes = [(who, _read_choice(visit, field, errors), title) for field, who, title in targets]
    if errors:
        return _page(visit, edition, story, visit.form, errors)

    def change(rules: RuleSet) -> RuleSet:
        for who, choice, title in wishes:
            rules = choose(rules, who, choice, title)
        return rules

    wanted = Wanted(f"decide about {line.name or 'bots without a name'}", line.name or None)
    back = f"{visit.site_path('crawlers', 'one')}?{_query(line)}"
    try:
        return save(visit, change, wanted, "chosen", back)
    except InvalidRule as wrong:
        return _page(visit, edition, story, visit.form, {"crawler": sentence(wrong.message)})


def _story(visit: Visit, asked: str) -> CrawlerStory:
    if not asked:
        raise Turned(HTTPStatus.NOT_FOUND, NOT_HERE)
    name = "" if asked == NAMELESS else asked
    with visit.desk.database.read() as connection:
        story = tell_crawler(connection, visit.place, name, visit.now_micros, visit.desk.classify)
    if story is None:
        raise Turned(HTTPStatus.NOT_FOUND, "No crawler of that name has come to this site in two weeks.")
    return story


def _read_choice(visit: Visit, field: str, errors: dict[str, str]) -> Choice:
    """What was chosen, with its price; what is missing or wrong is noted by its field."""
    word = visit.form.get(field, "")
    if word not in CHOICES:
        errors[field] = "Choose one of these."
        return Choice(INHERIT)
    if word not in (Action.CHARGE.value, Action.MONITOR.value):
        return Choice(word)
    price: Money | None = None
    try:
        price = read_rule_price({"price": visit.form.get(f"{field}_price", "")}, visit.place.currency, Action(word))
    except InvalidPrice as wrong:
        errors[f"{field}_price"] = sentence(str(wrong))
        return Choice(INHERIT)
    if price is None:
        errors[f"{field}_price"] = "Write a price per page, such as 0.005."
    return Choice(word, price)


def _page(
    visit: Visit, edition: Edition, story: CrawlerStory, form: Mapping[str, str], errors: Mapping[str, str]
) -> Response:
    line = story.line
    lost = sorted(
        ((ended(outcome), requests) for outcome, requests in line.outcomes.items() if _is_lost(outcome)),
        key=lambda pair: -pair[1],
    )
    proofs = sorted(line.rungs.items(), key=lambda pair: -Rung.from_label(pair[0]))
    return visit.render(
        "crawler.html",
        HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK,
        edition=edition,
        story=story,
        line=line,
        can_be_named=can_be_named(line),
        name=line.name or NAMELESS,
        query=_query(line),
        chart=draw_counts(tuple(zip(story.starts, line.days, strict=True))),
        lost=lost,
        proofs=[(PROOFS[label], requests) for label, requests in proofs],
        kind=KINDS[line.kind.value],
        form=form,
        errors=errors,
        choices=list(CHOICE_WORDS.items()),
    )


def _is_lost(outcome: str) -> bool:
    return group_of(outcome) in (OutcomeGroup.ASKED, OutcomeGroup.REFUSED, OutcomeGroup.FAILED)


def _query(line: CrawlerLine) -> str:
    return urlencode({"name": line.name or NAMELESS})


def can_be_named(line: CrawlerLine) -> bool:
    """Whether a rule can be for this crawler alone: nameless bots and very long names are met by their kind only."""
    return is_name(line.name)


def _chosen(rules: RuleSet, line: CrawlerLine) -> str:
    """What is chosen for this crawler, else for its kind; empty where the other rules decide."""
    own = choice_of(rules, who_is(crawler=line.name)).word if can_be_named(line) else INHERIT
    word = own if own != INHERIT else choice_of(rules, who_is(kind=line.kind)).word
    return "" if word == INHERIT else word


def _fits(line: CrawlerLine, form: Mapping[str, str]) -> bool:
    wanted = form["q"].casefold()
    found = wanted in line.name.casefold() or wanted in line.operator.casefold()
    return found and form["kind"] in ("", line.kind.value)


def _order(line: CrawlerLine, sort: str) -> tuple[float | str, str]:
    name = line.name.casefold()
    match sort:
        case "name":
            return name, ""
        case "earned":
            return -line.earned.amount_micros, name
        case "paid":
            return -line.sold, name
        case "refused":
            return -line.turned_away, name
        case "acceptance":
            return -(line.acceptance if line.acceptance is not None else -1.0), name
        case _:
            return -line.requests, name

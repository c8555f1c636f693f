"""The ordered list of a site's rules: what stands there, and the small changes made right in it."""

from __future__ import annotations

from collections import Counter
from http import HTTPStatus

from starlette.responses import Response

from edge.core.rule_lint import Doubt, lint, undercut
from edge.core.rules import RuleSet
from edge.store.earnings import earned_by_rule
from edge.store.planned import find_plan
from edge.store.traffic import TrafficSum, read_traffic
from publisher_dashboard.auth import Turned
from publisher_dashboard.edition import Wanted, look, save
from publisher_dashboard.presets import PRESETS, SUGGESTED_PRICE_MICROS, read_preset
from publisher_dashboard.ranges import LAST_WEEK, read_range
from publisher_dashboard.rule_list import Direction, NoSuchRule, find_rule
from publisher_dashboard.rule_list import move as move_rule
from publisher_dashboard.rule_list import remove as remove_rule
from publisher_dashboard.rule_list import switch as switch_rule
from publisher_dashboard.traffic_story import Worth, times, watched, watching_prices
from publisher_dashboard.visit import Visit


def show(visit: Visit) -> Response:
    """The list, with its draft banner; before the first rules, the presets."""
    edition, cased = look(visit), visit.place.case_sensitive_paths
    week = read_range(LAST_WEEK, visit.now_micros).period
    with visit.desk.database.read() as connection:
        sums = earned_by_rule(connection, visit.place.site_id, visit.place.currency, week)
        plan = find_plan(connection, visit.place.site_id)
        traffic = read_traffic(connection, week.since_micros, week.until_micros, frozenset({visit.place.site_id}))
    found = lint(edition.rules, case_sensitive=cased)
    return visit.render(
        "rules.html",
        edition=edition,
        plan=plan,
        rules=edition.rules,
        changes=edition.changes,
        changed={change.after.name: change for change in edition.changes if change.after is not None},
        doubts={one.position: one for one in found if one.doubt is not Doubt.NOTHING_LEFT},
        cheaper={one.position: one.by_position for one in undercut(edition.rules, case_sensitive=cased)},
        taker=next((one.by_position for one in found if one.doubt is Doubt.NOTHING_LEFT), None),
        sums=sums,
        matched=_matched(traffic),
        watched=_would_earn(edition.live_rules, visit.place.site_id, traffic),
    )


def _matched(traffic: list[TrafficSum]) -> Counter[str]:
    """How many requests each rule decided, by its name."""
    found: Counter[str] = Counter()
    for one in traffic:
        found[one.key.rule] += one.requests
    return found


def _would_earn(live: RuleSet, site_id: int, traffic: list[TrafficSum]) -> dict[str, Worth]:
    """What the watching rules' requests would have earned at the live prices, by the rule's name."""
    seen: dict[str, int] = {}
    for one in watched(traffic, {}):
        seen[one.rule] = seen.get(one.rule, 0) + one.requests
    prices = watching_prices(live, site_id)
    found = {name: times(prices.get((site_id, name)), requests) for name, requests in seen.items()}
    return {name: worth for name, worth in found.items() if worth is not None}


def move(visit: Visit) -> Response:
    """Move a rule up or down."""
    name = visit.form.get("rule", "")
    try:
        direction = Direction(visit.form.get("direction", ""))
    except ValueError:
        raise Turned(HTTPStatus.BAD_REQUEST, "A rule can be moved up, down, to the top or to the bottom.") from None
    wanted = Wanted(f"move “{name}” {direction.value}", name)
    return save(visit, lambda rules: move_rule(rules, name, direction), wanted, "moved")


def switch(visit: Visit) -> Response:
    """Turn a rule on or off."""
    name, enabled = visit.form.get("rule", ""), visit.form.get("enabled") == "on"
    wanted = Wanted(f"turn “{name}” {'on' if enabled else 'off'}", name)
    return save(visit, lambda rules: switch_rule(rules, name, enabled=enabled), wanted, "switched")


def ask_remove(visit: Visit) -> Response:
    """Ask once more before a rule is taken out."""
    edition = look(visit)
    try:
        _, rule = find_rule(edition.rules, visit.query("rule"))
    except NoSuchRule as gone:
        raise Turned(HTTPStatus.NOT_FOUND, str(gone)) from gone
    meaning = "It goes out of the draft, for everyone who edits it. What is live stays as it is until you publish."
    question = f"Delete “{rule.name}”?"
    return visit.render(
        "confirm.html", question=question, meaning=meaning, sure="Delete the rule", rule=rule, edition=edition
    )


def remove(visit: Visit) -> Response:
    """Take a rule out of the draft."""
    name = visit.form.get("rule", "")
    wanted = Wanted(f"take “{name}” out", name)
    return save(visit, lambda rules: remove_rule(rules, name), wanted, "deleted")


def show_presets(visit: Visit) -> Response:
    """The presets to begin with, watching first."""
    return _presets(visit, {"preset": "watch", "price": "", "unit": "page"}, {})


def take_preset(visit: Visit) -> Response:
    """Put a preset into the draft, in place of what is there."""
    errors: dict[str, str] = {}
    chosen = read_preset(visit.form, visit.place.currency, errors)
    if chosen is None:
        return _presets(visit, dict(visit.form), errors)
    return save(visit, lambda rules: chosen, Wanted("begin with a preset"), "preset")


def _presets(visit: Visit, form: dict[str, str], errors: dict[str, str]) -> Response:
    status = HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK
    suggested = SUGGESTED_PRICE_MICROS
    return visit.render(
        "presets.html", status, presets=PRESETS, form=form, errors=errors, edition=look(visit), suggested=suggested
    )

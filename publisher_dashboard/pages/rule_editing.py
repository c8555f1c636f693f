"""Write one rule: a new one, a copy, a changed one, or the last row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from starlette.responses import Response

from edge.core.money import InvalidPrice
from edge.core.rules import Action, InvalidRule, Rule, RuleSet, everything_else
from edge.store.crawlers import list_crawlers
from publisher_dashboard.auth import Turned
from publisher_dashboard.edition import Edition, Wanted, look, save
from publisher_dashboard.forms import (
    LABELS,
    Mistakes,
    blank_form,
    price_mistake,
    read_rule,
    read_rule_price,
    rule_days,
    rule_form,
    sentence,
)
from publisher_dashboard.rule_list import NoSuchRule, copy_name, find_rule, insert, put
from publisher_dashboard.visit import Visit

LICENCES = ("ai-train", "ai-input", "ai-all", "search")
"""Usage words of RSL 1.0, offered while one types; any short word will do."""
PREFILLED = ("name", "kind", "least", "most", "crawler", "operator", "where", "address", "action", "price", "licence")
"""What the address of a new rule's form may say beforehand, so that a rule can be made from what a page shows."""


def show_new(visit: Visit) -> Response:
    """An empty form, one filled in by the address, or a copy of the rule that is named."""
    edition = look(visit)
    after, copied = visit.query("after"), visit.query("copy")
    said = {name: visit.query(name) for name in PREFILLED if visit.query(name)}
    form, days = blank_form() | said, list[str]()
    if copied:
        rule = _find(edition.rules, copied)
        form, days, after = rule_form(rule) | {"name": copy_name(edition.rules, rule.name)}, rule_days(rule), rule.name
    places = {"after": after, "before": _present(edition.rules, visit.query("before")) or ""}
    return _page(visit, edition, form | places, days, {}, title="New rule")


def add(visit: Visit) -> Response:
    """Put a new rule into the draft, behind or before the one named, or last."""
    edition, after, before = look(visit), visit.form.get("after", ""), visit.form.get("before", "")
    try:
        rule = read_rule(visit.form, visit.lists, visit.place.currency)
        wanted = Wanted(f"add “{rule.name}”", rule.name, rule)
        # The rule that it was to follow may be gone by the time a conflict is solved: then it goes to the end.
        return save(
            visit, lambda rules: insert(rules, rule, _present(rules, after), _present(rules, before)), wanted, "added"
        )
    except (Mistakes, InvalidRule) as wrong:
        return _page(visit, edition, visit.form, visit.lists.get("days", []), _errors(wrong), title="New rule")


def show(visit: Visit) -> Response:
    """The rule that is named, as one would have typed it."""
    edition = look(visit)
    rule = _find(edition.rules, visit.query("rule"))
    return _page(visit, edition, rule_form(rule) | {"rule": rule.name}, rule_days(rule), {}, title=rule.name)


def change(visit: Visit) -> Response:
    """Put the changed rule into the draft, in its place."""
    edition, name = look(visit), visit.form.get("rule", "")
    try:
        rule = read_rule(visit.form, visit.lists, visit.place.currency)
        wanted = Wanted(f"change “{name}”", name, rule)
        return save(visit, lambda rules: put(rules, name, rule), wanted, "changed")
    except (Mistakes, InvalidRule) as wrong:
        return _page(visit, edition, visit.form, visit.lists.get("days", []), _errors(wrong), title=name)


def show_default(visit: Visit) -> Response:
    """The last row: action and price only."""
    edition = look(visit)
    return _default_page(visit, edition, rule_form(edition.rules.default), {})


def change_default(visit: Visit) -> Response:
    """Put the changed last row into the draft."""
    form, edition = visit.form, look(visit)
    try:
        action = Action(form.get("action", ""))
        has_price = action in (Action.CHARGE, Action.MONITOR)
        if (mistake := price_mistake(form, action)) is not None:
            return _default_page(visit, edition, form, {"price": mistake})
        rule = everything_else(action, read_rule_price(form, visit.place.currency, action) if has_price else None)
        wanted = Wanted("change “everything else”", rule.name, rule)
        return save(visit, lambda rules: RuleSet(rules.rules, rule), wanted, "changed")
    except InvalidPrice as wrong:
        return _default_page(visit, edition, form, {"price": sentence(str(wrong))})
    except InvalidRule as wrong:
        return _default_page(visit, edition, form, _errors(wrong))
    except ValueError:
        return _default_page(visit, edition, form, {"action": "Choose one of these."})


def _find(rules: RuleSet, name: str) -> Rule:
    try:
        return find_rule(rules, name)[1]
    except NoSuchRule as gone:
        raise Turned(HTTPStatus.NOT_FOUND, str(gone)) from gone


def _present(rules: RuleSet, name: str) -> str | None:
    return name if any(rule.name.casefold() == name.casefold() for rule in rules.rules) else None


def _errors(wrong: Mistakes | InvalidRule) -> Mapping[str, str]:
    if isinstance(wrong, Mistakes):
        return wrong.errors
    return {wrong.field: sentence(wrong.message)}


def _page(
    visit: Visit,
    edition: Edition,
    form: Mapping[str, str],
    days: Sequence[str],
    errors: Mapping[str, str],
    *,
    title: str,
) -> Response:
    with visit.desk.database.read() as connection:
        crawlers = list_crawlers(connection)
    return visit.render(
        "rule.html",
        HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK,
        edition=edition,
        form=form,
        days=days,
        errors=errors,
        labels=LABELS,
        title=title,
        crawlers=[one.name for one in crawlers],
        operators=sorted({one.operator for one in crawlers if one.operator}),
        licences=LICENCES,
    )


def _default_page(visit: Visit, edition: Edition, form: Mapping[str, str], errors: Mapping[str, str]) -> Response:
    status = HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK
    return visit.render("default_rule.html", status, edition=edition, form=form, errors=errors, labels=LABELS)

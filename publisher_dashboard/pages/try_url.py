"""Test a URL: what would happen if this crawler asked for this page, under the live rules and under the draft."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from starlette.responses import Response

from edge.store.policy import load_policy
from publisher_dashboard.edition import look
from publisher_dashboard.verdict import Verdict
from publisher_dashboard.views.trial import FIELDS, PROOFS, judge, prover, read_question
from publisher_dashboard.visit import Visit

KNOWN_AGENTS = ("GPTBot/1.3", "ClaudeBot/1.0", "ChatGPT-User/1.0", "CCBot/2.0", "Googlebot/2.1", "PerplexityBot/1.0")
"""User-Agents offered while one types; any text will do."""


def show(visit: Visit) -> Response:
    """The form, and the answers when something was asked; all of it is in the address of the page."""
    edition = look(visit)
    policy = load_policy(visit.desk.database)
    crawlers = sorted(policy.crawlers.values(), key=lambda one: one.name.casefold())
    form = {name: visit.query(name) for name in FIELDS}
    judged: list[Verdict] = []
    errors: dict[str, str] = {}
    if form["url"]:
        question, errors = read_question(visit.place, form, crawlers)
        if not errors:
            with visit.desk.database.read() as connection:
                prove = prover(connection, form, visit.now_micros)
            judged = judge(visit.place, edition, policy, question, visit.desk.classify, visit.now, prove)
    return visit.render(
        "test.html",
        HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK,
        edition=edition,
        form=form | {"url": form["url"] or f"https://{visit.place.host}/"},
        errors=errors,
        judged=judged,
        ignored=_ignored(form) if judged else [],
        crawlers=[(one.name, f"{one.name}, signed") for one in crawlers],
        agents=KNOWN_AGENTS,
        proofs=PROOFS,
    )


def _ignored(form: Mapping[str, str]) -> list[str]:
    """What was typed and made no difference."""
    ignored = []
    if form["crawler"] and form["agent"]:
        ignored.append(f"The User-Agent was not used: {form['crawler']} signs with its own name.")
    if form["crawler"] and (form["ip"] or form["proof"]):
        ignored.append("Where it comes from was not used: a signature proves more than an address.")
    elif form["ip"] and form["proof"]:
        ignored.append("What proves the name was not used: the address says it.")
    if form["price"] and not form["offer"]:
        ignored.append("The amount was not used: choose “at most” or “exactly” to offer it.")
    return ignored

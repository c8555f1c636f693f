"""Test a URL: what would happen if this crawler asked for this page, under the live rules and under the draft."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from http import HTTPStatus

from starlette.responses import Response

from edge.core.address_book import AddressBook, Sources
from edge.core.addresses import read_address as read_ip_address
from edge.core.identity import RegisteredCrawler, Rung
from edge.core.money import InvalidPrice
from edge.core.policy import Policy
from edge.core.rehearsal import (
    Announced,
    Caller,
    InvalidQuestion,
    Question,
    Signing,
    read_address,
    rehearse,
    with_rules,
)
from edge.core.rule_index import compile_rules
from edge.core.terms import Offer, OfferKind
from edge.store.policy import load_policy
from publisher_dashboard.edition import Edition, look
from publisher_dashboard.forms import read_price, sentence
from publisher_dashboard.verdict import Verdict, verdict
from publisher_dashboard.views.estimate import address_copies
from publisher_dashboard.visit import Visit

Prove = Callable[[str, str], Rung]

KNOWN_AGENTS = ("GPTBot/1.3", "ClaudeBot/1.0", "ChatGPT-User/1.0", "CCBot/2.0", "Googlebot/2.1", "PerplexityBot/1.0")
"""User-Agents offered while one types; any text will do."""


PROOFS = (
    ("", "nothing but the name"),
    (Rung.REVERSE_DNS.label, "reverse DNS agrees"),
    (Rung.ADDRESS.label, "it comes from its published addresses"),
    (Rung.IMPOSTOR.label, "its address is not its own"),
)
"""What may bear a claimed name out, where no address is typed that says it."""


def show(visit: Visit) -> Response:
    """The form, and the answers when something was asked; all of it is in the address of the page."""
    edition = look(visit)
    policy = load_policy(visit.desk.database)
    crawlers = sorted(policy.crawlers.values(), key=lambda one: one.name.casefold())
    form = {name: visit.query(name) for name in ("url", "crawler", "agent", "offer", "price", "proof", "ip")}
    judged: list[Verdict] = []
    errors: dict[str, str] = {}
    if form["url"]:
        question, errors = _question(visit, form, crawlers)
        if question is not None and not errors:
            judged = _judge(visit, edition, policy, question, _prover(visit, form))
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


def _question(
    visit: Visit, form: Mapping[str, str], crawlers: list[RegisteredCrawler]
) -> tuple[Question | None, dict[str, str]]:
    errors: dict[str, str] = {}
    scheme, target, offer = "https", "/", None
    try:
        scheme, target = read_address(form["url"], visit.place.host)
    except InvalidQuestion as wrong:
        errors["url"] = str(wrong)
    try:
        offer = _offer(form, visit.place.currency)
    except InvalidPrice as wrong:
        errors["price"] = sentence(str(wrong))
    if form["ip"] and read_ip_address(form["ip"]) is None:
        errors["ip"] = "Write an address such as 20.171.206.7, or empty this."
    if form["proof"] not in dict(PROOFS):
        errors["proof"] = "Choose one of these."
    caller: Caller = Announced(form["agent"], form["ip"])
    if form["crawler"]:
        known = next((one for one in crawlers if one.name == form["crawler"]), None)
        if known is None:
            errors["crawler"] = "No crawler of that name is registered."
        else:
            caller = Signing(known)
    return Question(visit.place.host, target, caller, offer, scheme=scheme), errors


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


def _offer(form: Mapping[str, str], currency: str) -> Offer | None:
    kinds = {"max": OfferKind.MAX, "exact": OfferKind.EXACT}
    kind = kinds.get(form["offer"])
    if kind is None:
        return None
    price = read_price(form, currency)
    if price is None:
        raise InvalidPrice("say how much is offered")
    return Offer(kind, price)


def _prover(visit: Visit, form: Mapping[str, str]) -> Prove:
    """What bears a claimed name out: published lists about the address that was typed, or the proof that was chosen."""
    if not form["ip"]:
        chosen = Rung.from_label(form["proof"]) if form["proof"] else Rung.CLAIMED
        return lambda name, address: chosen
    with visit.desk.database.read() as connection:
        copies = address_copies(connection, visit.now_micros)
    return AddressBook(Sources.load().feeds, copies).weigh


def _judge(visit: Visit, edition: Edition, policy: Policy, question: Question, prove: Prove) -> list[Verdict]:
    classify, now = visit.desk.classify, visit.now
    title = f"Live, version {edition.live_number}" if edition.live else "Live: nothing published"
    judged = [verdict(title, rehearse(question, policy, classify, now, prove))]
    if edition.draft is not None:
        site = policy.sites[visit.place.host]
        rules = compile_rules(edition.draft.rules, case_sensitive=visit.place.case_sensitive_paths)
        drafted = replace(site, rules=rules, rule_version=edition.live_number + 1)
        judged.append(verdict("Draft", rehearse(question, with_rules(policy, drafted), classify, now, prove)))
    return judged

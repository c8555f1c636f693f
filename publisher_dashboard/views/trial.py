"""Test a URL: read what is asked, and judge it under the live rules and under the draft. Nothing is charged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from edge.core.address_book import AddressBook, Sources
from edge.core.addresses import read_address as read_ip_address
from edge.core.identity import ClaimedCrawler, RegisteredCrawler, Rung
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
from edge.store.connection import Connection
from edge.store.sites import Site
from publisher_dashboard.edition import Edition
from publisher_dashboard.forms import read_price, sentence
from publisher_dashboard.verdict import Verdict, verdict
from publisher_dashboard.views.estimate import address_copies

Classify = Callable[[str], ClaimedCrawler | None]
Prove = Callable[[str, str], Rung]

FIELDS = ("url", "crawler", "agent", "offer", "price", "proof", "ip")
"""What a question is read from."""

PROOFS = (
    ("", "nothing but the name"),
    (Rung.REVERSE_DNS.label, "reverse DNS agrees"),
    (Rung.ADDRESS.label, "it comes from its published addresses"),
    (Rung.IMPOSTOR.label, "its address is not its own"),
)
"""What may bear a claimed name out, where no address is typed that says it."""


def read_question(
    site: Site, form: Mapping[str, str], crawlers: Sequence[RegisteredCrawler]
) -> tuple[Question, dict[str, str]]:
    """The request that is imagined, out of ``FIELDS``; and what of them makes no sense."""
    errors: dict[str, str] = {}
    scheme, target, offer = "https", "/", None
    try:
        scheme, target = read_address(form["url"], site.host)
    except InvalidQuestion as wrong:
        errors["url"] = str(wrong)
    try:
        offer = _offer(form, site.currency)
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
    return Question(site.host, target, caller, offer, scheme=scheme), errors


def prover(connection: Connection, form: Mapping[str, str], now_micros: int) -> Prove:
    """What bears a claimed name out: published lists about the address that was typed, or the proof that was chosen."""
    if not form["ip"]:
        chosen = Rung.from_label(form["proof"]) if form["proof"] else Rung.CLAIMED
        return lambda name, address: chosen
    return AddressBook(Sources.load().feeds, address_copies(connection, now_micros)).weigh


def judge(
    site: Site, edition: Edition, policy: Policy, question: Question, classify: Classify, now: float, prove: Prove
) -> list[Verdict]:
    """What the live rules would answer and, where there is one, the draft."""
    title = f"Live, version {edition.live_number}" if edition.live else "Live: nothing published"
    judged = [verdict(title, rehearse(question, policy, classify, now, prove))]
    if edition.draft is not None:
        rules = compile_rules(edition.draft.rules, case_sensitive=site.case_sensitive_paths)
        drafted = replace(policy.sites[site.host], rules=rules, rule_version=edition.live_number + 1)
        judged.append(verdict("Draft", rehearse(question, with_rules(policy, drafted), classify, now, prove)))
    return judged


def _offer(form: Mapping[str, str], currency: str) -> Offer | None:
    kinds = {"max": OfferKind.MAX, "exact": OfferKind.EXACT}
    kind = kinds.get(form["offer"])
    if kind is None:
        return None
    price = read_price(form, currency)
    if price is None:
        raise InvalidPrice("say how much is offered")
    return Offer(kind, price)

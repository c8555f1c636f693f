"""``farebox rules test``: what would happen if this crawler asked for this address, and why.

The answer comes from ``decide()`` by way of ``edge.core.rehearsal``, so it is what the edge does.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Annotated, Any, assert_never

import typer
from sqlalchemy import Connection

from edge.cli.budget_table import budget_row, budgets_of
from edge.cli.feeds import listed_evidence
from edge.cli.terminal import Column, JsonFlag, WrongUsage, say, show_fields, show_json, show_rows, time_text
from edge.cli.workplace import opened, settings_here
from edge.core.addresses import read_address as read_ip_address
from edge.core.decision import Admit, AskOrigin, Charge, Decision, DemandPayment, Refuse
from edge.core.identity import ClaimedCrawler, Identity, SignedCrawler, TokenCrawler, Visitor
from edge.core.money import InvalidPrice, Money, parse_price
from edge.core.policy import Policy
from edge.core.rehearsal import (
    Announced,
    Caller,
    Holding,
    InvalidQuestion,
    Question,
    Rehearsal,
    Signing,
    read_address,
    read_port,
    rehearse,
)
from edge.core.terms import Offer, OfferKind
from edge.store.address_feeds import list_feeds
from edge.store.budgets import BudgetView
from edge.store.crawlers import find_crawler
from edge.store.database import now_micros
from edge.store.policy import load_policy
from edge.store.problems import UnknownName
from edge.store.sites import find_site

_CHAIN_COLUMNS = (Column("#", "position", numeric=True), Column("RULE", "rule"), Column("ANSWER", "answer"))


def rehearse_address(
    url: Annotated[str, typer.Argument(help="The address of a page, or its path.")],
    site: Annotated[str, typer.Option(help="The site's host.")],
    crawler: Annotated[str | None, typer.Option(help="A registered crawler that signs its request.")] = None,
    token: Annotated[bool, typer.Option("--token", help="The crawler sends an API token instead.")] = False,
    user_agent: Annotated[str, typer.Option(help="What somebody says who does not sign.")] = "",
    address: Annotated[str, typer.Option(help="Where it comes from; lists of addresses are asked, DNS is not.")] = "",
    offer: Annotated[str | None, typer.Option(help="What it offers to pay, such as 'USD 0.01'.")] = None,
    exact: Annotated[bool, typer.Option("--exact", help="The offer is for exactly that price.")] = False,
    method: Annotated[str, typer.Option(help="The method it uses.")] = "GET",
    as_json: JsonFlag = False,
) -> None:
    """Say what would happen to a request, which rules were passed over and why, and what the answer would carry."""
    if crawler is not None and user_agent:
        raise WrongUsage("--crawler signs and --user-agent does not; give one of them")
    if token and crawler is None:
        raise WrongUsage("--token is sent by a registered crawler; name it with --crawler")
    settings = settings_here()
    with opened(settings) as database:
        with database.read() as connection:
            host = find_site(connection, site).host
            budgets = _budgets_of(connection, crawler)
            stored = list_feeds(connection)
        policy = load_policy(database, allow_test_keys=settings.dev)
    try:
        scheme, target = read_address(url, host)
    except InvalidQuestion as why:
        raise WrongUsage(str(why)) from why
    from edge.proxy.own_catalogue import load_own_catalogue  # thousands of patterns: only who asks waits for them

    own = load_own_catalogue(settings.catalogue_file)

    question = Question(
        host,
        target,
        _caller(policy, crawler, user_agent, address, has_token=token),
        _offer(offer, exact),
        method.upper(),
        scheme,
        read_port(url),
    )
    now = time.time()
    catalogue = own.catalogue()
    evidence = listed_evidence(own.sources(), stored, now_micros(), catalogue.named)
    rehearsal = rehearse(question, policy, catalogue.classify, now, evidence.prove, evidence.owner)
    report = {**_report(rehearsal), "budgets": _concerned(budgets, rehearsal.decision, int(now * 1_000_000))}
    if as_json:
        show_json(report)
    else:
        _print(report)


def _caller(policy: Policy, crawler: str | None, user_agent: str, address: str, *, has_token: bool) -> Caller:
    if address and read_ip_address(address) is None:
        raise WrongUsage(f"{address!r} is not an address; write one such as 192.0.2.1")
    if crawler is None:
        return Announced(user_agent, address)
    for known in policy.crawlers.values():
        if known.name.lower() == crawler.strip().lower():
            return Holding(known) if has_token else Signing(known)
    message = f"no crawler named {crawler!r} is registered; give --user-agent for one that does not sign"
    raise UnknownName(message, "crawler")


def _budgets_of(connection: Connection, name: str | None) -> list[BudgetView]:
    """The budgets of a crawler, as they stand; whether there is such a crawler is found out elsewhere."""
    try:
        return [] if name is None else budgets_of(connection, find_crawler(connection, name))
    except UnknownName:
        return []


def _concerned(views: Iterable[BudgetView], decision: Decision, now_micros: int) -> list[dict[str, Any]]:
    """The budgets that a charge would be taken from, and whether it fits: that is decided with the charge alone."""
    if not isinstance(decision, Charge):
        return []
    account, site, price = decision.account.account_id, decision.site.site_id, decision.price
    ours = (view for view in views if view.budget.account_id == account and view.budget.counts(site, now_micros))
    return [{**budget_row(view), "fits": _fits(price, view), "answer": _fitting(price, view)} for view in ours]


def _fits(price: Money, view: BudgetView) -> bool:
    return price.amount_micros <= view.left_micros


def _fitting(price: Money, view: BudgetView) -> str:
    if _fits(price, view):
        return "the page fits"
    if price.amount_micros > view.budget.limit.amount_micros:
        return "the page costs more than the whole budget"
    return f"the page does not fit until {time_text(view.window.end_micros)}"


def _offer(text: str | None, exact: bool) -> Offer | None:
    if text is None:
        return None
    try:
        return Offer(OfferKind.EXACT if exact else OfferKind.MAX, parse_price(text))
    except InvalidPrice as why:
        raise WrongUsage(str(why)) from why


def _report(rehearsal: Rehearsal) -> dict[str, Any]:
    match = rehearsal.match
    chain = [
        {"position": passed.position + 1, "rule": passed.rule.name, "answer": passed.reason}
        for passed in rehearsal.skipped
    ]
    if match is not None:
        chain.append({"position": match.position + 1, "rule": match.rule.name, "answer": "decides"})
    return {
        **_decision(rehearsal.decision),
        "who": _who(rehearsal.identity),
        "rule": match.rule.name if match else None,
        "status": rehearsal.status,
        "terms": list(rehearsal.terms),
        "chain": chain,
        "headers": [{"name": name, "value": value} for name, value in rehearsal.fields],
        "curl": rehearsal.curl,
    }


def _decision(decision: Decision) -> dict[str, Any]:
    match decision:
        case Admit(reason=reason, would_ask=price):
            return {"decision": "admit", "because": reason.value, "price": str(price) if price else None}
        case Charge(price=price):
            return {"decision": "charge", "because": "the offer covers the price", "price": str(price)}
        case DemandPayment(code=code, price=price):
            return {"decision": "demand_payment", "because": code.value, "price": str(price)}
        case Refuse(code=code, detail=detail):
            return {"decision": "refuse", "because": f"{code.value}: {detail}", "price": None}
        case AskOrigin():
            return {"decision": "ask_origin", "because": "the origin names the price", "price": None}
        case _ as unreachable:
            assert_never(unreachable)


def _who(identity: Identity | None) -> str | None:
    match identity:
        case SignedCrawler(crawler=crawler):
            return f"{crawler.name}, signed"
        case TokenCrawler(crawler=crawler):
            return f"{crawler.name}, token"
        case ClaimedCrawler(name=name, rung=rung):
            return f"{name or 'an unnamed bot'}, {rung.label}"
        case Visitor():
            return "a person, as far as anyone can tell"
        case None:
            return None
        case _ as unreachable:
            assert_never(unreachable)


def _print(report: dict[str, Any]) -> None:
    status = report["status"] or "the origin's own"
    facts = {name: report[name] for name in ("decision", "because", "price", "who", "rule")}
    show_fields({**facts, "status": status}, as_json=False)
    if report["chain"]:
        say("")
        show_rows(report["chain"], _CHAIN_COLUMNS, False, "")
    if report["terms"]:
        say("\nbefore that:")
        for term in report["terms"]:
            say(f"- {term}")
    if report["budgets"]:
        say("\nbudgets are decided with the charge; as they stand:")
        for budget in report["budgets"]:
            say(f"{budget['name']}: {budget['left']} left, {budget['answer']}")
    if report["headers"]:
        say("")
        for field in report["headers"]:
            say(f"{field['name']}: {field['value']}")
    say("")
    say(report["curl"])

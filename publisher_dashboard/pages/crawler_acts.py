"""What the operator does to a crawler's account: credit, limit, suspension, budgets, subscriptions, tokens, people.

Rules of this file
- Everything goes through the store's functions that commands use, with the person's address as author and their reason.
- A credit is asked twice and is named by its payment's reference: the same one is never credited twice.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from starlette.responses import Response

from edge.core.money import Money
from edge.store.account_changes import change_limit, suspend_account
from edge.store.accounts import Opening, credit
from edge.store.accounts import show as accounts_of
from edge.store.audit import accounts_owned, change_noted
from edge.store.crawlers import Crawler, crawler_by_id, suspend_crawler
from edge.store.problems import InvalidValue, StoreProblem
from edge.store.sites import list_sites
from publisher_dashboard.account_acts import (
    account_choice,
    begin_subscription_of,
    end_subscription_of,
    invite_into_team,
    make_token,
    remove_from_the_team,
    remove_own_budget,
    revoke_own_token,
    set_own_budget,
)
from publisher_dashboard.acts import (
    REASON,
    Act,
    Field,
    Question,
    ask_sure,
    is_sure,
    read_choice,
    read_money,
    read_reason,
    refuse,
    show_act,
)
from publisher_dashboard.auth import NOT_HERE, Turned
from publisher_dashboard.rendering import money
from publisher_dashboard.visit import Visit

NUMBER_MAX = 2**31 - 1
_TERMS = (("prepaid", "Prepaid: from its balance"), ("postpaid", "Postpaid: down to a limit"))


def wanted(visit: Visit) -> Crawler:
    """The crawler of the address; raises ``Turned``."""
    number = min(int(visit.request.path_params["crawler_id"]), NUMBER_MAX)
    with visit.desk.database.read() as connection:
        found = crawler_by_id(connection, number)
    if found is None:
        raise Turned(HTTPStatus.NOT_FOUND, NOT_HERE, "/operator/crawlers")
    return found


def page_of(known: Crawler) -> str:
    """Where the operator sees a crawler."""
    return f"/operator/crawlers/{known.crawler_id}"


# Credit


def _credit_act(visit: Visit, known: Crawler) -> Act:
    with visit.desk.database.read() as connection:
        held = [one.currency for one in accounts_of(connection, known.crawler_id)]
        sold = [one.currency for one in list_sites(connection)]
    currencies = sorted({*held, *sold}, key=lambda one: (one not in held, one)) or ["USD"]
    return Act(
        f"Credit {known.name}",
        "Money that was paid in outside of farebox: an invoice, a bank transfer. It can be spent at once.",
        "Credit it",
        page_of(known),
        known.name,
        (
            Field("amount", "Amount", "Such as 250 or 12.50.", numeric=True, length_max=17),
            Field("currency", "Currency", options=tuple((one, one) for one in currencies)),
            Field(
                "reference",
                "Reference of the payment",
                "Its own name, such as an invoice's number. The same reference is never credited twice.",
            ),
            Field("reason", "Note", "Kept in the books beside it. Optional.", required=False, length_max=500),
        ),
    )


def show_credit(visit: Visit) -> Response:
    """The form for money that was paid in."""
    return show_act(visit, _credit_act(visit, wanted(visit)))


def give_credit(visit: Visit) -> Response:
    """Ask, then credit; a reference that was credited before is said to be."""
    known = wanted(visit)
    act, form = _credit_act(visit, known), visit.form
    try:
        currency = read_choice(form, "currency", act.fields[1].options)
        paid = read_money(form, "amount", currency)
        if paid.amount_micros == 0:
            raise InvalidValue("a top-up of nothing is not one; name an amount", "amount")
        if not form.get("reference", "").strip():
            raise InvalidValue("write the payment's reference", "reference")
        if not is_sure(visit):
            return ask_sure(visit, act, _credit_question(visit, known, paid))
        done = credit(
            visit.desk.database,
            known.crawler_id,
            paid,
            reference=form.get("reference", ""),
            author=visit.person.email,
            reason=form.get("reason", "").strip() or None,
            opening=Opening.KNOWN_CURRENCY,
        )
    except StoreProblem as wrong:
        return refuse(visit, act, wrong)
    return visit.go(page_of(known), "credited" if done.fresh else "credited-before")


def _credit_question(visit: Visit, known: Crawler, paid: Money) -> Question:
    with visit.desk.database.read() as connection:
        views = accounts_of(connection, known.crawler_id)
    before = next((one.balance_micros for one in views if one.currency == paid.currency), None)
    after = (before or 0) + paid.amount_micros
    return Question(
        f"Credit {money(paid.amount_micros, paid.currency)} to {known.name}?",
        "An entry in the books cannot be taken out again; a mistake is put right by another one.",
        (
            ("Amount", money(paid.amount_micros, paid.currency)),
            ("Reference", visit.form.get("reference", "").strip()),
            ("Balance now", "no account yet: this opens one" if before is None else money(before, paid.currency)),
            ("Balance afterwards", money(after, paid.currency)),
        ),
    )


# Limit and suspension


def _limit_act(visit: Visit, known: Crawler) -> Act:
    return Act(
        f"Terms of {known.name}",
        "A prepaid account pays from its balance; a postpaid one may go below zero, down to a limit, and is invoiced.",
        "Set the terms",
        page_of(known),
        known.name,
        (
            account_choice(visit, known),
            Field("terms", "It pays", options=_TERMS),
            Field("limit", "Limit", "How far below zero, when it is postpaid.", required=False, numeric=True),
            REASON,
        ),
    )


def show_limit(visit: Visit) -> Response:
    """The form for how far an account may go below zero."""
    known = wanted(visit)
    with visit.desk.database.read() as connection:
        views = accounts_of(connection, known.crawler_id)
    chosen = next((one for one in views if one.currency == visit.query("currency")), views[0] if views else None)
    typed = {} if chosen is None else {"currency": chosen.currency, "terms": chosen.terms}
    return show_act(visit, _limit_act(visit, known), typed)


def set_limit(visit: Visit) -> Response:
    """Change the terms of one account."""
    known = wanted(visit)
    act, form = _limit_act(visit, known), visit.form
    try:
        currency = read_choice(form, "currency", act.fields[0].options)
        terms = read_choice(form, "terms", _TERMS)
        limit = read_money(form, "limit", currency) if terms == "postpaid" else None
        reason = read_reason(form)
        change_limit(
            visit.desk.database,
            known.crawler_id,
            currency,
            limit,
            may_turn=True,
            author=visit.person.email,
            reason=reason,
        )
    except StoreProblem as wrong:
        return refuse(visit, act, wrong)
    return visit.go(page_of(known), "terms")


def _suspension_act(visit: Visit, known: Crawler, *, suspend: bool) -> Act:
    whole = ("", "Everything: the crawler and all its accounts")
    choice = account_choice(visit, known)
    meaning = (
        "It cannot pay from the next request on; its money and its history stay."
        if suspend
        else "It can pay again from the next request on."
    )
    return Act(
        f"{'Suspend' if suspend else 'Resume'} {known.name}",
        meaning,
        "Suspend it" if suspend else "Let it pay again",
        page_of(known),
        known.name,
        (
            Field("currency", "What", options=(whole, *((each, f"The {each} account") for each, _ in choice.options))),
            REASON,
        ),
        danger=suspend,
    )


def show_suspend(visit: Visit) -> Response:
    """The form that stops a crawler."""
    return show_act(visit, _suspension_act(visit, wanted(visit), suspend=True))


def show_resume(visit: Visit) -> Response:
    """The form that lets a crawler pay again."""
    return show_act(visit, _suspension_act(visit, wanted(visit), suspend=False))


def suspend(visit: Visit) -> Response:
    """Stop a crawler, or one of its accounts, from paying."""
    return _set_suspended(visit, suspend=True)


def resume(visit: Visit) -> Response:
    """Let a crawler, or one of its accounts, pay again."""
    return _set_suspended(visit, suspend=False)


def _set_suspended(visit: Visit, *, suspend: bool) -> Response:
    known = wanted(visit)
    act, author = _suspension_act(visit, known, suspend=suspend), visit.person.email
    database = visit.desk.database
    try:
        currency = read_choice(visit.form, "currency", act.fields[0].options)
        reason = read_reason(visit.form)
        if currency:
            suspend_account(database, known.crawler_id, currency, suspend, author=author, reason=reason)
        else:
            _suspend_whole(visit, known, suspend=suspend, reason=reason)
    except StoreProblem as wrong:
        return refuse(visit, act, wrong)
    return visit.go(page_of(known), "suspended" if suspend else "resumed")


def _suspend_whole(visit: Visit, known: Crawler, *, suspend: bool, reason: str) -> None:
    database = visit.desk.database
    with database.read() as connection:
        accounts = accounts_owned(connection, "crawler", known.crawler_id)
    change_noted(
        database,
        accounts,
        {"suspended": suspend},
        lambda connection: suspend_crawler(connection, known.name, suspend, visit.now_micros),
        author=visit.person.email,
        reason=reason,
    )


# What a crawler's own team may do as well: the same acts, from the operator's page


def _as_operator(act: Callable[[Visit, Crawler, str], Response]) -> Callable[[Visit], Response]:
    def page(visit: Visit) -> Response:
        known = wanted(visit)
        return act(visit, known, page_of(known))

    page.__doc__ = act.__doc__
    page.__name__ = page.__qualname__ = act.__name__
    return page


budget = _as_operator(set_own_budget)
remove_budget = _as_operator(remove_own_budget)
token = _as_operator(make_token)
revoke_token = _as_operator(revoke_own_token)
begin_subscription = _as_operator(begin_subscription_of)
end_subscription = _as_operator(end_subscription_of)
invite = _as_operator(invite_into_team)
remove_member = _as_operator(remove_from_the_team)

"""Acts on a crawler's account that its own team and the operator have in common.

Rules of this file
- Each function takes the crawler that was looked up for this visit, and the page to go back to: it never reads whose
  account is meant from a form. Numbers in forms are looked up within that crawler.
- One function serves both the empty form (GET) and what was sent (POST).
"""

from __future__ import annotations

from http import HTTPStatus

from starlette.responses import Response

from edge.core.budgets import Per
from edge.store.accounts import show as accounts_of
from edge.store.budgets import BudgetPlace, remove_budget, set_budget
from edge.store.crawler_people import TeamRole, invite, remove_from_team
from edge.store.crawler_tokens import NewToken, add_token, find_token, list_tokens, revoke_token
from edge.store.crawlers import Crawler
from edge.store.once import give_back, take
from edge.store.people import LastOwner
from edge.store.problems import InvalidValue, StoreProblem, UnknownName
from edge.store.sample_site import real_sites
from edge.store.sites import list_sites
from edge.store.subscriptions import NewSubscription, begin_subscription, end_subscription, list_subscriptions
from publisher_dashboard.acts import Act, Field, key_of, read_choice, read_money, refuse, show_act
from publisher_dashboard.auth import NOT_HERE, Turned
from publisher_dashboard.visit import Visit

DAY_MICROS = 86_400_000_000
OVERLAP_MICROS = DAY_MICROS
"""A token that was replaced counts for so long: time to roll the new one out."""
NUMBER_MAX = 2**31 - 1
_PER = (("day", "A day"), ("month", "A month"), ("site", "A month at one site"))
_LIVES = (("90", "90 days"), ("365", "A year"), ("30", "30 days"), ("", "Until it is revoked"))
_ROLES = (("owner", "Owner: budgets, tokens and the team"), ("viewer", "Viewer: looks"))


def account_choice(visit: Visit, known: Crawler) -> Field:
    """Which of the crawler's accounts."""
    with visit.desk.database.read() as connection:
        views = accounts_of(connection, known.crawler_id)
    if not views:
        why = f"{known.name} has no account yet; the first credit opens one."
        raise Turned(HTTPStatus.CONFLICT, why, None if visit.team else f"/operator/crawlers/{known.crawler_id}")
    return Field("currency", "Account", options=tuple((one.currency, one.currency) for one in views))


# Budgets


def set_own_budget(visit: Visit, known: Crawler, back: str) -> Response:
    """Set a budget, or change its limit."""
    with visit.desk.database.read() as connection:
        sites = {one.host: one.site_id for one in real_sites(connection)}
    act = Act(
        f"A budget for {known.name}",
        "What does not fit into a budget is refused until it resets, at midnight UTC of the next day or month.",
        "Set the budget",
        back,
        known.name,
        (
            account_choice(visit, known),
            Field("per", "At most, in", options=_PER),
            Field("amount", "Amount", "Such as 5 or 0.50.", numeric=True, length_max=17),
            Field(
                "site",
                "Site",
                "Only for a budget at one site.",
                options=(("", "No single site"), *((host, host) for host in sites)),
            ),
        ),
    )
    if visit.request.method == "GET":
        return show_act(
            visit, act, {"currency": visit.query("currency"), "per": visit.query("per"), "site": visit.query("site")}
        )
    form = visit.form
    try:
        currency = read_choice(form, "currency", act.fields[0].options)
        per = Per(read_choice(form, "per", _PER))
        host = read_choice(form, "site", act.fields[3].options)
        if (per is Per.SITE) != bool(host):
            raise InvalidValue("a budget at one site names it; any other names none", "site")
        limit = read_money(form, "amount", currency)
        place = BudgetPlace(known.crawler_id, currency, per, sites[host] if host else None)
        set_budget(visit.desk.database, place, limit, author=visit.person.email, now=visit.now_micros)
    except StoreProblem as wrong:
        return refuse(visit, act, wrong)
    return visit.go(back, "budget")


def remove_own_budget(visit: Visit, known: Crawler, back: str) -> Response:
    """Take a budget away; what was spent stays in the books."""
    form = visit.form
    with visit.desk.database.read() as connection:
        sites = {one.host: one.site_id for one in list_sites(connection, with_removed=True)}
    if form.get("per") not in set(Per) or (form.get("site") and form["site"] not in sites):
        raise Turned(HTTPStatus.NOT_FOUND, NOT_HERE, back)
    site_id = sites[form["site"]] if form.get("site") else None
    place = BudgetPlace(known.crawler_id, form.get("currency", ""), Per(form["per"]), site_id)
    try:
        remove_budget(visit.desk.database, place, author=visit.person.email)
    except UnknownName:
        return visit.go(back, "same")
    return visit.go(back, "budget-removed")


# API tokens


def make_token(visit: Visit, known: Crawler, back: str) -> Response:
    """Make an API token; it is shown once, on the page that answers."""
    with visit.desk.database.read() as connection:
        hosts = [one.host for one in real_sites(connection)]
        held = [one for one in list_tokens(connection, known.name) if one.state_at(visit.now_micros) == "in force"]
    replaced = tuple((str(one.token_id), f"{one.hint}… {one.note}".strip()) for one in held)
    act = Act(
        f"An API token for {known.name}",
        "For a crawler that does not sign yet. Whoever holds it spends from this account. It is shown once.",
        "Make the token",
        back,
        known.name,
        (
            Field("note", "Where it is used", "So that you know it again.", required=False),
            Field("site", "Counts at", options=(("", "Every site"), *((host, host) for host in hosts))),
            Field("life", "Ends after", options=_LIVES),
            Field(
                "replaces",
                "Replaces",
                "The old one counts for another day, so that you change without a gap.",
                options=(("", "None"), *replaced),
            ),
        ),
    )
    if visit.request.method == "GET":
        return show_act(visit, act, {"replaces": visit.query("replaces")})
    form = visit.form
    try:
        host = read_choice(form, "site", act.fields[1].options)
        life = read_choice(form, "life", _LIVES)
        old = read_choice(form, "replaces", act.fields[3].options)
        new = NewToken(
            crawler=known.name,
            sites=(host,) if host else (),
            note=form.get("note", ""),
            expires_at_micros=visit.now_micros + int(life) * DAY_MICROS if life else None,
            replaces=int(old) if old else None,
            overlap_micros=OVERLAP_MICROS,
        )
        with visit.desk.database.write() as connection:
            if not take(connection, key_of(visit), visit.now_micros):
                return visit.go(back, "done-before")
            text, stored = add_token(connection, new, visit.now_micros, author=visit.person.email)
    except StoreProblem as wrong:
        return refuse(visit, act, wrong)
    return visit.render("crawler_token_made.html", act=act, text=text, stored=stored)


def revoke_own_token(visit: Visit, known: Crawler, back: str) -> Response:
    """Take a token back for good."""
    number = _number(visit.form.get("number", ""))
    try:
        with visit.desk.database.write() as connection:
            if find_token(connection, number).crawler != known.name:
                raise Turned(HTTPStatus.NOT_FOUND, NOT_HERE, back)
            revoke_token(connection, number, visit.now_micros, author=visit.person.email)
    except UnknownName as unknown:
        raise Turned(HTTPStatus.NOT_FOUND, NOT_HERE, back) from unknown
    return visit.go(back, "token-revoked")


# Subscriptions: the operator's alone, they are invoiced outside of the books


def begin_subscription_of(visit: Visit, known: Crawler, back: str) -> Response:
    """Begin a subscription to a site's pages."""
    with visit.desk.database.read() as connection:
        sites = {one.host: one for one in real_sites(connection)}
    act = Act(
        f"A subscription for {known.name}",
        "So many pages a month at one site are free from now on, then they have their price. Its fee is invoiced "
        "outside of farebox, under the reference.",
        "Begin it",
        back,
        known.name,
        (
            Field("site", "Site", options=tuple((host, host) for host in sites)),
            Field("pages", "Pages a month", numeric=True, length_max=10),
            Field("licence", "Only under this licence", "Such as ai-train; empty for all.", required=False),
            Field("reference", "Reference", "How it is invoiced.", required=False),
        ),
    )
    if visit.request.method == "GET":
        return show_act(visit, act)
    form, database = visit.form, visit.desk.database
    try:
        chosen = sites[read_choice(form, "site", act.fields[0].options)]
        if not form.get("pages", "").strip().isdecimal():
            raise InvalidValue("write a number of pages", "pages")
        new = NewSubscription(
            known.crawler_id,
            chosen.currency,
            chosen.publisher_id,
            chosen.site_id,
            form.get("licence", "").strip() or None,
            int(form["pages"]),
            form.get("reference", "").strip() or None,
        )
        with database.write() as connection:
            if not take(connection, key_of(visit), visit.now_micros):
                return visit.go(back, "done-before")
        begin_subscription(database, new, author=visit.person.email, now=visit.now_micros)
    except StoreProblem as wrong:
        with database.write() as connection:
            give_back(connection, key_of(visit))
        return refuse(visit, act, wrong)
    return visit.go(back, "subscribed")


def end_subscription_of(visit: Visit, known: Crawler, back: str) -> Response:
    """End a subscription now."""
    number, database = _number(visit.form.get("number", "")), visit.desk.database
    with database.read() as connection:
        own = {one.terms.subscription_id for one in list_subscriptions(connection, visit.now_micros, known.crawler_id)}
    if number not in own:
        raise Turned(HTTPStatus.NOT_FOUND, NOT_HERE, back)
    try:
        end_subscription(database, number, author=visit.person.email, now=visit.now_micros)
    except InvalidValue:
        return visit.go(back, "same")
    return visit.go(back, "subscription-ended")


# People of the portal


def invite_into_team(visit: Visit, known: Crawler, back: str) -> Response:
    """Make a link that lets one address into the crawler's portal; it is shown once."""
    act = Act(
        f"Invite to {known.name}",
        "Whoever is invited sees this crawler's account, charges and statements in the portal. "
        "farebox sends no mail: you get a link to pass on.",
        "Make the link",
        back,
        known.name,
        (
            Field("email", "Email", "The link works for this address alone, once, for a week.", length_max=320),
            Field("role", "Role", options=_ROLES),
        ),
    )
    if visit.request.method == "GET":
        return show_act(visit, act, {"email": visit.query("email"), "role": "owner"})
    try:
        role = TeamRole(read_choice(visit.form, "role", _ROLES))
        with visit.desk.database.write() as connection:
            if not take(connection, key_of(visit), visit.now_micros):
                return visit.go(back, "done-before")
            token = invite(
                connection,
                known.crawler_id,
                visit.form.get("email", ""),
                role,
                author=visit.person.email,
                now_micros=visit.now_micros,
            )
    except StoreProblem as wrong:
        return refuse(visit, act, wrong)
    here = visit.desk.address.public_url or str(visit.request.base_url)
    link = f"{here.rstrip('/')}/portal/join/{token}"
    return visit.render("link_made.html", act=act, link=link, email=visit.form.get("email", "").strip())


def remove_from_the_team(visit: Visit, known: Crawler, back: str) -> Response:
    """Take somebody out of the crawler's team, or an invitation back."""
    try:
        with visit.desk.database.write() as connection:
            remove_from_team(
                connection,
                known.crawler_id,
                visit.form.get("email", ""),
                author=visit.person.email,
                now_micros=visit.now_micros,
                even_last_owner=visit.team is None,
            )
    except UnknownName as unknown:
        raise Turned(HTTPStatus.NOT_FOUND, NOT_HERE, back) from unknown
    except LastOwner as last:
        why = "They are the last owner; make somebody else an owner first."
        raise Turned(HTTPStatus.CONFLICT, why, back) from last
    return visit.go(back, "member-removed")


def _number(text: str) -> int:
    """A number of a form; one that is none is of nothing."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else NUMBER_MAX

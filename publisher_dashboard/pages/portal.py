"""The crawler's door: what its team sees of its account, its charges and its statements, and what it changes itself.

Rules of this file
- The crawler comes from the address and the person's teams (``visit.payer``), never from a form.
- What the team changes are limits on its own spending, its tokens and its people; money and terms are the operator's.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from starlette.responses import Response

from edge.core.month import Month
from edge.core.rehearsal import InvalidQuestion, read_address
from edge.store.audit_events import Action, record
from edge.store.crawlers import Crawler, crawler_by_id
from edge.store.month_reading import Part
from edge.store.month_totals import first_entry_at
from edge.store.policy import load_policy
from edge.store.sample_site import real_sites
from edge.store.whole_audit import Place
from publisher_dashboard.account_acts import (
    invite_into_team,
    make_token,
    remove_from_the_team,
    remove_own_budget,
    revoke_own_token,
    set_own_budget,
)
from publisher_dashboard.auth import NOT_HERE, Turned
from publisher_dashboard.charge_pages import STATES, Reach, download_list, show_charge, show_list
from publisher_dashboard.chart import draw
from publisher_dashboard.key_checks import REFRESH_EVERY_MICROS
from publisher_dashboard.pages.operator_audit import place_text, read_place
from publisher_dashboard.rendering import month_name
from publisher_dashboard.statement_pages import month_lines, send_file, send_folder, show_statement
from publisher_dashboard.views.crawler_account import crawler_account, directory_state
from publisher_dashboard.views.portal import portal_overview, site_prices
from publisher_dashboard.views.whole_audit import team_log
from publisher_dashboard.visit import Need, Visit

DAY_MICROS = 86_400_000_000
SITES_SEARCHED_MAX = 200
FILES = (
    ("pdf", "PDF"), ("xlsx", "Excel"), ("csv", "CSV"), ("charges", "Charges CSV"), ("summary", "Summary CSV"),
    ("jsonl", "JSON Lines"),
    ("parquet", "Parquet"), ("focus", "FOCUS"), ("zip", "All, with manifest"),
)  # fmt: skip


def overview(visit: Visit) -> Response:
    """Balance, what is set aside, what was spent this month by day and site, and the latest charges."""
    known = _crawler(visit)
    with visit.desk.database.read() as connection:
        screen = portal_overview(connection, known, visit.query("currency"), visit.now_micros)
    month = screen.month
    length = (month.end_micros - month.start_micros) // DAY_MICROS
    today = (visit.now_micros - month.start_micros) // DAY_MICROS
    return visit.render(
        "portal.html",
        screen=screen,
        crawler=known,
        chart=draw(screen.days, screen.currency, length, today),
        today=today + 1,
        month_name=month_name(month),
        states=STATES,
    )


# Charges and statements


def charges(visit: Visit) -> Response:
    """The crawler's own charges."""
    return show_list(visit, _reach(visit))


def charge(visit: Visit) -> Response:
    """One of its own charges."""
    return show_charge(visit, _reach(visit))


def charges_file(visit: Visit) -> Response:
    """Exactly the charges of this filter as CSV."""
    return download_list(visit, _reach(visit))


def months(visit: Visit) -> Response:
    """The months since its first entry, the newest first."""
    part = _part(visit)
    with visit.desk.database.read() as connection:
        lines = month_lines(connection, part, first_entry_at(connection, part), visit.now_micros)
    return visit.render("portal_months.html", months=lines, this=month_name(Month.of(visit.now_micros)))


def month(visit: Visit) -> Response:
    """One month's statement."""
    return show_statement(visit, _part(visit), "portal_month.html", files=FILES)


def month_file(visit: Visit) -> Response:
    """The statement in one format."""
    name = str(visit.request.path_params["name"])
    return send_folder(visit, _part(visit)) if name == "zip" else send_file(visit, _part(visit), name)


# What the team may change


def budgets(visit: Visit) -> Response:
    """Its accounts with their terms, and the budgets that the team sets itself."""
    return _account_page(visit, "portal_budgets.html")


def tokens(visit: Visit) -> Response:
    """Its API tokens."""
    return _account_page(visit, "portal_tokens.html")


def team(visit: Visit) -> Response:
    """Its people."""
    return _account_page(visit, "portal_team.html")


def audit(visit: Visit) -> Response:
    """What its people and the operator did."""
    known, place = _crawler(visit), read_place(visit.query("after"))
    with visit.desk.database.read() as connection:
        log = team_log(connection, known.crawler_id, place)
    path, following = visit.portal_path("audit"), place_text(log.following)
    return visit.render(
        "portal_audit.html",
        crawler=known,
        lines=log.lines,
        next_page=f"{path}?after={following}" if following else None,
        first_page=path if place != Place() else None,
    )


def keys(visit: Visit) -> Response:
    """Its directory as the edge knows it."""
    known = _crawler(visit)
    with visit.desk.database.read() as connection:
        state = directory_state(connection, known)
    can_fetch = visit.desk.key_checks is not None and visit.may(Need.TEAM_CHANGE)
    return visit.render("portal_keys.html", crawler=known, state=state, can_fetch=can_fetch)


def refresh_keys(visit: Visit) -> Response:
    """Ask the directory again, at most once a minute; a failure leaves the keys known before in force."""
    known, checks = _crawler(visit), visit.desk.key_checks
    with visit.desk.database.read() as connection:
        stored = directory_state(connection, known).stored
    asked = max(stored.fetched_at_micros or 0, stored.failed_at_micros or 0) if stored else 0
    if checks is None or visit.now_micros - asked < REFRESH_EVERY_MICROS:
        return visit.go(visit.portal_path("keys"), "keys-wait")
    with visit.desk.database.write() as connection:
        record(
            connection,
            Action.KEYS_FETCHED,
            author=visit.person.email,
            now_micros=visit.now_micros,
            crawler_id=known.crawler_id,
        )
    checks.refresh(known.agent_url)
    return visit.go(visit.portal_path("keys"), "keys-fetched")


def _own(act: Callable[[Visit, Crawler, str], Response], back: str) -> Callable[[Visit], Response]:
    def page(visit: Visit) -> Response:
        return act(visit, _crawler(visit), visit.portal_path(back))

    page.__doc__ = act.__doc__
    page.__name__ = page.__qualname__ = act.__name__
    return page


budget = _own(set_own_budget, "budgets")
remove_budget = _own(remove_own_budget, "budgets")
token = _own(make_token, "tokens")
revoke_token = _own(revoke_own_token, "tokens")
invite = _own(invite_into_team, "team")
remove_member = _own(remove_from_the_team, "team")


# Prices


def prices(visit: Visit) -> Response:
    """What each site would ask of this crawler for a page, by the rules that are live."""
    known, asked = _crawler(visit), visit.query("path")
    with visit.desk.database.read() as connection:
        hosts = [one.host for one in real_sites(connection)]
    found, error, target = None, None, ""
    if asked:
        host = next((one for one in hosts if f"//{one}/" in f"{asked}/" or asked.startswith(f"{one}/")), None)
        try:
            _, target = read_address(asked, host or "any.site")
        except InvalidQuestion:
            error = "Write a path such as /articles/one, or the address of a page at one of these sites."
        else:
            policy = load_policy(visit.desk.database)
            crawler = policy.crawlers.get(known.agent_url)
            searched = [one for one in ([host] if host else hosts) if one in policy.sites][:SITES_SEARCHED_MAX]
            if crawler is not None:
                found = site_prices(policy, crawler, target, visit.desk.classify, visit.now, searched)
    return visit.render(
        "portal_prices.html",
        HTTPStatus.UNPROCESSABLE_ENTITY if error else HTTPStatus.OK,
        crawler=known,
        found=found,
        target=target,
        form={"path": asked},
        errors={"path": error} if error else {},
        sites=len(hosts),
        is_suspended=known.suspended,
    )


def _account_page(visit: Visit, template: str) -> Response:
    known = _crawler(visit)
    with visit.desk.database.read() as connection:
        screen = crawler_account(connection, known, visit.now_micros)
    return visit.render(template, screen=screen, crawler=known, may_change=visit.may(Need.TEAM_CHANGE))


def _crawler(visit: Visit) -> Crawler:
    with visit.desk.database.read() as connection:
        found = crawler_by_id(connection, visit.payer.crawler_id)
    if found is None:
        raise Turned(HTTPStatus.NOT_FOUND, NOT_HERE)
    return found


def _part(visit: Visit) -> Part:
    return Part(crawler_id=visit.payer.crawler_id)


def _reach(visit: Visit) -> Reach:
    return Reach(visit.portal_path("charges"), crawler_id=visit.payer.crawler_id)

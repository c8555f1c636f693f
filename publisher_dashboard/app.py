"""The dashboard, and every route of it on one page: method, address, what it needs, and the page that answers.

Rules of this file
- ``create_app`` takes plain values and builds everything; importing builds nothing.
- A route that is not in ``ROUTES`` does not exist. What each needs stands beside it: who may do what is read here, and
  tests walk this table. What a need means is ``publisher_dashboard.auth``; the JSON API's table is ``api.routes``.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from fastapi import FastAPI
from starlette.exceptions import HTTPException

from edge.core.identity import ClaimedCrawler
from edge.store.database import Database
from edge.store.passwords import Passwords
from publisher_dashboard.api.log_serving import log_endpoint
from publisher_dashboard.api.rates import Limits
from publisher_dashboard.api.routes import OPERATIONS
from publisher_dashboard.api.serving import api_endpoint, description_endpoint
from publisher_dashboard.api.values import ROOT
from publisher_dashboard.backtest_jobs import BacktestJobs
from publisher_dashboard.books_work import Books, Later, in_a_thread
from publisher_dashboard.browser_safety import Address, SecurityHeaders
from publisher_dashboard.estimates import Estimates, RunEstimate, estimate_here
from publisher_dashboard.key_checks import KeyChecks
from publisher_dashboard.navigation import Navigation
from publisher_dashboard.own_documents import OwnDocuments, ReadOrigin, unreachable
from publisher_dashboard.pages import (
    account,
    activity,
    api_reference,
    audit,
    charges,
    connect,
    content,
    crawler_acts,
    crawlers,
    estimate,
    find,
    first_run,
    history,
    invitation,
    months,
    operating,
    operator_audit,
    operator_books,
    operator_months,
    operator_publishers,
    overview,
    portal,
    portal_joining,
    publisher_settings,
    registrations,
    review,
    rule_editing,
    rules,
    second_step,
    security,
    set_up,
    sign_in,
    signals,
    site_new,
    site_settings,
    static,
    team,
    tokens,
    try_url,
    webhook_editing,
    webhooks,
)
from publisher_dashboard.rendering import Rendering
from publisher_dashboard.serving import Page, endpoint, unknown_page
from publisher_dashboard.site_checks import SiteChecks
from publisher_dashboard.tails import Tails
from publisher_dashboard.upload_serving import upload_endpoint
from publisher_dashboard.visit import Desk, Need


@dataclass(frozen=True, slots=True)
class Route:
    """One way in; with ``takes_file`` its form may bring an access log."""

    method: str
    path: str
    need: Need
    page: Page
    takes_file: bool = False


_PUBLISHER = "/publishers/{publisher_id:int}"
_SITE = "/sites/{host}"
_MEMBER = f"{_PUBLISHER}/team/members/{{member_id:int}}"
_INVITATION = f"{_PUBLISHER}/team/invitations/{{invitation_id:int}}"
_WEBHOOK = f"{_PUBLISHER}/webhooks/{{webhook_id:int}}"
_TOKEN = f"{_PUBLISHER}/tokens/{{token_id:int}}"
_CRAWLER = "/operator/crawlers/{crawler_id:int}"
_TEAM = "/portal/{crawler_id:int}"
_REGISTRATION = "/operator/registrations/{number:int}"

ROUTES: tuple[Route, ...] = (
    # Before anyone is known
    Route("GET", "/static/{name}", Need.ANYONE, static.show),
    Route("GET", "/set-up/{link}", Need.ANYONE, set_up.show),
    Route("POST", "/set-up/{link}", Need.ANYONE, set_up.create),
    Route("GET", "/invitations/{link}", Need.ANYONE, invitation.show),
    Route("POST", "/invitations/{link}", Need.ANYONE, invitation.create),
    Route("GET", "/sign-in", Need.ANYONE, sign_in.show),
    Route("POST", "/sign-in", Need.ANYONE, sign_in.enter),
    Route("POST", "/sign-in/code", Need.ANYONE, second_step.enter_code),
    Route("POST", "/sign-in/passkey", Need.ANYONE, second_step.begin_passkey),
    Route("POST", "/sign-in/passkey/answer", Need.ANYONE, second_step.enter_passkey),
    Route("GET", f"{ROOT}/docs", Need.ANYONE, api_reference.show),
    Route("GET", f"{ROOT}/docs/{{name}}", Need.ANYONE, api_reference.show_one),
    # One's own
    Route("GET", "/", Need.SIGNED_IN, overview.home),
    Route("POST", "/sign-out", Need.SIGNED_IN, sign_in.leave),
    Route("POST", "/invitations/{link}/join", Need.SIGNED_IN, invitation.join),
    Route("GET", "/find", Need.SIGNED_IN, find.show),
    Route("GET", "/account", Need.SIGNED_IN, account.show),
    Route("POST", "/account/theme", Need.SIGNED_IN, account.choose_theme),
    Route("POST", "/account/keys", Need.SIGNED_IN, account.choose_keys),
    Route("POST", "/account/zone", Need.SIGNED_IN, account.choose_zone),
    Route("GET", "/account/security", Need.SIGNED_IN, security.show),
    Route("POST", "/account/security/app", Need.SIGNED_IN, security.begin),
    Route("POST", "/account/security/app/confirm", Need.SIGNED_IN, security.confirm),
    Route("POST", "/account/security/app/off", Need.SIGNED_IN, security.off),
    Route("POST", "/account/security/recovery", Need.SIGNED_IN, security.renew_codes),
    Route("POST", "/account/security/passkeys", Need.SIGNED_IN, security.add_key),
    Route("POST", "/account/security/passkeys/new", Need.SIGNED_IN, security.begin_passkey),
    Route("POST", "/account/security/passkeys/{passkey_id:int}/remove", Need.SIGNED_IN, security.remove_key),
    Route("POST", "/account/password", Need.SIGNED_IN, account.change_password),
    Route("POST", "/account/sessions/end", Need.SIGNED_IN, account.end_session),
    Route("POST", "/account/sessions/end-others", Need.SIGNED_IN, account.end_others),
    # A publisher's money
    Route("GET", _PUBLISHER, Need.SEE, overview.show),
    Route("GET", f"{_PUBLISHER}/sites", Need.SEE, overview.sites),
    Route("GET", f"{_PUBLISHER}/charges", Need.SEE, charges.show),
    Route("GET", f"{_PUBLISHER}/charges.csv", Need.EXPORT, charges.download),
    Route("GET", f"{_PUBLISHER}/charges/{{charge_id}}", Need.SEE, charges.show_one),
    Route("GET", f"{_PUBLISHER}/charges/{{charge_id}}/refund", Need.REFUND, charges.ask_refund),
    Route("POST", f"{_PUBLISHER}/charges/{{charge_id}}/refund", Need.REFUND, charges.refund),
    Route("GET", f"{_PUBLISHER}/months", Need.SEE, months.show),
    Route("GET", f"{_PUBLISHER}/months/{{month}}", Need.SEE, months.show_one),
    Route("GET", f"{_PUBLISHER}/months/{{month}}/report.csv", Need.EXPORT, months.download_csv),
    Route("GET", f"{_PUBLISHER}/months/{{month}}/summary.csv", Need.EXPORT, months.download_summary),
    Route("GET", f"{_PUBLISHER}/months/{{month}}/report.jsonl", Need.EXPORT, months.download_json_lines),
    Route("GET", f"{_PUBLISHER}/months/{{month}}/report.xlsx", Need.EXPORT, months.download_workbook),
    Route("GET", f"{_PUBLISHER}/months/{{month}}/report.parquet", Need.EXPORT, months.download_parquet),
    Route("GET", f"{_PUBLISHER}/months/{{month}}/report.zip", Need.EXPORT, months.download_all),
    Route("POST", f"{_PUBLISHER}/months/{{month}}/verify", Need.EXPORT, months.verify),
    Route("GET", f"{_PUBLISHER}/months/{{month}}/report.pdf", Need.EXPORT, months.download_pdf),
    Route("GET", f"{_PUBLISHER}/webhooks", Need.SEE, webhooks.show),
    Route("POST", f"{_PUBLISHER}/webhooks", Need.EDIT, webhooks.send_own_again),
    Route("GET", f"{_PUBLISHER}/webhooks/new", Need.MANAGE, webhook_editing.show_new),
    Route("POST", f"{_PUBLISHER}/webhooks/new", Need.MANAGE, webhook_editing.add),
    Route("GET", _WEBHOOK, Need.SEE, webhook_editing.show),
    Route("POST", _WEBHOOK, Need.MANAGE, webhook_editing.save),
    Route("POST", f"{_WEBHOOK}/secret", Need.MANAGE, webhook_editing.rotate),
    Route("POST", f"{_WEBHOOK}/test", Need.MANAGE, webhook_editing.try_out),
    Route("POST", f"{_WEBHOOK}/enable", Need.MANAGE, webhook_editing.enable),
    Route("POST", f"{_WEBHOOK}/remove", Need.MANAGE, webhook_editing.remove),
    # Who and what may work for a publisher
    Route("GET", f"{_PUBLISHER}/team", Need.SEE, team.show),
    Route("POST", f"{_PUBLISHER}/team", Need.MANAGE, team.invite_member),
    Route("POST", f"{_PUBLISHER}/team/leave", Need.SEE, team.leave),
    Route("GET", _MEMBER, Need.SEE, team.show_member),
    Route("POST", f"{_MEMBER}/role", Need.MANAGE, team.change_role),
    Route("POST", f"{_MEMBER}/remove", Need.MANAGE, team.remove),
    Route("POST", f"{_INVITATION}/renew", Need.MANAGE, team.renew),
    Route("POST", f"{_INVITATION}/revoke", Need.MANAGE, team.revoke),
    Route("GET", f"{_PUBLISHER}/audit", Need.SEE, audit.show),
    Route("GET", f"{_PUBLISHER}/audit.csv", Need.EXPORT, audit.download),
    Route("GET", f"{_PUBLISHER}/settings", Need.SEE, publisher_settings.show),
    Route("POST", f"{_PUBLISHER}/settings", Need.MANAGE, publisher_settings.save),
    Route("POST", f"{_PUBLISHER}/sites/{{site_id:int}}/resume", Need.MANAGE, site_settings.resume),
    Route("GET", f"{_PUBLISHER}/tokens", Need.SEE, tokens.show),
    Route("POST", f"{_PUBLISHER}/tokens", Need.MANAGE, tokens.make),
    Route("GET", _TOKEN, Need.SEE, tokens.show_one),
    Route("POST", f"{_TOKEN}/rotate", Need.MANAGE, tokens.rotate),
    Route("POST", f"{_TOKEN}/revoke", Need.MANAGE, tokens.revoke),
    # The operator's
    Route("GET", "/operator/publishers", Need.OPERATE, operator_publishers.show),
    Route("GET", "/operator/publishers/{number:int}", Need.OPERATE, operator_publishers.show_one),
    Route("GET", "/operator/publishers/{number:int}/share", Need.OPERATE, operator_publishers.ask_share),
    Route("POST", "/operator/publishers/{number:int}/share", Need.OPERATE, operator_publishers.change_share),
    Route("GET", "/operator/health", Need.OPERATE, operator_publishers.health),
    Route("GET", "/operator/adjustments", Need.OPERATE, operator_books.adjustments),
    Route("GET", "/operator/payments/{number:int}/assign", Need.OPERATE, operator_books.show_assign),
    Route("POST", "/operator/payments/{number:int}/assign", Need.OPERATE, operator_books.assign_payment),
    Route("GET", "/operator/payments/{number:int}/close", Need.OPERATE, operator_books.show_close),
    Route("POST", "/operator/payments/{number:int}/close", Need.OPERATE, operator_books.close_payment),
    Route("GET", "/operator/charges", Need.OPERATE, operator_books.charges),
    Route("GET", "/operator/charges.csv", Need.OPERATE, operator_books.charges_file),
    Route("GET", "/operator/charges/{charge_id}", Need.OPERATE, operator_books.charge),
    Route("GET", "/operator/charges/{charge_id}/refund", Need.OPERATE, operator_books.ask_refund),
    Route("POST", "/operator/charges/{charge_id}/refund", Need.OPERATE, operator_books.refund),
    Route("GET", "/operator/audit", Need.OPERATE, operator_audit.show),
    Route("GET", "/operator/audit.csv", Need.OPERATE, operator_audit.download),
    Route("GET", "/operator/crawlers", Need.OPERATE, operating.crawlers),
    Route("GET", _CRAWLER, Need.OPERATE, operating.crawler),
    Route("GET", f"{_CRAWLER}/credit", Need.OPERATE, crawler_acts.show_credit),
    Route("POST", f"{_CRAWLER}/credit", Need.OPERATE, crawler_acts.give_credit),
    Route("GET", f"{_CRAWLER}/terms", Need.OPERATE, crawler_acts.show_limit),
    Route("POST", f"{_CRAWLER}/terms", Need.OPERATE, crawler_acts.set_limit),
    Route("GET", f"{_CRAWLER}/suspend", Need.OPERATE, crawler_acts.show_suspend),
    Route("POST", f"{_CRAWLER}/suspend", Need.OPERATE, crawler_acts.suspend),
    Route("GET", f"{_CRAWLER}/resume", Need.OPERATE, crawler_acts.show_resume),
    Route("POST", f"{_CRAWLER}/resume", Need.OPERATE, crawler_acts.resume),
    Route("GET", f"{_CRAWLER}/budget", Need.OPERATE, crawler_acts.budget),
    Route("POST", f"{_CRAWLER}/budget", Need.OPERATE, crawler_acts.budget),
    Route("POST", f"{_CRAWLER}/budget/remove", Need.OPERATE, crawler_acts.remove_budget),
    Route("GET", f"{_CRAWLER}/token", Need.OPERATE, crawler_acts.token),
    Route("POST", f"{_CRAWLER}/token", Need.OPERATE, crawler_acts.token),
    Route("POST", f"{_CRAWLER}/token/revoke", Need.OPERATE, crawler_acts.revoke_token),
    Route("GET", f"{_CRAWLER}/subscription", Need.OPERATE, crawler_acts.begin_subscription),
    Route("POST", f"{_CRAWLER}/subscription", Need.OPERATE, crawler_acts.begin_subscription),
    Route("POST", f"{_CRAWLER}/subscription/end", Need.OPERATE, crawler_acts.end_subscription),
    Route("GET", f"{_CRAWLER}/invite", Need.OPERATE, crawler_acts.invite),
    Route("POST", f"{_CRAWLER}/invite", Need.OPERATE, crawler_acts.invite),
    Route("POST", f"{_CRAWLER}/team/remove", Need.OPERATE, crawler_acts.remove_member),
    Route("GET", "/operator/months", Need.OPERATE, operator_months.show),
    Route("GET", "/operator/months/{month}", Need.OPERATE, operator_months.show_one),
    Route("GET", "/operator/months/{month}/files/{name}", Need.OPERATE, operator_months.download),
    Route("POST", "/operator/months/{month}/close", Need.OPERATE, operator_months.close),
    Route("POST", "/operator/months/{month}/verify", Need.OPERATE, operator_months.verify),
    Route("GET", "/operator/registrations", Need.OPERATE, registrations.show),
    Route("GET", _REGISTRATION, Need.OPERATE, registrations.show_one),
    Route("POST", f"{_REGISTRATION}/approve", Need.OPERATE, registrations.approve),
    Route("POST", f"{_REGISTRATION}/reject", Need.OPERATE, registrations.reject),
    Route("GET", "/operator/webhooks", Need.OPERATE, operating.webhooks),
    Route("POST", "/operator/webhooks", Need.OPERATE, operating.replay),
    # A crawler's team
    Route("GET", "/portal", Need.SIGNED_IN, portal_joining.home),
    Route("GET", "/portal/register", Need.SIGNED_IN, portal_joining.register),
    Route("POST", "/portal/register", Need.SIGNED_IN, portal_joining.look_at_agent),
    Route("GET", "/portal/join/{link}", Need.ANYONE, portal_joining.show),
    Route("POST", "/portal/join/{link}", Need.ANYONE, portal_joining.create),
    Route("POST", "/portal/join/{link}/accept", Need.SIGNED_IN, portal_joining.join),
    Route("GET", _TEAM, Need.TEAM_SEE, portal.overview),
    Route("GET", f"{_TEAM}/charges", Need.TEAM_SEE, portal.charges),
    Route("GET", f"{_TEAM}/charges.csv", Need.TEAM_SEE, portal.charges_file),
    Route("GET", f"{_TEAM}/charges/{{charge_id}}", Need.TEAM_SEE, portal.charge),
    Route("GET", f"{_TEAM}/months", Need.TEAM_SEE, portal.months),
    Route("GET", f"{_TEAM}/months/{{month}}", Need.TEAM_SEE, portal.month),
    Route("GET", f"{_TEAM}/months/{{month}}/files/{{name}}", Need.TEAM_SEE, portal.month_file),
    Route("GET", f"{_TEAM}/prices", Need.TEAM_SEE, portal.prices),
    Route("GET", f"{_TEAM}/keys", Need.TEAM_SEE, portal.keys),
    Route("POST", f"{_TEAM}/keys", Need.TEAM_CHANGE, portal.refresh_keys),
    Route("GET", f"{_TEAM}/budgets", Need.TEAM_SEE, portal.budgets),
    Route("GET", f"{_TEAM}/budget", Need.TEAM_CHANGE, portal.budget),
    Route("POST", f"{_TEAM}/budget", Need.TEAM_CHANGE, portal.budget),
    Route("POST", f"{_TEAM}/budget/remove", Need.TEAM_CHANGE, portal.remove_budget),
    Route("GET", f"{_TEAM}/tokens", Need.TEAM_SEE, portal.tokens),
    Route("GET", f"{_TEAM}/token", Need.TEAM_CHANGE, portal.token),
    Route("POST", f"{_TEAM}/token", Need.TEAM_CHANGE, portal.token),
    Route("POST", f"{_TEAM}/token/revoke", Need.TEAM_CHANGE, portal.revoke_token),
    Route("GET", f"{_TEAM}/team", Need.TEAM_SEE, portal.team),
    Route("GET", f"{_TEAM}/audit", Need.TEAM_SEE, portal.audit),
    Route("GET", f"{_TEAM}/invite", Need.TEAM_CHANGE, portal.invite),
    Route("POST", f"{_TEAM}/invite", Need.TEAM_CHANGE, portal.invite),
    Route("POST", f"{_TEAM}/team/remove", Need.TEAM_CHANGE, portal.remove_member),
    # A site's prices
    Route("GET", f"{_SITE}/rules", Need.SEE, rules.show),
    Route("GET", f"{_SITE}/rules/new", Need.EDIT, rule_editing.show_new),
    Route("POST", f"{_SITE}/rules/new", Need.EDIT, rule_editing.add),
    Route("GET", f"{_SITE}/rules/edit", Need.EDIT, rule_editing.show),
    Route("POST", f"{_SITE}/rules/edit", Need.EDIT, rule_editing.change),
    Route("GET", f"{_SITE}/rules/everything-else", Need.EDIT, rule_editing.show_default),
    Route("POST", f"{_SITE}/rules/everything-else", Need.EDIT, rule_editing.change_default),
    Route("POST", f"{_SITE}/rules/move", Need.EDIT, rules.move),
    Route("POST", f"{_SITE}/rules/switch", Need.EDIT, rules.switch),
    Route("GET", f"{_SITE}/rules/delete", Need.EDIT, rules.ask_remove),
    Route("POST", f"{_SITE}/rules/delete", Need.EDIT, rules.remove),
    Route("GET", f"{_SITE}/presets", Need.EDIT, rules.show_presets),
    Route("POST", f"{_SITE}/presets", Need.EDIT, rules.take_preset),
    Route("GET", f"{_SITE}/review", Need.SEE, review.show),
    Route("POST", f"{_SITE}/publish", Need.EDIT, review.publish),
    Route("POST", f"{_SITE}/plan/cancel", Need.EDIT, review.cancel),
    Route("GET", f"{_SITE}/discard", Need.EDIT, review.ask_discard),
    Route("POST", f"{_SITE}/discard", Need.EDIT, review.discard),
    Route("GET", f"{_SITE}/history", Need.SEE, history.show),
    Route("GET", f"{_SITE}/history/{{version:int}}", Need.SEE, history.show_one),
    Route("POST", f"{_SITE}/roll-back", Need.EDIT, history.roll_back),
    Route("GET", f"{_SITE}/settings", Need.SEE, site_settings.show),
    Route("POST", f"{_SITE}/settings", Need.MANAGE, site_settings.save),
    Route("GET", f"{_SITE}/settings/pause", Need.MANAGE, site_settings.ask_pause),
    Route("POST", f"{_SITE}/settings/pause", Need.MANAGE, site_settings.pause),
    Route("GET", f"{_SITE}/test", Need.SEE, try_url.show),
    # What came to a site
    Route("GET", f"{_SITE}/activity", Need.SEE, activity.show),
    Route("GET", f"{_SITE}/activity.csv", Need.EXPORT, activity.download),
    Route("GET", f"{_SITE}/activity/live", Need.SEE, activity.live),
    Route("GET", f"{_SITE}/activity/{{place}}", Need.SEE, activity.show_one),
    Route("GET", f"{_SITE}/crawlers", Need.SEE, crawlers.show),
    Route("GET", f"{_SITE}/crawlers/one", Need.SEE, crawlers.show_one),
    Route("POST", f"{_SITE}/crawlers/one", Need.EDIT, crawlers.decide),
    # What it tells crawlers
    Route("GET", f"{_SITE}/signals", Need.SEE, signals.show),
    Route("POST", f"{_SITE}/signals", Need.EDIT, signals.switch),
    Route("GET", f"{_SITE}/content", Need.SEE, content.show),
    # The way in
    Route("GET", f"{_PUBLISHER}/sites/new", Need.MANAGE, site_new.show),
    Route("POST", f"{_PUBLISHER}/sites/new", Need.MANAGE, site_new.add),
    Route("GET", f"{_PUBLISHER}/sites/waiting", Need.SEE, site_new.waiting),
    Route("POST", f"{_PUBLISHER}/sites/check", Need.MANAGE, site_new.check),
    Route("POST", f"{_PUBLISHER}/sites/withdraw", Need.MANAGE, site_new.withdraw),
    Route("POST", f"{_PUBLISHER}/first-steps", Need.EDIT, first_run.dismiss),
    Route("POST", f"{_PUBLISHER}/sample", Need.EDIT, first_run.take_sample),
    Route("POST", f"{_PUBLISHER}/sample/remove", Need.EDIT, first_run.drop_sample),
    Route("GET", "/operator/sites", Need.OPERATE, site_new.show_all_waiting),
    Route("POST", "/operator/sites/serve", Need.OPERATE, site_new.serve),
    Route("POST", "/operator/sites/refuse", Need.OPERATE, site_new.refuse),
    Route("GET", f"{_SITE}/connect", Need.SEE, connect.show),
    Route("POST", f"{_SITE}/connect", Need.EDIT, connect.check),
    # What a log would have earned
    Route("GET", f"{_SITE}/estimate", Need.SEE, estimate.show),
    Route("POST", f"{_SITE}/estimate", Need.EDIT, estimate.begin, takes_file=True),
    Route("POST", f"{_SITE}/estimate/keep", Need.EDIT, estimate.keep),
    Route("POST", f"{_SITE}/estimate/delete", Need.EDIT, estimate.delete),
)


def create_app(
    database: Database,
    classify: Callable[[str], ClaimedCrawler | None],
    *,
    public_url: str | None = None,
    operator: str = "local",
    contact: str = "",
    clock: Callable[[], float] = time.time,
    passwords: Passwords | None = None,
    address_key: Callable[[int], bytes] | None = None,
    tails: Tails | None = None,
    books: Books | None = None,
    later: Later = in_a_thread,
    key_checks: KeyChecks | None = None,
    backtests: BacktestJobs | None = None,
    edge_bind: tuple[str, int] | None = None,
    run_estimate: RunEstimate | None = None,
    estimate_log_bytes: int = 268_435_456,
    crawlers: tuple[ClaimedCrawler, ...] = (),
    read_origin: ReadOrigin = unreachable,
    checks: SiteChecks | None = None,
) -> FastAPI:
    """Build the dashboard.

    ``classify`` says what a User-Agent claims (the catalogue's); ``public_url`` is the address as people type it, and
    without one the dashboard answers on loopback names only; ``clock`` gives seconds since the epoch;
    ``address_key`` is what several dashboards share (``AddressKeys.at``), without one it counts tries by itself;
    ``contact`` is the operator's address as statements name it; ``tails`` bounds the lists that are followed live;
    ``books`` are the keys and files that closing a month takes, without them months are closed by ``farebox close``
    alone; ``later`` runs long work beside the pages, ``backtests`` are kept there, by the same way when None;
    ``key_checks`` asks for crawlers' keys; ``run_estimate`` reads an access log, in this process when None, and
    ``estimate_log_bytes`` is the largest that is taken; ``edge_bind`` is where the edge listens, so that no site is
    sent back to it; ``crawlers`` are those that documents can name, and ``read_origin`` asks a site's own server for
    one of them; ``checks`` asks the world about a site, nothing is asked when None.
    """
    own_key = secrets.token_bytes(32)
    desk = Desk(
        database=database,
        clock=clock,
        classify=classify,
        address=Address(public_url),
        passwords=passwords or Passwords(),
        operator=operator,
        rendering=Rendering(),
        address_key=address_key or (lambda _: own_key),
        navigation=Navigation(frozenset(route.path for route in ROUTES if route.method == "GET")),
        contact=contact,
        tails=tails or Tails(),
        books=books,
        later=later,
        key_checks=key_checks,
        edge_bind=edge_bind,
        estimates=Estimates(run_estimate or estimate_here(classify), clock),
        estimate_log_bytes=estimate_log_bytes,
        crawlers=crawlers,
        own_documents=OwnDocuments(read_origin, clock),
        checks=checks,
        backtests=backtests or BacktestJobs(later),
    )
    app = FastAPI(title="farebox dashboard", docs_url=None, redoc_url=None, openapi_url=None)
    app.router.redirect_slashes = False
    for route in ROUTES:
        make = upload_endpoint if route.takes_file else endpoint
        app.add_route(route.path, make(desk, route.need, route.page), methods=[route.method])
    limits = Limits()
    for operation in OPERATIONS:
        serve = log_endpoint if operation.takes_log else api_endpoint
        app.add_route(operation.path, serve(desk, operation, limits), methods=[operation.method])
    app.add_route(f"{ROOT}/openapi.json", description_endpoint(desk, OPERATIONS), methods=["GET"])
    app.add_exception_handler(HTTPException, unknown_page(desk))
    app.add_middleware(SecurityHeaders, secure=desk.address.secure)
    return app

"""The dashboard, built from plain values: its pages (``publisher_dashboard.routes``) and the JSON API's operations.

Rules of this file: ``create_app`` builds everything; importing builds nothing.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

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
from publisher_dashboard.rendering import Rendering
from publisher_dashboard.routes import ROUTES
from publisher_dashboard.serving import endpoint, unknown_page
from publisher_dashboard.site_checks import SiteChecks
from publisher_dashboard.tails import Tails
from publisher_dashboard.upload_serving import upload_endpoint
from publisher_dashboard.visit import Desk


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

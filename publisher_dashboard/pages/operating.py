"""The operator's pages: every crawler's accounts, and every webhook. Nobody else knows that they exist."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from starlette.responses import Response

from edge.core.particulars import Listed, TopUp
from edge.store.accounts import AccountView
from edge.store.accounts import show as accounts_of
from edge.store.budgets import BudgetView, show_budgets
from edge.store.crawlers import Crawler, list_crawlers
from edge.store.particulars import latest_top_ups
from edge.store.publishers import list_publishers
from edge.store.webhook_endpoints import list_endpoints
from edge.store.webhook_lists import with_deliveries
from publisher_dashboard.auth import NOT_HERE, Turned
from publisher_dashboard.pages.webhooks import send_again
from publisher_dashboard.visit import Visit

TOP_UPS_SHOWN = 50


@dataclass(frozen=True, slots=True)
class CrawlerLine:
    """One crawler of the list, with its accounts."""

    crawler: Crawler
    accounts: tuple[AccountView, ...]


def crawlers(visit: Visit) -> Response:
    """All crawlers, with what each account holds and may still spend."""
    with visit.desk.database.read() as connection:
        lines = [
            CrawlerLine(known, tuple(accounts_of(connection, known.crawler_id))) for known in list_crawlers(connection)
        ]
    return visit.render("operator_crawlers.html", lines=lines)


def crawler(visit: Visit) -> Response:
    """One crawler: its accounts, budgets and latest top-ups."""
    wanted = int(visit.request.path_params["crawler_id"])
    now_micros = visit.now_micros
    with visit.desk.database.read() as connection:
        known = next((one for one in list_crawlers(connection) if one.crawler_id == wanted), None)
        if known is None:
            raise Turned(HTTPStatus.NOT_FOUND, NOT_HERE)
        accounts = accounts_of(connection, wanted)
        budgets: list[BudgetView] = show_budgets(connection, [one.account_id for one in accounts], now_micros)
        top_ups: Listed[TopUp] = latest_top_ups(connection, wanted, TOP_UPS_SHOWN)
    return visit.render("operator_crawler.html", crawler=known, accounts=accounts, budgets=budgets, top_ups=top_ups)


def webhooks(visit: Visit) -> Response:
    """Every webhook, whoever hears of it, and its latest deliveries."""
    with visit.desk.database.read() as connection:
        names = {("publisher", one.publisher_id): one.name for one in list_publishers(connection)}
        names |= {("crawler", one.crawler_id): one.name for one in list_crawlers(connection)}
        found = list_endpoints(connection)
        shown = with_deliveries(connection, found)
    owners = {
        each.endpoint_id: names.get((each.audience.value, each.publisher_id or each.crawler_id or 0), "the operator")
        for each in found
    }
    return visit.render(
        "webhooks.html", shown=shown, owners=owners, here="/operator/webhooks", may_replay=True, of="of this edge"
    )


def replay(visit: Visit) -> Response:
    """Send what was given up, or one event, again."""
    with visit.desk.database.read() as connection:
        found = list_endpoints(connection)
    return send_again(visit, found, "/operator/webhooks")

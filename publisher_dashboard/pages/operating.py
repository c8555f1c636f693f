"""The operator's pages: every crawler's accounts, and every webhook. Nobody else knows that they exist."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response

from edge.store.accounts import AccountView
from edge.store.accounts import show as accounts_of
from edge.store.crawlers import Crawler, list_crawlers
from edge.store.publishers import list_publishers
from edge.store.webhook_endpoints import list_endpoints
from edge.store.webhook_lists import with_deliveries
from publisher_dashboard.pages.crawler_acts import wanted
from publisher_dashboard.pages.webhooks import send_again
from publisher_dashboard.views.crawler_account import crawler_account
from publisher_dashboard.visit import Visit


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
    """One crawler: its accounts, limits, tokens, keys, people and latest top-ups."""
    known = wanted(visit)
    with visit.desk.database.read() as connection:
        screen = crawler_account(connection, known, visit.now_micros)
    return visit.render("operator_crawler.html", screen=screen, crawler=known)


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

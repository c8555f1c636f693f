"""A crawler's portal: what its team sees first, and what sites would charge it for a page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

from edge.core.decision import Admit, AskOrigin, Charge, DemandPayment, Refuse
from edge.core.identity import ClaimedCrawler, RegisteredCrawler
from edge.core.money import Money
from edge.core.month import Month
from edge.core.policy import Policy
from edge.core.refusals import REFUSALS
from edge.core.rehearsal import Question, Rehearsal, Signing, rehearse
from edge.store.accounts import AccountView
from edge.store.accounts import show as accounts_of
from edge.store.connection import Connection
from edge.store.crawlers import Crawler
from edge.store.earnings import Earned, Period, spent_by_currency, spent_by_day, spent_by_site
from edge.store.entries import ChargeFilter, ChargeView, list_charges
from edge.store.open_sums import OpenSum, open_sums
from publisher_dashboard.views.crawler_account import DirectoryState, directory_state

LATEST = 7
TOP = 5


@dataclass(frozen=True, slots=True)
class PortalOverview:
    """The month so far of one crawler, in one currency; days count from 0."""

    crawler: Crawler
    month: Month
    currency: str
    currencies: tuple[str, ...]
    account: AccountView | None
    open_sum: OpenSum | None
    spent: Earned
    days: dict[int, Earned]
    sites: tuple[tuple[str, Earned], ...]
    latest: tuple[ChargeView, ...]
    directory: DirectoryState


def portal_overview(connection: Connection, crawler: Crawler, wanted: str, now_micros: int) -> PortalOverview:
    """What a crawler's team sees first; ``wanted`` is a currency, or empty."""
    number, month = crawler.crawler_id, Month.of(now_micros)
    so_far = Period(month.start_micros, now_micros + 1)
    accounts = {one.currency: one for one in accounts_of(connection, number)}
    sums = spent_by_currency(connection, number, so_far)
    currencies = tuple(sorted({*accounts, *sums}))
    currency = wanted if wanted in currencies else max(currencies, key=lambda one: _pages(sums, one), default="USD")
    return PortalOverview(
        crawler=crawler,
        month=month,
        currency=currency,
        currencies=currencies,
        account=accounts.get(currency),
        open_sum=open_sums(connection, number, now_micros).get(currency),
        spent=sums.get(currency, Earned(currency, 0, 0, 0)),
        days=spent_by_day(connection, number, currency, so_far),
        sites=tuple(spent_by_site(connection, number, currency, so_far, TOP)),
        latest=list_charges(connection, ChargeFilter(crawler_id=number), limit=LATEST).charges,
        directory=directory_state(connection, crawler),
    )


def _pages(sums: dict[str, Earned], currency: str) -> int:
    return sums[currency].pages if currency in sums else 0


@dataclass(frozen=True, slots=True)
class SitePrice:
    """What one site asks of this crawler for a page: ``price`` None where it is free, refused, or the origin says."""

    host: str
    word: str
    why: str
    price: Money | None
    rule: str | None


def site_prices(
    policy: Policy,
    crawler: RegisteredCrawler,
    target: str,
    classify: Callable[[str], ClaimedCrawler | None],
    now: float,
    hosts: list[str],
) -> list[SitePrice]:
    """What each of these sites would ask for ``target`` if the crawler signed, the dearest first."""
    found = [
        _site_price(host, rehearse(Question(host, target, Signing(crawler)), policy, classify, now)) for host in hosts
    ]
    return sorted(found, key=lambda one: (one.price is None, -(one.price.amount_micros if one.price else 0), one.host))


def _site_price(host: str, found: Rehearsal) -> SitePrice:
    rule = found.match.rule.name if found.match is not None else None
    match found.decision:
        case Admit():
            return SitePrice(host, "Free", "The page is served for nothing.", None, rule)
        case Charge(price=price) | DemandPayment(price=price):
            return SitePrice(host, "Paid", " ".join(found.terms), price, rule)
        case Refuse(code=code):
            return SitePrice(host, "Refused", REFUSALS[code].title, None, rule)
        case AskOrigin():
            return SitePrice(host, "Origin’s price", "The site names the price in its own answer.", None, rule)
        case _ as never:
            assert_never(never)

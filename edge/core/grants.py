"""What can make a priced page free for a registered crawler, and what such a page is counted in.

Rules of this file
- The decision names the terms that may hold, in the order in which they are tried: a re-crawl uses nothing up, a
  subscription is paid for, free pages come last. Whether one holds is for the ledger alone, in the transaction that
  writes the entry (``edge.core.grant_plan``); nobody asks first and claims later.
- A page that was granted is an entry of amount 0 whose ``reference`` says by which term. The count that it belongs to
  can be read off the entry, so every count can be made again from the entries.
- Periods are UTC: a calendar day or a calendar month, by the time that the entry bears.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, assert_never

from edge.core.budgets import Per, window_of
from edge.core.month import Month

RECRAWL = "recrawl"
UNCHANGED = "unchanged"
FREE = "free:"
SUBSCRIPTION = "subscription:"


class FreePeriod(StrEnum):
    """How often free pages are given anew."""

    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Recrawl:
    """Free again within ``hours`` of the crawler's last paid delivery of the page, or while it is ``unchanged``."""

    hours: int | None
    unchanged: bool


@dataclass(frozen=True, slots=True)
class SubscriptionPages:
    """A page of this subscription, while it runs and has some left in this month."""

    subscription_id: int


@dataclass(frozen=True, slots=True)
class FreePages:
    """One of so many ``pages`` that the crawler has free at the site in each period."""

    pages: int
    per: FreePeriod


Grant = Recrawl | SubscriptionPages | FreePages


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a crawler has subscribed to: so many ``pages`` a month at a publisher's sites.

    ``site_id`` and ``licence`` narrow it; None does not. It runs from ``since_micros`` until ``until_micros``, which
    is None where nobody has ended it.
    """

    subscription_id: int
    publisher_id: int
    site_id: int | None
    licence: str | None
    pages: int
    since_micros: int
    until_micros: int | None

    def covers(self, publisher_id: int, site_id: int, licence: str | None) -> bool:
        """Whether pages of that site, sold under that licence, are among its pages."""
        if publisher_id != self.publisher_id or self.site_id not in (None, site_id):
            return False
        return self.licence is None or self.licence == licence

    def runs(self, at_micros: int) -> bool:
        """Whether it has begun and not ended."""
        return self.since_micros <= at_micros and (self.until_micros is None or at_micros < self.until_micros)


class CounterKey(NamedTuple):
    """What granted pages are counted in: whose, by which term, where (0 for a subscription), from when."""

    account: int
    name: str
    site_id: int
    start_micros: int


def free_name(per: FreePeriod) -> str:
    """The term's name on an entry."""
    return f"{FREE}{per.value}"


def subscription_name(subscription_id: int) -> str:
    """The subscription's name on an entry."""
    return f"{SUBSCRIPTION}{subscription_id}"


def is_subscription(name: str | None) -> bool:
    """Whether a page was granted by a subscription, so that it counts as bought."""
    return name is not None and name.startswith(SUBSCRIPTION)


def grant_words(name: str | None) -> str:
    """The term's name as people read it."""
    match name:
        case "recrawl":
            return "fetched again soon after it was bought"
        case "unchanged":
            return "unchanged since it was bought"
        case "free:day":
            return "a free page of the day"
        case "free:month":
            return "a free page of the month"
        case _ if is_subscription(name):
            return f"a page of subscription {(name or '').removeprefix(SUBSCRIPTION)}"
        case _:
            return "free"


def grant_sentences(grant: Grant) -> list[str]:
    """When the term makes the page free, in words."""
    match grant:
        case Recrawl(hours, unchanged):
            within = [f"free within {hours} hours of the last paid delivery of this page"] if hours is not None else []
            return [*within, *(["free while the page is what it was when it was bought"] if unchanged else [])]
        case SubscriptionPages(number):
            return [f"free while subscription {number} has pages left in this month"]
        case FreePages(pages, per):
            return [f"free while fewer than {pages} pages of this {per.value} were free for it at this site"]
        case _:
            assert_never(grant)


def period_start(per: FreePeriod, at_micros: int) -> int:
    """The first instant of the period that an instant belongs to."""
    return window_of(Per.DAY if per is FreePeriod.DAY else Per.MONTH, at_micros).start_micros


def period_end(per: FreePeriod, at_micros: int) -> int:
    """The first instant after that period."""
    return window_of(Per.DAY if per is FreePeriod.DAY else Per.MONTH, at_micros).end_micros


def free_counter(account: int, site_id: int, per: FreePeriod, at_micros: int) -> CounterKey:
    """Where the free pages of a crawler at a site are counted at that time, whatever rule gives them."""
    return CounterKey(account, free_name(per), site_id, period_start(per, at_micros))


def subscription_counter(account: int, subscription_id: int, at_micros: int) -> CounterKey:
    """Where the pages of a subscription are counted at that time."""
    return CounterKey(account, subscription_name(subscription_id), 0, Month.of(at_micros).start_micros)


def validator_of(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """What tells an unchanged page: the origin's strong ``ETag``, else its ``Last-Modified`` (RFC 9110 section 8.8).

    A weak tag says that two answers mean the same, not that they are the same, so it does not count.
    """
    found = {name.lower(): value for name, value in headers if name.lower() in (b"etag", b"last-modified")}
    tag = found.get(b"etag", b"").strip()
    if tag.startswith(b'"') and tag.endswith(b'"') and len(tag) > 2:
        return "etag " + tag.decode("latin-1")
    date = found.get(b"last-modified", b"").strip()
    return "last-modified " + date.decode("latin-1") if date else None

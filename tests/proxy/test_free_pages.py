"""Free pages, re-crawls and rates as a crawler sees them over the wire."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from edge.core.grants import FreePeriod, Subscription
from edge.core.rates import Rate
from edge.core.rules import Action, Rule, RuleSet, everything_else
from tests.support.edge_under_test import POOR, PRICE, RICH, SUSPENDED, WITHOUT_ACCOUNT, EdgeUnderTest
from tests.support.scripted_origin import page
from tests.support.signing_crawler import claimed

LARGE = 600_000
RULES = RuleSet(
    (
        Rule("two a month", where="/two/*", action=Action.CHARGE, price=PRICE, free_pages=2),
        Rule("one a day", where="/one/*", action=Action.CHARGE, price=PRICE, free_pages=1, free_period=FreePeriod.DAY),
        Rule("again", where="/again/*", action=Action.CHARGE, price=PRICE, recrawl_hours=24),
        Rule("same", where="/same/*", action=Action.CHARGE, price=PRICE, recrawl_unchanged=True),
        Rule("slow", where="/slow/*", action=Action.CHARGE, price=PRICE, rate=Rate(2, "minute")),
        Rule("slow but free", where="/open/*", rate=Rate(1, "hour")),
        Rule("closed", where="/closed/*", action=Action.BLOCK),
    ),
    everything_else(Action.CHARGE, PRICE),
)


@pytest.fixture
def edge(make_edge: Any) -> Iterator[EdgeUnderTest]:
    edge: EdgeUnderTest = make_edge(rules=RULES)
    yield edge
    edge.ledger.check()
    assert edge.reports == []


def test_a_signed_crawler_gets_its_free_pages_without_an_offer_and_is_then_asked_to_pay(edge: EdgeUnderTest) -> None:
    answers = [edge.ask(RICH.signed(f"/two/{number}")) for number in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 402]
    assert [answer.fields.get("crawler-charged") for answer in answers] == ["USD 0.00", "USD 0.00", None]
    assert answers[0].fields["crawler-receipt"].startswith("ch_")
    assert answers[2].fields["crawler-error"] == "MissingCrawlerPrice"
    assert answers[2].fields["crawler-price"] == "USD 0.01"
    assert edge.ledger.kinds() == ["grant", "grant"]


def test_an_offer_is_kept_until_the_free_pages_are_used_up(edge: EdgeUnderTest) -> None:
    answers = [edge.ask(RICH.paying(f"/two/{number}")) for number in range(3)]
    assert [answer.fields["crawler-charged"] for answer in answers] == ["USD 0.00", "USD 0.00", "USD 0.01"]


@pytest.mark.parametrize(
    "lines",
    [
        ("crawler-max-price: USD 0.001",),
        ("crawler-exact-price: USD 5.00",),
        ("crawler-max-price: free",),
        ("crawler-max-price: USD 0.01", "crawler-exact-price: USD 0.01"),
    ],
)
def test_a_free_page_stands_before_the_offer(edge: EdgeUnderTest, lines: tuple[str, ...]) -> None:
    first, second = edge.ask(RICH.signed("/one/1", *lines)), edge.ask(RICH.signed("/one/2", *lines))
    assert (first.status, first.fields["crawler-charged"]) == (200, "USD 0.00")
    assert second.status in (400, 402)
    assert edge.ledger.kinds() == ["grant"]


@pytest.mark.parametrize("data", [claimed("/two/1"), WITHOUT_ACCOUNT.signed("/two/1"), SUSPENDED.signed("/two/1")])
def test_who_only_claims_a_name_or_has_no_open_account_gets_none(edge: EdgeUnderTest, data: bytes) -> None:
    assert edge.ask(data).status == 402
    assert (edge.ledger.kinds(), edge.origin.seen) == ([], [])


def test_a_free_page_needs_no_credit(edge: EdgeUnderTest) -> None:
    assert edge.ask(POOR.paying("/one/1")).fields["crawler-charged"] == "USD 0.00"
    assert edge.ask(POOR.paying("/one/2")).status == 402


def test_an_old_signature_gets_no_free_page(edge: EdgeUnderTest) -> None:
    request = RICH.signed("/two/1")
    edge.now += 119
    assert edge.ask(request).status == 200
    old = RICH.signed("/two/2")
    edge.now += 121
    assert edge.ask(old).status in (400, 402)
    assert edge.ledger.kinds() == ["grant"]


def test_on_a_strict_site_a_free_page_is_for_a_signature_that_covers_the_target(make_edge: Any) -> None:
    edge: EdgeUnderTest = make_edge(rules=RULES, strict=True)
    narrow = ("@authority", "signature-agent")
    assert edge.ask(RICH.signed("/two/1", covered=narrow)).status == 402
    assert edge.ask(RICH.signed("/two/1")).status == 200


def test_what_is_not_sold_uses_no_free_page(edge: EdgeUnderTest) -> None:
    edge.origin.script["/two/1"] = [page(b"gone", status="404 Not Found")]
    assert edge.ask(RICH.signed("/two/1")).status == 404
    assert edge.ledger.kinds() == []


def test_a_large_free_page_holds_nothing(edge: EdgeUnderTest) -> None:
    edge.origin.script["/one/1"] = [page(b"x" * LARGE)]
    answer = edge.ask(RICH.signed("/one/1"))
    assert (answer.status, len(answer.body), answer.fields["crawler-charged"]) == (200, LARGE, "USD 0.00")
    edge.ledger.wait_for_confirmation()
    assert edge.ledger.kinds() == ["grant"]


def test_a_large_free_page_that_the_client_leaves_is_given_back(edge: EdgeUnderTest) -> None:
    edge.origin.script["/one/1"] = [page(b"x" * 5 * LARGE)]
    with edge.connect(buffer_bytes=4096) as wire:
        wire.send(RICH.signed("/one/1"))
        assert wire.head()[0] == 200
        wire.reset()
    edge.ledger.wait_for("grant", "withdraw")
    assert edge.ask(RICH.signed("/one/2")).fields["crawler-charged"] == "USD 0.00"


def test_the_same_signed_request_gets_its_free_page_again(edge: EdgeUnderTest) -> None:
    request = RICH.signed("/one/1")
    first, again = edge.ask(request), edge.ask(request)
    assert [first.status, again.status] == [200, 200]
    assert first.fields["crawler-receipt"] == again.fields["crawler-receipt"]
    assert edge.ledger.kinds() == ["grant"]


def test_a_page_that_was_bought_is_free_again_and_another_one_is_not(edge: EdgeUnderTest) -> None:
    charged = [edge.ask(RICH.paying(target)).fields["crawler-charged"] for target in ("/again/1", "/again/1")]
    assert charged == ["USD 0.01", "USD 0.00"]
    assert edge.ask(RICH.signed("/again/1")).fields["crawler-charged"] == "USD 0.00"
    assert edge.ask(RICH.signed("/again/2")).status == 402
    assert edge.ask(POOR.signed("/again/1")).status == 402


@pytest.mark.parametrize(
    ("first", "second", "charged"),
    [
        ('ETag: "a"', 'ETag: "a"', "USD 0.00"),
        ('ETag: "a"', 'ETag: "b"', "USD 0.01"),
        ('ETag: W/"a"', 'ETag: W/"a"', "USD 0.01"),
        ("Last-Modified: Fri, 20 Nov 2026 10:00:00 GMT", "Last-Modified: Fri, 20 Nov 2026 10:00:00 GMT", "USD 0.00"),
        ("Last-Modified: Fri, 20 Nov 2026 10:00:00 GMT", "Last-Modified: Fri, 20 Nov 2026 11:00:00 GMT", "USD 0.01"),
        ("X-None: 1", "X-None: 1", "USD 0.01"),
    ],
)
def test_an_unchanged_page_is_told_by_the_origins_validators(
    edge: EdgeUnderTest, first: str, second: str, charged: str
) -> None:
    edge.origin.script["/same/1"] = [page(b"text", first)]
    assert edge.ask(RICH.paying("/same/1")).fields["crawler-charged"] == "USD 0.01"
    edge.origin.script["/same/1"] = [page(b"text", second)]
    assert edge.ask(RICH.paying("/same/1")).fields["crawler-charged"] == charged


def test_not_modified_is_never_charged_whatever_the_terms(edge: EdgeUnderTest) -> None:
    edge.ask(RICH.paying("/again/1"))
    edge.origin.script["/again/1"] = [page(b"", status="304 Not Modified")]
    answer = edge.ask(RICH.paying("/again/1", 'If-None-Match: "a"'))
    assert (answer.status, "crawler-charged" in answer.fields) == (304, False)
    assert edge.ledger.kinds() == ["post"]


def test_a_subscription_without_pages_is_said_to_who_makes_no_offer_and_costs_the_price_with_one(
    make_edge: Any,
) -> None:
    used_up = Subscription(1, 1, 7, None, 1, 0, 1)
    edge: EdgeUnderTest = make_edge(rules=RULES, subscriptions=(used_up,))
    refused = edge.ask(RICH.signed("/paid/1"))
    assert (refused.status, refused.fields["crawler-error"]) == (402, "MissingCrawlerPrice")
    assert refused.fields["crawler-price"] == "USD 0.01"
    assert b'"code":"subscription_expired"' in refused.body
    assert edge.ask(RICH.paying("/paid/1")).fields["crawler-charged"] == "USD 0.01"
    assert b'"code":"payment_required"' in edge.ask(POOR.signed("/paid/1")).body


def test_who_asks_too_often_hears_429_and_when_to_come_again(edge: EdgeUnderTest) -> None:
    assert [edge.ask(RICH.signed("/slow/1")).status for _ in range(2)] == [402, 402]
    refused = edge.ask(RICH.paying("/slow/1"))
    assert refused.status == 429
    assert refused.fields["retry-after"] == "30"
    assert refused.fields["ratelimit-policy"] == '"minute";q=2;w=60'
    assert refused.fields["ratelimit"] == '"minute";r=0;t=30'
    assert refused.fields["crawler-error-detail"] == "at most 2 requests a minute for each crawler"
    assert b'"code":"rate_exceeded"' in refused.body
    edge.now += 30
    assert edge.ask(RICH.signed("/slow/1")).status == 402
    assert edge.ask(RICH.signed("/slow/1")).status == 429


def test_a_rate_is_each_crawlers_own_and_a_claim_uses_up_nobody_elses(edge: EdgeUnderTest) -> None:
    assert [edge.ask(claimed("/open/1")).status for _ in range(2)] == [200, 429]
    assert [edge.ask(RICH.signed("/open/1")).status for _ in range(2)] == [200, 429]
    assert edge.ask(POOR.signed("/open/1")).status == 200
    assert [edge.ask(RICH.signed("/closed/1")).status for _ in range(3)] == [403] * 3

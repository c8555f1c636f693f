"""The gate over real sockets: who is let through, who pays, who hears no, and what a fault of ours costs (nothing)."""

from __future__ import annotations

import gc
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from edge.core.ledger import LedgerUnavailable
from edge.core.money import parse_price
from edge.core.rules import Action, LedgerErrorChoice, Rule, RuleSet, everything_else
from tests.support.edge_under_test import NOW, POOR, PRICE, RICH, SUSPENDED, WITHOUT_ACCOUNT, EdgeUnderTest
from tests.support.scripted_origin import Then, page
from tests.support.signing_crawler import SigningCrawler, browsed, claimed, request
from tests.support.wire import Broken, Received

LARGE = 2_000_000


def code_of(answer: Received) -> str:
    code = json.loads(answer.body)["code"]
    assert isinstance(code, str)
    return code


# Who is let through


def test_people_pass_whatever_the_rules_say(edge: EdgeUnderTest) -> None:
    for target in ("/a", "/blocked/a", "/free/a"):
        answer = edge.ask(browsed(target))
        assert (answer.status, answer.body) == (200, f"page {target}".encode())
    assert {"farebox-crawler", "farebox-trust"}.isdisjoint(edge.origin.seen[0].fields)


def test_each_rule_does_what_it_says(edge: EdgeUnderTest) -> None:
    assert edge.ask(claimed("/free/a")).status == 200
    assert edge.ask(claimed("/watched/a")).status == 200
    assert (edge.ask(claimed("/a")).status, edge.ask(claimed("/blocked/a")).status) == (402, 403)
    assert edge.gate.traffic.totals == {"allowed": 1, "monitored": 1, "payment_required": 1, "crawler_blocked": 1}


def test_who_says_nothing_of_itself_is_automated(edge: EdgeUnderTest) -> None:
    assert edge.ask(request("/a")).status == 402
    assert edge.ask(request("/a", "User-Agent: curl/8.5")).status == 402
    assert edge.ask(browsed("/a", "crawler-max-price: USD 1.00")).status == 400


def test_options_on_a_priced_page_gives_nothing_away(edge: EdgeUnderTest) -> None:
    answer = edge.ask(RICH.paying("/a", method="OPTIONS"))
    assert (answer.status, answer.body) == (200, b"")
    assert edge.ledger.entries == []
    assert edge.ask(browsed("/a", method="OPTIONS")).body == b"page /a"


def test_the_origin_hears_who_asks_and_how_well_that_is_proved(edge: EdgeUnderTest) -> None:
    edge.ask(claimed("/free/a"))
    edge.ask(RICH.paying("/a"))
    heard = [(seen.fields["farebox-crawler"], seen.fields["farebox-trust"]) for seen in edge.origin.seen]
    assert heard == [("GPTBot", "claimed"), ("bot1", "signed")]
    assert edge.origin.seen[1].fields["x-forwarded-proto"] == "http"


def test_visitors_may_use_any_method_and_bots_only_those_that_are_priced(edge: EdgeUnderTest) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE"):
        assert edge.ask(browsed("/a", "Content-Length: 0", method=method)).status == 200
        assert edge.origin.seen[-1].method == method
        assert edge.origin.seen[-1].fields["content-length"] == "0"
    for method in ("POST", "PUT", "DELETE"):
        assert edge.ask(claimed("/a", method=method)).status == 405
    assert edge.ask(claimed("/a", method="OPTIONS")).status == 402
    assert edge.ask(browsed("/a", method="TRACE")).status == 405


# Who pays


def test_a_sold_page_says_what_it_cost_and_is_confirmed(edge: EdgeUnderTest) -> None:
    answer = edge.ask(RICH.paying("/a?b=1", "X-Request-Id: mine-1"))
    assert (answer.status, answer.body) == (200, b"page /a?b=1")
    assert answer.fields["crawler-charged"] == "USD 0.01"
    assert answer.fields["crawler-receipt"].startswith("ch_")
    assert answer.fields["x-request-id"] == "mine-1"
    edge.ledger.wait_for_confirmation()
    entry = edge.ledger.entries[0]
    assert (entry.target, entry.rule, entry.request_id, entry.status) == ("/a?b=1", "everything else", "mine-1", 200)
    assert edge.gate.traffic.totals["charged"] == 1


def test_the_same_signed_request_is_charged_once(edge: EdgeUnderTest) -> None:
    data = RICH.paying("/a")
    with ThreadPoolExecutor(20) as crowd:
        answers = list(crowd.map(edge.ask, [data] * 100))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.fields["crawler-receipt"] for answer in answers}) == 1
    assert {answer.fields["crawler-charged"] for answer in answers} == {"USD 0.01"}
    assert edge.ledger.kinds() == ["post"]


def test_different_requests_are_different_charges(edge: EdgeUnderTest) -> None:
    with ThreadPoolExecutor(20) as crowd:
        answers = list(crowd.map(edge.ask, [RICH.paying("/a") for _ in range(100)]))
    assert len({answer.fields["crawler-receipt"] for answer in answers}) == 100
    assert edge.ledger.charged_micros() == 100 * PRICE.amount_micros


def test_large_pages_are_charged_once_too(edge: EdgeUnderTest) -> None:
    edge.origin.script["/large"] = [page(b"x" * LARGE)]
    data = RICH.paying("/large")
    with ThreadPoolExecutor(5) as crowd:
        answers = list(crowd.map(edge.ask, [data] * 10))
    assert {len(answer.body) for answer in answers} == {LARGE}
    assert len({answer.fields["crawler-receipt"] for answer in answers}) == 1
    edge.ledger.wait_for_confirmation()
    assert Counter(edge.ledger.kinds()) == {"hold": 1, "settle": 1}


@pytest.mark.parametrize(
    ("crawler", "status", "code"),
    [
        (POOR, 402, "insufficient_credits"),
        (SUSPENDED, 403, "account_suspended"),
        (WITHOUT_ACCOUNT, 403, "account_missing"),
        (SigningCrawler(99, NOW), 403, "crawler_unregistered"),
    ],
)
def test_who_cannot_pay_hears_why(edge: EdgeUnderTest, crawler: SigningCrawler, status: int, code: str) -> None:
    edge.origin.script["/large"] = [page(b"x" * LARGE)]
    for target in ("/a", "/large"):
        answer = edge.ask(crawler.paying(target))
        assert (answer.status, code_of(answer)) == (status, code)
        word = "StrongAuthRequired" if status == 400 else "PaymentFailed"
        assert answer.fields["crawler-error"] == word
        assert b"x" * 1000 not in answer.body
    assert edge.ledger.entries == []
    assert edge.ask(claimed("/free/a")).status == 200  # what the origin had begun to say was for nobody


def test_an_old_signature_buys_nothing_and_does_not_bother_the_origin(edge: EdgeUnderTest) -> None:
    stale = edge.ask(RICH.paying("/a", created=NOW - 301))  # type: ignore[arg-type]
    assert (stale.status, stale.fields["crawler-error"]) == (400, "InvalidSignature")
    assert edge.origin.seen == []
    assert edge.ledger.entries == []


def test_an_old_signature_collects_only_what_it_bought_and_did_not_get(edge: EdgeUnderTest) -> None:
    data = RICH.paying("/a")
    edge.ask(data)
    edge.ledger.wait_for_confirmation()
    edge.now = NOW + 1000
    assert code_of(edge.ask(data)) == "signature_stale"
    edge.ledger.confirmed.clear()  # as if nothing had arrived the first time
    assert edge.ask(data).fields["crawler-charged"] == "USD 0.01"
    assert edge.ledger.kinds() == ["post", "redeliver"]
    assert code_of(edge.ask(data)) == "signature_stale"  # once


# In-band pricing


def in_band(make_edge: Any) -> EdgeUnderTest:
    made: EdgeUnderTest = make_edge(in_band_pricing=True)
    made.origin.script |= {
        "/dear": [page(b"dear", "Crawler-Price: USD 3.14")],
        "/free!": [page(b"free", "Crawler-Price: USD 0.00")],
        "/two": [page(b"two", "Crawler-Price: USD 1.00", "Crawler-Price: USD 2.00")],
        "/euro": [page(b"euro", "Crawler-Price: EUR 1.00")],
        "/plain": [page(b"plain")],
    }
    return made


@pytest.mark.parametrize(
    ("target", "unpaid", "paid"),
    [("/dear", 402, 200), ("/free!", 200, 200), ("/two", 502, 502), ("/euro", 502, 502), ("/plain", 402, 200)],
)
def test_the_origin_may_name_the_price(make_edge: Any, target: str, unpaid: int, paid: int) -> None:
    edge = in_band(make_edge)
    asked = edge.ask(claimed(target))
    sold = edge.ask(RICH.paying(target, limit="USD 5.00"))
    assert (asked.status, sold.status) == (unpaid, paid)
    price = {"/dear": "USD 3.14", "/plain": "USD 0.01"}.get(target)
    assert asked.fields.get("crawler-price") == price
    assert sold.fields.get("crawler-charged") == price
    assert "crawler-price" not in sold.fields
    assert edge.ledger.charged_micros() == (parse_price(price).amount_micros if price else 0)
    assert edge.ask(claimed("/free/a")).status == 200


def test_an_origin_that_asks_more_than_was_offered_sells_nothing(make_edge: Any) -> None:
    edge = in_band(make_edge)
    answer = edge.ask(RICH.paying("/dear", limit="USD 3.13"))
    assert (answer.status, answer.fields["crawler-error"]) == (402, "InvalidCrawlerMaxPrice")
    assert answer.fields["crawler-price"] == "USD 3.14"
    assert b"dear" not in answer.body
    assert edge.ledger.entries == []


# The ledger and faults of ours


def test_without_a_ledger_nothing_is_sold_and_free_pages_live(edge: EdgeUnderTest) -> None:
    edge.origin.script["/large"] = [page(b"x" * LARGE)]
    edge.ledger.faults |= {"post": LedgerUnavailable("disk full"), "hold": LedgerUnavailable("disk full")}
    for target in ("/a", "/large"):
        answer = edge.ask(RICH.paying(target))
        assert (answer.status, answer.fields["crawler-error"]) == (503, "InternalError")
        assert int(answer.fields["retry-after"]) > 0
        assert b"disk" not in answer.body
    assert edge.ask(claimed("/free/a")).status == 200
    edge.ledger.faults.clear()
    assert edge.ask(RICH.paying("/a")).status == 200


def test_a_rule_may_serve_without_the_ledger_and_says_no_charge(make_edge: Any) -> None:
    rule = Rule("kind", where="/*", action=Action.CHARGE, price=PRICE, on_ledger_error=LedgerErrorChoice.SERVE_UNBILLED)
    edge: EdgeUnderTest = make_edge(rules=RuleSet((rule,), everything_else(Action.ALLOW)))
    edge.origin.script["/large"] = [page(b"x" * LARGE)]
    edge.ledger.faults |= {"post": LedgerUnavailable("down"), "hold": LedgerUnavailable("down")}
    for target, length in (("/a", 7), ("/large", LARGE)):
        answer = edge.ask(RICH.paying(target))
        assert (answer.status, len(answer.body)) == (200, length)
        assert "crawler-charged" not in answer.fields
        assert "private" in answer.fields["cache-control"]


def test_a_ledger_that_fails_at_the_tail_costs_the_tail(edge: EdgeUnderTest) -> None:
    edge.origin.script["/large"] = [page(b"x" * LARGE)]
    edge.ledger.faults["settle"] = LedgerUnavailable("down")
    with pytest.raises(Broken):
        edge.ask(RICH.paying("/large"))
    edge.ledger.wait_for("hold", "void")


@pytest.mark.parametrize("operation", ["post", "hold"])
def test_a_fault_of_ours_is_an_internal_error_and_costs_nothing(edge: EdgeUnderTest, operation: str) -> None:
    edge.origin.script["/large"] = [page(b"x" * LARGE)]
    edge.ledger.faults[operation] = RuntimeError("planted secret")
    target = "/a" if operation == "post" else "/large"
    answer = edge.ask(RICH.paying(target))
    assert (answer.status, answer.fields["crawler-error"], code_of(answer)) == (500, "InternalError", "internal_error")
    assert b"planted" not in answer.body
    assert "planted" not in str(answer.fields)
    assert edge.ledger.entries == []
    assert [str(error) for _, error in edge.reports] == ["planted secret"]
    assert edge.ask(RICH.paying("/a")).status == (500 if operation == "post" else 200)
    assert edge.ask(claimed("/free/a")).status == 200


def test_a_fault_while_judging_is_an_internal_error(edge: EdgeUnderTest) -> None:
    edge.judging_fault = RuntimeError("planted")
    with edge.connect() as wire:
        for data in (claimed("/a"), browsed("/a"), claimed("/a", "Content-Length: 5", method="POST") + b"hello"):
            answer = wire.ask(data)
            assert (answer.status, answer.fields["crawler-error"]) == (500, "InternalError")
        edge.judging_fault = None
        assert wire.ask(claimed("/free/a")).status == 200
    assert edge.ledger.entries == []
    assert [str(error) for _, error in edge.reports] == ["planted"] * 3


def test_a_fault_at_the_tail_is_cut_and_gives_the_money_back(edge: EdgeUnderTest) -> None:
    edge.origin.script["/large"] = [page(b"x" * LARGE)]
    edge.ledger.faults["settle"] = RuntimeError("planted")
    with pytest.raises(Broken):
        edge.ask(RICH.paying("/large"))
    edge.ledger.wait_for("hold", "void")
    edge.wait_until(lambda: bool(edge.reports))
    assert [str(error) for _, error in edge.reports] == ["planted"]


def test_a_slow_origin_holds_up_nobody_else(edge: EdgeUnderTest) -> None:
    edge.origin.script["/free/slow"] = [Then.WAIT, page(b"slow")]
    with edge.connect() as slow:
        slow.send(claimed("/free/slow"))
        edge.wait_until_asked()
        assert edge.ask(claimed("/free/b")).status == 200
        assert edge.ask(RICH.paying("/c")).status == 200
        edge.origin.go_on()
        assert slow.answer().body == b"slow"


# What is left behind


def test_an_answered_request_leaves_nothing_for_the_cycle_collector(edge: EdgeUnderTest) -> None:
    """What leaves with its last reference is reused at once; cycles would pile up until somebody walks over them."""
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        with edge.connect() as wire:
            for number in range(3):
                assert wire.ask(RICH.paying(f"/{number}")).status == 200
                assert wire.ask(browsed(f"/{number}")).status == 200
                assert wire.ask(claimed(f"/{number}")).status == 402
            gc.collect()
        kinds = {type(left).__name__ for left in gc.garbage}
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert kinds.isdisjoint({"RequestResponseCycle", "CrawlRequest", "Exchange", "Charge", "OriginAnswer", "Task"})

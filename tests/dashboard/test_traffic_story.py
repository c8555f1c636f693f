"""What the traffic's sums tell: with every outcome that the gate can write down."""

from __future__ import annotations

from edge.core.decision import AdmitReason
from edge.core.money import Money
from edge.core.refusals import REFUSALS, RefusalCode
from edge.proxy.sale import SaleEnd
from edge.store.traffic import TrafficKey, TrafficSum
from publisher_dashboard.traffic_story import FAILURES, LINES_MAX, Worth, failed, refused, watched, would_earn

EVERY_OUTCOME = [one.value for words in (AdmitReason, SaleEnd, RefusalCode) for one in words]


def seen(
    outcome: str, requests: int = 1, crawler: str = "GPTBot", rung: str = "claimed", site_id: int = 1
) -> TrafficSum:
    return TrafficSum(TrafficKey(0, site_id, crawler, rung, "everything else", outcome), requests)


def test_nothing_that_was_served_counts_as_refused_or_failed() -> None:
    served = [seen(one.value, 9) for words in (AdmitReason, SaleEnd) for one in words]
    assert refused(served).requests == 0
    assert failed(served).requests == 0
    assert refused(served).lines == ()


def test_every_refusal_code_counts_once_and_a_failure_is_nobodys_refusal() -> None:
    traffic = [seen(outcome) for outcome in EVERY_OUTCOME]
    assert refused(traffic).requests == len(RefusalCode) - len(FAILURES)
    assert failed(traffic).requests == len(FAILURES)
    assert {line.title for line in failed([seen("origin_timeout"), seen("ledger_unavailable")]).lines} == {
        REFUSALS[RefusalCode.ORIGIN_TIMEOUT].title,
        REFUSALS[RefusalCode.LEDGER_UNAVAILABLE].title,
    }


def test_the_lines_add_up_to_the_figure_and_a_cut_list_says_how_many_it_leaves_out() -> None:
    tally = refused([seen(outcome, number) for number, outcome in enumerate(EVERY_OUTCOME, 1)])
    assert len(tally.lines) == LINES_MAX
    assert sum(line.requests for line in tally.lines) == tally.requests
    assert sum(line.reasons for line in tally.lines) == len(RefusalCode) - len(FAILURES)
    assert tally.lines[-1].reasons > 1


def test_a_reason_is_one_line_whoever_met_it() -> None:
    tally = refused([seen("payment_required", 2, "GPTBot"), seen("payment_required", 3, "CCBot")])
    assert [(line.title, line.requests) for line in tally.lines] == [("Payment required", 5)]


def test_a_watched_page_would_earn_its_rules_price_for_each_request() -> None:
    traffic = [
        seen("monitored", 3, rung="claimed"),
        seen("monitored", 4, rung="signed"),
        seen("monitored", 5, crawler="CCBot", site_id=2),
        seen("visitor", 100),
    ]
    found = watched(traffic, {(1, "everything else"): Money(5_000, "USD")})
    assert [(one.crawler, one.site_id, one.requests, one.would_earn) for one in found] == [
        ("GPTBot", 1, 7, Worth(35_000, "USD")),
        ("CCBot", 2, 5, None),
    ]
    assert would_earn(found) == (Worth(35_000, "USD"),)


def test_amounts_of_two_currencies_are_never_added() -> None:
    prices = {(1, "everything else"): Money(5_000, "USD"), (2, "everything else"): Money(2_000, "EUR")}
    found = watched([seen("monitored", 2), seen("monitored", 3, site_id=2)], prices)
    assert would_earn(found) == (Worth(6_000, "EUR"), Worth(10_000, "USD"))

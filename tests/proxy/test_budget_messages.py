"""The refusal for a budget that is used up, as the wire carries it."""

from __future__ import annotations

import pytest

from edge.core.budgets import Budget, BudgetExceeded, Per
from edge.core.decision import DemandPayment
from edge.core.identity import ClaimedCrawler, CrawlerKind
from edge.core.money import parse_price
from edge.core.policy import SitePolicy
from edge.core.refusals import RefusalCode
from edge.core.rule_index import Match
from tests.proxy.test_messages import PRICE, RULE, fields, problem, refusals, request, site


def over(spent_micros: int = 4_999_000, retry_after_seconds: int | None = 3_600) -> BudgetExceeded:
    limit = parse_price("USD 5")
    budget = Budget(1, 11, 1, Per.SITE, limit, 0, 1, "news.example")
    return BudgetExceeded(budget, spent_micros, 1_796_083_200_000_000, retry_after_seconds)


def budget_refusal(used_up: BudgetExceeded, at: SitePolicy | None = None) -> DemandPayment:
    identity = ClaimedCrawler("", "", CrawlerKind.OTHER)
    return DemandPayment(RefusalCode.BUDGET_EXCEEDED, PRICE, at or site(), identity, Match(0, RULE), used_up)


@pytest.mark.parametrize("error_detail", [True, False])
def test_a_budget_is_the_crawlers_own_and_told_whatever_the_site_keeps_to_itself(error_detail: bool) -> None:
    answer = refusals().answer(budget_refusal(over(), site(error_detail=error_detail)), request())
    sentence = "the budget of USD 5.00 a month at news.example has USD 4.999 spent; it resets at 2026-12-01T00:00:00Z"
    assert answer.status == 402
    assert fields(answer)["crawler-error-detail"] == sentence
    assert fields(answer)["retry-after"] == "3600"
    assert sentence in problem(answer)["detail"]
    assert problem(answer)["budget"] == {
        "per": "site",
        "site": "news.example",
        "limit": {"amount_micros": 5_000_000, "currency": "USD", "display": "USD 5.00"},
        "spent": {"amount_micros": 4_999_000, "currency": "USD", "display": "USD 4.999"},
        "resets_at": "2026-12-01T00:00:00Z",
    }


def test_one_budgets_answer_is_never_given_for_another() -> None:
    renderer = refusals()
    for spent_micros, seconds in ((1, 5), (2, 5), (2, 6), (2, None)):
        answer = renderer.answer(budget_refusal(over(spent_micros, seconds)), request())
        assert problem(answer)["budget"]["spent"]["amount_micros"] == spent_micros
        assert fields(answer).get("retry-after") == (None if seconds is None else str(seconds))

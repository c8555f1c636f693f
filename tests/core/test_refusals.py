"""The closed list of refusals: complete, and in the words that crawlers already know."""

from __future__ import annotations

import re

import pytest

from edge.core.refusals import REFUSALS, CrawlerError, RefusalCode

# Cloudflare, pay per crawl, error codes (developers.cloudflare.com/ai-crawl-control/features/pay-per-crawl). The
# word for a failed payment comes with 403; an exhausted account is 402 here, because topping up resolves it, and
# a ledger that cannot be written is 503, because waiting does.
DOCUMENTED_STATUS = {
    CrawlerError.FORBIDDEN: {403},
    CrawlerError.STRONG_AUTH_REQUIRED: {400},
    CrawlerError.INVALID_SIGNATURE: {400},
    CrawlerError.INVALID_PRICE_VALUE: {400},
    CrawlerError.MISSING_PRICE: {402},
    CrawlerError.PAYMENT_FAILED: {402, 403},
    CrawlerError.INVALID_EXACT_PRICE: {402},
    CrawlerError.INVALID_MAX_PRICE: {402},
    CrawlerError.CONFLICTING_PRICES: {400},
    CrawlerError.INVALID_CONTENT_PRICE: {502},
    CrawlerError.INTERNAL_ERROR: {500, 503},
}


def test_every_code_has_its_text_and_no_text_is_left_over() -> None:
    assert set(REFUSALS) == set(RefusalCode)


def test_the_crawler_words_are_the_eleven_documented_ones() -> None:
    assert {error.value for error in CrawlerError} == {
        "CrawlerForbidden", "StrongAuthRequired", "InvalidSignature", "InvalidCrawlerPriceValue",
        "MissingCrawlerPrice", "PaymentFailed", "InvalidCrawlerExactPrice", "InvalidCrawlerMaxPrice",
        "ConflictingPriceHeaders", "InvalidContentPrice", "InternalError",
    }  # fmt: skip


@pytest.mark.parametrize("error", CrawlerError)
def test_each_crawler_word_comes_with_its_documented_status(error: CrawlerError) -> None:
    assert {text.status for text in REFUSALS.values() if text.crawler_error is error} == DOCUMENTED_STATUS[error]


@pytest.mark.parametrize("code", RefusalCode)
def test_a_code_is_snake_case_and_its_text_is_fit_for_a_header(code: RefusalCode) -> None:
    text = REFUSALS[code]
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", code.value)
    assert 400 <= text.status <= 599
    assert text.title.isascii()
    assert text.detail.isascii()
    assert text.detail.endswith(".")
    assert not text.title.endswith(".")


def test_only_an_offer_or_an_account_can_be_answered_with_402() -> None:
    assert {code for code in RefusalCode if REFUSALS[code].status == 402} == {
        RefusalCode.PAYMENT_REQUIRED,
        RefusalCode.MAX_PRICE_TOO_LOW,
        RefusalCode.EXACT_PRICE_DIFFERS,
        RefusalCode.INSUFFICIENT_CREDITS,
        RefusalCode.BUDGET_EXCEEDED,
        RefusalCode.SUBSCRIPTION_EXPIRED,
    }

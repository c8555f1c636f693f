"""Every way it can end has an exit code, a document and plain words."""

from __future__ import annotations

import typing

import orjson
import pytest

from edge.client.advice import NEXT_STEPS, document, exit_code, receipt_url, sentences
from edge.client.outcomes import (
    Bought,
    Free,
    Incomplete,
    Outcome,
    Overcharged,
    Priced,
    Redirected,
    Refused,
    Unreachable,
)
from edge.core.money import parse_price
from edge.core.refusals import CrawlerError
from edge.core.terms import Offer, OfferKind

URL = "https://news.example/articles/1"
CENT = parse_price("USD 0.01")
OFFER = Offer(OfferKind.MAX, CENT)


def refused(error: str | None, status: int = 400, detail: str | None = None) -> Refused:
    return Refused(URL, status, error, detail, None, None, None)


ENDINGS: list[tuple[Outcome, int, str]] = [
    (Bought(URL, 200, CENT, "ch_1", 12_345), 0, "Charged USD 0.01 for 12,345 bytes."),
    (Bought(URL, 200, CENT, None, 1, was_retried=True), 0, "was free"),
    (Free(URL, 200, 5), 0, "Nothing was charged for 5 bytes."),
    (Priced(URL, 402, CENT), 0, "--max 'USD 0.01'"),
    (Overcharged(URL, 200, "USD 9", OFFER, "ch_1", 5), 1, "WRONG CHARGE"),
    (Overcharged(URL, 200, "USD 9", None, None, 5), 1, "nothing was offered"),
    (Incomplete(URL, "USD 0.01", "ch_1", "reset"), 1, "ask for a refund"),
    (Incomplete(URL, None, None, "reset"), 1, "No charge was reported"),
    (Redirected(URL, 301, "/b"), 3, "--follow"),
    (Redirected(URL, 301, "http://x/", "plain http"), 3, "was not followed: plain http"),
    (refused("InvalidSignature"), 1, "clock"),
    (refused(None, 404), 1, "status 404. Nothing was charged."),
    (refused("SomethingNew", 418), 1, "status 418"),
    (Refused(URL, 503, "InternalError", "ledger", CENT, "30", "req-1"), 1, "Request req-1"),
    (Refused(URL, 402, "PaymentFailed", "budget", CENT, "3600", None), 1, "a top-up does not help"),
    (Unreachable(URL, "refused"), 1, "Nothing was charged."),
]


@pytest.mark.parametrize(("outcome", "code", "words"), ENDINGS)
def test_an_ending_has_its_exit_code_and_its_words(outcome: Outcome, code: int, words: str) -> None:
    assert exit_code(outcome) == code
    assert words in " ".join(sentences(outcome))


def test_every_kind_of_ending_is_in_the_table() -> None:
    assert {type(outcome) for outcome, _, _ in ENDINGS} == set(typing.get_args(Outcome))


@pytest.mark.parametrize(("outcome", "code", "words"), ENDINGS)
def test_the_document_of_an_ending_is_json_with_the_same_members(outcome: Outcome, code: int, words: str) -> None:
    values = orjson.loads(orjson.dumps(document(outcome)))
    assert set(values) == set(document(ENDINGS[0][0]))
    assert words in values["message"]


def test_money_in_a_document_is_whole_micro_units_beside_its_text() -> None:
    assert document(ENDINGS[0][0])["charged"] == {"amount_micros": 10_000, "currency": "USD", "display": "USD 0.01"}
    wrong = document(Overcharged(URL, 200, "lots", OFFER, None, 5))["charged"]
    assert wrong == {"amount_micros": None, "currency": None, "display": "lots"}


@pytest.mark.parametrize("error", list(CrawlerError))
def test_every_crawler_error_says_what_to_do_next(error: CrawlerError) -> None:
    assert NEXT_STEPS[error].endswith(".")
    assert NEXT_STEPS[error] in sentences(refused(error))[0]


def test_who_may_not_pay_is_not_told_to_top_up() -> None:
    [first, *_] = sentences(Refused(URL, 403, "PaymentFailed", "register this agent", None, None, None))
    assert "`farebox-crawl register`" in first
    assert "top it up" not in first


def test_what_a_server_wrote_cannot_drive_the_terminal() -> None:
    outcome = Refused(URL, 400, "InvalidSignature", "\x1b[2Jgone\u202e", CENT, "\x07", "\x9b1m")
    for line in sentences(outcome):
        assert line.isprintable()
    assert all(line.isprintable() for line in sentences(Redirected(URL, 301, "\x1b]0;owned\x07")))
    assert all(line.isprintable() for line in sentences(Overcharged(URL, 200, "\x1b[1mUSD 9", OFFER, "\x1b", 5)))


def test_a_receipt_is_at_its_well_known_place() -> None:
    assert receipt_url(URL, "ch_1-a") == "https://news.example/.well-known/receipts/ch_1-a"
    for odd in (None, "", "../../etc", "a b", "ü", "https://evil.example/"):
        assert receipt_url(URL, odd) is None

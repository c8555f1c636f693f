"""The flow, spoken to directly: what it sends, when it asks again, and what it does to the money."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from edge.client import errors
from edge.client.answers import Answer, Delivered
from edge.client.errors import (
    REFUSED,
    AboveCap,
    AlreadyBought,
    CapReached,
    CrawlRefused,
    CurrencyNotAllowed,
    InternalError,
    NotAllowed,
    PageUnreachable,
    PaymentInDoubt,
    PriceRose,
    PriceUnknown,
    StrongAuthRequired,
    WrongCharge,
)
from edge.client.fetching import Conversation, Quote, Wait, fetch, quote, resolve
from edge.client.flow import NoAnswer, Send
from edge.client.identity import Identity
from edge.client.spend_log import log_lines
from edge.client.spend_policy import SpendPolicy
from edge.client.spend_rows import State
from edge.client.wallet import Wallet
from edge.core.keys import new_private_key
from edge.core.money import parse_price
from edge.core.refusals import CrawlerError, RefusalCode

URL = "https://news.example/articles/1"
KEY = new_private_key()
CENT = parse_price("USD 0.01")
LOST = NoAnswer("connection reset", was_sent=True)
NEVER_SENT = NoAnswer("refused", was_sent=False)


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def wallet_of(folder: Path, clock: Clock, **options: Any) -> Wallet:
    policy = SpendPolicy(**{"per_request": "USD 0.02", "total": "USD 1", **options})
    return Wallet(Identity(KEY, "https://bot.example"), policy, folder / "spend.db", clock=clock)


@pytest.fixture
def wallet(tmp_path: Path, clock: Clock) -> Wallet:
    return wallet_of(tmp_path, clock)


def asked(price: str = "USD 0.01", error: str = "MissingCrawlerPrice", status: int = 402) -> Answer:
    return Answer(status, {"crawler-price": price, "crawler-error": error})


def sold(charged: str = "USD 0.01", number: str = "ch_1", fault: str | None = None) -> Answer:
    return Answer(200, {"crawler-charged": charged, "crawler-receipt": number}, fault=fault)


def refused(error: CrawlerError, status: int = 400, **fields: str) -> Answer:
    more = {name.replace("_", "-"): value for name, value in fields.items()}
    return Answer(status, {"crawler-error": error.value, **more})


def talk(flow: Conversation[Any], *events: Answer | NoAnswer | None) -> tuple[list[Send | Wait], Any]:
    """Give the flow these events; return what it asked for and its result. None answers a ``Wait``."""
    steps, left = [next(flow)], list(events)
    while True:
        try:
            steps.append(flow.send(left.pop(0)))
        except StopIteration as done:
            assert left == [], "the flow ended before it heard everything"
            return steps, done.value


def sent(steps: list[Send | Wait]) -> list[dict[str, str]]:
    return [dict(step.headers) for step in steps if isinstance(step, Send)]


def fails(flow: Conversation[Any], error: type[Exception], *events: Answer | NoAnswer | None) -> Any:
    with pytest.raises(error) as caught:
        talk(flow, *events)
    return caught.value


def left_over(wallet: Wallet) -> int:
    return wallet.store.spent().get("USD", 0)


def test_the_price_is_asked_and_then_offered_and_no_more(wallet: Wallet) -> None:
    steps, delivered = talk(fetch(wallet, URL), asked(), sold("USD 0.005"))
    first, second = sent(steps)
    assert "crawler-max-price" not in first
    assert "signature" in first
    assert second["crawler-max-price"] == "USD 0.01"
    assert delivered == Delivered(URL, 200, parse_price("USD 0.005"), "ch_1", 1)
    assert left_over(wallet) == 5_000


def test_the_money_is_reserved_before_the_offer_leaves(wallet: Wallet) -> None:
    flow = fetch(wallet, URL)
    next(flow)
    assert left_over(wallet) == 0
    flow.send(asked())
    assert left_over(wallet) == 10_000


def test_up_to_the_cap_is_one_round_trip(tmp_path: Path, clock: Clock) -> None:
    wallet = wallet_of(tmp_path, clock, on_unknown_price="pay_up_to_cap")
    steps, delivered = talk(fetch(wallet, URL), sold())
    assert sent(steps)[0]["crawler-max-price"] == "USD 0.02"
    assert delivered.charged == CENT
    assert left_over(wallet) == 10_000


def test_a_quoted_price_is_offered_at_once(wallet: Wallet) -> None:
    steps, _ = talk(fetch(wallet, URL, CENT), sold())
    assert sent(steps)[0]["crawler-max-price"] == "USD 0.01"


def test_a_free_page_costs_nothing(wallet: Wallet) -> None:
    _, delivered = talk(fetch(wallet, URL), Answer(200, {}))
    assert delivered == Delivered(URL, 200)
    _, delivered = talk(fetch(wallet, URL, CENT), Answer(200, {}))
    assert delivered.charged is None
    assert left_over(wallet) == 0


def test_a_page_that_a_term_gives_is_in_the_log_once_with_nothing_paid(wallet: Wallet) -> None:
    free = Answer(200, {"crawler-charged": "USD 0.00", "crawler-receipt": "ch_free"})
    for price in (None, CENT, None):
        _, delivered = talk(fetch(wallet, URL, price), free)
        assert delivered.charged is None
    [line] = [orjson.loads(line) for line in log_lines(wallet.store)]
    assert (line["charge_id"], line["url"], line["amount_micros"], line["currency"]) == ("ch_free", URL, 0, "USD")
    assert list(log_lines(wallet.store, domains=["other.example"])) == []
    assert left_over(wallet) == 0


@pytest.mark.parametrize("status", [301, 304, 404, 410, 500, 502])
def test_what_is_not_a_page_is_never_settled(wallet: Wallet, status: int) -> None:
    _, delivered = talk(fetch(wallet, URL, CENT), Answer(status, {"crawler-charged": "USD 0.01"}))
    assert delivered == Delivered(URL, status)
    assert left_over(wallet) == 0


@pytest.mark.parametrize("error", CrawlerError)
def test_each_refusal_has_its_own_error(wallet: Wallet, error: CrawlerError) -> None:
    assert REFUSED.keys() == set(CrawlerError)
    assert REFUSED[error].__name__ == error.value
    assert getattr(errors, error.value) is REFUSED[error]
    events = [refused(error), None] * 2 if error is CrawlerError.INTERNAL_ERROR else []
    why = fails(fetch(wallet, URL, CENT), REFUSED[error], *events, refused(error, crawler_error_detail="the reason"))
    assert isinstance(why, CrawlRefused)
    assert "the reason" in str(why)
    assert left_over(wallet) == 0


def test_a_refusals_code_is_read_from_its_body(wallet: Wallet) -> None:
    body = orjson.dumps({"code": "insufficient_credits"})
    answer = Answer(402, {"crawler-error": "PaymentFailed", "crawler-price": "USD 0.01", "retry-after": "7"}, body)
    why = fails(fetch(wallet, URL, CENT), errors.PaymentFailed, answer)
    assert (why.refusal.code, why.refusal.retry_after_seconds) == (RefusalCode.INSUFFICIENT_CREDITS, 7)
    assert "Top up" in str(why)


def test_a_price_that_rose_stops(wallet: Wallet) -> None:
    error = fails(fetch(wallet, URL, CENT), PriceRose, asked("USD 0.011", "InvalidCrawlerMaxPrice"))
    assert error.price == parse_price("USD 0.011")
    fails(fetch(wallet, URL), PriceRose, asked(), asked("USD 0.011", "InvalidCrawlerMaxPrice"))
    assert left_over(wallet) == 0


@pytest.mark.parametrize(
    ("options", "price", "error"),
    [
        ({}, "USD 0.03", AboveCap),
        ({}, "EUR 0.01", CurrencyNotAllowed),
        ({"deny_domains": ["news.example"]}, "USD 0.01", NotAllowed),
        ({"on_unknown_price": "skip"}, "USD 0.01", PriceUnknown),
        ({"total": "USD 0.009999"}, "USD 0.01", CapReached),
    ],
)
def test_what_the_policy_forbids_is_not_bought(
    tmp_path: Path, clock: Clock, options: dict[str, str], price: str, error: type[Exception]
) -> None:
    wallet = wallet_of(tmp_path, clock, **options)
    fails(fetch(wallet, URL), error, asked(price))
    assert left_over(wallet) == 0


def test_plain_http_is_neither_signed_nor_paid(wallet: Wallet) -> None:
    steps, _ = talk(fetch(wallet, "http://news.example/"), Answer(200, {}))
    assert sent(steps) == [{}]
    fails(fetch(wallet, "http://news.example/"), NotAllowed, asked())


@pytest.mark.parametrize("charged", ["USD 0.010001", "EUR 0.01", "free"])
def test_a_wrong_charge_is_loud_and_counts_what_was_offered(wallet: Wallet, charged: str) -> None:
    fails(fetch(wallet, URL, CENT), WrongCharge, sold(charged))
    assert left_over(wallet) == 10_000
    assert wallet.store.purchase(1).claimed == charged


def test_a_charge_without_an_offer_is_loud(wallet: Wallet) -> None:
    fails(fetch(wallet, URL), WrongCharge, sold())
    assert left_over(wallet) == 0


def test_a_page_bought_a_moment_ago_is_fetched_again_for_nothing(wallet: Wallet, clock: Clock) -> None:
    steps, first = talk(fetch(wallet, URL, CENT), sold())
    again, second = talk(fetch(wallet, URL), sold())
    assert sent(again) == sent(steps)
    assert (first.is_repeat, second.is_repeat, second.charged) == (False, True, CENT)
    assert left_over(wallet) == 10_000
    clock.now += 296
    later, _ = talk(fetch(wallet, URL, CENT), sold(number="ch_2"))
    assert sent(later) != sent(steps)
    assert left_over(wallet) == 20_000


def test_one_signature_is_never_charged_twice_in_silence(wallet: Wallet) -> None:
    talk(fetch(wallet, URL, CENT), sold())
    fails(fetch(wallet, URL), WrongCharge, sold(number="ch_2"))
    assert left_over(wallet) == 10_000


def test_a_page_that_is_not_had_again_for_nothing_is_bought_anew(wallet: Wallet) -> None:
    talk(fetch(wallet, URL, CENT), sold())
    talk(fetch(wallet, URL), asked("USD 0.02", "InvalidCrawlerMaxPrice"), sold("USD 0.02", "ch_2"))
    assert left_over(wallet) == 30_000


def test_a_policy_may_be_content_with_what_was_bought(tmp_path: Path, clock: Clock) -> None:
    wallet = wallet_of(tmp_path, clock, buy_again_after_hours=2)
    talk(fetch(wallet, URL, CENT), sold())
    clock.now += 7199
    fails(fetch(wallet, URL), AlreadyBought)
    clock.now += 2
    talk(fetch(wallet, URL, CENT), sold(number="ch_2"))
    assert left_over(wallet) == 20_000


# Asking again


@pytest.mark.parametrize("broken", [LOST, sold(fault="400 of 1000 bytes came")])
def test_a_broken_transfer_is_asked_for_again_with_the_same_signature(
    wallet: Wallet, broken: Answer | NoAnswer
) -> None:
    steps, delivered = talk(fetch(wallet, URL, CENT), broken, sold())
    first, second = sent(steps)
    assert first == second
    assert delivered.charged == CENT
    assert left_over(wallet) == 10_000


def test_a_transfer_that_breaks_twice_stays_reserved_until_it_is_resolved(wallet: Wallet) -> None:
    fails(fetch(wallet, URL, CENT), PaymentInDoubt, LOST, LOST)
    assert left_over(wallet) == 10_000
    [in_doubt] = wallet.in_doubt()
    steps, [resolved] = talk(resolve(wallet), sold("USD 0.007"))
    assert sent(steps) == [dict(in_doubt.headers)]
    assert resolved.delivered.charged == parse_price("USD 0.007")
    assert left_over(wallet) == 7_000


def test_the_next_get_of_a_page_in_doubt_is_the_same_purchase(wallet: Wallet, tmp_path: Path, clock: Clock) -> None:
    flow = fetch(wallet, URL, CENT)
    [first] = sent([next(flow)])
    flow.close()  # the process dies
    steps, delivered = talk(fetch(wallet_of(tmp_path, clock), URL), sold())
    assert sent(steps) == [first]
    assert delivered.charged == CENT
    assert left_over(wallet) == 10_000


def test_a_refusal_to_a_second_sending_leaves_the_first_in_doubt(wallet: Wallet) -> None:
    fails(fetch(wallet, URL, CENT), PaymentInDoubt, LOST, Answer(404, {}))
    assert left_over(wallet) == 10_000


def test_a_purchase_too_old_to_find_out_counts_as_spent_and_the_next_buys_anew(wallet: Wallet, clock: Clock) -> None:
    fails(fetch(wallet, URL, CENT), PaymentInDoubt, LOST, LOST)
    clock.now += 301
    stale = refused(CrawlerError.INVALID_SIGNATURE)
    error = fails(fetch(wallet, URL), PaymentInDoubt, stale)
    assert "counts as spent" in str(error)
    assert wallet.store.purchase(1).state is State.LAPSED
    talk(fetch(wallet, URL, CENT), sold())
    assert left_over(wallet) == 20_000


def test_a_page_that_was_given_back_and_delivered_once_more_is_free(wallet: Wallet) -> None:
    fails(fetch(wallet, URL, CENT), PaymentInDoubt, LOST, LOST)
    _, delivered = talk(fetch(wallet, URL), Answer(200, {"crawler-receipt": "ch_1"}))
    assert delivered.charged is None
    assert left_over(wallet) == 0


def test_no_connection_is_tried_three_times_and_costs_nothing(wallet: Wallet) -> None:
    flow = fetch(wallet, URL, CENT)
    fails(flow, PageUnreachable, NEVER_SENT, None, NEVER_SENT, None, NEVER_SENT)
    assert left_over(wallet) == 0


def test_the_librarys_own_error_is_raised_where_no_money_was_involved(wallet: Wallet) -> None:
    own = ValueError("of the library")
    lost = NoAnswer("reset", was_sent=True, error=own)
    assert fails(fetch(wallet, URL), ValueError, lost, lost) is own


@pytest.mark.parametrize(
    ("answer", "pause"),
    [
        (Answer(429, {"retry-after": "7"}), 7.0),
        (Answer(503, {"retry-after": "30"}), 30.0),
        (refused(CrawlerError.INTERNAL_ERROR, 500), 1.0),
        (refused(CrawlerError.STRONG_AUTH_REQUIRED, 400, retry_after="5"), 5.0),
    ],
)
def test_what_will_pass_is_waited_for_with_the_same_signature(wallet: Wallet, answer: Answer, pause: float) -> None:
    steps, delivered = talk(fetch(wallet, URL, CENT), answer, None, sold())
    assert [step.seconds for step in steps if isinstance(step, Wait)] == [pause]
    first, second = sent(steps)
    assert first == second
    assert delivered.charged == CENT


@pytest.mark.parametrize(
    "answer",
    [Answer(429, {"retry-after": "31"}), Answer(503, {}), Answer(502, {"retry-after": "1"}), Answer(404, {})],
)
def test_what_the_table_does_not_name_is_not_asked_again(wallet: Wallet, answer: Answer) -> None:
    _, delivered = talk(fetch(wallet, URL, CENT), answer)
    assert delivered.status == answer.status


def test_patience_ends(wallet: Wallet) -> None:
    broken = refused(CrawlerError.INTERNAL_ERROR, 500)
    fails(fetch(wallet, URL, CENT), InternalError, broken, None, broken, None, broken)
    late = refused(CrawlerError.STRONG_AUTH_REQUIRED, 400, retry_after="3600")
    fails(fetch(wallet, URL, CENT), StrongAuthRequired, late)
    assert left_over(wallet) == 0


def test_a_server_may_ask_to_have_more_signed(wallet: Wallet) -> None:
    wants = 'sig1=("@authority" "@path" "@query" "x-unknown");created;expires;tag="web-bot-auth"'
    challenge = Answer(401, {"accept-signature": wants})
    steps, delivered = talk(fetch(wallet, f"{URL}?page=2"), challenge, asked(), sold())
    first, second, third = (headers["signature-input"] for headers in sent(steps))
    assert '"@path"' not in first
    assert '"@path" "@query"' in second
    assert '"@path" "@query"' in third
    assert delivered.charged == CENT


def test_a_server_that_asks_for_ever_is_left(wallet: Wallet) -> None:
    challenge = Answer(401, {"accept-signature": 'sig1=("@path");created;tag="web-bot-auth"'})
    _, delivered = talk(fetch(wallet, URL), challenge, challenge)
    assert delivered.status == 401
    fails(fetch(wallet, URL), errors.MissingCrawlerPrice, asked(), asked(), asked(), asked())
    assert left_over(wallet) == 0


def test_a_quote_asks_with_head_and_buys_nothing(wallet: Wallet) -> None:
    steps, found = talk(quote(wallet, URL), asked())
    assert found == Quote(URL, CENT, 402)
    assert [step.method for step in steps if isinstance(step, Send)] == ["HEAD"]
    _, found = talk(quote(wallet, URL), Answer(405, {}), Answer(200, {}))
    assert found == Quote(URL, None, 200)
    fails(quote(wallet, URL), errors.CrawlerForbidden, refused(CrawlerError.FORBIDDEN, 403))

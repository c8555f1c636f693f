"""The buying flow, spoken to directly: what it asks for and what it makes of the answers."""

from __future__ import annotations

import pytest

from edge.client.flow import Body, Event, Flow, Head, Headers, NoAnswer, Send, Step, TakeBody, buy
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
from edge.core.terms import Offer, OfferKind

URL = "https://news.example/articles/1"
CENT = parse_price("USD 0.01")
MAX = Offer(OfferKind.MAX, CENT)
EXACT = Offer(OfferKind.EXACT, CENT)
WHOLE = Body(1000)
CUT = Body(400, "400 of 1000 bytes came")


class Signer:
    """Signs with a number that goes up, so that a fresh signature differs from a repeated one."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self, url: str, offer: Offer | None) -> Headers:
        self.made += 1
        return (("signature", f"{self.made} {url} {offer}"),)


def talk(flow: Flow, *events: Event) -> tuple[list[Step], Outcome]:
    """Give the flow these events in order; return what it asked for and how it ended."""
    steps, left = [next(flow)], list(events)
    while True:
        try:
            steps.append(flow.send(left.pop(0)))
        except StopIteration as done:
            assert left == [], "the flow ended before it heard everything"
            outcome: Outcome = done.value
            return steps, outcome


def outcome_of(offer: Offer | None, *events: Event) -> Outcome:
    return talk(buy(URL, offer, Signer()), *events)[1]


def sold(charged: str = "USD 0.01") -> Head:
    return Head(200, {"crawler-charged": charged, "crawler-receipt": "ch_1"})


def test_a_page_within_the_offer_is_bought() -> None:
    steps, outcome = talk(buy(URL, MAX, Signer()), sold("USD 0.005"), WHOLE)
    assert steps == [Send(URL, (("signature", f"1 {URL} max USD 0.01"),)), TakeBody(keep=True)]
    assert outcome == Bought(URL, 200, parse_price("USD 0.005"), "ch_1", 1000)


@pytest.mark.parametrize("offer", [None, MAX, EXACT])
def test_a_page_that_was_free_is_no_wrong_charge_whatever_was_offered(offer: Offer | None) -> None:
    assert outcome_of(offer, sold("USD 0.00"), WHOLE) == Bought(URL, 200, parse_price("USD 0.00"), "ch_1", 1000)


@pytest.mark.parametrize(
    ("offer", "charged"),
    [
        (MAX, "USD 0.010001"),
        (MAX, "EUR 0.01"),
        (MAX, "USD 0.01, USD 0.01"),
        (MAX, "free"),
        (MAX, ""),
        (EXACT, "USD 0.009"),
        (EXACT, "USD 0.02"),
        (None, "USD 0.000001"),
    ],
)
def test_a_charge_that_was_not_agreed_is_said(offer: Offer | None, charged: str) -> None:
    assert outcome_of(offer, sold(charged), WHOLE) == Overcharged(URL, 200, charged, offer, "ch_1", 1000)


def test_an_exact_offer_compares_numbers_and_not_texts() -> None:
    assert isinstance(outcome_of(EXACT, sold("USD 0.010"), WHOLE), Bought)


def test_a_page_without_a_charge_is_free_whatever_was_offered() -> None:
    assert outcome_of(MAX, Head(200, {}), WHOLE) == Free(URL, 200, 1000)
    assert outcome_of(None, Head(203, {}), WHOLE) == Free(URL, 203, 1000)


def test_without_an_offer_a_402_is_the_answer_that_was_wanted() -> None:
    head = Head(402, {"crawler-price": "USD 0.01", "crawler-error": "MissingCrawlerPrice"})
    assert outcome_of(None, head, Body(0)) == Priced(URL, 402, CENT)


def test_with_an_offer_a_402_is_a_refusal_with_the_price() -> None:
    head = Head(402, {"crawler-price": "USD 0.02", "crawler-error": "InvalidCrawlerMaxPrice"})
    outcome = outcome_of(MAX, head, Body(0))
    assert isinstance(outcome, Refused)
    assert (outcome.error, outcome.price) == ("InvalidCrawlerMaxPrice", parse_price("USD 0.02"))


def test_a_402_with_an_unreadable_price_is_a_refusal() -> None:
    assert isinstance(outcome_of(None, Head(402, {"crawler-price": "5000 micros USD"}), Body(0)), Refused)


def test_a_refusal_is_not_tried_again() -> None:
    steps, outcome = talk(buy(URL, MAX, Signer()), Head(503, {"retry-after": "30"}), Body(9))
    assert len(steps) == 2
    assert steps[1] == TakeBody(keep=False)
    assert isinstance(outcome, Refused)
    assert outcome.retry_after == "30"


# Broken transfers


def test_a_broken_transfer_is_asked_for_again_with_the_same_signature() -> None:
    signer = Signer()
    steps, outcome = talk(buy(URL, MAX, signer), sold(), CUT, sold(), WHOLE)
    assert steps[0] == steps[2]
    assert signer.made == 1
    assert outcome == Bought(URL, 200, CENT, "ch_1", 1000, was_retried=True)


def test_an_answer_that_never_came_is_asked_for_again_with_the_same_signature() -> None:
    steps, outcome = talk(buy(URL, MAX, Signer()), NoAnswer("connection reset", was_sent=True), sold(), WHOLE)
    assert steps[0] == steps[1]
    assert isinstance(outcome, Bought)


def test_a_connection_that_never_was_is_not_tried_again() -> None:
    steps, outcome = talk(buy(URL, MAX, Signer()), NoAnswer("refused", was_sent=False))
    assert len(steps) == 1
    assert outcome == Unreachable(URL, "refused")


def test_a_transfer_that_breaks_twice_is_given_up_and_the_charge_not_forgotten() -> None:
    for second in ((sold(), CUT), (NoAnswer("reset", was_sent=True),), (Head(200, {}), CUT)):
        outcome = outcome_of(MAX, sold(), CUT, *second)
        assert isinstance(outcome, Incomplete)
        assert (outcome.charged, outcome.receipt_id) == ("USD 0.01", "ch_1")


def test_a_charge_is_not_forgotten_when_the_retry_is_refused() -> None:
    for second in (Head(400, {}), Head(302, {"location": "/b"}), Head(402, {"crawler-price": "USD 0.01"})):
        outcome = outcome_of(MAX, sold(), CUT, second, Body(0))
        assert isinstance(outcome, Incomplete)
        assert outcome.charged == "USD 0.01"
        assert f"status {second.status}" in outcome.reason


def test_a_seller_that_vanishes_after_the_first_try_is_not_called_unreachable() -> None:
    outcome = outcome_of(MAX, NoAnswer("reset", was_sent=True), NoAnswer("refused", was_sent=False))
    assert isinstance(outcome, Incomplete), "it may have charged before it vanished"


def test_a_retry_that_is_answered_settles_what_the_first_try_left_open() -> None:
    outcome = outcome_of(
        MAX, NoAnswer("reset", was_sent=True), Head(400, {"crawler-error": "InvalidSignature"}), Body(0)
    )
    assert isinstance(outcome, Refused)


def test_a_retry_is_charged_as_strictly_as_a_first_try() -> None:
    assert isinstance(outcome_of(MAX, sold(), CUT, sold("USD 9"), WHOLE), Overcharged)


# Redirects


MOVED = Head(301, {"location": "/articles/2"})


def test_a_redirect_is_reported_and_not_followed() -> None:
    steps, outcome = talk(buy(URL, MAX, Signer()), MOVED, Body(0))
    assert len(steps) == 2
    assert outcome == Redirected(URL, 301, "/articles/2")


def test_a_redirect_is_followed_on_wish_with_a_signature_of_its_own() -> None:
    signer = Signer()
    steps, outcome = talk(buy(URL, MAX, signer, follow=1), MOVED, Body(0), sold(), WHOLE)
    assert steps[2] == Send(
        "https://news.example/articles/2", (("signature", "2 https://news.example/articles/2 max USD 0.01"),)
    )
    assert isinstance(outcome, Bought)
    assert outcome.url == "https://news.example/articles/2"


def test_redirects_in_a_circle_end() -> None:
    signer = Signer()
    events: list[Event] = [MOVED, Body(0)]
    _, outcome = talk(buy(URL, MAX, signer, follow=3), *events * 4)
    assert isinstance(outcome, Redirected)
    assert signer.made == 4


@pytest.mark.parametrize(
    "location", ["http://news.example/a", "ftp://news.example/", "https://user@news.example/", "//[::1/"]
)
def test_a_redirect_to_an_unsafe_address_is_not_followed(location: str) -> None:
    steps, outcome = talk(buy(URL, MAX, Signer(), follow=5), Head(302, {"location": location}), Body(0))
    assert len(steps) == 2
    assert isinstance(outcome, Redirected)
    assert outcome.reason


def test_a_redirect_without_an_address_is_reported() -> None:
    assert outcome_of(MAX, Head(302, {}), Body(0)) == Redirected(URL, 302, "")
    assert isinstance(talk(buy(URL, MAX, Signer(), follow=5), Head(302, {}), Body(0))[1], Redirected)

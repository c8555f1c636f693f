"""Buying with a token, over real sockets: a retry is the same charge, and the token ends at the edge."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_network

import orjson
import pytest

from edge.core.api_token import ApiToken, make_token, token_digest
from tests.support.edge_under_test import HOST, NOW, POOR, RICH, SUSPENDED, WITHOUT_ACCOUNT, EdgeUnderTest
from tests.support.scripted_origin import page
from tests.support.signing_crawler import SigningCrawler, request
from tests.support.wire import Received

MakeEdge = Callable[..., EdgeUnderTest]
PRICE_MICROS = 10_000


def token_of(number: int) -> str:
    return make_token(bytes([number]) * 32)


GOOD, ELSEWHERE, EXPIRED, POORS, SUSPENDEDS, ACCOUNTLESS = (token_of(number) for number in range(1, 7))


def entry(number: int, crawler: SigningCrawler, *hosts: str, expires_at: float | None = None) -> ApiToken:
    return ApiToken(number, crawler.registered(), frozenset(hosts), expires_at)


TOKENS = {
    token_digest(GOOD): entry(1, RICH, HOST),
    token_digest(ELSEWHERE): entry(2, RICH, "other.example"),
    token_digest(EXPIRED): entry(3, RICH, expires_at=NOW),
    token_digest(POORS): entry(4, POOR),
    token_digest(SUSPENDEDS): entry(5, SUSPENDED),
    token_digest(ACCOUNTLESS): entry(6, WITHOUT_ACCOUNT),
}


@pytest.fixture
def shop(make_edge: MakeEdge) -> EdgeUnderTest:
    return make_edge(tokens=TOKENS)


def buy(
    shop: EdgeUnderTest,
    path: str = "/page",
    *lines: str,
    token: str = GOOD,
    key: str | None = "purchase-1",
    limit: str = "USD 1.00",
    user_agent: str = "LateBot/1.0",
) -> Received:
    named = () if key is None else (f"Idempotency-Key: {key}",)
    headers = (f"User-Agent: {user_agent}", f"Authorization: Bearer {token}", f"crawler-max-price: {limit}")
    return shop.ask(request(path, *headers, *named, *lines))


def test_a_token_buys_a_page(shop: EdgeUnderTest) -> None:
    answer = buy(shop)
    assert (answer.status, answer.fields["crawler-charged"]) == (200, "USD 0.01")
    assert answer.fields["crawler-receipt"].startswith("ch_")
    assert answer.fields["cache-control"].startswith("private")
    assert shop.ledger.charged_micros() == PRICE_MICROS


def test_a_retry_with_the_same_key_is_the_same_charge(shop: EdgeUnderTest) -> None:
    first = buy(shop)
    again = buy(shop, user_agent="Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
    quoted = buy(shop, key='"purchase-1"')
    assert {first.fields["crawler-receipt"]} == {again.fields["crawler-receipt"], quoted.fields["crawler-receipt"]}
    assert shop.ledger.charged_micros() == PRICE_MICROS


def test_a_key_names_a_purchase_of_one_page(shop: EdgeUnderTest) -> None:
    receipts = {buy(shop, path).fields["crawler-receipt"] for path in ("/a", "/b", "/a?b")}
    receipts.add(buy(shop, "/a", key="purchase-2").fields["crawler-receipt"])
    assert len(receipts) == 4
    assert shop.ledger.charged_micros() == 4 * PRICE_MICROS


def test_the_key_of_one_crawler_is_nothing_to_another(shop: EdgeUnderTest) -> None:
    buy(shop)
    assert buy(shop, token=POORS).fields["crawler-error"] == "PaymentFailed"
    assert shop.ledger.charged_micros() == PRICE_MICROS


def test_a_new_token_goes_on_with_the_purchases_of_the_old_one(make_edge: MakeEdge) -> None:
    newer = token_of(9)
    shop = make_edge(tokens={**TOKENS, token_digest(newer): entry(9, RICH)})
    first, again = buy(shop), buy(shop, token=newer)
    assert first.fields["crawler-receipt"] == again.fields["crawler-receipt"]
    assert shop.ledger.charged_micros() == PRICE_MICROS


def test_without_a_key_the_request_id_names_the_purchase(shop: EdgeUnderTest) -> None:
    for _ in range(2):
        buy(shop, "/page", "X-Request-Id: job-7", key=None)
    assert shop.ledger.charged_micros() == PRICE_MICROS
    for _ in range(2):
        buy(shop, key=None)
    assert shop.ledger.charged_micros() == 3 * PRICE_MICROS


def test_a_key_that_is_no_retry_any_more_is_refused_and_nothing_is_charged(shop: EdgeUnderTest) -> None:
    receipt = buy(shop).fields["crawler-receipt"]
    shop.spent.add(bytes.fromhex(receipt.removeprefix("ch_")))
    answer = buy(shop)
    assert answer.status == 409
    assert b"idempotency_key_spent" in answer.body
    assert shop.ledger.charged_micros() == PRICE_MICROS


@pytest.mark.parametrize(
    ("token", "said"),
    [(token_of(99), "not known here, or was revoked"), (EXPIRED, "has expired"), (ELSEWHERE, "is for other sites")],
)
def test_a_token_that_does_not_count_is_said_to_whoever_offers(shop: EdgeUnderTest, token: str, said: str) -> None:
    answer = buy(shop, token=token)
    assert (answer.status, answer.fields["crawler-error"]) == (400, "StrongAuthRequired")
    assert said in answer.fields["crawler-error-detail"]
    assert shop.ledger.entries == []
    unpaid = shop.ask(request("/page", "User-Agent: LateBot/1.0", f"Authorization: Bearer {token}"))
    assert (unpaid.status, unpaid.fields["crawler-error"]) == (402, "MissingCrawlerPrice")


@pytest.mark.parametrize(
    ("token", "limit", "status", "word"),
    [
        (GOOD, "USD 0.001", 402, "InvalidCrawlerMaxPrice"),
        (POORS, "USD 1.00", 402, "PaymentFailed"),
        (SUSPENDEDS, "USD 1.00", 403, "PaymentFailed"),
        (ACCOUNTLESS, "USD 1.00", 403, "PaymentFailed"),
        (GOOD, "a penny", 400, "InvalidCrawlerPriceValue"),
    ],
)
def test_the_same_table_decides_as_for_a_signature(
    shop: EdgeUnderTest, token: str, limit: str, status: int, word: str
) -> None:
    answer = buy(shop, token=token, limit=limit)
    assert (answer.status, answer.fields["crawler-error"]) == (status, word)
    assert shop.ledger.charged_micros() == 0


def test_a_good_signature_goes_before_a_token_and_a_bad_one_leaves_it(shop: EdgeUnderTest) -> None:
    lines = (f"Authorization: Bearer {GOOD}", "Idempotency-Key: purchase-1", "crawler-max-price: USD 1.00")
    signed = POOR.signed("/page", *lines)
    assert b"insufficient_credits" in shop.ask(signed).body
    broken = signed.replace(b"signature: sig1=:", b"signature: sig1=:AAAA")
    assert shop.ask(broken).status == 200
    assert shop.ledger.charged_micros() == PRICE_MICROS


@pytest.mark.parametrize("path", ["/page", "/free/page"])
@pytest.mark.parametrize("token", [GOOD, EXPIRED])
def test_no_origin_sees_a_token_whether_it_counts_or_not(shop: EdgeUnderTest, path: str, token: str) -> None:
    buy(shop, path, token=token)
    for seen in shop.origin.seen:
        assert "authorization" not in seen.fields
        assert "idempotency-key" not in seen.fields
        assert token not in str(seen)


def test_every_other_authorization_goes_to_the_origin(shop: EdgeUnderTest) -> None:
    shop.origin.script["/free/a"] = [page(b"hello")]
    shop.ask(request("/free/a", "User-Agent: curl/8", "Authorization: Basic dXNlcjpwYXNz", "Idempotency-Key: x"))
    (seen,) = shop.origin.seen
    assert (seen.fields["authorization"], seen.fields["idempotency-key"]) == ("Basic dXNlcjpwYXNz", "x")


def test_on_a_strict_site_a_token_pays_too(make_edge: MakeEdge) -> None:
    shop = make_edge(tokens=TOKENS, strict=True)
    assert buy(shop).status == 200


def test_in_band_a_spent_key_is_refused_as_well(make_edge: MakeEdge) -> None:
    shop = make_edge(tokens=TOKENS, in_band_pricing=True)
    receipt = buy(shop).fields["crawler-receipt"]
    shop.spent.add(bytes.fromhex(receipt.removeprefix("ch_")))
    assert buy(shop).status == 409
    assert shop.ledger.charged_micros() == PRICE_MICROS


FROM_AFAR = "X-Forwarded-For: 198.51.100.7"


def test_a_token_over_plain_http_is_refused_where_the_front_says_so(make_edge: MakeEdge) -> None:
    shop = make_edge(tokens=TOKENS, trusted=(ip_network("127.0.0.1"),))
    for front in ((FROM_AFAR,), (FROM_AFAR, "X-Forwarded-Proto: http")):
        answer = buy(shop, "/page", *front)
        assert (answer.status, answer.fields["crawler-error"]) == (400, "StrongAuthRequired")
        assert "over plain http" in answer.fields["crawler-error-detail"]
        assert orjson.loads(answer.body)["code"] == "token_refused"
    assert shop.ledger.charged_micros() == 0
    assert buy(shop, "/page", FROM_AFAR, "X-Forwarded-Proto: https").status == 200
    assert buy(shop, "/other").status == 200, "this machine may speak to itself in the clear"


def test_what_an_unknown_front_says_of_a_token_is_not_believed(make_edge: MakeEdge) -> None:
    shop = make_edge(tokens=TOKENS, trusted=(ip_network("192.0.2.1"),))
    assert buy(shop, "/page", FROM_AFAR, "X-Forwarded-Proto: http").status == 200, "it came from this machine"

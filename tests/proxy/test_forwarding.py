"""What reaches the origin, and what comes back through the edge."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge.core.api_token import make_token
from edge.core.identity import ClaimedCrawler, CrawlerKind, Rung, Visitor
from edge.core.request import CrawlRequest
from edge.core.target import read_target
from edge.proxy.forwarding import VARY_OF_PRICED_SITES, client_headers, is_for_one_address, origin_headers, paid_headers

BOT = ClaimedCrawler("GPTBot", "OpenAI", CrawlerKind.TRAINING)


def request(**fields: str) -> CrawlRequest:
    named = {"host": "news.example", **{name.replace("_", "-"): value for name, value in fields.items()}}
    return CrawlRequest(
        "GET", "https", "news.example", "news.example", "/a", "/a", None, named, {}, read_target("/a"), False,
        "192.0.2.7", "id-1",
    )  # fmt: skip


def sent(sold: bool = False, **fields: str) -> dict[str, str]:
    return dict(origin_headers(request(**fields), BOT, "1.1 farebox-n", sold=sold))


def test_the_origin_learns_who_asked_and_through_whom() -> None:
    headers = sent(user_agent="GPTBot", via="1.0 front")
    assert headers["host"] == "news.example"
    assert headers["x-forwarded-for"] == "192.0.2.7"
    assert headers["x-forwarded-proto"] == "https"
    assert headers["x-forwarded-host"] == "news.example"
    assert headers["via"] == "1.0 front, 1.1 farebox-n"
    assert headers["x-request-id"] == "id-1"
    assert (headers["farebox-crawler"], headers["farebox-trust"]) == ("GPTBot", "claimed")


def test_hop_by_hop_fields_and_our_assertions_are_not_forwarded() -> None:
    headers = sent(
        connection="close, x-secret", x_secret="1", te="trailers", upgrade="h2c", crawler_charged="USD 9.00",
        crawler_receipt="ch_x", farebox_trust="signed", x_forwarded_for="6.6.6.6", cf_pay_per_crawl="x",
        proxy_authorization="x",
    )  # fmt: skip
    gone = {"connection", "x-secret", "te", "upgrade", "crawler-charged", "crawler-receipt", "cf-pay-per-crawl"}
    assert gone.isdisjoint(headers)
    assert "proxy-authorization" not in headers
    assert headers["farebox-trust"] == "claimed"
    assert headers["x-forwarded-for"] == "192.0.2.7"


def test_a_signature_without_an_offer_reaches_the_origin() -> None:
    headers = sent(signature="sig1=:aa:", signature_input="sig1=()", signature_agent='"https://bot.example"')
    assert headers["signature"] == "sig1=:aa:"
    assert headers["signature-input"] == "sig1=()"


@pytest.mark.parametrize("sold", [True, False], ids=["sold", "free"])
@pytest.mark.parametrize("name", ["crawler_max_price", "crawler_exact_price"])
def test_a_signature_that_accepts_a_price_ends_at_the_edge(name: str, sold: bool) -> None:
    """It is money: at the origin of a free page, too, somebody could send it again for another page."""
    fields = {"signature": "sig1=:aa:", "signature_input": "sig1=()", name: "USD 0.01", "accept": "*/*"}
    headers = sent(sold=sold, **fields)
    assert {"signature", "signature-input", name.replace("_", "-")}.isdisjoint(headers)
    assert headers["accept"] == "*/*"


@pytest.mark.parametrize(
    "written", ["Bearer T", "bearer T", "BEARER T", "Bearer\tT", "Bearer T, Bearer T", "Bearer T x", "T"]
)
def test_a_token_ends_at_the_edge_however_it_is_written(written: str) -> None:
    token = make_token(bytes(32))
    headers = sent(authorization=written.replace("T", token), idempotency_key="k")
    assert {"authorization", "idempotency-key"}.isdisjoint(headers)
    assert sent(authorization="Bearer of-the-origin", idempotency_key="k")["idempotency-key"] == "k"


def test_a_stranger_cannot_name_another_address_to_the_origin() -> None:
    names = ("x_original_url", "x_rewrite_url", "x_forwarded_uri", "x_http_method_override", "x_original_host")
    fields: dict[str, str] = dict.fromkeys(names, "/dear")
    assert {name.replace("_", "-") for name in names}.isdisjoint(sent(sold=False, **fields))


def test_a_sold_page_is_sold_whole() -> None:
    assert "range" in sent(range="bytes=0-1", if_range="x")
    assert {"range", "if-range"}.isdisjoint(sent(sold=True, range="bytes=0-1", if_range="x"))


def test_text_outside_ascii_stays_the_bytes_that_came() -> None:
    received = "caf\xc3\xa9"  # the UTF-8 bytes, read as Latin-1
    assert sent(x_word=received)["x-word"] == received


def test_the_origins_framing_and_assertions_do_not_come_back() -> None:
    raw = (
        (b"Content-Type", b"text/html"), (b"Connection", b"keep-alive, X-Hop"), (b"X-Hop", b"1"),
        (b"Transfer-Encoding", b"chunked"), (b"Content-Length", b"3"), (b"Crawler-Charged", b"USD 9.00"),
        (b"crawler-price", b"USD 1.00"), (b"Set-Cookie", b"a=1"), (b"Set-Cookie", b"b=2"),
    )  # fmt: skip
    headers = client_headers(raw, "id-1")
    names = [name for name, _ in headers]
    assert names == [b"content-type", b"set-cookie", b"set-cookie", b"vary", b"x-request-id"]


def test_vary_joins_the_origins_own() -> None:
    assert dict(client_headers(((b"Vary", b"Accept"),), "i"))[b"vary"] == b"Accept, " + VARY_OF_PRICED_SITES
    assert dict(client_headers(((b"Vary", b"*"),), "i"))[b"vary"] == b"*"


def test_a_sold_answer_is_private_and_keeps_its_validators() -> None:
    headers = paid_headers(
        [
            (b"cache-control", b"public, s-maxage=9, max-age=60, no-transform"), (b"expires", b"never"),
            (b"cdn-cache-control", b"max-age=99"), (b"surrogate-control", b"max-age=99"), (b"etag", b'"v1"'),
        ],
        b"USD 0.01", b"ch_1",
    )  # fmt: skip
    assert dict(headers) == {
        b"cache-control": b"private, max-age=60, no-transform",
        b"etag": b'"v1"',
        b"crawler-charged": b"USD 0.01",
        b"crawler-receipt": b"ch_1",
    }


@pytest.mark.parametrize("rung", [Rung.IMPOSTOR, Rung.CLAIMED, Rung.REVERSE_DNS, Rung.ADDRESS])
def test_the_origin_hears_how_well_the_name_is_proved_and_no_shared_cache_keeps_what_an_address_opened(
    rung: Rung,
) -> None:
    bot = replace(BOT, rung=rung)
    headers = dict(origin_headers(request(), bot, "1.1 farebox-n", sold=False))
    assert headers["farebox-trust"] == rung.label
    assert is_for_one_address(bot) is (rung in (Rung.REVERSE_DNS, Rung.ADDRESS))
    assert not is_for_one_address(Visitor())
    assert not is_for_one_address(None)


def test_no_store_of_the_origin_stays() -> None:
    assert dict(paid_headers([(b"cache-control", b"no-store")], b"x", b"y"))[b"cache-control"] == b"private, no-store"


def test_what_is_delivered_again_for_nothing_names_no_charge() -> None:
    assert b"crawler-charged" not in dict(paid_headers([], None, b"ch_1"))

"""The flow over real HTTP: what is sent is what was signed, and a page is whole or it is not there."""

from __future__ import annotations

import gzip
import io
import socket
import time
from pathlib import Path

import pytest

from edge.client.fake_edge import PAGE, Reply
from edge.client.fake_edge import FakeEdge as Shop
from edge.client.flow import Headers, buy
from edge.client.identity import Identity
from edge.client.outcomes import Bought, Free, Incomplete, Outcome, Priced, Refused, Unreachable
from edge.client.page_file import PageFile, PagePrint
from edge.client.session import Session
from edge.core.keys import new_private_key, public_half
from edge.core.message import Request
from edge.core.money import parse_price
from edge.core.terms import Offer, OfferKind

AGENT = "https://bot.example"
MAX = Offer(OfferKind.MAX, parse_price("USD 0.02"))


class Crawler:
    """A registered crawler with a session, and the pages it got."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.identity = Identity(new_private_key(), AGENT)
        shop.register(AGENT, public_half(self.identity.key))
        self.page = io.BytesIO()
        self.nonces = iter("abcdefgh")

    def sign(self, url: str, offer: Offer | None) -> Headers:
        plain = {"accept": "*/*", "accept-encoding": "identity", "user-agent": "TestBot"}
        return tuple(self.identity.sign(url, plain, offer, time.time(), next(self.nonces)).items())

    def get(self, path: str = "/articles/1", offer: Offer | None = MAX, follow: int = 0) -> Outcome:
        with Session(PagePrint(self.page), timeout_seconds=60, use_environment=False) as session:
            return session.run(buy(self.shop.url(path), offer, self.sign, follow))


def test_a_page_is_bought_with_one_signed_request() -> None:
    with Shop() as shop:
        crawler = Crawler(shop)
        outcome = crawler.get()
    assert isinstance(outcome, Bought)
    assert (str(outcome.charged), outcome.receipt_id, outcome.received_bytes) == ("USD 0.01", "ch_1", len(PAGE))
    assert crawler.page.getvalue() == PAGE
    assert len(shop.seen) == 1


def test_nothing_is_sent_that_was_not_meant() -> None:
    with Shop() as shop:
        Crawler(shop).get()
    assert set(shop.seen[0].fields) == {
        *("host", "accept", "accept-encoding", "user-agent", "crawler-max-price"),
        *("signature", "signature-input", "signature-agent"),
    }


@pytest.mark.parametrize(
    "path", ["/a%2Fb", "/%7Euser", "/a%20b?q=%C3%BC&x=a+b", "/a;b=1?", "/?", "/a//b", "/a|b[]?c={d}"]
)
def test_what_is_signed_is_what_is_sent_in_every_spelling(path: str) -> None:
    with Shop() as shop:
        assert isinstance(Crawler(shop).get(path), Bought)
    assert shop.seen[0].target == path


def test_without_an_offer_the_price_is_asked() -> None:
    with Shop() as shop:
        assert Crawler(shop).get(offer=None) == Priced(shop.url(), 402, parse_price("USD 0.01"))
    assert shop.charges == {}


def test_an_offer_that_is_too_low_is_refused_with_the_price() -> None:
    with Shop(price=parse_price("USD 0.03")) as shop:
        outcome = Crawler(shop).get()
    assert isinstance(outcome, Refused)
    assert outcome.error == "InvalidCrawlerMaxPrice"
    assert str(outcome.price) == "USD 0.03"


def break_the_first(number: int, request: Request, honest: Reply) -> Reply:
    return Reply(honest.status, honest.headers, honest.body, cut_after=100) if number == 1 else honest


def test_a_broken_transfer_is_retried_with_the_same_signature_and_charged_once() -> None:
    with Shop(twist=break_the_first) as shop:
        crawler = Crawler(shop)
        outcome = crawler.get()
    assert isinstance(outcome, Bought)
    assert outcome.was_retried
    assert shop.seen[0].fields == shop.seen[1].fields
    assert len(shop.charges) == 1
    assert crawler.page.getvalue() == PAGE


def break_the_first_chunked(number: int, request: Request, honest: Reply) -> Reply:
    size = f"{len(honest.body):x}".encode()
    body = b"".join((size, b"\r\n", honest.body, b"\r\n0\r\n\r\n"))
    return Reply(200, (*honest.headers, ("Transfer-Encoding", "chunked")), body, cut_after=-5 if number == 1 else None)


def test_a_chunked_body_without_its_end_is_not_whole() -> None:
    with Shop(twist=break_the_first_chunked) as shop:
        crawler = Crawler(shop)
        outcome = crawler.get()
    assert isinstance(outcome, Bought)
    assert outcome.was_retried
    assert crawler.page.getvalue() == PAGE


def test_a_transfer_that_always_breaks_leaves_no_file(tmp_path: Path) -> None:
    place = tmp_path / "page.html"
    with Shop(twist=lambda number, request, honest: break_the_first(1, request, honest)) as shop:
        crawler = Crawler(shop)
        with Session(PageFile(place), timeout_seconds=60, use_environment=False) as session:
            outcome = session.run(buy(shop.url(), MAX, crawler.sign))
    assert isinstance(outcome, Incomplete)
    assert (outcome.charged, outcome.receipt_id) == ("USD 0.01", "ch_1")
    assert len(shop.seen) == 2
    assert list(tmp_path.iterdir()) == []


def test_a_connection_that_ends_before_the_head_is_retried_with_the_same_signature() -> None:
    with Shop(twist=lambda number, request, honest: Reply(0) if number == 1 else honest) as shop:
        outcome = Crawler(shop).get()
    assert isinstance(outcome, Bought)
    assert shop.seen[0].fields == shop.seen[1].fields
    assert len(shop.charges) == 1


def test_a_seller_that_is_not_there_is_unreachable() -> None:
    with Shop() as shop:
        crawler = Crawler(shop)
    assert isinstance(crawler.get(), Unreachable)


def test_a_redirect_is_followed_with_a_fresh_signature_and_no_cookie() -> None:
    with Shop(moved={"/a": "/b?x=1"}) as shop:
        outcome = Crawler(shop).get("/a", follow=3)
    assert isinstance(outcome, Bought)
    assert outcome.url == shop.url("/b?x=1")
    first, second = shop.seen
    assert first.fields["signature"] != second.fields["signature"]
    assert "cookie" not in second.fields


def test_a_compressed_page_is_kept_decoded_and_its_length_still_checked() -> None:
    sent = gzip.compress(PAGE)

    def compressed(number: int, request: Request, honest: Reply) -> Reply:
        headers = (*honest.headers, ("Content-Encoding", "gzip"))
        return Reply(200, headers, sent, cut_after=10 if number == 1 else None)

    with Shop(twist=compressed) as shop:
        crawler = Crawler(shop)
        outcome = crawler.get()
    assert isinstance(outcome, Bought)
    assert outcome.was_retried
    assert crawler.page.getvalue() == PAGE


def test_the_page_of_a_refusal_is_not_kept() -> None:
    with Shop(twist=lambda number, request, honest: Reply(404, (), b"no such page")) as shop:
        crawler = Crawler(shop)
        outcome = crawler.get()
    assert isinstance(outcome, Refused)
    assert crawler.page.getvalue() == b""


def test_a_connection_can_be_sent_elsewhere_under_the_name_of_the_page() -> None:
    with Shop() as shop:
        crawler = Crawler(shop)
        routes = {"news.example": ("127.0.0.1", shop.port)}
        with Session(PagePrint(crawler.page), timeout_seconds=60, routes=routes, use_environment=False) as session:
            outcome = session.run(buy("http://news.example/articles/1", MAX, crawler.sign))
    assert isinstance(outcome, Bought)
    assert shop.seen[0].authority == "news.example"


def test_a_server_that_says_nothing_is_given_up_on() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with Session(PagePrint(io.BytesIO()), timeout_seconds=0.1, use_environment=False) as session:
            outcome = session.run(buy(url, None, lambda url, offer: ()))
    assert isinstance(outcome, Incomplete)


def test_progress_is_told_against_the_announced_length(tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    with (
        Shop(twist=lambda number, request, honest: Reply(200, (), PAGE)) as shop,
        Session(
            PageFile(tmp_path / "page"),
            use_environment=False,
            progress=lambda received, announced: told.append((received, announced)),
        ) as session,
    ):
        assert isinstance(session.run(buy(shop.url(), None, lambda url, offer: ())), Free)
    assert told[-1] == (len(PAGE), len(PAGE))

"""The same promises through each HTTP library: paid once, retried for nothing, decided afresh at each hop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import httpx2
import pytest
import requests

from edge.client import FakeEdge, Identity, SpendPolicy, TokenIdentity, Wallet
from edge.client.aiohttp_middleware import PayingMiddleware
from edge.client.answers import Delivered
from edge.client.errors import CapReached, MissingCrawlerPrice, NotAllowed, PaymentInDoubt, SpendingStopped
from edge.client.fake_edge import PAGE, Reply
from edge.client.httpx_transport import AsyncPayingTransport, PayingTransport
from edge.client.requests_adapter import PayingAdapter
from edge.client.wallet import is_own
from edge.core.api_token import make_token
from edge.core.keys import new_private_key
from edge.core.message import Request
from edge.core.money import parse_price

CENT = parse_price("USD 0.01")
Got = tuple[int, bytes, Delivered | None]
Get = Callable[[Wallet, str], Got]
PATIENCE = 30


def by_httpx(wallet: Wallet, url: str, method: str = "GET") -> Got:
    with httpx2.Client(transport=PayingTransport(wallet), follow_redirects=True, timeout=PATIENCE) as client:
        response = client.request(method, url)
        return response.status_code, response.content, response.extensions.get("farebox")


def by_httpx_async(wallet: Wallet, url: str, method: str = "GET") -> Got:
    async def get() -> Got:
        transport = AsyncPayingTransport(wallet)
        async with httpx2.AsyncClient(transport=transport, follow_redirects=True, timeout=PATIENCE) as client:
            response = await client.request(method, url)
            return response.status_code, response.content, response.extensions.get("farebox")

    return asyncio.run(get())


def by_requests(wallet: Wallet, url: str, method: str = "GET") -> Got:
    with requests.Session() as session:
        for scheme in ("https://", "http://"):
            session.mount(scheme, PayingAdapter(wallet))
        response = session.request(method, url, timeout=PATIENCE, allow_redirects=True)
        return response.status_code, response.content, getattr(response, "farebox", None)


def by_aiohttp(wallet: Wallet, url: str, method: str = "GET") -> Got:
    async def get() -> Got:
        paying = PayingMiddleware(wallet)
        async with aiohttp.ClientSession(middlewares=[paying]) as session, session.request(method, url) as response:
            return response.status, await response.read(), paying.delivered_of(response)

    return asyncio.run(get())


@pytest.fixture
def edge() -> Iterator[FakeEdge]:
    with FakeEdge() as opened:
        yield opened


@pytest.fixture(params=[by_httpx, by_httpx_async, by_requests, by_aiohttp], ids=lambda get: get.__name__)
def get(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def wallet(tmp_path: Path, edge: FakeEdge) -> Wallet:
    return wallet_of(tmp_path, edge)


def wallet_of(folder: Path, edge: FakeEdge, **options: Any) -> Wallet:
    identity = Identity(new_private_key(), "https://bot.example")
    edge.register(identity)
    policy = SpendPolicy(**{"per_request": "USD 0.02", **options})
    return Wallet(identity, policy, folder / "spend.db", pauses_seconds=(0.01, 0.01))


def test_a_page_is_bought(get: Get, wallet: Wallet, edge: FakeEdge) -> None:
    status, content, delivered = get(wallet, edge.url("/a%20b?q=1&x=%C3%A4"))
    assert (status, content) == (200, PAGE)
    assert delivered == Delivered(edge.url("/a%20b?q=1&x=%C3%A4"), 200, CENT, "ch_1", 1)
    assert edge.spent() == 10_000


def test_a_missing_page_comes_back_as_it_is(get: Get, wallet: Wallet, edge: FakeEdge) -> None:
    edge.twist = lambda number, request, honest: Reply(404, (), b"nothing here")
    status, content, delivered = get(wallet, edge.url())
    assert (status, content) == (404, b"nothing here")
    assert delivered == Delivered(edge.url(), 404)


def test_a_cut_page_is_fetched_again_with_the_same_signature(get: Get, wallet: Wallet, edge: FakeEdge) -> None:
    def cut(number: int, request: Request, honest: Reply) -> Reply:
        return Reply(honest.status, honest.headers, honest.body, cut_after=100) if number == 2 else honest

    edge.twist = cut
    assert get(wallet, edge.url())[1] == PAGE
    assert len(edge.charges) == 1
    signatures = [request.fields["signature"] for request in edge.seen]
    assert signatures[1] == signatures[2] != signatures[0]


def test_a_page_that_breaks_twice_is_in_doubt(get: Get, wallet: Wallet, edge: FakeEdge) -> None:
    edge.twist = lambda number, request, honest: (
        Reply(honest.status, honest.headers, honest.body, cut_after=100) if honest.status == 200 else honest
    )
    with pytest.raises(PaymentInDoubt):
        get(wallet, edge.url())
    assert wallet.spent() == {"USD": CENT}


def test_each_hop_is_a_request_of_its_own(get: Get, tmp_path: Path, edge: FakeEdge) -> None:
    with FakeEdge() as other:
        wallet = wallet_of(tmp_path, edge, deny_domains=["localhost"])
        other.register(wallet.identity)
        edge.moved = {"/old": "/new", "/away": f"http://localhost:{other.port}/page"}
        assert get(wallet, edge.url("/old"))[1] == PAGE
        signatures = [request.fields["signature"] for request in edge.seen]
        assert len(set(signatures)) == len(signatures) == 3
        with pytest.raises(SpendingStopped):
            get(wallet, edge.url("/away"))
        assert other.charges == {}
        assert all("signature" not in request.fields for request in other.seen)


def token_wallet(folder: Path, edge: FakeEdge) -> Wallet:
    identity = TokenIdentity(make_token(b"\x05" * 32), [f"127.0.0.1:{edge.port}"])
    edge.register(identity)
    return Wallet(identity, SpendPolicy(per_request="USD 0.02"), folder / "spend.db", pauses_seconds=(0.01, 0.01))


def test_a_token_buys_and_a_retry_has_the_same_key(get: Get, tmp_path: Path, edge: FakeEdge) -> None:
    def cut(number: int, request: Request, honest: Reply) -> Reply:
        return Reply(honest.status, honest.headers, honest.body, cut_after=100) if number == 2 else honest

    edge.twist = cut
    wallet = token_wallet(tmp_path, edge)
    assert get(wallet, edge.url())[1] == PAGE
    keys = [request.fields["idempotency-key"] for request in edge.seen]
    assert keys[1] == keys[2] != keys[0]
    assert (len(edge.charges), wallet.spent()) == (1, {"USD": CENT})
    assert all("signature" not in request.fields for request in edge.seen)


def test_a_token_does_not_go_where_a_redirect_leads(get: Get, tmp_path: Path, edge: FakeEdge) -> None:
    with FakeEdge() as other:
        edge.moved = {"/away": other.url("/page"), "/free": other.url("/robots.txt")}
        other.robots = "User-agent: *"
        wallet = token_wallet(tmp_path, edge)
        assert get(wallet, edge.url("/free"))[1] == b"User-agent: *"
        with pytest.raises(NotAllowed):
            get(wallet, edge.url("/away"))
        assert [name for request in other.seen for name in request.fields if is_own(name, request.fields[name])] == []
        assert all("authorization" in request.fields for request in edge.seen)


def test_a_cap_stops(get: Get, tmp_path: Path, edge: FakeEdge) -> None:
    wallet = wallet_of(tmp_path, edge, total="USD 0.015")
    get(wallet, edge.url("/1"))
    with pytest.raises(CapReached):
        get(wallet, edge.url("/2"))
    assert edge.spent() == 10_000


def test_what_is_not_get_passes_unsigned(get: Any, wallet: Wallet, edge: FakeEdge) -> None:
    assert get(wallet, edge.url(), "HEAD")[0] == 402
    assert "signature" not in edge.seen[-1].fields


def test_nobody_there_is_the_librarys_own_error(get: Get, wallet: Wallet) -> None:
    with pytest.raises((httpx2.ConnectError, requests.ConnectionError, aiohttp.ClientConnectorError)):
        get(wallet, "http://127.0.0.1:1/")
    assert wallet.spent() == {}


def test_a_refusal_is_the_same_typed_error_everywhere(get: Get, wallet: Wallet, edge: FakeEdge) -> None:
    edge.twist = lambda number, request, honest: Reply(402, (("crawler-error", "MissingCrawlerPrice"),))
    with pytest.raises(MissingCrawlerPrice):
        get(wallet, edge.url())

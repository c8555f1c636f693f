"""The Scrapy add-on against a seller that misbehaves: real crawls, in processes of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import get_ident
from typing import Any

import pytest
from scrapy import Request as PageRequest
from scrapy.exceptions import DownloadConnectionRefusedError, NotConfigured
from scrapy.http import Response
from scrapy.settings import Settings
from scrapy.utils.test import get_crawler

from edge.client.fake_edge import FakeEdge, Reply
from edge.client.identity import Identity, load_key, make_key_file
from edge.client.scrapy_addon import META, PayingMiddleware, wallet_from
from edge.client.spend_policy import Cap, SpendPolicy
from edge.client.spend_rows import NewPurchase, Purchase, State
from edge.client.spend_store import SpendStore
from edge.client.token_identity import TokenIdentity
from edge.client.wallet import Wallet, is_own
from edge.core.api_token import make_token
from edge.core.keys import new_private_key, public_half
from edge.core.message import Request
from edge.core.money import parse_price
from tests.support.scrapy_project import ScrapyProject


@pytest.fixture
def edge() -> Iterator[FakeEdge]:
    with FakeEdge() as opened:
        yield opened


def project_of(folder: Path, edge: FakeEdge, paths: list[str], **settings: object) -> ScrapyProject:
    project = ScrapyProject(folder, [edge.url(path) for path in paths], **{"RETRY_TIMES": 2, **settings})
    edge.register("https://bot.example", public_half(make_key_file(folder / "bot.pem")))
    return project


def test_a_crawl_pays_follows_and_drops_with_a_reason(tmp_path: Path, edge: FakeEdge) -> None:
    """One crawl for many rules, because a crawl takes seconds to start."""
    edge.prices = {"/free": parse_price("USD 0"), "/dear": parse_price("USD 0.06")}
    edge.moved = {"/old": "/new"}
    seen: dict[str, int] = {}

    def twist(number: int, request: Request, honest: Reply) -> Reply:
        times = seen[request.path] = seen.get(request.path, 0) + 1
        match request.path:
            case "/missing":
                return Reply(404)
            case "/blocked":
                return Reply(403, (("crawler-error", "CrawlerForbidden"),))
            case "/cut" if times == 2:
                return Reply(200, honest.headers, honest.body, cut_after=50)
            case "/busy" if times == 2:
                return Reply(503, (("crawler-error", "InternalError"),))
            case "/wrong" if honest.status == 200:
                return Reply(200, (("crawler-charged", "USD 0.04"), ("crawler-receipt", "ch_wrong")), honest.body)
        return honest

    edge.twist = twist
    paths = ["/1", "/free", "/dear", "/old", "/missing", "/blocked", "/cut", "/busy", "/wrong"]
    project = project_of(tmp_path, edge, paths)
    stats = asyncio.run(project.crawl())
    assert stats["reason"] == "finished"
    assert {name: value for name, value in stats.items() if name != "reason"} == {
        "pay/bought": 4, "pay/spent_micros/USD": 40_000, "pay/free": 1, "pay/other": 1 + 1, "pay/rescheduled": 5,
        "pay/dropped/above_cap": 1, "pay/dropped/CrawlerForbidden": 1, "pay/dropped/wrong_charge": 1,
    }  # fmt: skip
    items = {str(item["url"]).removeprefix(edge.url("")): item for item in project.items()}
    assert items["/1"]["charged"] == items["/new"]["charged"] == items["/cut"]["charged"] == "USD 0.01"
    assert items["/free"]["charged"] is None
    assert items["/dear"]["error"] == items["/blocked"]["error"] == items["/wrong"]["error"] == "NotBought"
    assert "costs USD 0.06" in str(items["/dear"]["says"])
    cut = [request.fields["signature"] for request in edge.seen if request.path == "/cut"]
    assert cut[1] == cut[2] != cut[0]
    store = SpendStore(tmp_path / "spend.db")
    assert store.faults() == []
    assert store.open_purchases() == []


def test_a_full_total_closes_the_spider(tmp_path: Path, edge: FakeEdge) -> None:
    project = project_of(tmp_path, edge, [f"/{number}" for number in range(60)], PAY_TOTAL="USD 0.105")
    stats = asyncio.run(project.crawl())
    assert stats["reason"] == "pay_total"
    assert stats["pay/bought"] == 10
    assert edge.spent() == 100_000
    assert SpendStore(tmp_path / "spend.db").spent() == {"USD": 100_000}


def test_what_the_cache_answers_is_not_paid_for(tmp_path: Path, edge: FakeEdge) -> None:
    project = project_of(tmp_path, edge, ["/1", "/2"], HTTPCACHE_ENABLED=True)
    asyncio.run(project.crawl())
    stats = asyncio.run(project.crawl())
    assert len(project.items()) == 4
    assert stats == {"reason": "finished"}
    assert edge.spent() == 20_000


def test_a_token_pays_and_is_written_nowhere(tmp_path: Path, edge: FakeEdge) -> None:
    """Not into the queue on disk, the cache, the log or the spend store; a redirect to another host goes without it."""
    token = make_token(b"\x05" * 32)
    with FakeEdge() as other:
        host = f"127.0.0.1:{edge.port}"
        edge.register(TokenIdentity(token, [host]))
        edge.moved = {"/away": other.url("/elsewhere")}
        edge.twist = lambda number, request, honest: Reply(503) if number == 3 else honest
        (tmp_path / "token").write_text(f"{token}\n")
        given = {"PAY_TOKEN_FILE": "token", "PAY_TOKEN_HOSTS": [host], "JOBDIR": "queue", "CONCURRENT_REQUESTS": 1}
        cache = {"HTTPCACHE_ENABLED": True, "HTTPCACHE_IGNORE_HTTP_CODES": [503]}
        project = project_of(tmp_path, edge, ["/1", "/2", "/away"], **given, **cache)
        stats = asyncio.run(project.crawl())
        assert (stats["pay/bought"], stats["pay/dropped/not_allowed"]) == (2, 1)
        assert edge.spent() == 20_000
        assert all("authorization" in request.fields for request in edge.seen)
        assert [name for request in other.seen for name in request.fields if is_own(name, request.fields[name])] == []
    written = [path for path in tmp_path.rglob("*") if path.is_file() and token.encode() in path.read_bytes()]
    assert written == [tmp_path / "token"]


@pytest.mark.parametrize("url", ["https://news.example/1", "http://127.0.0.1:1/"])
def test_the_books_wait_for_their_disk_beside_the_crawl(tmp_path: Path, url: str) -> None:
    threads: dict[str, int] = {}

    class Watched(SpendStore):
        def take_up(self, url: str) -> Purchase | None:
            threads["take_up"] = get_ident()
            return super().take_up(url)

        def reserve(self, new: NewPurchase, caps: Sequence[Cap]) -> int | Cap | Purchase:
            threads["reserve"] = get_ident()
            return super().reserve(new, caps)

        def settle(self, *arguments: Any, **options: Any) -> bool:
            threads["settle"] = get_ident()
            return super().settle(*arguments, **options)

        def refused(self, *arguments: Any, **options: Any) -> State:
            threads["refused"] = get_ident()
            return super().refused(*arguments, **options)

    async def crawl(wallet: Wallet) -> None:
        paying = PayingMiddleware(get_crawler(), wallet)
        request = PageRequest(url, meta={META: {"url": url, "price": "USD 0.01"}})
        await paying.process_request(request)
        assert "signature" in request.headers
        await paying.process_exception(request, DownloadConnectionRefusedError("nobody there"))
        await paying.process_request(request)
        sold = {"crawler-charged": "USD 0.01", "crawler-receipt": "ch_1"}
        await paying.process_response(request, Response(url, 200, headers=sold))
        assert request.meta[META]["charged"] == "USD 0.01"

    identity = Identity(new_private_key(), "https://bot.example")
    with Wallet(identity, SpendPolicy(per_request="USD 0.02"), Watched(tmp_path / "spend.db")) as wallet:
        asyncio.run(crawl(wallet))
    assert threads.keys() == {"take_up", "reserve", "settle", "refused"}
    assert get_ident() not in threads.values()


def test_a_setting_that_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotConfigured, match="PAY_AGENT, PAY_PER_REQUEST"):
        wallet_from(Settings({"PAY_KEY": "bot.pem", "PAY_STORE": "spend.db"}))
    with pytest.raises(NotConfigured, match="PAY_TOKEN_HOSTS"):
        wallet_from(Settings({"PAY_TOKEN_FILE": "t", "PAY_STORE": "spend.db", "PAY_PER_REQUEST": "USD 1"}))


def test_the_settings_make_the_policy(tmp_path: Path) -> None:
    make_key_file(tmp_path / "bot.pem")
    given = {
        "PAY_KEY": tmp_path / "bot.pem", "PAY_AGENT": "https://bot.example", "PAY_STORE": tmp_path / "spend.db",
        "PAY_PER_REQUEST": ["USD 1", "EUR 1"], "PAY_TOTAL": ["USD 9", "EUR 9"], "PAY_DENY_DOMAINS": ["x.example"],
        "PAY_BUY_AGAIN_AFTER_HOURS": 24, "PAY_ON_UNKNOWN_PRICE": "skip",
    }  # fmt: skip
    wallet = wallet_from(Settings(given))
    assert wallet.policy.currencies == {"USD", "EUR"}
    assert [str(cap.limit) for cap in wallet.policy.caps("EUR")] == ["EUR 9.00"]
    assert (wallet.policy.deny_domains, wallet.policy.buy_again_after_hours) == (("x.example",), 24)
    assert isinstance(wallet.identity, Identity)
    assert wallet.identity.key.private_bytes_raw() == load_key(tmp_path / "bot.pem").private_bytes_raw()

"""The crawler's kit at a real edge: what it counts is what the ledger took, whatever happens on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import aiohttp
import orjson
import pytest
import requests

from edge.client import AsyncPaidClient, Identity, PaidClient, SpendPolicy, TokenIdentity, Wallet
from edge.client.aiohttp_middleware import PayingMiddleware
from edge.client.cli import run
from edge.client.doctor import edge_findings
from edge.client.errors import CapReached, PriceRose
from edge.client.requests_adapter import PayingAdapter
from edge.core.keys import new_private_key
from edge.core.money import parse_price
from edge.store.crawler_tokens import NewToken, add_token
from edge.store.crawlers import list_crawlers
from edge.store.database import now_micros
from tests.support.local_site import LocalSite, local_wallet, write_key
from tests.support.market import AGENT
from tests.support.page_origin import LARGE, SMALL
from tests.support.system_stage import Stage

pytestmark = pytest.mark.system

PATIENCE_SECONDS = 120
CENT = parse_price("USD 0.01")
T = TypeVar("T")


@pytest.fixture
def site(sqlite_stage: Stage) -> LocalSite:
    site = LocalSite(sqlite_stage, {"/small/*": "USD 0.01", "/large/*": "USD 0.02", "/broken/*": "USD 0.01"})
    sqlite_stage.edge()
    return site


def beside(site: LocalSite, work: Callable[[], T]) -> T:
    """Do something that waits, in a thread, while the origin serves."""
    return site.stage.do(asyncio.to_thread(work))


def test_64_tasks_spend_to_a_cap_exactly_and_every_receipt_holds(site: LocalSite, tmp_path: Path) -> None:
    wallet = local_wallet(tmp_path, total="USD 0.205")

    async def crawl() -> tuple[list[object], list[object]]:
        async with AsyncPaidClient(wallet, timeout=PATIENCE_SECONDS) as client:
            pages = (client.get(site.url(f"/small/{number}")) for number in range(64))
            results = await asyncio.gather(*pages, return_exceptions=True)
            return list(results), list(await client.collect_receipts())

    results, problems = site.stage.do(crawl())
    assert sum(isinstance(result, CapReached) for result in results) == 44
    assert problems == []
    assert site.taken_micros() == 200_000
    assert site.wrongs(wallet, tmp_path) == []


def test_pages_that_a_rule_gives_are_in_both_books(sqlite_stage: Stage, tmp_path: Path) -> None:
    site = LocalSite(sqlite_stage, {})
    site.publish({"/small/*": "USD 0.01"}, free_pages=2)
    sqlite_stage.edge()
    wallet = local_wallet(tmp_path)
    with PaidClient(wallet, timeout=PATIENCE_SECONDS) as client:
        pages = [beside(site, lambda number=number: client.get(site.url(f"/small/{number}"))) for number in range(3)]  # type: ignore[misc]
    assert [page.charged for page in pages] == [None, None, CENT]
    assert len(wallet.store.free_pages()) == 2
    assert site.taken_micros() == 10_000
    assert site.wrongs(wallet, tmp_path) == []


def test_a_price_that_rises_between_quote_and_fetch_stops(site: LocalSite, tmp_path: Path) -> None:
    wallet = local_wallet(tmp_path)
    asking = PaidClient(wallet, price_lists=False, timeout=PATIENCE_SECONDS)  # the other keeps the list that it read
    with PaidClient(wallet, timeout=PATIENCE_SECONDS) as client, asking:
        quoted = beside(site, lambda: client.quote(site.url("/small/1")))
        assert quoted.price == CENT
        site.publish({"/small/*": "USD 0.011"})
        risen = parse_price("USD 0.011")
        site.stage.wait_until(lambda: beside(site, lambda: asking.quote(site.url("/small/1"))).price == risen)
        with pytest.raises(PriceRose):
            beside(site, lambda: client.get(site.url("/small/1"), price=quoted.price))
    assert site.taken_micros() == 0
    assert wallet.store.spent() == {"USD": 0}


def test_an_origin_that_breaks_costs_nothing(site: LocalSite, tmp_path: Path) -> None:
    wallet = local_wallet(tmp_path)
    with PaidClient(wallet, timeout=PATIENCE_SECONDS) as client:
        assert beside(site, lambda: client.get(site.url("/broken/1"))).status == 500
    assert site.taken_micros() == 0
    assert wallet.store.spent() == {"USD": 0}


def test_every_library_pays_once_and_agrees_with_the_ledger(site: LocalSite, tmp_path: Path) -> None:
    wallet = local_wallet(tmp_path)

    def by_requests() -> bytes:
        with requests.Session() as session:
            session.mount("http://", PayingAdapter(wallet))
            return session.get(site.url("/small/requests"), timeout=PATIENCE_SECONDS).content

    async def by_aiohttp() -> bytes:
        paying = aiohttp.ClientSession(middlewares=[PayingMiddleware(wallet)])
        async with paying as session, session.get(site.url("/large/aiohttp")) as response:
            return await response.read()

    def by_httpx() -> bytes:
        with PaidClient(wallet, timeout=PATIENCE_SECONDS) as client:
            assert client.get(site.url("/small/httpx")).charged == CENT
            return client.get(site.url("/small/httpx")).content

    assert beside(site, by_requests) == SMALL
    assert site.stage.do(by_aiohttp()) == LARGE
    assert beside(site, by_httpx) == SMALL
    assert site.taken_micros() == 10_000 + 20_000 + 10_000
    assert site.wrongs(wallet, tmp_path) == []


def test_the_doctor_asks_a_real_edge_and_buys_nothing(site: LocalSite, tmp_path: Path) -> None:
    with PaidClient(local_wallet(tmp_path), timeout=PATIENCE_SECONDS) as client:
        findings = beside(site, lambda: list(edge_findings(client, site.url("/small/1"))))
    assert [(one.check, one.is_good) for one in findings] == [("signature", True), ("clock", True), ("edge", True)]
    assert site.taken_micros() == 0


def test_the_doctor_tells_which_check_of_a_signature_failed(site: LocalSite, tmp_path: Path) -> None:
    stranger = Wallet(Identity(new_private_key(), AGENT), SpendPolicy(per_request="USD 1"), tmp_path / "spend.db")
    with PaidClient(stranger, timeout=PATIENCE_SECONDS) as client:
        findings = beside(site, lambda: list(edge_findings(client, site.url("/small/1"))))
    checks = {one.check: one for one in findings}
    assert checks["signature"].is_good is False
    assert checks["signature"].says.startswith("key: ")
    assert checks["edge"].is_good is False


def test_a_list_is_planned_bought_and_reconciled_from_the_command_line(
    site: LocalSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_key(tmp_path)
    paths = ["/small/1", "/small/2", "/large/3", "/nothing/4"]
    Path("urls.txt").write_text("\n".join(site.url(path) for path in paths))
    who = ["--key", "bot.pem", "--agent", AGENT, "--max-each", "USD 0.05", "--json"]
    assert beside(site, lambda: run(["plan", "urls.txt", *who])) == 0
    plan = orjson.loads(capfd.readouterr().out)
    assert plan["cost"][0]["amount_micros"] == 40_000
    assert beside(site, lambda: run(["run", "urls.txt", "--out", "pages", *who])) == 3
    told = orjson.loads(capfd.readouterr().out)
    assert (told["had"], told["not_had"]) == ({"bought": 3}, {"status 404": 1})
    assert site.taken_micros() == 40_000
    assert site.wrongs(local_wallet(tmp_path), tmp_path) == []
    sold = sorted(len(path.read_bytes()) for path in Path("pages").iterdir() if path.name != "index.jsonl")
    assert sold == sorted([len(SMALL), len(SMALL), len(LARGE)])


def test_a_crawler_with_a_token_pays_once_and_agrees_with_the_ledger(site: LocalSite, tmp_path: Path) -> None:
    with site.stage.market.database.write() as connection:
        name = list_crawlers(connection)[0].name
        token, _ = add_token(connection, NewToken(name), now_micros())
    identity = TokenIdentity(token, [f"localhost:{site.stage.edges[0].port}"], agent=AGENT)
    wallet = Wallet(identity, SpendPolicy(per_request="USD 0.05"), tmp_path / "spend.db")

    def is_known() -> bool:
        # One that is not known is 400, whatever it offers; too low an offer of one that is known is 402.
        asking = {"authorization": f"Bearer {token}", "crawler-max-price": "USD 0.001"}
        return (
            beside(site, lambda: requests.get(site.url("/small/token"), headers=asking, timeout=120)).status_code == 402
        )

    with PaidClient(wallet, timeout=PATIENCE_SECONDS) as client:
        site.stage.wait_until(is_known)
        pages = [beside(site, lambda: client.get(site.url("/small/token"))) for _ in range(2)]
        problems = beside(site, client.collect_receipts)
    assert [page.charged for page in pages] == [CENT, CENT]
    assert pages[0].charge_id == pages[1].charge_id
    assert problems == []
    assert site.taken_micros() == 10_000
    assert site.wrongs(wallet, tmp_path) == []


def test_a_plan_by_the_price_list_is_what_buying_then_costs(sqlite_stage: Stage, tmp_path: Path) -> None:
    site = LocalSite(sqlite_stage, {})
    site.publish({"/small/*": "USD 0.01"}, free_pages=2)
    sqlite_stage.edge()
    wallet = local_wallet(tmp_path)
    urls = [site.url(path) for path in ("/small/1", "/small/2", "/small/3", "/small/4", "/other")]
    with PaidClient(wallet, timeout=PATIENCE_SECONDS) as client:
        plan = beside(site, lambda: client.plan(urls))
        assert [page.price for page in plan.pages] == [None, None, CENT, CENT, None]
        assert [page.free_by is not None for page in plan.pages] == [True, True, False, False, False]
        assert site.stage.origin.asked == []
        for url in urls:
            beside(site, lambda url=url: client.get(url))  # type: ignore[misc]
        assert plan.cost == wallet.spent()
        assert [page.price for page in beside(site, lambda: client.plan(urls)).pages] == [CENT] * 4 + [None]
    assert site.taken_micros() == 20_000

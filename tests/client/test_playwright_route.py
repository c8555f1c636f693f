"""A browser that pays: a real Chromium whose documents are bought by a wallet."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright

from edge.client import FakeEdge, Identity, SpendPolicy, Wallet
from edge.client.errors import AboveCap, CapReached
from edge.client.fake_edge import Reply
from edge.client.playwright_route import PayingRoute
from edge.core.keys import new_private_key
from edge.core.message import Request
from edge.core.money import parse_price

pytestmark = pytest.mark.browser

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")
HTML = (("content-type", "text/html"),)


@pytest.fixture
def edge() -> Iterator[FakeEdge]:
    with FakeEdge(page=lambda path: f'<h1>Page {path}</h1><img src="/picture">'.encode()) as opened:

        def as_html(number: int, request: Request, honest: Reply) -> Reply:
            return Reply(honest.status, (*HTML, *honest.headers), honest.body) if honest.status == 200 else honest

        opened.twist = as_html
        yield opened


def browse(wallet: Wallet, work: Callable[[Page, PayingRoute], Awaitable[None]]) -> None:
    program = next((found for name in PROGRAMS if (found := shutil.which(name))), None)
    assert program is not None, "no Chromium on this machine: run scripts/ensure_programs chromium"

    async def session() -> None:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
            page = await browser.new_page()
            paying = PayingRoute(wallet)
            await page.route("**/*", paying)
            await work(page, paying)
            await browser.close()

    asyncio.run(session())


def wallet_of(folder: Path, edge: FakeEdge, **options: str) -> Wallet:
    identity = Identity(new_private_key(), "https://bot.example")
    edge.register(identity)
    return Wallet(identity, SpendPolicy(**{"per_request": "USD 0.02", **options}), folder / "spend.db")  # type: ignore[arg-type]


def test_documents_are_bought_and_pictures_are_not(tmp_path: Path, edge: FakeEdge) -> None:
    wallet = wallet_of(tmp_path, edge, total="USD 0.025")
    edge.prices["/dear"] = parse_price("USD 0.05")
    edge.moved = {"/old": "/new"}

    async def visit(page: Page, paying: PayingRoute) -> None:
        await page.goto(edge.url("/1"))
        assert await page.text_content("h1") == "Page /1"
        assert str(paying.delivered[edge.url("/1")].charged) == "USD 0.01"
        await page.goto(edge.url("/old"))
        await page.wait_for_url(edge.url("/new"))
        await page.wait_for_selector("h1")
        assert await page.text_content("h1") == "Page /new"
        dear = await page.goto(edge.url("/dear"))
        assert dear is not None
        assert dear.status == 402
        assert isinstance(paying.problems[edge.url("/dear")], AboveCap)
        await page.goto(edge.url("/2"))
        assert isinstance(paying.problems[edge.url("/2")], CapReached)

    browse(wallet, visit)
    assert sorted(charge.target for charge in edge.charges.values()) == ["/1", "/new"]
    pictures = [request for request in edge.seen if request.path == "/picture"]
    assert pictures
    assert all("signature" not in request.fields for request in pictures)
    signatures = [request.fields["signature"] for request in edge.seen if "signature" in request.fields]
    assert len(set(signatures)) == len(signatures)
    assert wallet.store.open_purchases() == []

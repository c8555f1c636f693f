"""The forgemesh peer: its ASGI middleware as shipped, gating a small application that is never reached."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from forgemesh_pay_per_crawl import Config  # type: ignore[import-not-found]  # installed in benchmarks/.peers only
from forgemesh_pay_per_crawl.asgi import PayPerCrawlMiddleware  # type: ignore[import-not-found]

from benchmarks.peers.page import page
from benchmarks.peers.x402_terms import PAY_TO

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


def create() -> Any:
    """Build the gated application; it records what it sees in memory, which is its default."""
    text = page()

    async def site(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"text/html"), (b"content-length", b"%d" % len(text))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": text})

    return PayPerCrawlMiddleware(site, config=Config(pay_to=PAY_TO, price_usd=0.005, mode="gate"))

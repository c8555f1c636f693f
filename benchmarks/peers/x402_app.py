"""The x402 peer: its FastAPI middleware as shipped, with everything behind it made free.

The facilitator answers in process, without network, cryptography or a ledger; the scheme is the protocol's least;
the page comes from memory, not from an origin. What is left is what the middleware itself costs.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Response
from x402 import x402ResourceServer  # type: ignore[import-not-found]  # installed in benchmarks/.peers only
from x402.http.middleware.fastapi import PaymentMiddlewareASGI  # type: ignore[import-not-found]
from x402.http.types import PaymentOption, RouteConfig  # type: ignore[import-not-found]
from x402.schemas import (  # type: ignore[import-not-found]
    AssetAmount,
    SettleResponse,
    SupportedKind,
    SupportedResponse,
    VerifyResponse,
)

from benchmarks.peers.page import page
from benchmarks.peers.x402_terms import AMOUNT, ASSET, EXTRA, MAX_TIMEOUT_SECONDS, NETWORK, PAY_TO, PAYER, SCHEME


class YesFacilitator:
    """Says yes to every payment, at once."""

    def get_supported(self) -> Any:
        return SupportedResponse(kinds=[SupportedKind(x402_version=2, scheme=SCHEME, network=NETWORK)])

    async def verify(self, payload: object, requirements: object) -> Any:
        return VerifyResponse(is_valid=True, payer=PAYER)

    async def settle(self, payload: object, requirements: object) -> Any:
        return SettleResponse(success=True, transaction="0x" + "ab" * 32, network=NETWORK, payer=PAYER)


class FixedScheme:
    """The least that a scheme may do: the price is an amount already, and nothing is added to it."""

    scheme = SCHEME
    default_asset_transfer_method = "eip3009"
    payment_flows = {"eip3009": {"supported": ("authorization",), "default": "authorization"}}  # noqa: RUF012

    def parse_price(self, price: object, network: str) -> object:
        return price

    def enhance_payment_requirements(self, requirements: object, supported_kind: object, keys: list[str]) -> object:
        return requirements


def create() -> FastAPI:
    """Build the application: every article costs the same."""
    server = x402ResourceServer(YesFacilitator())
    server.register(NETWORK, FixedScheme())
    option = PaymentOption(
        scheme=SCHEME,
        pay_to=PAY_TO,
        price=AssetAmount(amount=AMOUNT, asset=ASSET, extra=EXTRA),
        network=NETWORK,
        max_timeout_seconds=MAX_TIMEOUT_SECONDS,
    )
    app = FastAPI(openapi_url=None)
    app.add_middleware(PaymentMiddlewareASGI, routes={"GET /articles/*": RouteConfig(accepts=option)}, server=server)
    text = page()

    @app.get("/articles/{name}")
    async def article(name: str) -> Response:
        return Response(text, media_type="text/html")

    return app

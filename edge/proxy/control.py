"""The edge's own routes, in FastAPI: health and metrics for operators, keys and receipts for everybody.

Two applications, because they have two audiences: ``admin_app`` listens on the private address, ``public_app``
answers on every site below ``/.well-known/``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

import orjson
from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import HTMLResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.exceptions import HTTPException
from starlette.requests import Request

from edge.core.refusals import REFUSALS, RefusalCode
from edge.core.signals.published import HELP_PAGE
from edge.proxy.connection_limits import Limit

JWKS_TYPE = "application/jwk-set+json"
RECEIPT_TYPE = "application/jose"
KEYS_CACHE_SECONDS = 3600
READ = ["GET", "HEAD"]

_CODES = frozenset(code.value for code in RefusalCode)

ReceiptOf = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Metrics:
    """Counts since the start: requests by outcome, connections by port and limit, tries to deliver events by end,
    rows of activity by what became of them; and what is so now."""

    requests: Mapping[str, int] = field(default_factory=dict)
    limits: Mapping[tuple[str, Limit], int] = field(default_factory=dict)
    gauges: Mapping[str, float] = field(default_factory=dict)
    webhook_tries: Mapping[str, int] = field(default_factory=dict)
    activity_rows: Mapping[str, int] = field(default_factory=dict)


def _bare_app(title: str) -> FastAPI:
    # No redirects to a path with or without a slash: they would quote the request's Host and our own scheme.
    app = FastAPI(title=title, docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)

    @app.exception_handler(HTTPException)
    async def problem_of(request: Request, error: HTTPException) -> Response:
        return problem_answer(error.status_code, str(error.detail), error.headers)

    return app


def admin_app(
    is_ready: Callable[[], str | None], metrics: Callable[[], Metrics], more: Sequence[APIRouter] = ()
) -> FastAPI:
    """``/livez``, ``/readyz`` and ``/metrics``, and ``more``. ``is_ready`` gives None, or the reason why not."""
    app = _bare_app("farebox admin")
    registry = CollectorRegistry()
    registry.register(_EdgeCollector(metrics))

    @app.api_route("/livez", methods=READ)
    async def livez() -> PlainTextResponse:
        return PlainTextResponse("ok\n")

    @app.api_route("/readyz", methods=READ)
    def readyz() -> PlainTextResponse:
        reason = is_ready()
        if reason is None:
            return PlainTextResponse("ok\n")
        return PlainTextResponse(f"not ready: {reason}\n", status_code=503)

    @app.api_route("/metrics", methods=READ)
    def scrape() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    for router in more:
        app.include_router(router)
    return app


def public_app(jwks: Callable[[], bytes], receipt_of: ReceiptOf, more: Sequence[APIRouter] = ()) -> FastAPI:
    """The key set, receipts by id, and a page for each refusal code, below ``/.well-known/``; and ``more`` there."""
    app = _bare_app("farebox")

    @app.api_route("/.well-known/farebox/jwks.json", methods=READ)
    def keys() -> Response:
        headers = {"cache-control": f"public, max-age={KEYS_CACHE_SECONDS}"}
        return Response(jwks(), media_type=JWKS_TYPE, headers=headers)

    @app.api_route("/.well-known/receipts/{charge_id}", methods=READ)
    def receipt(charge_id: str) -> Response:
        token = receipt_of(charge_id)
        if token is None:
            raise HTTPException(404, detail=RefusalCode.RECEIPT_UNKNOWN.value)
        return Response(token, media_type=RECEIPT_TYPE, headers={"cache-control": "no-store"})

    @app.api_route("/.well-known/farebox/problems/{code}", methods=READ)
    def problem(code: str) -> HTMLResponse:
        try:
            page = _problem_page(RefusalCode(code))
        except ValueError:
            raise HTTPException(404, detail="There is no such page.") from None
        return HTMLResponse(page, headers=_PAGE_HEADERS)

    for router in more:
        app.include_router(router)
    return app


def problem_answer(status: int, detail: str, more: Mapping[str, str] | None = None) -> Response:
    """An RFC 9457 body for what these routes refuse; ``detail`` is a refusal code where there is one, else words."""
    known = REFUSALS.get(RefusalCode(detail)) if detail in _CODES else None
    problem = {"type": "about:blank", "title": known.title if known else detail, "status": status}
    if known:
        problem |= {"detail": known.detail, "code": detail}
    headers = {"cache-control": "no-store", **(more or {})}
    return Response(orjson.dumps(problem), status, headers, media_type="application/problem+json")


class _EdgeCollector(Collector):
    """Turns the edge's plain counters into Prometheus metrics when asked, so that requests pay nothing for it."""

    def __init__(self, metrics: Callable[[], Metrics]) -> None:
        self._metrics = metrics

    def collect(self) -> list[Metric]:
        metrics = self._metrics()
        requests = CounterMetricFamily("farebox_requests", "Requests by outcome.", labels=["outcome"])
        for outcome, number in metrics.requests.items():
            requests.add_metric([outcome], number)
        ended = CounterMetricFamily(
            "farebox_limited_connections", "Connections that met a limit.", labels=["port", "limit"]
        )
        for (port, limit), number in metrics.limits.items():
            ended.add_metric([port, limit.value], number)
        tries = CounterMetricFamily("farebox_webhook_tries", "Tries to deliver events, by end.", labels=["then"])
        for then, number in metrics.webhook_tries.items():
            tries.add_metric([then], number)
        rows = CounterMetricFamily(
            "farebox_activity_rows", "Rows of activity, by what became of them.", labels=["then"]
        )
        for then, number in metrics.activity_rows.items():
            rows.add_metric([then], number)
        found: list[Metric] = [requests, ended, tries, rows]
        for name, value in metrics.gauges.items():
            found.append(GaugeMetricFamily(f"farebox_{name}", name.replace("_", " ").capitalize() + ".", value=value))
        return found


_PAGE_HEADERS = {
    "cache-control": "public, max-age=3600",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
}


def _problem_page(code: RefusalCode) -> str:
    text = REFUSALS[code]
    word = f"<p>Header: <code>crawler-error: {text.crawler_error}</code></p>" if text.crawler_error else ""
    return (
        '<!doctype html>\n<html lang="en"><meta charset="utf-8"><meta name="viewport" '
        f'content="width=device-width, initial-scale=1"><title>{escape(text.title)}</title>'
        "<style>:root{color-scheme:light dark}body{font:1rem/1.6 system-ui,sans-serif;max-width:36rem;"
        "margin:10vh auto;padding:0 1.5rem}</style>"
        f"<h1>{escape(text.title)}</h1><p><strong>{text.status}</strong> <code>{code.value}</code></p>{word}"
        f'<p>{escape(text.detail)}</p><p><a href="{HELP_PAGE}">What a 402 means, and what to do</a></p></html>\n'
    )

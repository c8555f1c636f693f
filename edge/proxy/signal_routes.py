"""The published documents on every site that publishes them: price list, licence, TDM reservation, robots.txt.

Rules of this file

- ``decide()`` has found that the address is one that this site publishes, before a request gets here.
- Who signs the question for prices, for this address and just now, gets a list of its own, for no cache but its own;
  anybody else the public one. A signature that was made for another page opens nobody's terms.
- Addresses are counted, so that making documents costs a stranger more than it costs us.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from fastapi import APIRouter, Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request

from edge.core.identity import STRANGER, Identity, Payer, SignedCrawler, TokenCrawler
from edge.core.policy import Policy, SitePolicy
from edge.core.request import CrawlRequest
from edge.core.signals.published import PATHS, TDM_POLICY, Signal
from edge.core.web_bot_auth import charge_freshness, covers_target
from edge.proxy.leaky_buckets import LeakyBuckets
from edge.proxy.own_robots import OwnRobots, OwnRobotsFiles
from edge.proxy.signal_documents import Document, SignalDocuments

CACHE_SECONDS = 300
ADDRESS_BURST, ADDRESS_PER_SECOND = 120, 4.0
_NOT_PUBLISHED = "This site does not publish that."
VARY_OF_PRICES = "Signature, Signature-Input, Signature-Agent, Authorization"


@dataclass(frozen=True, slots=True)
class SignalDesk:
    """What the routes need. ``identify`` says who asks, from memory."""

    documents: SignalDocuments
    own_robots: OwnRobotsFiles
    policy: Callable[[], Policy]
    identify: Callable[[CrawlRequest], Identity]
    clock: Callable[[], float]
    by_address: LeakyBuckets = field(default_factory=lambda: LeakyBuckets(ADDRESS_BURST, ADDRESS_PER_SECOND))


def signal_routes(desk: SignalDesk) -> APIRouter:
    """One route for each kind of document."""
    router = APIRouter()

    async def prices(request: Request) -> Response:
        crawl, site = _asked(desk, request)
        payer = _payer(desk.identify(crawl), desk.clock())
        document = await run_in_threadpool(desk.documents.price_list, site, payer)
        control = f"public, max-age={CACHE_SECONDS}" if payer is None else f"private, max-age={CACHE_SECONDS}"
        return _answer(crawl, document, {"cache-control": control, "vary": VARY_OF_PRICES})

    async def licence(request: Request) -> Response:
        crawl, site = _asked(desk, request)
        return _public(crawl, await run_in_threadpool(desk.documents.rsl, site, base_of(crawl)))

    async def reservation(request: Request) -> Response:
        crawl, site = _asked(desk, request)
        return _public(crawl, await run_in_threadpool(desk.documents.tdmrep, site, base_of(crawl)))

    async def policy(request: Request) -> Response:
        crawl, site = _counted(desk, request)
        if Signal.TDMREP not in site.signals:
            raise HTTPException(404, _NOT_PUBLISHED)
        return _public(crawl, desk.documents.tdm_policy(site, base_of(crawl)))

    async def robots(request: Request) -> Response:
        crawl, site = _asked(desk, request)
        own = await desk.own_robots.of(site)
        if own.text is None:
            return _passed_on(own)
        return _public(crawl, await run_in_threadpool(desk.documents.robots, site, base_of(crawl), own.text))

    pages = {Signal.PRICES: prices, Signal.RSL: licence, Signal.TDMREP: reservation, Signal.ROBOTS: robots}
    for signal, page in pages.items():
        router.add_api_route(PATHS[signal], page, methods=["GET", "HEAD"])
    router.add_api_route(TDM_POLICY, policy, methods=["GET", "HEAD"])
    return router


def _payer(who: Identity, now: float) -> Payer | None:
    """Who may read terms of its own: a registered crawler that means this very question, now."""
    match who:
        case TokenCrawler():
            return who
        case SignedCrawler(expired=None) if who.crawler.crawler_id != STRANGER:
            is_meant = charge_freshness(who.proof, now) is None and covers_target(who.proof)
            return who if is_meant else None
        case _:
            return None


def base_of(crawl: CrawlRequest) -> str:
    """Scheme and authority of the site as the one who asks knows it."""
    return f"{crawl.scheme}://{crawl.authority}"


def _asked(desk: SignalDesk, request: Request) -> tuple[CrawlRequest, SitePolicy]:
    crawl, site = _counted(desk, request)
    if request.url.path not in site.published:
        raise HTTPException(404, _NOT_PUBLISHED)
    return crawl, site


def _counted(desk: SignalDesk, request: Request) -> tuple[CrawlRequest, SitePolicy]:
    crawl: CrawlRequest = request.scope["edge.request"]
    now = desk.clock()
    wait = desk.by_address.seconds_to_wait(crawl.peer, now)
    if wait:
        raise HTTPException(
            429, "These documents are given so often to each address; wait.", {"retry-after": str(wait)}
        )
    desk.by_address.note(crawl.peer, now)
    site = desk.policy().sites.get(crawl.host)
    if site is None:
        raise HTTPException(404, _NOT_PUBLISHED)
    return crawl, site


def _public(crawl: CrawlRequest, document: Document) -> Response:
    return _answer(crawl, document, {"cache-control": f"public, max-age={CACHE_SECONDS}"})


def _answer(crawl: CrawlRequest, document: Document, headers: dict[str, str]) -> Response:
    headers = {**headers, "etag": document.etag, "x-content-type-options": "nosniff"}
    given = crawl.fields.get("if-none-match", "")
    if given.strip() == "*" or document.etag in [tag.strip().removeprefix("W/") for tag in given.split(",")]:
        return Response(None, 304, headers)
    return Response(document.body, 200, headers, media_type=document.media_type)


def _passed_on(own: OwnRobots) -> Response:
    answer = Response(own.body, own.status)
    for name, value in own.headers:
        answer.headers[name.decode("latin-1")] = value.decode("latin-1")
    return answer

"""The pages that anybody may read on every site: prices, what a 402 means, and whether a receipt holds.

Rules of this file

- One small stylesheet of ours and nothing else: no script, no image, nothing from elsewhere; the policy says so.
- What a receipt says is shown to who holds the receipt or its number, and nothing beside it (docs/decisions/0054).
- Addresses are counted, so that nobody looks things up by the million here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any
from urllib.parse import parse_qs, urlsplit

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request

from edge.core.jws import JwsFault, time_text
from edge.core.keys import PublicKey
from edge.core.money import Money
from edge.core.policy import Policy, SitePolicy
from edge.core.receipts import Receipt, receipt_sentence, verify_receipt
from edge.core.refusal_fields import PROBLEM_PATH, contact_link, register_link
from edge.core.refusals import REFUSALS
from edge.core.request import CrawlRequest
from edge.core.signals.price_list import public_rules
from edge.core.signals.price_page import PriceRow, answers_at, price_rows
from edge.core.signals.published import HELP_PAGE, PATHS, PRICES_PAGE, VERIFY_PAGE, Signal
from edge.proxy.leaky_buckets import LeakyBuckets
from edge.proxy.small_requests import read_content

STYLE_PATH = "/.well-known/farebox/public.css"
KEYS_PATH = "/.well-known/farebox/jwks.json"
CHECK_PATH = "/.well-known/farebox/check-signature"
ADDRESS_BURST, ADDRESS_PER_SECOND = 60, 1.0
ROWS_SHOWN = 200
FORM_BYTES_MAX = 40_000
READ = ["GET", "HEAD"]
_STYLE_SECONDS = 3600
_PAGE_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class PublicDesk:
    """What the pages need. ``receipt_of`` gives the signed receipt of a charge's number, ``is_known`` says whether a
    crawler is widely known; ``clock`` gives Unix seconds."""

    operator: str
    contact: str | None
    policy: Callable[[], Policy]
    keys: Callable[[], Mapping[str, PublicKey]]
    receipt_of: Callable[[str], str | None]
    is_known: Callable[[str], bool]
    clock: Callable[[], float]
    by_address: LeakyBuckets = field(default_factory=lambda: LeakyBuckets(ADDRESS_BURST, ADDRESS_PER_SECOND))


def public_routes(desk: PublicDesk) -> APIRouter:
    """The pages and their stylesheet."""
    router = APIRouter()
    pages = _Pages(desk)

    def style() -> Response:
        headers = {"cache-control": f"public, max-age={_STYLE_SECONDS}", "x-content-type-options": "nosniff"}
        return Response(pages.style, 200, headers, media_type="text/css; charset=utf-8")

    def prices(request: Request) -> Response:
        return pages.prices(*_asked(desk, request), request.query_params)

    def help_page(request: Request) -> Response:
        return pages.help(*_asked(desk, request))

    def form(request: Request) -> Response:
        return pages.verify(*_asked(desk, request), None)

    async def verify(request: Request) -> Response:
        asked = _asked(desk, request)
        body = await read_content(request, FORM_BYTES_MAX)
        return await run_in_threadpool(pages.verify, *asked, _pasted(body))

    router.add_api_route(STYLE_PATH, style, methods=READ)
    router.add_api_route(PRICES_PAGE, prices, methods=READ)
    router.add_api_route(HELP_PAGE, help_page, methods=READ)
    router.add_api_route(VERIFY_PAGE, form, methods=READ)
    router.add_api_route(VERIFY_PAGE, verify, methods=["POST"])
    return router


def _asked(desk: PublicDesk, request: Request) -> tuple[CrawlRequest, SitePolicy]:
    crawl: CrawlRequest = request.scope["edge.request"]
    now = desk.clock()
    wait = desk.by_address.seconds_to_wait(crawl.peer, now)
    if wait:
        raise HTTPException(429, "These pages are shown so often to each address; wait.", {"retry-after": str(wait)})
    desk.by_address.note(crawl.peer, now)
    return crawl, desk.policy().sites[crawl.host]


def _pasted(body: bytes) -> str:
    try:
        form = parse_qs(body.decode("utf-8"), max_num_fields=10)
    except ValueError:
        raise HTTPException(400, "This form cannot be read.") from None
    return "".join(form.get("receipt", [""])[0].split())


class _Pages:
    """Renders the pages; templates and stylesheet are read once."""

    def __init__(self, desk: PublicDesk) -> None:
        self._desk = desk
        self._templates = Environment(
            loader=PackageLoader("edge.proxy", "pages"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.style = resources.files("edge.proxy").joinpath("pages/public.css").read_bytes()
        self._rows: dict[tuple[str, int], tuple[PriceRow, ...]] = {}

    def prices(self, crawl: CrawlRequest, site: SitePolicy, query: Mapping[str, str]) -> Response:
        """Who pays what, and what one address costs."""
        if site.rule_version and Signal.PRICES not in site.signals:
            raise HTTPException(404, "This site does not publish its prices; the answer to a request names them.")
        rows = self._rows_of(site)
        start = _number(query.get("from", ""), len(rows))
        asked = query.get("q", "").strip()[:2000]
        address = _path_of(asked, site.host)
        answers = answers_at(site.rules, address, self._desk.clock()) if asked else ()
        return self._page(
            "prices.html", crawl, site, "prices",
            rows=rows[start : start + ROWS_SHOWN], rows_in_all=len(rows),
            rows_before=max(0, start - ROWS_SHOWN) if start else None,
            rows_after=start + ROWS_SHOWN if start + ROWS_SHOWN < len(rows) else None,
            asked=asked, asked_path=address, answers=answers, in_band=site.in_band_pricing,
            is_published=site.rule_version > 0, version=site.rule_version, currency=site.currency,
            licence_path=PATHS[Signal.RSL] if Signal.RSL in site.signals else None,
        )  # fmt: skip

    def help(self, crawl: CrawlRequest, site: SitePolicy) -> Response:
        """What a 402 means, and every code."""
        codes = [(code.value, text) for code, text in REFUSALS.items()]
        sold = [rule.price for rule in site.rules.rule_set if rule.price is not None and rule.price.amount_micros]
        example = max(sold, key=lambda price: price.amount_micros) if sold else Money(10_000, site.currency)
        return self._page(
            "help.html", crawl, site, "help",
            codes=codes, example_price=example, register_page=register_link(site), check_path=CHECK_PATH,
            problem_base=PROBLEM_PATH,
        )  # fmt: skip

    def verify(self, crawl: CrawlRequest, site: SitePolicy, pasted: str | None) -> Response:
        """Whether a receipt holds, and what it says."""
        by_number = pasted is not None and "." not in pasted
        found: Receipt | JwsFault | None = None
        fault = None
        if pasted:
            text = self._desk.receipt_of(pasted) if by_number else pasted
            found = None if text is None else verify_receipt(text, self._desk.keys())
            fault = _why_not(found)
        elif pasted is not None:
            fault = "Nothing was pasted."
        receipt = found if isinstance(found, Receipt) else None
        answer = self._page(
            "verify.html", crawl, site, "verify",
            receipt=receipt, fault=fault, lines=_lines(receipt), pasted=pasted or "", by_number=by_number,
            keys_path=KEYS_PATH,
        )  # fmt: skip
        answer.headers["cache-control"] = "no-store"
        answer.status_code = 422 if fault else 200
        return answer

    def _rows_of(self, site: SitePolicy) -> tuple[PriceRow, ...]:
        key = (site.host, site.rule_version)
        rows = self._rows.get(key)
        if rows is None:
            if len(self._rows) >= ROWS_SHOWN:
                self._rows.clear()
            rows = self._rows[key] = price_rows(public_rules(site.rules.rule_set, self._desk.is_known))
        return rows

    def _page(self, template: str, crawl: CrawlRequest, site: SitePolicy, here: str, **values: Any) -> Response:
        contact = site.contact or self._desk.contact
        page = self._templates.get_template(template).render(
            host=site.host, operator=self._desk.operator, here=here, contact=contact,
            contact_href=contact_link(contact) if contact else None, prices_page=PRICES_PAGE, help_page=HELP_PAGE,
            verify_page=VERIFY_PAGE, list_path=PATHS[Signal.PRICES], **values,
        )  # fmt: skip
        return HTMLResponse(page, headers={"cache-control": "public, max-age=300", **_PAGE_HEADERS})


def _number(text: str, below: int) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 and int(text) < below else 0


def _path_of(asked: str, host: str) -> str:
    """A path out of what a person typed: a whole address of this site, or a path with or without its slash."""
    try:
        parts = urlsplit(asked if "://" in asked else f"https://{host}/{asked.removeprefix('/')}")
    except ValueError:
        return ""
    if (parts.hostname or "") != host:
        return ""
    return f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"


def _why_not(found: Receipt | JwsFault | None) -> str | None:
    match found:
        case None:
            return "No charge has this number here."
        case JwsFault():
            return receipt_sentence(found)
        case _:
            return None


def _lines(receipt: Receipt | None) -> tuple[tuple[str, str], ...]:
    """What a receipt says, in the order in which people ask."""
    if receipt is None:
        return ()
    return (
        ("Page", f"{receipt.site}{receipt.target}"),
        ("Crawler", f"{receipt.crawler} ({receipt.agent_url})"),
        ("Paid", str(receipt.price)),
        ("It offered", receipt.offer or "nothing"),
        ("When", f"{time_text(receipt.charged_at_micros)[:19].replace('T', ' ')} UTC"),
        ("State", receipt.state.value),
        ("Licence", receipt.licence or "none named"),
        ("Rule", f"{receipt.rule}, version {receipt.rule_version} of the prices"),
        ("Number", receipt.charge_id),
        ("Issued by", receipt.issuer),
    )

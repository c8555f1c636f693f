"""``/.well-known/farebox/register``: how a crawler is registered, in words; asking for it; and what became of that.

Rules of this file
- GET without a signature explains; with one it tells that agent, and nobody else, how its registration stands.
- POST is believed when the signature covers the whole request and the agent's own host publishes the key. It only ever
  asks: nobody can pay before a person has approved.
- Asking is idempotent: an agent has one registration, and asking again answers how it stands.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException
from starlette.requests import Request

from edge.core.policy import Policy
from edge.core.refusal_fields import REGISTER_PATH, field_text
from edge.core.refusals import REFUSALS, RefusalCode
from edge.core.registration import CONTENT_BYTES_MAX, NoWish, binding_fault, read_wish
from edge.core.request import CrawlRequest
from edge.core.web_bot_auth import Verified
from edge.core.webhooks import timestamp_text
from edge.proxy.registrar import NotProved, Registrar
from edge.proxy.registration_page import registration_page
from edge.proxy.small_requests import read_content
from edge.store.database import Database, now_micros
from edge.store.registrations import Asked, Registration, ask, find_by_agent

FULL_RETRY_SECONDS = 86_400
PAGE_HEADERS = {
    "cache-control": "no-cache",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
    "vary": "Signature",
}
ACCEPT_SIGNATURE = (
    'sig1=("@method" "@authority" "@target-uri" "content-digest" "signature-agent";key="sig1")'
    ';created;expires;tag="web-bot-auth"'
)


@dataclass(frozen=True, slots=True)
class RegistrationOffice:
    """What the routes need. ``is_open`` False: crawlers are registered by the operator alone."""

    database: Database
    registrar: Registrar
    policy: Callable[[], Policy]
    operator: str
    contact: str | None
    is_open: bool = True


def registration_routes(office: RegistrationOffice) -> APIRouter:
    """The page, the question and the wish."""
    router = APIRouter()

    async def look(request: Request) -> Response:
        crawl: CrawlRequest = request.scope["edge.request"]
        if "signature" in crawl.fields or "signature-input" in crawl.fields:
            proof = await office.registrar.prove(crawl)
            return _refused(proof) if isinstance(proof, NotProved) else await _status(office, proof)
        site = office.policy().sites.get(crawl.host)
        contact = (site.contact if site else None) or office.contact
        where = f"{crawl.scheme}://{crawl.authority}"
        page = registration_page(where, office.operator, contact, is_open=office.is_open)
        return HTMLResponse(page, headers=PAGE_HEADERS)

    async def wish(request: Request) -> Response:
        crawl: CrawlRequest = request.scope["edge.request"]
        if not office.is_open:
            raise HTTPException(403, "Crawlers are registered by the operator here; write to the contact of the site.")
        body = await read_content(request, CONTENT_BYTES_MAX)
        proof = await office.registrar.prove(crawl)
        if isinstance(proof, NotProved):
            return _refused(proof)
        unbound = binding_fault(proof, crawl.fields.get("content-digest"), body)
        if unbound is not None:
            return _refused(NotProved(RefusalCode.SIGNATURE_INVALID, unbound))
        return await _asked(office, proof, crawl.host, body)

    router.add_api_route(REGISTER_PATH, look, methods=["GET", "HEAD"])
    router.add_api_route(REGISTER_PATH, wish, methods=["POST"])
    return router


async def _asked(office: RegistrationOffice, proof: Verified, host: str, body: bytes) -> Response:
    wish = read_wish(body, proof.agent_url)
    if isinstance(wish, NoWish):
        raise HTTPException(422, wish.detail)
    if proof.agent_url in office.policy().crawlers:
        return await _status(office, proof)

    def note() -> Asked:
        with office.database.write() as connection:
            return ask(connection, proof.agent_url, proof.thumbprint, host, wish, now_micros())

    became = await asyncio.to_thread(note)
    if became is Asked.FULL:
        headers = {"retry-after": str(FULL_RETRY_SECONDS)}
        raise HTTPException(503, "Too many registrations wait for the operator; ask again another day.", headers)
    return await _status(office, proof, fresh=became is Asked.NEW)


async def _status(office: RegistrationOffice, proof: Verified, *, fresh: bool = False) -> Response:
    def read() -> Registration | None:
        with office.database.read() as connection:
            return find_by_agent(connection, proof.agent_url)

    found = await asyncio.to_thread(read)
    known = office.policy().crawlers.get(proof.agent_url)
    document: dict[str, Any] = {"agent": proof.agent_url, "status": "unknown"}
    if found is not None:
        document |= {
            "status": found.state,
            "asked_at": timestamp_text(found.asked_at_micros),
            "decided_at": None if found.decided_at_micros is None else timestamp_text(found.decided_at_micros),
            "reason": found.reason,
        }
    if known is not None:
        document |= {"status": "suspended" if known.suspended else "registered", "name": known.name}
    status = 202 if fresh else 404 if document["status"] == "unknown" else 200
    return Response(orjson.dumps(document), status, {"cache-control": "no-store"}, media_type="application/json")


def _refused(why: NotProved) -> Response:
    """A problem in the words of the closed list, with the one reason."""
    headers = {"cache-control": "no-store"}
    if why.retry_after_seconds is not None:
        headers["retry-after"] = str(why.retry_after_seconds)
    if why.code is None:
        return _problem(429, {"title": "Too many registrations", "detail": why.detail}, headers)
    text = REFUSALS[why.code]
    headers["accept-signature"] = ACCEPT_SIGNATURE
    if text.crawler_error is not None:
        headers["crawler-error"] = text.crawler_error.value
    headers["crawler-error-detail"] = field_text(why.detail)
    detail = f"{text.detail} ({why.detail})"
    return _problem(text.status, {"title": text.title, "detail": detail, "code": why.code.value}, headers)


def _problem(status: int, members: Mapping[str, str], headers: Mapping[str, str]) -> Response:
    problem = {"type": "about:blank", "status": status, **members}
    return Response(orjson.dumps(problem), status, headers, media_type="application/problem+json")

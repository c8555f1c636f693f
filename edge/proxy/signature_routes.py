"""``/.well-known/farebox/check-signature``: a crawler's author hears which check failed, and what would pass.

Rules of this file

- What is said is the gate's own judgement of this very request; nothing is charged, nothing is kept, no page is read.
- Statuses are those of the test pages that authors know: 200 verified, 401 well signed with a key that cannot be had,
  400 for everything else, 429 when an address or all of them ask too often.
- The keys of an agent that nobody registered are fetched here, on a budget (``registrar``), because an author tries
  before anybody registers it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson
from fastapi import APIRouter, Response
from starlette.exceptions import HTTPException
from starlette.requests import Request

from edge.core.policy import Policy
from edge.core.refusal_fields import ACCEPT_SIGNATURE
from edge.core.request import CrawlRequest
from edge.core.signature_check import SignatureReport, explain_signature
from edge.proxy.leaky_buckets import LeakyBuckets
from edge.proxy.registrar import NotProved, Registrar

CHECK_PATH = "/.well-known/farebox/check-signature"
STATUS = {"verified": 200, "unverified": 401, "invalid": 400, "unsigned": 400}
ADDRESS_BURST, ADDRESS_PER_SECOND = 30, 1.0
PROCESS_BURST, PROCESS_PER_SECOND = 200, 50.0
KEY_FETCH_BURST, KEY_FETCH_PER_SECOND = 20, 0.2

_EVERYBODY = "0.0.0.0"  # noqa: S104 -- the one bucket of the process, no address to listen on


@dataclass(frozen=True, slots=True)
class CheckDesk:
    """What the route needs; ``clock`` gives Unix seconds."""

    registrar: Registrar
    policy: Callable[[], Policy]
    clock: Callable[[], float]
    by_address: LeakyBuckets = field(default_factory=lambda: LeakyBuckets(ADDRESS_BURST, ADDRESS_PER_SECOND))
    in_all: LeakyBuckets = field(default_factory=lambda: LeakyBuckets(PROCESS_BURST, PROCESS_PER_SECOND))


def signature_routes(desk: CheckDesk) -> APIRouter:
    """The one route."""
    router = APIRouter()

    async def check(request: Request) -> Response:
        crawl: CrawlRequest = request.scope["edge.request"]
        _count(desk, crawl.peer)
        found = await desk.registrar.examine(crawl)
        trouble = found.detail if isinstance(found, NotProved) else ""
        examined = desk.registrar.examine_from_memory(crawl) if isinstance(found, NotProved) else found
        report = explain_signature(crawl, examined, desk.policy(), desk.clock(), trouble)
        return _answer(report, crawl, desk.clock())

    router.add_api_route(CHECK_PATH, check, methods=["GET", "HEAD"])
    return router


def key_budget() -> LeakyBuckets:
    """How often an address may have strangers' keys fetched here."""
    return LeakyBuckets(KEY_FETCH_BURST, KEY_FETCH_PER_SECOND)


def _count(desk: CheckDesk, peer: str) -> None:
    now = desk.clock()
    wait = max(desk.by_address.seconds_to_wait(peer, now), desk.in_all.seconds_to_wait(_EVERYBODY, now))
    if wait:
        raise HTTPException(429, "Signatures are checked so often for each address; wait.", {"retry-after": str(wait)})
    desk.by_address.note(peer, now)
    desk.in_all.note(_EVERYBODY, now)


def _answer(report: SignatureReport, request: CrawlRequest, now: float) -> Response:
    document: dict[str, Any] = {
        "outcome": report.outcome,
        "why": report.why,
        "steps": [asdict(step) for step in report.steps],
        "to_pay": [asdict(step) for step in report.to_pay],
        "agent": report.agent,
        "keyid": report.keyid,
        "crawler": report.crawler,
        "as_received": {
            "method": request.method,
            "target_uri": f"{request.scheme}://{request.authority}{request.target}",
            "authority": request.authority,
            "signature_agent": request.fields.get("signature-agent"),
            "signature_bases": report.bases,
        },
        "now": int(now),
    }
    headers = {"cache-control": "no-store", "accept-signature": ACCEPT_SIGNATURE}
    return Response(
        orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n",
        STATUS[report.outcome],
        headers,
        media_type="application/json",
    )

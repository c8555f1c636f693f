"""Where payment providers post to: ``/.well-known/farebox/payments`` and ``.../payments/stripe`` on every site.

Rules of this file
- A route exists only where its secret is set; without one the path is not found, as any other.
- Nothing of a message is looked at before its signature holds, and no answer tells anything of a secret.
- The status tells the provider what to do: 2xx is taken for good, 409 and 422 want a person, 503 wants another try.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, assert_never

import orjson
import structlog
from fastapi import APIRouter, Response
from starlette.exceptions import HTTPException
from starlette.requests import Request

from edge.core.ledger import LedgerUnavailable
from edge.core.payment_signatures import Distrust, distrust_standard, distrust_stripe
from edge.core.payments import Ignored, Message, Notice, Payment, Unreadable, read_payment
from edge.core.stripe_events import read_stripe_event
from edge.proxy.payment_desk import PaymentDesk
from edge.proxy.small_requests import read_content
from edge.store.payment_matching import Conflict, Kept, Taken

PAYMENTS_PATH = "/.well-known/farebox/payments"
STRIPE_PATH = f"{PAYMENTS_PATH}/stripe"
RETRY_SECONDS = 30
# Who has no secret must not be able to fill the log.
DISTRUST_LOG_SECONDS = 60

log = structlog.get_logger("farebox.payments")


@dataclass(frozen=True, slots=True)
class PaymentSecrets:
    """The secrets in force, newest first; empty where a route is not wanted."""

    standard: Sequence[str] = ()
    stripe: Sequence[str] = ()


def payment_routes(
    desk: PaymentDesk, secrets: PaymentSecrets, clock: Callable[[], float], *, allow_test_mode: bool = False
) -> APIRouter:
    """The routes whose secrets are set; ``clock`` gives Unix seconds."""
    router = APIRouter()
    doubts = _Doubts(clock)

    async def standard(request: Request) -> Response:
        body = await read_content(request)
        doubts.refuse(distrust_standard(dict(request.headers), body, secrets.standard, clock()), "webhook")
        return await _answer(desk, read_payment(body))

    async def stripe(request: Request) -> Response:
        body = await read_content(request)
        header = request.headers.get("stripe-signature")
        doubts.refuse(distrust_stripe(header, body, secrets.stripe, clock()), "stripe")
        return await _answer(desk, read_stripe_event(body, allow_test_mode=allow_test_mode))

    if secrets.standard:
        router.add_api_route(PAYMENTS_PATH, standard, methods=["POST"])
    if secrets.stripe:
        router.add_api_route(STRIPE_PATH, stripe, methods=["POST"])
    return router


class _Doubts:
    """Refuses messages that are not believed, and says so in the log once in a while."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._quiet_until = 0.0

    def refuse(self, why: Distrust | None, source: str) -> None:
        """Raise ``HTTPException`` 400 unless there is nothing against the message."""
        if why is None:
            return
        now = self._clock()
        if now >= self._quiet_until:
            self._quiet_until = now + DISTRUST_LOG_SECONDS
            log.warning("a message about a payment was not believed", source=source, why=why.value)
        raise HTTPException(400, f"{why.value[:1].upper()}{why.value[1:]}.")


async def _answer(desk: PaymentDesk, message: Message) -> Response:
    try:
        return await _act(desk, message)
    except LedgerUnavailable as error:
        log.error("a payment could not be taken just now", why=str(error).splitlines()[0])
        headers = {"retry-after": str(RETRY_SECONDS)}
        raise HTTPException(503, "The ledger cannot be written just now; send it again.", headers) from error


async def _act(desk: PaymentDesk, message: Message) -> Response:
    match message:
        case Payment():
            return await _take(desk, message)
        case Notice():
            return _json(200, {"status": "noted", "fresh": await desk.note(message)})
        case Ignored():
            return _json(200, {"status": "ignored", "reason": message.reason})
        case Unreadable():
            log.warning("a message about a payment cannot be read", why=message.detail)
            raise HTTPException(422, message.detail)
        case _:
            assert_never(message)


async def _take(desk: PaymentDesk, payment: Payment) -> Response:
    outcome = await desk.take(payment)
    match outcome:
        case Taken():
            return _json(200, {"status": "credited", "reference": payment.reference, "fresh": outcome.fresh})
        case Kept():
            return _json(202, {"status": "unmatched", "reference": payment.reference, "reason": outcome.reason})
        case Conflict():
            raise HTTPException(409, outcome.detail)
        case _:
            assert_never(outcome)


def _json(status: int, document: dict[str, Any]) -> Response:
    headers = {"cache-control": "no-store"}
    return Response(orjson.dumps(document), status, headers, media_type="application/json")

"""What an operator's programs do over HTTP, on the admin port: read a crawler's accounts, and top one up.

Rules of this file
- A bearer token opens it, and the books name the token as the author of what it did.
- A top-up is named by its payment's reference, as everywhere: the same one again is answered with 200 and done once.
- Nothing else is here: terms, limits and registrations are for people, at a command line with an audit log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, assert_never

import orjson
from fastapi import APIRouter, Response
from starlette.exceptions import HTTPException
from starlette.requests import Request

from edge.core.ledger import Credited, LedgerUnavailable, ReferenceTaken
from edge.core.money import InvalidPrice, Money, parse_price
from edge.core.payments import REFERENCE_LENGTH_MAX, line, read_object
from edge.proxy.payment_desk import CreditLedger
from edge.proxy.small_requests import read_content
from edge.store.account_documents import account_row
from edge.store.accounts import show
from edge.store.crawlers import find_crawler
from edge.store.database import Database, now_micros
from edge.store.operator_tokens import OperatorToken, check_token
from edge.store.payment_matching import conflict, operators_order
from edge.store.problems import NameTaken, StoreProblem, UnknownName

ACCOUNTS_PATH = "/api/crawlers/{name}/accounts"
CREDITS_PATH = "/api/crawlers/{name}/credits"
RETRY_SECONDS = 30
MEMBERS = frozenset({"amount", "currency", "reference", "reason"})


def operator_routes(database: Database, ledger: CreditLedger) -> APIRouter:
    """The two routes, over this process's ledger."""
    router = APIRouter()

    async def accounts(request: Request, name: str) -> Response:
        await _opened(database, request)
        return _json(200, await asyncio.to_thread(_accounts, database, name))

    async def credit(request: Request, name: str) -> Response:
        token = await _opened(database, request)
        if not token.may_credit:
            raise HTTPException(403, "This token reads alone.")
        money, reference, reason = _wanted(await read_content(request))
        author = f"token {token.name}"
        try:
            order = await asyncio.to_thread(operators_order, database, name, money, reference, author, reason)
            outcome = await ledger.credit(order)
        except StoreProblem as why:
            raise HTTPException(_status_of(why), str(why)) from why
        except LedgerUnavailable as why:
            raise _unavailable() from why
        match outcome:
            case Credited():
                document = await asyncio.to_thread(_accounts, database, name)
                done = {"credited": str(outcome.amount), "reference": order.reference, "fresh": outcome.fresh}
                return _json(201 if outcome.fresh else 200, done | document)
            case ReferenceTaken():
                said = await asyncio.to_thread(conflict, database, order.reference, outcome.entry)
                raise HTTPException(409, said.detail)
            case _:
                assert_never(outcome)

    router.add_api_route(ACCOUNTS_PATH, accounts, methods=["GET"])
    router.add_api_route(CREDITS_PATH, credit, methods=["POST"])
    return router


async def _opened(database: Database, request: Request) -> OperatorToken:
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    found = None
    if scheme.lower() == "bearer" and text.strip():
        try:
            found = await asyncio.to_thread(check_token, database, text.strip(), now_micros())
        except LedgerUnavailable as why:
            raise _unavailable() from why
    if found is None:
        headers = {"www-authenticate": 'Bearer realm="farebox"'}
        raise HTTPException(401, "Send a token of `farebox token add` as Authorization: Bearer.", headers)
    return found


def _wanted(body: bytes) -> tuple[Money, str, str | None]:
    document = read_object(body)
    if document is None or set(document) - MEMBERS:
        raise HTTPException(422, f"Send one JSON object with {', '.join(sorted(MEMBERS))}; the reason may be missing.")
    reference, reason = line(document.get("reference")), document.get("reason")
    if reference is None or (reason is not None and line(reason) is None):
        raise HTTPException(422, f"'reference' and 'reason' are one line of 1 to {REFERENCE_LENGTH_MAX} characters.")
    amount, currency = document.get("amount"), document.get("currency")
    if not isinstance(amount, str) or not isinstance(currency, str):
        raise HTTPException(422, "Write the amount and the currency as text, such as '10.00' and 'USD'.")
    try:
        return parse_price(f"{currency} {amount}"), reference, line(reason)
    except InvalidPrice as why:
        raise HTTPException(422, str(why)) from why


def _accounts(database: Database, name: str) -> dict[str, Any]:
    try:
        with database.read() as connection:
            known = find_crawler(connection, name)
            rows = [account_row(view) for view in show(connection, known.crawler_id)]
    except UnknownName as why:
        raise HTTPException(404, str(why)) from why
    return {"crawler": known.name, "suspended": known.suspended, "accounts": rows}


def _status_of(why: StoreProblem) -> int:
    if isinstance(why, NameTaken):
        return 409
    return 404 if isinstance(why, UnknownName) and why.field == "crawler" else 422


def _unavailable() -> HTTPException:
    headers = {"retry-after": str(RETRY_SECONDS)}
    return HTTPException(503, "The ledger cannot be written just now; send it again.", headers)


def _json(status: int, document: Mapping[str, Any]) -> Response:
    headers = {"cache-control": "no-store"}
    return Response(orjson.dumps(document), status, headers, media_type="application/json")

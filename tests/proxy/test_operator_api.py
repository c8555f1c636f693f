"""The operators' API on the admin port, over a real socket and ledger: a token opens it, a reference counts once."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn

from edge.core.ledger import EntryKind, LedgerUnavailable
from edge.proxy.control import Metrics, admin_app
from edge.proxy.operator_api import operator_routes
from edge.store.accounts import open_crawler_account
from edge.store.audit import audit_rows
from edge.store.charges import Ledger
from edge.store.operator_tokens import add_token, revoke_token
from tests.support.webhook_post import Post
from tests.support.wire import PATIENCE_SECONDS, Received, Wire

ACCOUNTS, CREDITS = "/api/crawlers/Bot1/accounts", "/api/crawlers/Bot1/credits"
WANTED = {"amount": "10.00", "currency": "USD", "reference": "INV-7", "reason": "invoice 7"}


class Api:
    """An admin application that serves, with one token that may credit and one that reads."""

    def __init__(self, post: Post, ledger: Ledger, port: int) -> None:
        self.post, self.ledger, self.port = post, ledger, port
        with post.database.write() as connection:
            self.token = add_token(connection, "billing", may_credit=True, author="x", now_micros=1)[1]
            self.reader = add_token(connection, "reader", may_credit=False, author="x", now_micros=1)[1]

    def ask(self, path: str, document: object = None, *, token: str | None = "") -> Received:
        body = b"" if document is None else json.dumps(document).encode()
        lines = [f"{'GET' if document is None else 'POST'} {path} HTTP/1.1", "Host: admin", "Connection: close"]
        if token is not None:
            lines.append(f"Authorization: Bearer {token or self.token}")
        if document is not None:
            lines.append(f"Content-Length: {len(body)}")
        with Wire(self.port) as wire:
            return wire.ask("\r\n".join([*lines, "", ""]).encode() + body, lines[0].split()[0])


@pytest.fixture
def api(post: Post) -> Iterator[Api]:
    with post.database.write() as connection:
        open_crawler_account(connection, 1, "USD")
    ledger = Ledger.open(post.database, node="admin", report=lambda error: None)
    app = admin_app(lambda: None, Metrics, [operator_routes(post.database, ledger)])
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    patience = time.monotonic() + PATIENCE_SECONDS
    while not server.started:
        assert time.monotonic() < patience
        time.sleep(0.005)
    yield Api(post, ledger, listening.getsockname()[1])
    server.should_exit = True
    thread.join(PATIENCE_SECONDS)
    ledger.close()
    assert not thread.is_alive()


def document(answer: Received) -> Any:
    assert answer.fields["cache-control"] == "no-store"
    return json.loads(answer.body)


def test_a_top_up_is_done_once_and_bears_the_tokens_name(api: Api) -> None:
    first, again = api.ask(CREDITS, WANTED), api.ask(CREDITS, WANTED)
    assert (first.status, again.status) == (201, 200)
    assert (document(first)["fresh"], document(again)["fresh"]) == (True, False)
    assert document(again)["accounts"][0]["balance_micros"] == 10_000_000
    with api.post.database.read() as connection:
        (row,) = [row for row in audit_rows(connection) if row.kind is EntryKind.CREDIT]
    assert (row.author, row.reference, row.reason) == ("token billing", "INV-7", "invoice 7")
    conflict = api.ask(CREDITS, {**WANTED, "amount": "11"})
    assert conflict.status == 409
    assert "USD 10.00" in document(conflict)["title"]


def test_balances_are_read(api: Api) -> None:
    for token in (api.token, api.reader):
        found = document(api.ask(ACCOUNTS, token=token))
        assert (found["crawler"], [row["balance"] for row in found["accounts"]]) == ("Bot1", ["USD 0.00"])
    assert api.ask("/api/crawlers/Nobody/accounts").status == 404


def test_without_a_good_token_nothing_is_told_or_done(api: Api) -> None:
    with api.post.database.write() as connection:
        gone = add_token(connection, "gone", may_credit=True, author="x", now_micros=1)[1]
        revoke_token(connection, "gone", author="x", now_micros=1)
    for token in (None, "fbo_wrong", gone, "é"):
        for path, wanted in ((ACCOUNTS, None), (CREDITS, WANTED), ("/api/crawlers/Nobody/accounts", None)):
            answer = api.ask(path, wanted, token=token)
            assert (answer.status, answer.fields["www-authenticate"]) == (401, 'Bearer realm="farebox"')
    assert api.ask(CREDITS, WANTED, token=api.reader).status == 403
    assert document(api.ask(ACCOUNTS))["accounts"][0]["balance_micros"] == 0


@pytest.mark.parametrize(
    "change",
    [
        {"amount": 10},
        {"amount": "0"},
        {"amount": "-1"},
        {"currency": "JPY"},
        {"currency": "usd"},
        {"reference": ""},
        {"reference": "a\nb"},
        {"reason": ""},
        {"card": "4242"},
    ],
    ids=str,
)
def test_what_cannot_be_credited_says_why(api: Api, change: dict[str, object]) -> None:
    refused = api.ask(CREDITS, {**WANTED, **change})
    assert refused.status == 422
    assert document(refused)["title"]
    assert document(api.ask(ACCOUNTS))["accounts"][0]["balance_micros"] == 0


def test_strange_bodies_and_unknown_crawlers_are_refused(api: Api) -> None:
    assert api.ask(CREDITS, []).status == 422
    assert api.ask(CREDITS, "x" * 70_000).status == 413
    assert api.ask("/api/crawlers/Nobody/credits", WANTED).status == 404
    assert api.ask("/livez", token=None).status == 200


def test_a_ledger_that_is_down_asks_for_another_try(api: Api) -> None:
    api.ledger.fail(LedgerUnavailable("broken on purpose"))
    answer = api.ask(CREDITS, WANTED)
    assert (answer.status, answer.fields["retry-after"]) == (503, "30")
    assert b"on purpose" not in answer.body

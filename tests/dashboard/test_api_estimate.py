"""A program sends an access log and gets what the page shows: sums, for an hour or until somebody deletes them."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import time
from collections.abc import Iterator
from typing import Any

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from edge.core.catalogue import Catalogue
from edge.store.publisher_tokens import NewPublisherToken, Scope, add_publisher_token
from publisher_dashboard.estimates import PLACES, PUBLISHER_PLACES
from tests.dashboard.api_client import ApiClient
from tests.dashboard.conftest import ORIGIN
from tests.dashboard.test_api import SITE, problem
from tests.dashboard.test_estimate import LIMIT, LOG, Desk, line
from tests.support.newsroom import CANARY, NOW, micros

ESTIMATE = f"{SITE}/estimate"


@pytest.fixture
def desk(sqlite_newsroom_url: str, catalogue: Catalogue) -> Iterator[Desk]:
    made = Desk(sqlite_newsroom_url, catalogue)
    yield made
    made.close()


def program(desk: Desk, *scopes: Scope, publisher_id: int = 1) -> ApiClient:
    with desk.database.write() as connection:
        new = NewPublisherToken("a program", scopes or (Scope.PRICES,))
        _, text = add_publisher_token(connection, publisher_id, new, author="owner", now_micros=micros(NOW))
    return ApiClient(TestClient(desk.app, base_url=ORIGIN), text)


def send(client: ApiClient, log: bytes = LOG, path: str = ESTIMATE, kind: str = "text/plain", **asked: str) -> Response:
    headers = {"authorization": f"Bearer {client.token}", "content-type": kind}
    return client.client.post(path, params={"rules": "live", **asked}, content=log, headers=headers)


def finished(client: ApiClient, answer: Response) -> dict[str, Any]:
    """The estimate of a log that was sent, when it has been read."""
    assert answer.status_code == 202, answer.text
    while True:
        found = client.get(answer.headers["location"])
        if "retry-after" not in found.headers:
            shown: dict[str, Any] = found.json()
            return shown
        time.sleep(0.01)


def test_a_log_is_read_and_its_worth_told(desk: Desk) -> None:
    client = program(desk)
    shown = finished(client, send(client, name="logs/access.log"))
    assert (shown["state"], shown["log"], shown["rules"]) == ("done", "access.log", "Version 4, live")
    result = shown["result"]
    assert (result["requests"], result["people"], result["lines"]) == (5, 1, 5)
    assert "GPTBot" in {one["name"] for one in result["crawlers"]}
    assert result["month"]["currency"] == "USD"
    assert sum(one["worth"]["amount_micros"] for one in result["bands"]) == result["worth"]["amount_micros"] > 0
    assert client.get(ESTIMATE).json()["data"][0]["worth"] == result["worth"]


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"rules": "draft"}, "The draft"),
        ({"rules": "training", "price": "5", "unit": "thousand"}, "Charge training crawlers, at USD 0.005"),
    ],
)
def test_the_rules_are_the_drafts_or_a_presets_at_a_price(desk: Desk, asked: dict[str, str], named: str) -> None:
    client = program(desk)
    assert finished(client, send(client, gzip.compress(LOG), kind="application/gzip", **asked))["rules"] == named


def test_lines_of_other_hosts_are_left_out_unless_they_are_wanted(desk: Desk) -> None:
    client = program(desk)
    log = "".join(line(hour, "GPTBot/1.2", host="www.elsewhere.example:443 ") for hour in (1, 3)).encode()
    assert finished(client, send(client, log))["result"]["other_hosts"] == 2
    assert finished(client, send(client, log, own_host="false"))["result"]["requests"] == 2


def test_a_result_is_kept_and_deleted(desk: Desk) -> None:
    client = program(desk)
    first, second = (finished(client, send(client)) for _ in range(2))
    kept = client.send("POST", f"{ESTIMATE}/{first['id']}/keep")
    assert (kept.status_code, kept.json()["kept"], kept.json()["result"]) == (201, True, first["result"])
    path = f"{ESTIMATE}/{kept.json()['id']}"
    assert client.send("POST", f"{path}/keep").json() == kept.json()
    desk.clock.pass_minutes(61)
    assert client.get(path).json() == kept.json()
    for gone in (first["id"], second["id"]):
        problem(client.get(f"{ESTIMATE}/{gone}"), 404, "not_found")
        problem(client.send("POST", f"{ESTIMATE}/{gone}/keep"), 404, "not_found")
        problem(client.send("DELETE", f"{ESTIMATE}/{gone}"), 404, "not_found")
    assert client.send("DELETE", path).json() == {"changed": True}
    problem(client.get(path), 404, "not_found")
    problem(client.send("DELETE", path), 404, "not_found")
    written = client.get("/api/v1/audit?area=estimate").json()["data"][:2]
    assert [one["action"] for one in written] == ["estimate.deleted", "estimate.kept"]
    assert all(one["author"].startswith("token a program (") for one in written)


def test_a_log_that_is_being_read_can_be_asked_about_only(desk: Desk) -> None:
    client = program(desk)
    desk.reader.may_read.clear()
    answer = send(client)
    path = answer.headers["location"]
    assert client.get(path).json()["state"] == "reading"
    problem(client.send("DELETE", path), 409, "not_possible")
    problem(client.send("POST", f"{path}/keep"), 409, "not_possible")
    desk.reader.may_read.set()
    finished(client, answer)
    assert client.send("DELETE", path).json() == {"changed": True}


def test_what_is_no_log_says_so(desk: Desk) -> None:
    client = program(desk)
    shown = finished(client, send(client, b"hello\n" * 5))
    assert shown["state"] == "failed"
    assert "No line of this can be read" in shown["problem"]


@pytest.mark.parametrize(
    ("log", "asked", "status", "code", "field"),
    [
        (b"", {}, 422, "invalid", "body"),
        (b"x" * (LIMIT + 1), {}, 413, "too_large", None),
        (LOG, {"rules": "nonsense"}, 422, "invalid", "rules"),
        (LOG, {"rules": "training"}, 422, "invalid", "price"),
        (LOG, {"rules": "training", "price": "0"}, 422, "invalid", "price"),
        (LOG, {"rule": "live"}, 422, "invalid", "rule"),
    ],
)
def test_a_mistake_is_said_and_the_place_is_free_again(
    desk: Desk, log: bytes, asked: dict[str, str], status: int, code: str, field: str | None
) -> None:
    client = program(desk)
    for _ in range(PLACES + 1):
        told = problem(send(client, log, **asked), status, code)
        assert [one["name"] for one in told.get("fields", [])] == ([field] if field else [])  # type: ignore[attr-defined]
    assert desk.reader.tasks == []
    finished(client, send(client))


def test_a_draft_that_is_not_there_is_said(desk: Desk) -> None:
    answer = send(program(desk), path="/api/v1/sites/kitchen.harbour.example/estimate", rules="draft")
    told = problem(answer, 422, "invalid")
    assert told["fields"] == [{"name": "rules", "message": "There is no draft."}]


def test_a_form_is_no_log(desk: Desk) -> None:
    client = program(desk)
    problem(send(client, kind="multipart/form-data; boundary=b"), 400, "unreadable")


def test_a_log_that_comes_without_its_length_is_read_to_a_bound(desk: Desk) -> None:
    headers = {"host": "127.0.0.1:8403", "authorization": f"Bearer {program(desk).token}"}
    sent = [{"type": "http.request", "body": b"x" * 10_000, "more_body": True} for _ in range(100)]
    assert ask(desk, headers, sent) == [413]
    assert len(sent) > 50, "the rest is not read"


def test_a_log_that_says_that_it_is_too_large_is_not_read(desk: Desk) -> None:
    headers = {"host": "127.0.0.1:8403", "authorization": f"Bearer {program(desk).token}"}
    sent = [{"type": "http.request", "body": b"x", "more_body": False}]
    assert ask(desk, {**headers, "content-length": str(LIMIT + 1)}, sent) == [413]
    assert len(sent) == 1


def test_not_a_byte_is_taken_of_who_may_not_send_one(desk: Desk) -> None:
    reader, whole = program(desk, Scope.READ), str(10**9)
    for token, status in (("", 401), ("fbp_guessed", 401), (reader.token, 403)):
        headers = {"host": "127.0.0.1:8403", "authorization": f"Bearer {token}", "content-length": whole}
        assert ask(desk, headers, []) == [status]


def test_whoever_breaks_off_leaves_the_place_free(desk: Desk) -> None:
    client = program(desk)
    headers = {"host": "127.0.0.1:8403", "authorization": f"Bearer {client.token}"}
    half = {"type": "http.request", "body": b"half a lo", "more_body": True}
    for end in [{"type": "http.disconnect"}] * (PLACES + 1) + [asyncio.CancelledError()] * (PLACES + 1):
        assert ask(desk, headers, [half, end]) in ([400], [])
    finished(client, send(client))


def ask(desk: Desk, headers: dict[str, str], messages: list[Any]) -> list[int]:
    """Which statuses are answered to these messages; more are never asked for."""
    told: list[int] = []

    async def receive() -> Any:
        message = messages.pop(0)
        if isinstance(message, BaseException):
            raise message
        return message

    async def tell(message: Any) -> None:
        if message["type"] == "http.response.start":
            told.append(message["status"])

    scope = {
        "type": "http", "method": "POST", "path": ESTIMATE, "raw_path": ESTIMATE.encode(),
        "query_string": b"rules=live", "scheme": "http", "http_version": "1.1",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("203.0.113.7", 50_000), "server": ("127.0.0.1", 8403), "root_path": "",
    }  # fmt: skip
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(desk.app(scope, receive, tell))
    return told


def test_only_so_many_logs_of_a_publisher_wait_at_once(desk: Desk) -> None:
    client, other = program(desk), program(desk, publisher_id=2)
    desk.reader.may_read.clear()
    answers = [send(client) for _ in range(PUBLISHER_PLACES)]
    refused = send(client)
    problem(refused, 503, "busy")
    assert refused.headers["retry-after"] == "60"
    theirs = send(other, path=f"/api/v1/sites/{CANARY}.example/estimate", rules="bots", price="0.005")
    desk.reader.may_read.set()
    finished(other, theirs)
    for answer in answers:
        finished(client, answer)


def test_a_result_of_another_site_is_not_found(desk: Desk) -> None:
    client = program(desk)
    first, second = (finished(client, send(client)) for _ in range(2))
    kept = client.send("POST", f"{ESTIMATE}/{first['id']}/keep").json()
    elsewhere = "/api/v1/sites/kitchen.harbour.example/estimate"
    for name in (second["id"], kept["id"]):
        for method, path in (("GET", ""), ("POST", "/keep"), ("DELETE", "")):
            problem(client.send(method, f"{elsewhere}/{name}{path}"), 404, "not_found")
    assert len(client.get(ESTIMATE).json()["data"]) == 3, "the newsroom's own, and these two"


def test_what_a_program_had_read_is_on_the_page(desk: Desk) -> None:
    client = program(desk)
    shown = finished(client, send(client, name="from-a-program.log"))
    page = desk.signed_in().get(f"/sites/harbour.example/estimate?of={shown['id']}").text
    assert "from-a-program.log" in page
    assert "GPTBot" in page

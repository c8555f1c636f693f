"""Whose data is whose in the API: every operation x scope x the other publisher's ids, from the table. 0 leaks."""

from __future__ import annotations

import pytest

from edge.store.publisher_tokens import Scope
from publisher_dashboard.api.operations import Operation
from publisher_dashboard.api.routes import OPERATIONS
from publisher_dashboard.visit import SCOPE_GRANTS
from tests.dashboard.api_client import ApiClient, new_client
from tests.dashboard.conftest import House
from tests.dashboard.test_isolation import OURS, THEIRS, _state
from tests.support.newsroom import CANARY, NOW, micros

_NAMES_SOMETHING = ("{host}", "{charge_id}", "_id:int}")


def filled(operation: Operation, house: House, *, theirs: bool) -> str:
    """The operation's address with one publisher's ids in it."""
    room = house.newsroom
    return (
        operation.path.replace("{host}", THEIRS if theirs else OURS)
        .replace("{charge_id}", (room.other_charge_ids if theirs else room.charge_ids)[0])
        .replace("{month}", "2026-11")
        .replace("{name}", "csv")
        .replace("{version:int}", "1")
        .replace("{webhook_id:int}", "2" if theirs else "1")
        .replace("{invitation_id:int}", "2" if theirs else "1")
        .replace("{member_id:int}", "8" if theirs else "4")
        .replace("{token_id:int}", "2" if theirs else "1")
        .replace("{claim_id:int}", "2" if theirs else "1")
        .replace("{site_id:int}", "3" if theirs else "1")
        .replace("{signal}", "prices")
        .replace("{estimate}", "1")
        .replace("{place}", f"{micros(NOW)}-1")
    )


def ask(client: ApiClient, operation: Operation, path: str) -> tuple[int, str]:
    body = operation.example.get("body", {}) if operation.takes is not None else None
    answer = client.send(
        operation.method,
        path,
        json=body,
        params=operation.example.get("query"),
        if_match='"version 1"',
        idempotency_key="a-key-of-the-matrix",
    )
    return answer.status_code, answer.text


@pytest.mark.parametrize("scope", Scope, ids=str)
def test_what_is_another_publishers_does_not_exist(house: House, scope: Scope) -> None:
    client = new_client(house, scope)
    before = _state(house)
    for operation in OPERATIONS:
        if not any(part in operation.path for part in _NAMES_SOMETHING):
            continue
        house.clock.pass_minutes(0.1)
        status, text = ask(client, operation, filled(operation, house, theirs=True))
        covered = operation.need in SCOPE_GRANTS[scope]
        expected = {404} if covered or "{host}" in operation.path else {403}
        assert status in expected, f"{operation.method} {operation.path}: {status} {text}"
        assert CANARY not in text.casefold(), operation.path
    assert _state(house) == before


@pytest.mark.parametrize("scope", Scope, ids=str)
def test_a_scope_opens_what_it_grants_and_nothing_else(house: House, scope: Scope) -> None:
    client = new_client(house, scope)
    before = _state(house)
    for operation in OPERATIONS:
        covered = operation.need in SCOPE_GRANTS[scope]
        if operation.method != "GET" and covered:
            continue  # these change something; the tests of each walk through them
        house.clock.pass_minutes(0.1)
        status, text = ask(client, operation, filled(operation, house, theirs=False))
        about_nobody = operation.path.endswith(("/{webhook_id:int}", "/plan"))
        assert status == (404 if about_nobody and covered else 200 if covered else 403), (
            f"{scope} {operation.method} {operation.path}: {status} {text}"
        )
        assert CANARY not in text.casefold(), f"{scope} {operation.path} shows the other publisher"
    assert _state(house) == before


def test_every_operation_is_there_once() -> None:
    assert len({(one.method, one.path) for one in OPERATIONS}) == len(OPERATIONS)
    assert len({one.name for one in OPERATIONS}) == len(OPERATIONS)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: f"{one.method} {one.path}")
def test_nobody_sees_anything_without_a_token(quick_house: House, operation: Operation) -> None:
    browser = quick_house.new_browser().client
    answer = browser.request(operation.method, filled(operation, quick_house, theirs=True))
    assert answer.status_code == 401
    assert CANARY not in answer.text

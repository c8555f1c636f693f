"""What is written about the API is true: its description, the page in docs/, and which pages it leaves out."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Iterator
from pathlib import Path
from string import Template
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from edge.core.catalogue import Catalogue
from edge.store.publisher_tokens import Scope
from publisher_dashboard.api.reference import renewed
from publisher_dashboard.api.routes import OPERATIONS
from publisher_dashboard.routes import ROUTES
from publisher_dashboard.visit import Need
from tests.dashboard.api_client import ApiClient, new_client
from tests.dashboard.conftest import House, open_house
from tests.dashboard.test_estimate import LOG
from tests.dashboard.test_first_run import World
from tests.dashboard.test_months import close_september
from tests.support.newsroom import Newsroom
from tests.support.source_tree import ROOT

PAGE = (ROOT / "docs" / "api.md").read_text("utf-8")

WITHOUT_TWIN = {
    "/api/v1/docs": "the API's own description",
    "/static": "a file of the pages",
    "/set-up": "how people come in",
    "/invitations": "how people come in",
    "/sign": "how people come in",
    "/account": "a person's own, not the publisher's",
    "/operator": "the operator's; `farebox` does the same, with --json",
    "/portal": "a crawler's team, which has no tokens of this kind; `farebox-crawl` is its program",
}
"""Whole doors that the API does not have, by how their addresses begin, and why."""

LEFT_OUT: dict[str, str] = {
    "GET /": "goes to a page",
    "GET /find": "a way around the pages",
    "POST /publishers/{publisher_id:int}/team/leave": "a token is nobody who could leave",
    "GET /sites/{host}/activity/live": "a stream for the page; programs ask for what is new, or have webhooks",
    "POST /publishers/{publisher_id:int}/tokens": "a token does not make tokens: it would outlive its own end",
    "POST /publishers/{publisher_id:int}/tokens/{token_id:int}/rotate": "the same",
}
"""Single routes of publishers' pages that the API does not have, and why."""


@pytest.fixture
def description(quick_house: House) -> dict[str, Any]:
    answer = quick_house.new_browser().get("/api/v1/openapi.json")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def test_the_description_is_valid_openapi(description: dict[str, Any]) -> None:
    assert not [error.message for error in OpenAPIV31SpecValidator(description).iter_errors()]
    assert sum(len(path) for path in description["paths"].values()) == len(OPERATIONS)


def test_every_operation_says_what_it_takes_to_ask_it(description: dict[str, Any]) -> None:
    for path in description["paths"].values():
        for one in path.values():
            assert one["summary"]
            assert "Scope: " in one["description"]
            assert {"401", "403", "429"} <= set(one["responses"])


def test_examples_of_the_description_are_what_its_schema_takes() -> None:
    for one in OPERATIONS:
        one.asks.model_validate(one.example.get("query", {}))
        if one.takes is not None:
            one.takes.model_validate(one.example["body"])


def test_the_page_lists_every_operation() -> None:
    assert renewed(PAGE, OPERATIONS) == PAGE, "run make api-docs"


def test_every_page_of_a_publisher_is_in_the_api_or_left_out_for_a_reason() -> None:
    twins = {page for one in OPERATIONS for page in one.pages}
    routes = {f"{route.method} {route.path}" for route in ROUTES}
    assert twins <= routes, f"no such page: {sorted(twins - routes)}"
    outside = {route for route in routes if route.split(" ")[1].startswith(tuple(WITHOUT_TWIN))}
    missing = routes - twins - outside - set(LEFT_OUT)
    assert not missing, f"neither in the API nor left out for a reason: {sorted(missing)}"
    assert set(LEFT_OUT) <= routes - twins, f"no page, or in the API: {sorted(set(LEFT_OUT) - (routes - twins))}"


def test_no_operation_is_for_nobody_or_for_the_operator() -> None:
    assert {one.need for one in OPERATIONS} <= {Need.SEE, Need.EDIT, Need.EXPORT, Need.MANAGE, Need.REFUND}


@pytest.fixture
def whole_house(
    sqlite_newsroom_url: str, newsroom_file: tuple[Path, Newsroom], catalogue: Catalogue, tmp_path: Path
) -> Iterator[House]:
    """One with a closed month, which may ask the world about sites."""
    for house in open_house(sqlite_newsroom_url, newsroom_file[1], catalogue, folder=tmp_path, checks=World()):
        close_september(house, tmp_path)
        yield house


def test_the_commands_on_the_page_do_what_it_says(whole_house: House) -> None:
    client = new_client(whole_house, *Scope)
    values = {"API": "/api/v1", "HOST": "harbour.example", "TOKEN": client.token, "ETAG": "", "LIVE": "4"}
    commands = re.findall(r"^curl .*$", PAGE, re.MULTILINE)
    assert len(commands) >= 30
    for command in commands:
        whole_house.clock.pass_minutes(0.2)
        answer = run(client, command, values)
        assert answer.status_code in (200, 201, 202), f"{command}: {answer.text}"
        values |= named_in(answer)
        if "--data-binary" in command:
            wait_for(client, answer)


def named_in(answer: Any) -> dict[str, str]:
    """What later commands call by a name: the ETag, and ids out of answers."""
    found = {"ETAG": answer.headers["etag"]} if "etag" in answer.headers else {}
    document = answer.json() if answer.headers["content-type"] == "application/json" else {}
    if "record_text" in document:
        found["CLAIM"] = str(document["id"])
    if "kept" in document:
        found["KEPT" if document["kept"] else "ESTIMATE"] = document["id"]
    if document.get("paused"):
        found["PAUSED"] = str(document["paused"][0]["id"])
    return found


def wait_for(client: ApiClient, answer: Any) -> None:
    while client.get(answer.headers["location"]).json()["state"] == "reading":
        time.sleep(0.01)


def run(client: ApiClient, command: str, values: dict[str, str]) -> Any:
    """What ``curl`` would do; the shell's variables are put in after its quotes are read."""
    words = [Template(word).safe_substitute(values) for word in shlex.split(command)[1:]]
    method, headers, path = "GET", {}, ""
    body: str | bytes | None = None
    while words:
        match words.pop(0):
            case "-s" | "-i":
                continue
            case "-o":
                words.pop(0)
            case "-X":
                method = words.pop(0)
            case "-H":
                name, _, value = words.pop(0).partition(": ")
                headers[name] = value
            case "--data":
                body = words.pop(0)
            case "--data-binary":
                assert words.pop(0) == "@access.log"
                body = LOG
            case address:
                path = address
    return client.client.request(method, path, headers=headers, content=body)

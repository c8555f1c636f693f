"""A publisher's program: it has a token and sends JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from httpx2 import Response
from starlette.testclient import TestClient

from edge.store.publisher_tokens import NewPublisherToken, Scope, add_publisher_token
from tests.dashboard.conftest import House
from tests.support.newsroom import NOW, micros


@dataclass(slots=True)
class ApiClient:
    """One program's way to the API."""

    client: TestClient
    token: str
    headers: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, params: Mapping[str, str] | None = None, **headers: str) -> Response:
        return self.send("GET", path, params=params, **headers)

    def send(
        self, method: str, path: str, json: object = None, params: Mapping[str, str] | None = None, **headers: str
    ) -> Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        all_headers = {"authorization": f"Bearer {self.token}", **self.headers, **named}
        options: dict[str, Any] = {} if json is None else {"json": json}
        if params is not None:
            options["params"] = params
        return self.client.request(method, path, headers=all_headers, follow_redirects=False, **options)

    def all_of(self, path: str) -> list[dict[str, Any]]:
        """Every row of a list, page by page."""
        rows: list[dict[str, Any]] = []
        after: str | None = ""
        while after is not None:
            joint = "&" if "?" in path else "?"
            page = self.get(f"{path}{joint}after={after}" if after else path).json()
            rows += page["data"]
            after = page["next"]
        return rows


def new_client(house: House, *scopes: Scope, hosts: tuple[str, ...] = (), theirs: bool = False) -> ApiClient:
    return new_token(house, *scopes, hosts=hosts, theirs=theirs)[0]


def new_token(house: House, *scopes: Scope, hosts: tuple[str, ...] = (), theirs: bool = False) -> tuple[ApiClient, int]:
    publisher_id = house.newsroom.other_id if theirs else house.newsroom.publisher_id
    with house.database.write() as connection:
        made, text = add_publisher_token(
            connection,
            publisher_id,
            NewPublisherToken("a program", scopes, hosts),
            author="owner@harbour.example",
            now_micros=micros(NOW),
        )
    return ApiClient(house.new_browser().client, text), made.token_id

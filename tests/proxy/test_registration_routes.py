"""Asking to be registered over real sockets: explained, proved by the agent's own host, bounded, and answered."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from edge.core.content_digest import make_content_digest
from edge.core.identity import CrawlerKind
from edge.proxy.directory_fetch import Fetched, FetchFailure, FetchFault
from edge.proxy.registrar import ADDRESS_BURST, Registrar
from edge.proxy.registration_page import registration_page
from edge.proxy.registration_routes import RegistrationOffice, registration_routes
from edge.store import registrations
from edge.store.registrations import Approval
from tests.support.edge_under_test import NOW, RICH, EdgeUnderTest, Setting, policy_for
from tests.support.fake_fetch import FakeFetch, key_set
from tests.support.signing_crawler import COVERED, SigningCrawler, browsed, claimed, request
from tests.support.webhook_post import Post
from tests.support.wire import Received

PATH = "/.well-known/farebox/register"
STRANGER = SigningCrawler(9, NOW)
BODY = json.dumps({"contact": "bots@bot9.example", "name": "NineBot", "kind": "search"}).encode()
ALL = (*COVERED, "content-digest")


class Door:
    """An edge with the routes, and what its fetcher was asked for."""

    def __init__(self, edge: EdgeUnderTest, post: Post, fetch: FakeFetch) -> None:
        self.edge, self.post, self.fetch = edge, post, fetch

    def ask(
        self, body: bytes = BODY, crawler: SigningCrawler = STRANGER, *, digest: str | None = "", **more: Any
    ) -> Received:
        lines = [f"Content-Length: {len(body)}", "Content-Type: application/json"]
        if digest is not None:
            lines.append(f"Content-Digest: {digest or make_content_digest(body)}")
        covered = more.pop("covered", ALL)
        return self.edge.ask(crawler.signed(PATH, *lines, method="POST", covered=covered, **more) + body, "POST")

    def status(self, crawler: SigningCrawler = STRANGER) -> Received:
        return self.edge.ask(crawler.signed(PATH))

    @property
    def waiting(self) -> list[str]:
        with self.post.database.read() as connection:
            return [row.name for row in registrations.list_registrations(connection)]


Build = Callable[..., Door]


@pytest.fixture
def build(make_edge: Callable[..., EdgeUnderTest], post: Post) -> Build:
    def make(answer: Fetched | FetchFailure | None = None, *, is_open: bool = True) -> Door:
        published = answer or replace(key_set([STRANGER.private_key]), url=STRANGER.agent_url)
        fetch = FakeFetch({STRANGER.agent_url: published})
        policy = policy_for(Setting(), "http://127.0.0.1:1")

        def find(agent_url: str, thumbprint: str) -> Any:
            return policy.registered_keys[agent_url, thumbprint]

        async def ensure(agent_url: str, thumbprint: str) -> None:
            raise AssertionError("the keys of these crawlers are known")

        registrar = Registrar(lambda: policy, find, ensure, fetch, lambda: float(NOW))
        office = RegistrationOffice(
            post.database, registrar, lambda: policy, "tests", "mailto:edge@example.com", is_open
        )
        return Door(make_edge(routes=(registration_routes(office),)), post, fetch)

    return make


@pytest.fixture
def door(build: Build) -> Door:
    return build()


def document(answer: Received) -> dict[str, Any]:
    assert answer.fields["cache-control"] == "no-store"
    found: dict[str, Any] = json.loads(answer.body)
    return found


def test_the_page_says_how_in_plain_words(door: Door) -> None:
    page = door.edge.ask(browsed(PATH))
    assert page.status == 200
    assert page.fields["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.fields["content-security-policy"]
    for words in (b"farebox-crawl register http://news.example", b"content-digest", b"mailto:edge@example.com"):
        assert words in page.body
    assert b"<script" not in page.body
    assert door.edge.ask(claimed(PATH, method="HEAD"), "HEAD").status == 200
    assert door.fetch.asked == []


def test_a_signed_stranger_is_told_where_to_register(door: Door) -> None:
    refused = door.edge.ask(STRANGER.paying("/a"))
    assert (refused.status, refused.fields["crawler-error"]) == (403, "PaymentFailed")
    problem = json.loads(refused.body)
    assert (problem["code"], problem["links"]["register"]) == ("crawler_unregistered", PATH)
    assert f'<{PATH}>; rel="register"' in refused.fields["link"]
    assert door.fetch.asked == []  # nothing of a stranger's is fetched for a page


def test_who_proves_its_agent_waits_for_a_person(door: Door) -> None:
    assert door.status().status == 404
    asked = door.ask()
    assert (asked.status, document(asked)["status"]) == (202, "pending")
    assert door.waiting == ["NineBot"]
    again = door.ask(BODY.replace(b"NineBot", b"NineBot2"))
    assert (again.status, document(again)["status"]) == (200, "pending")
    assert door.waiting == ["NineBot2"]
    assert document(door.status())["status"] == "pending"
    assert door.edge.reports == []


def test_what_was_decided_is_told_to_the_agent(door: Door) -> None:
    door.ask()
    with door.post.database.write() as connection:
        registrations.reject(connection, 1, author="operator", reason="not now", now_micros=1)
    told = document(door.status())
    assert (told["status"], told["reason"]) == ("rejected", "not now")
    assert "decided_by" not in told
    assert document(door.ask())["status"] == "rejected"
    with door.post.database.write() as connection:
        registrations.approve(connection, 1, Approval(), author="operator", reason=None, now_micros=1)
    assert document(door.status())["status"] == "approved"


def test_a_registered_crawler_hears_that_it_is(door: Door) -> None:
    told = document(door.status(RICH))
    assert (told["status"], told["name"]) == ("registered", "bot1")
    assert document(door.ask(crawler=RICH))["status"] == "registered"
    assert door.waiting == []
    assert door.fetch.asked == []


@pytest.mark.parametrize("missing", ["@method", "@target-uri", "content-digest"])
def test_a_signature_that_leaves_something_open_is_refused(door: Door, missing: str) -> None:
    covered = tuple(name for name in ALL if name != missing)
    refused = door.ask(covered=covered)
    assert (refused.status, document(refused)["code"]) == (400, "signature_invalid")
    assert "content-digest" in refused.fields["accept-signature"]
    assert door.waiting == []


def test_nothing_else_proves_anything(door: Door) -> None:
    length = f"Content-Length: {len(BODY)}"
    unsigned = door.edge.ask(request(PATH, length, method="POST") + BODY, "POST")
    assert (unsigned.status, document(unsigned)["code"]) == (400, "signature_required")
    assert door.ask(digest=make_content_digest(b"other")).status == 400
    assert door.ask(digest=None, covered=COVERED).status == 400
    assert door.ask(created=NOW - 301).status == 400
    forged = replace_signer(SigningCrawler(8, NOW))
    refused = door.ask(crawler=forged)
    assert (refused.status, document(refused)["code"]) == (400, "key_unavailable")
    assert door.waiting == []


def replace_signer(crawler: SigningCrawler) -> SigningCrawler:
    """Signs with its own key for the stranger's host."""

    class Forger(SigningCrawler):
        @property
        def host(self) -> str:
            return STRANGER.host

    return Forger(crawler.number, crawler.now)


def test_a_host_that_cannot_be_asked_proves_nothing(build: Build) -> None:
    down = build(FetchFailure(FetchFault.ADDRESS_REFUSED, "127.0.0.1 is not public"))
    refused = down.ask()
    assert (refused.status, document(refused)["code"]) == (400, "key_unavailable")
    assert down.waiting == []


def test_an_address_may_have_only_so_much_fetched(door: Door) -> None:
    for _ in range(ADDRESS_BURST):
        assert door.status().status == 404
    limited = door.status()
    assert limited.status == 429
    assert int(limited.fields["retry-after"]) > 0
    assert len(door.fetch.asked) == ADDRESS_BURST
    assert document(door.status(RICH))["status"] == "registered"  # who is registered costs nothing


@pytest.mark.parametrize("body", [b"", b"[]", b'{"contact":"x"}', b'{"contact":"a@b.example","name":"\\u001b"}'])
def test_a_wish_that_cannot_be_had_says_what_could(door: Door, body: bytes) -> None:
    refused = door.ask(body)
    assert refused.status == 422
    assert document(refused)["title"]
    assert door.waiting == []


def test_a_long_wish_is_not_read(door: Door) -> None:
    with door.edge.connect() as wire:
        wire.send(request(PATH, "Content-Length: 100000", method="POST"))
        assert wire.answer("POST").status == 413
    assert door.fetch.asked == []


def test_when_too_many_wait_the_next_is_asked_to_come_back(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registrations, "WAITING_MAX", 0)
    assert door.ask().status == 503
    assert door.waiting == []


def test_an_operator_may_register_crawlers_alone(build: Build) -> None:
    closed = build(is_open=False)
    assert closed.ask().status == 403
    assert b"registered by the operator" in closed.edge.ask(browsed(PATH)).body
    assert closed.waiting == []


def test_the_page_names_every_kind_and_links_the_contact() -> None:
    page = registration_page("https://news.example", "Example Edge", "ops@edge.example", is_open=True)
    assert all(kind.value in page for kind in CrawlerKind)
    assert '<a href="mailto:ops@edge.example">ops@edge.example</a>' in page

"""RSL licences as a crawler reads them: our own document comes back, and a stranger's XML does no harm."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.client import FakeEdge, Identity, PaidClient, SpendPolicy, Wallet
from edge.client.fake_edge import Reply
from edge.client.licences import LICENCE_BYTES_MAX, Licence, LicenceDocument, parse_rsl
from edge.core.keys import new_private_key
from edge.core.message import Request
from edge.core.money import parse_price
from edge.core.rules import Action
from edge.core.signals.rsl import RSL_NAMESPACE, rsl_document
from edge.core.signals.scopes import Scope, Terms

HOST = "https://news.example"
FREE, SOLD = Terms(Action.ALLOW), Terms(Action.CHARGE, parse_price("USD 0.005"), "https://terms.example/x")
SCOPES = (
    Scope("/", (FREE, FREE, Terms(Action.BLOCK))),
    Scope("/articles/*.html$", (FREE, SOLD, SOLD)),
)
OURS = rsl_document(HOST, SCOPES).encode()


def document(body: bytes) -> LicenceDocument:
    contents = parse_rsl(body, f"{HOST}/page")
    assert contents is not None
    return LicenceDocument(f"{HOST}/license.xml", contents)


def test_what_an_edge_publishes_is_read_back() -> None:
    elsewhere = document(OURS).of_page(f"{HOST}/about")
    assert elsewhere == (Licence(frozenset({"search", "ai-input"}), frozenset({"ai-train"}), "free", None, None),)
    free, sold = document(OURS).of_page(f"{HOST}/articles/a.html")
    assert (free.permits, free.payment) == (frozenset({"search"}), "free")
    price = parse_price("USD 0.005")
    assert sold == Licence(frozenset({"ai-input", "ai-train"}), frozenset(), "crawl", price, "https://terms.example/x")
    assert document(OURS).of_page(f"{HOST}/articles/a.html?print=1") == elsewhere


def rsl(*contents: str) -> bytes:
    return f'<rsl xmlns="{RSL_NAMESPACE}">{"".join(contents)}</rsl>'.encode()


PERMITS = '<license><permits type="usage">search</permits><permits type="geo">EU</permits></license>'


def test_a_document_is_for_the_host_that_names_it() -> None:
    for address, is_ours in ((f"{HOST}/a", True), ("/a", True), ("https://other.example/a", False), ("", True)):
        found = document(rsl(f'<content url="{address}">{PERMITS}</content>')).of_page(f"{HOST}/a")
        assert bool(found) is is_ours
    assert document(rsl(f'<content url="/a">{PERMITS}</content>')).of_page(f"{HOST}/b") == ()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"<rsl/>",
        b"\xff\xfe<",
        b'<!DOCTYPE rsl [<!ENTITY a "b">]>' + rsl(),
        rsl().decode().encode("utf-16"),
        b'{"rsl": 1}',
    ],
)
def test_what_is_no_licence_says_nothing(body: bytes) -> None:
    assert parse_rsl(body, HOST) is None


def test_a_document_that_nests_without_end_is_read_to_its_end() -> None:
    deep = "<a>" * 50_000 + "</a>" * 50_000
    assert document(rsl(deep, f'<content url="/">{PERMITS}</content>')).of_page(f"{HOST}/x")[0].permits == {"search"}


@pytest.fixture
def edge() -> Iterator[FakeEdge]:
    with FakeEdge() as opened:
        yield opened


def test_a_client_reads_what_robots_txt_names_once(tmp_path: Path, edge: FakeEdge) -> None:
    served = {"/license.xml": OURS, "/long.xml": OURS + b" " * LICENCE_BYTES_MAX}

    def twist(number: int, request: Request, honest: Reply) -> Reply:
        return Reply(200, (), served[request.path]) if request.path in served else honest

    edge.twist = twist
    edge.robots = "License: /license.xml\nLicense: /gone.xml\nLicense: /long.xml\nLicense: ftp://x.example/y\n"
    identity = Identity(new_private_key(), "https://bot.example")
    wallet = Wallet(identity, SpendPolicy(per_request="USD 0.02"), tmp_path / "spend.db")
    with PaidClient(wallet, timeout=20) as client:
        for _ in range(2):
            assert [one.payment for one in client.licences(edge.url("/articles/a.html"))] == ["free", "crawl"]
    asked = [request.path for request in edge.seen]
    assert asked == ["/robots.txt", "/license.xml", "/gone.xml", "/long.xml"]
    assert edge.charges == {}

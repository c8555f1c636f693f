"""The edge's own documents on every site, and the operators' pages."""

from __future__ import annotations

import json
from html import escape
from typing import Any

from edge.core.refusals import REFUSALS, RefusalCode
from edge.core.rules import Action, RuleSet, everything_else
from edge.proxy.connection_limits import Limit
from edge.proxy.control import Metrics, admin_app
from tests.support.asgi import ask
from tests.support.edge_under_test import RICH, EdgeUnderTest
from tests.support.signing_crawler import browsed, claimed

JWKS = "/.well-known/farebox/jwks.json"
RECEIPT = "/.well-known/receipts/"


def test_keys_are_public_on_every_site(edge: EdgeUnderTest) -> None:
    for data in (browsed(JWKS), claimed(JWKS), RICH.paying(JWKS), claimed(f"http://news.example{JWKS}")):
        answer = edge.ask(data)
        assert (answer.status, json.loads(answer.body)) == (200, {"keys": []})
        assert answer.fields["content-type"] == "application/jwk-set+json"
        assert answer.fields["cache-control"] == "public, max-age=3600"
        assert answer.fields["x-request-id"].startswith("test-")
    assert edge.origin.seen == []
    assert edge.ledger.entries == []


def test_our_documents_are_there_even_where_everything_is_blocked(make_edge: Any) -> None:
    edge = make_edge(rules=RuleSet((), everything_else(Action.BLOCK)))
    assert edge.ask(claimed(JWKS)).status == 200
    assert edge.ask(claimed("/.well-known/farebox")).status == 403
    assert edge.ask(claimed("/.well-known/security.txt")).status == 200
    assert edge.ask(claimed(JWKS, host="evil.example")).status == 421


def test_a_receipt_is_had_by_its_id(make_edge: Any) -> None:
    edge = make_edge(receipts={"ch_1": "header.payload.signature"})
    known = edge.ask(claimed(RECEIPT + "ch_1"))
    assert (known.status, known.body, known.fields["content-type"]) == (
        200, b"header.payload.signature", "application/jose",
    )  # fmt: skip
    assert known.fields["cache-control"] == "no-store"
    for strange in ("ch_2", "x", "ch_1%2F..", "%00", "ch_1/more", ""):
        unknown = edge.ask(claimed(RECEIPT + strange))
        assert unknown.status in (400, 404), strange
        assert unknown.fields["content-type"].startswith("application/problem+json")
    assert json.loads(edge.ask(claimed(RECEIPT + "ch_2")).body)["code"] == "receipt_unknown"


def test_every_refusal_code_is_explained(edge: EdgeUnderTest) -> None:
    for code in RefusalCode:
        answer = edge.ask(browsed(f"/.well-known/farebox/problems/{code.value}"))
        assert answer.status == 200
        assert escape(REFUSALS[code].title).encode() in answer.body
        assert "default-src 'none'" in answer.fields["content-security-policy"]


def test_the_link_of_a_refusal_leads_to_its_page(edge: EdgeUnderTest) -> None:
    refused = edge.ask(claimed("/a"))
    link = refused.fields["link"].partition(">")[0].removeprefix("<")
    assert json.loads(refused.body)["type"] == f"https://news.example{link}"
    assert edge.ask(browsed(link)).status == 200
    assert edge.ask(browsed("/.well-known/farebox/problems/nonsense")).status == 404


def test_our_documents_are_only_read(edge: EdgeUnderTest) -> None:
    head = edge.ask(claimed(JWKS, method="HEAD"), "HEAD")
    assert (head.status, head.body, head.fields["content-length"]) == (200, b"", "11")
    with edge.connect() as wire:
        refused = wire.ask(claimed(JWKS, "Content-Length: 5", method="POST") + b"hello")
        assert refused.status == 405
        assert refused.fields["content-type"].startswith("application/problem+json")
    assert edge.origin.seen == []


def test_a_fault_in_our_documents_is_said_once(make_edge: Any) -> None:
    edge = make_edge(receipt_fault=RuntimeError("planted"))
    with edge.connect() as wire:
        answer = wire.ask(claimed(RECEIPT + "ch_1"))
        assert (answer.status, answer.fields["crawler-error"]) == (500, "InternalError")
        assert b"planted" not in answer.body
        assert wire.ask(claimed(JWKS)).status == 200
    assert [str(error) for _, error in edge.reports] == ["planted"]


# The operators' pages


def test_the_process_is_alive_and_says_why_it_is_not_ready() -> None:
    reasons: list[str | None] = [None, "draining"]
    app = admin_app(lambda: reasons[0], Metrics)
    assert ask(app, "/livez") == (200, "ok\n")
    assert ask(app, "/readyz") == (200, "ok\n")
    assert ask(app, "/readyz", "HEAD")[0] == 200
    reasons.reverse()
    assert ask(app, "/readyz") == (503, "not ready: draining\n")
    assert ask(app, "/livez") == (200, "ok\n")


def test_metrics_are_prometheus_text() -> None:
    metrics = Metrics(
        {"charged": 3, "payment_required": 7},
        {("edge", Limit.SLOW_HEAD): 4},
        {"policy_version": 5, "connections": 2},
        {"delivered": 6},
    )
    status, text = ask(admin_app(lambda: None, lambda: metrics), "/metrics")
    assert status == 200
    assert 'farebox_requests_total{outcome="charged"} 3.0' in text
    assert 'farebox_requests_total{outcome="payment_required"} 7.0' in text
    assert 'farebox_limited_connections_total{limit="slow_head",port="edge"} 4.0' in text
    assert "farebox_policy_version 5.0" in text
    assert "farebox_connections 2.0" in text
    assert 'farebox_webhook_tries_total{then="delivered"} 6.0' in text


def test_nothing_else_is_served_to_operators() -> None:
    app = admin_app(lambda: None, Metrics)
    for path in ("/", "/docs", "/openapi.json", "/redoc", JWKS):
        assert ask(app, path)[0] == 404

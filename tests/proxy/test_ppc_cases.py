"""Every row of the pay-per-crawl table, over real sockets with real signatures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from edge.core.money import parse_price
from edge.core.rules import Action, Rule, RuleSet, everything_else
from tests.support.edge_under_test import RICH, SUSPENDED, EdgeUnderTest, Setting
from tests.support.scripted_origin import page
from tests.support.signing_crawler import COVERED, browsed, claimed
from tests.support.wire import Received

Row = Mapping[str, Any]
ROWS: list[Row] = json.loads((Path(__file__).parent / "vectors" / "ppc_cases.json").read_text())["cases"]
PRICE_HEADERS = ("crawler-exact-price", "crawler-max-price")
PAGE = b"the page"
# RFC 9110 section 5.5: white space around a field's value is no part of it, so this price is a good one.
ACCEPTED_AFTER_STRIPPING = "bad-price:USD 0.01 "


def setting_of(given: Row) -> Setting:
    """The site as the row has it."""
    price = parse_price(given.get("zone price") or given.get("price") or "USD 0.01")
    action = Action(given.get("action", "charge"))
    default = everything_else(action, price if action is Action.CHARGE else None)
    free = (Rule("free", where="/page", action=Action.ALLOW),) if given.get("path_rule") == "free" else ()
    return Setting(rules=RuleSet(free, default), in_band_pricing=given.get("pricing") == "in-band")


def request_of(given: Row, target: str) -> bytes:
    """The request as the row has it."""
    offers = [f"{name}: {given[name]}" for name in PRICE_HEADERS if name in given]
    method = given.get("method", "GET")
    if given.get("classification") == "not a bot":
        return browsed(target, *offers, method=method)
    if given.get("signature") and not given["signature-input"]:
        return claimed(target, *offers, "Signature: sig1=:AAAA:")
    auth = given.get("auth")
    if auth in ("verified", "invalid"):
        crawler = SUSPENDED if "billing" in given else RICH
        covered = None if given.get("covered", True) else COVERED
        data = crawler.signed(target, *offers, covered=covered, method=method)
        return data.replace(b"signature: sig1=:", b"signature: sig1=:AAAA") if auth == "invalid" else data
    return claimed(target, *offers, method=method)


def play_origin(edge: EdgeUnderTest, given: Row, target: str) -> None:
    lines = [f"Crawler-Price: {given['origin crawler-price']}"] if "origin crawler-price" in given else []
    status = given.get("origin status", 200)
    body = b"" if status == 304 else PAGE
    edge.origin.script[target] = [page(body, *lines, status=f"{status} Whatever")]


def check(answer: Received, expect: Row) -> None:
    assert answer.status == expect["status"]
    for name in ("crawler-error", "crawler-price", "crawler-charged"):
        assert answer.fields.get(name) == expect[name], name
    is_empty = answer.status == 304
    assert (answer.body == (b"" if is_empty else PAGE)) is (expect["content"] == "origin")
    if answer.fields.get("crawler-error"):
        assert answer.fields["cache-control"] == "no-store"


@pytest.mark.parametrize("row", ROWS, ids=[row["id"] for row in ROWS])
def test_the_row_holds(make_edge: Any, row: Row) -> None:
    given: Row = row["given"]
    expect: Row = row["expect"]
    if row["id"] == ACCEPTED_AFTER_STRIPPING:
        expect = {**expect, "status": 200, "crawler-error": None, "crawler-charged": "USD 0.01", "content": "origin"}
    if row["id"] in ("recrawl", "edge-error"):
        given = {"auth": "verified", "crawler-max-price": "USD 0.01", **given}
    if row["id"] == "origin-bad-price":
        given = {"auth": "verified", "crawler-max-price": "USD 9.99", **given}
    setting = setting_of(given)
    edge: EdgeUnderTest = make_edge(rules=setting.rules, in_band_pricing=setting.in_band_pricing)
    target = given.get("path", "/page")
    play_origin(edge, given, target)
    if "internal" in given:
        edge.ledger.faults["post"] = RuntimeError("planted")
    asks = 2 if "same url crawled again" in given else 1
    for _ in range(asks):
        answer = edge.ask(request_of(given, target), given.get("method", "GET"))
        check(answer, expect)
    charged = parse_price(expect["crawler-charged"]).amount_micros if expect["crawler-charged"] else 0
    assert edge.ledger.charged_micros() == asks * charged
    assert [str(error) for _, error in edge.reports] == (["planted"] if "internal" in given else [])


@pytest.mark.parametrize(
    "path", ["/robots.txt", "/sitemap.xml", "/security.txt", "/.well-known/security.txt", "/crawlers.json"]
)
def test_the_documents_that_crawlers_are_to_read_are_free_whatever_the_rules_say(make_edge: Any, path: str) -> None:
    for action in (Action.CHARGE, Action.BLOCK):
        price = parse_price("USD 0.01") if action is Action.CHARGE else None
        edge: EdgeUnderTest = make_edge(rules=RuleSet((), everything_else(action, price)))
        for data in (claimed(path), RICH.paying(path), browsed(path)):
            assert edge.ask(data).status == 200
        assert edge.ledger.entries == []
        for same in (path + "?x", path.replace("s", "%73")):
            assert edge.ask(claimed(same)).status == 200
        for other in (path + "/", path + "/x", path.upper(), "/x" + path):
            assert edge.ask(claimed(other)).status in (402, 403)


def test_a_rule_may_block_with_402_and_a_text(make_edge: Any) -> None:
    rule = Rule("no", where="/*", action=Action.BLOCK, block_status=402, block_text="Write to us first.")
    edge: EdgeUnderTest = make_edge(rules=RuleSet((rule,), everything_else(Action.ALLOW)))
    answer = edge.ask(RICH.paying("/page"))
    assert (answer.status, answer.fields["crawler-error"]) == (402, "CrawlerForbidden")
    assert answer.fields["crawler-error-detail"] == "Write to us first."
    assert "crawler-price" not in answer.fields

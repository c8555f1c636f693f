"""Prices, help and receipts for anybody who looks: true, accessible, and nothing that is not in a receipt."""

from __future__ import annotations

import html
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import quote_plus

import pytest
from playwright.sync_api import sync_playwright

from edge.core.grants import FreePeriod
from edge.core.identity import CrawlerKind, Rung
from edge.core.keys import new_private_key
from edge.core.money import Money
from edge.core.rates import parse_rate
from edge.core.receipts import Receipt, ReceiptState, sign_receipt
from edge.core.refusals import RefusalCode
from edge.core.rules import Action, Rule, RuleSet, Who, Window, everything_else
from edge.core.signals.published import HELP_PAGE, PRICES_PAGE, VERIFY_PAGE, Signal
from edge.proxy.public_pages import ADDRESS_BURST
from tests.support.browser_window import ARGUMENTS, BROWSERS, violations, widths_wrong
from tests.support.edge_under_test import EdgeUnderTest
from tests.support.signing_crawler import browsed, request
from tests.support.source_tree import ROOT
from tests.support.wire import Received

MAPPED = "--host-resolver-rules=MAP news.example 127.0.0.1"
CENT, MILLE = Money(10_000, "USD"), Money(1_000, "USD")
RULES = RuleSet(
    (
        Rule("deal", Who(crawler="SecretBot"), "/archive/*", Action.CHARGE, MILLE),
        Rule("gpt", Who(crawler="GPTBot", operator="OpenAI"), "/members/*", Action.BLOCK),
        Rule("search", Who(kind=CrawlerKind.SEARCH, least=Rung.ADDRESS), action=Action.ALLOW),
        Rule(
            "articles", where="/articles/*", action=Action.CHARGE, price=MILLE, free_pages=100,
            free_period=FreePeriod.MONTH, recrawl_hours=24, recrawl_unchanged=True, rate=parse_rate("60/minute"),
            when=Window((0, 1), 0, 720), query="page", licence="ai-train",
        ),
    ),
    everything_else(Action.CHARGE, CENT),
)  # fmt: skip
RECEIPT = Receipt(
    charge_id="ch_1", charged_at_micros=1_800_000_000_000_000, issuer="tests", crawler="bot<1>",
    agent_url="https://bot1.example/", site="news.example", target="/articles/1?q=<b>", rule="articles", rule_version=4,
    licence=None, offer="max USD 0.05", price=MILLE, writer=1, entry=2,
)  # fmt: skip

MakeEdge = Callable[..., EdgeUnderTest]


@pytest.fixture
def edge(make_edge: MakeEdge) -> EdgeUnderTest:
    return make_edge(rules=RULES, signals=frozenset({Signal.PRICES}))


def text_of(answer: Received) -> str:
    assert answer.fields["content-type"] == "text/html; charset=utf-8"
    policy = answer.fields["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'self';")
    assert "unsafe" not in policy
    words = re.sub(r"<[^>]*>", " ", answer.body.decode())
    return " ".join(html.unescape(words).split())


def pasted(edge: EdgeUnderTest, text: str) -> Received:
    body = f"receipt={quote_plus(text)}"
    head = request(
        VERIFY_PAGE, "Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(body)}", method="POST"
    )
    return edge.ask(head + body.encode(), "POST")


def test_the_price_page_says_every_rule_in_words(edge: EdgeUnderTest) -> None:
    page = text_of(edge.ask(browsed(PRICES_PAGE)))
    assert "GPTBot of OpenAI not for crawlers /members/*" in page
    assert "Search engines, from published addresses free every page" in page
    assert "Every crawler USD 0.001 USD 1.00 for 1,000 /articles/* with ?page 100 pages free each month" in page
    for term in (
        "free again for 24 hours",
        "free again while it is unchanged",
        "at most 60 requests a minute",
        "licence ai-train",
    ):
        assert term in page
    assert "Mon, Tue from 00:00 to 12:00 UTC" in page
    assert "Every other crawler USD 0.01 USD 10.00 for 1,000 everything else" in page
    assert "SecretBot" not in page


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("/x", "Training crawlers, Assistants, Archivers, Search optimisation, Monitoring"),
        ("x", "Search engines free"),
        ("https://news.example/robots.txt", "Training crawlers, Search engines, Assistants"),
        ("https://other.example/x", "That is no address of a page here"),
        ("/a//b", "That is no address of a page here"),
        ("http://[", "That is no address of a page here"),
    ],
)
def test_what_one_page_costs_can_be_looked_up(edge: EdgeUnderTest, asked: str, words: str) -> None:
    assert words in text_of(edge.ask(browsed(f"{PRICES_PAGE}?q={quote_plus(asked)}")))


def test_what_was_typed_is_text(edge: EdgeUnderTest) -> None:
    answer = edge.ask(browsed(f"{PRICES_PAGE}?q={quote_plus('/x<script>')}"))
    assert b"<script" not in answer.body


def test_many_rules_are_shown_piece_by_piece(make_edge: MakeEdge) -> None:
    rules = RuleSet(tuple(Rule(str(at), where=f"/p/{at}") for at in range(450)), everything_else(Action.BLOCK))
    edge = make_edge(rules=rules, signals=frozenset({Signal.PRICES}))
    first = edge.ask(browsed(PRICES_PAGE)).body.decode()
    last = edge.ask(browsed(f"{PRICES_PAGE}?from=400")).body.decode()
    assert (first.count('role="row"'), last.count('role="row"')) == (201, 52)
    assert f'href="{PRICES_PAGE}?from=200"' in first
    assert f'href="{PRICES_PAGE}?from=200"' in last


def test_a_site_that_publishes_no_prices_has_no_page_of_them(make_edge: MakeEdge) -> None:
    edge = make_edge(rules=RULES)
    assert edge.ask(browsed(PRICES_PAGE)).status == 404
    assert edge.ask(browsed(HELP_PAGE)).status == 200


def test_the_help_page_explains_every_code(edge: EdgeUnderTest) -> None:
    answer = edge.ask(browsed(HELP_PAGE))
    page = answer.body.decode()
    assert all(f'id="{code}"' in page for code in RefusalCode)
    assert "crawler-max-price: USD 0.01" in page
    assert 'href="mailto:ops@edge.example"' in page


# Receipts


def test_a_receipt_that_holds_is_read_out(edge: EdgeUnderTest) -> None:
    answer = pasted(edge, f"  {sign_receipt(RECEIPT, edge.key)}\n")
    page = text_of(answer)
    assert (answer.status, answer.fields["cache-control"]) == (200, "no-store")
    assert "The signature holds" in page
    assert "Page news.example/articles/1?q=<b> Crawler bot<1> (https://bot1.example/) Paid USD 0.001" in page
    assert b"bot<1>" not in answer.body
    assert edge.ledger.entries == []


def test_a_receipt_is_found_by_its_number(make_edge: MakeEdge) -> None:
    receipts: dict[str, str] = {}
    edge = make_edge(rules=RULES, receipts=receipts)
    receipts["ch_1"] = sign_receipt(replace(RECEIPT, state=ReceiptState.REVERSED), edge.key)
    page = text_of(pasted(edge, "ch_1"))
    assert "This receipt is in our books. It says that the money was given back." in page
    assert "No charge has this number here." in text_of(pasted(edge, "ch_2"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a.b.c", "This is not a receipt"),
        (sign_receipt(RECEIPT, new_private_key()), "signed with a key that is not in this key set"),
        ("", "Nothing was pasted."),
        ("<script>", "No charge has this number here."),
    ],
)
def test_what_does_not_hold_is_said_and_shows_nothing(edge: EdgeUnderTest, text: str, words: str) -> None:
    answer = pasted(edge, text)
    page = text_of(answer)
    assert answer.status == 422
    assert words in page
    assert "bot1.example" not in page
    assert b"<script" not in answer.body


def test_a_form_that_is_too_long_or_no_text_is_refused(edge: EdgeUnderTest) -> None:
    assert pasted(edge, "x" * 41_000).status == 413
    head = request(VERIFY_PAGE, "Content-Length: 9", method="POST")
    assert edge.ask(head + b"receipt=\xff", "POST").status == 400


def test_who_looks_too_often_waits(edge: EdgeUnderTest) -> None:
    with edge.connect() as wire:
        statuses = [wire.ask(browsed(HELP_PAGE)).status for _ in range(ADDRESS_BURST + 1)]
    assert statuses == [200] * ADDRESS_BURST + [429]


# The look


def tokens(text: str) -> dict[str, str]:
    return dict(re.findall(r"(--[a-z0-9-]+): (light-dark\([^;]*\));", text.split("}")[0]))


def test_the_look_is_the_dashboards() -> None:
    ours = tokens((ROOT / "edge/proxy/pages/public.css").read_text("utf-8"))
    theirs = tokens((ROOT / "publisher_dashboard/static/farebox.css").read_text("utf-8"))
    assert len(ours) > 10
    assert {name: theirs.get(name) for name in ours} == ours


@pytest.mark.browser
@pytest.mark.lengthy
def test_every_page_is_accessible_in_both_themes_and_asks_nobody_else(edge: EdgeUnderTest) -> None:
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    assert program is not None, "no Chromium on this machine: run scripts/ensure_programs chromium"
    wrong: list[str] = []
    paths = (PRICES_PAGE, f"{PRICES_PAGE}?q=/articles/1", f"{PRICES_PAGE}?q=//", HELP_PAGE, VERIFY_PAGE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*ARGUMENTS, MAPPED])
        page = browser.new_page()
        requests: list[str] = []
        page.on("request", lambda one: requests.append(one.url))
        page.on("console", lambda one: wrong.append(one.text))
        for path in paths:
            page.goto(f"http://news.example:{edge.port}{path}")
            for width in (360, 768, 1280):
                page.set_viewport_size({"width": width, "height": 800})
                wrong += [f"{path} at {width}: {one}" for one in widths_wrong(page)]
                for theme in ("light", "dark"):
                    page.emulate_media(color_scheme=theme)
                    wrong += [f"{path} at {width}, {theme}: {one}" for one in violations(page)]
        page.get_by_label("Receipt or its number").fill(sign_receipt(RECEIPT, edge.key))
        page.get_by_role("button", name="Check it").click()
        page.get_by_text("The signature holds").wait_for()
        wrong += violations(page)
        browser.close()
    assert {url.split("/")[2] for url in requests if url.startswith("http")} == {f"news.example:{edge.port}"}
    assert not wrong, "\n".join(wrong)

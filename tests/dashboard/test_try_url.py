"""Test a URL: live against draft, the chain of reasons, the headers, and what a wrong question hears."""

from __future__ import annotations

import html
from urllib.parse import urlencode

import pytest

from tests.dashboard.conftest import House

PATH = "/sites/harbour.example/test"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def ask(house: House, **asked: str) -> tuple[int, str]:
    answer = house.signed_in("viewer@harbour.example").get(f"{PATH}?{urlencode(asked)}")
    return answer.status_code, html.unescape(answer.text)


def test_a_signed_offer_is_judged_live_and_in_the_draft_side_by_side(house: House) -> None:
    status, page = ask(house, url="/articles/opinion/x", crawler="ExampleBot", offer="max", price="0.006")
    assert status == 200
    live, draft = page.split("Live, version 4")[1].split(">Draft<")
    assert ">Sold<" in live
    assert "crawler-charged: USD 0.005" in live
    assert ">Asked to pay<" in draft
    assert "HTTP/1.1 402" in draft
    assert "crawler-error: InvalidCrawlerMaxPrice" in draft
    assert "crawler-price: USD 0.008" in draft
    assert "Taken for ExampleBot, a training crawler, proved by its signature" in page


def test_the_chain_gives_the_first_reason_of_each_rule_before_the_one_that_decides(house: House) -> None:
    _, page = ask(house, url="https://harbour.example/archive/2021/x", agent="GPTBot/1.3")
    chain = page.split('class="chain"')[1].split("</ol>")[0]
    assert chain.index("Partners") < chain.index("Long reads") < chain.index("Archive")
    assert "does not cover this address, only /articles/*" in chain
    assert "<b>Archive</b> decides" in chain


def test_everything_else_decides_when_nothing_before_it_did(quick_house: House) -> None:
    _, page = ask(quick_house, url="/elsewhere", agent="GPTBot/1.3")
    assert "<b>Everything else</b> decides" in page
    assert "crawler-price: USD 0.001" in page


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"url": "/articles/x", "agent": BROWSER}, ("Served free", "Taken for a person")),
        ({"url": "/robots.txt", "agent": "GPTBot/1.3"}, ("Served free", "always free")),
        ({"url": "/members/x", "agent": "CCBot/2.0"}, ("Refused", "HTTP/1.1 403", "Members only; write to us.")),
        ({"url": "/articles//x", "agent": "CCBot/2.0"}, ("Refused", "HTTP/1.1 400", "/articles/x")),
        ({"url": "/articles/x", "agent": ""}, ("Asked to pay", "a nameless bot", "crawler-price: USD 0.001")),
        ({"url": "/articles/x", "agent": "GPTBot/1.3", "offer": "max", "price": "1"}, ("StrongAuthRequired",)),
        ({"url": "/articles/x", "crawler": "ExampleBot", "offer": "exact", "price": "0.005"}, ("Sold",)),
        (
            {"url": "/articles/x", "crawler": "ExampleBot", "offer": "exact", "price": "0.006"},
            ("InvalidCrawlerExactPrice",),
        ),
        ({"url": "/recipes/x", "agent": "CCBot/2.0"}, ("Asked to pay",)),
    ],
)
def test_what_a_request_would_meet(quick_house: House, asked: dict[str, str], words: tuple[str, ...]) -> None:
    _, page = ask(quick_house, **asked)
    for word in words:
        assert word in page


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        ("articles/tides", "/articles/tides"),
        ("/ü/straße", "/%C3%BC/stra%C3%9Fe"),
        ("https://harbour.example/a b", "/a%20b"),
        ("harbour.example/x", "/x"),
    ],
)
def test_an_address_is_read_as_a_person_means_it(quick_house: House, typed: str, asked: str) -> None:
    status, page = ask(quick_house, url=typed, agent="GPTBot/1.3")
    assert status == 200
    assert f"https://harbour.example{asked}" in page


def test_what_was_typed_for_nothing_is_said(quick_house: House) -> None:
    _, page = ask(quick_house, url="/x", crawler="ExampleBot", agent="GPTBot/1.3", price="0.01")
    assert "The User-Agent was not used: ExampleBot signs with its own name." in page
    assert "The amount was not used" in page
    _, page = ask(quick_house, url="/x", crawler="ExampleBot", offer="max", price="0.01")
    assert "not used" not in page


def test_a_refusals_words_are_said_to_be_the_crawlers(quick_house: House) -> None:
    _, page = ask(quick_house, url="/articles/x", agent="GPTBot/1.3")
    assert "The crawler is told: Payment required." in page


def test_a_watching_rule_says_what_it_would_have_asked_and_when(quick_house: House) -> None:
    quick_house.clock.now += (24 + 8) * 3600  # Saturday evening
    _, page = ask(quick_house, url="/recipes/x", agent="CCBot/2.0")
    assert ">Watched<" in page
    assert "$0.001" in page


def test_the_curl_line_asks_the_same(quick_house: House) -> None:
    _, page = ask(quick_house, url="/articles/x?page=2&q='", agent="GPTBot/1.3", offer="max", price="0.01")
    assert "curl --include --path-as-is 'https://harbour.example/articles/x?page=2&q='\"'\"''" in page
    assert "--header 'user-agent: GPTBot/1.3' --header 'crawler-max-price: USD 0.01'" in page


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"url": "https://evil.example/x"}, "url"),
        ({"url": "ftp://harbour.example/x"}, "url"),
        ({"url": "/x", "offer": "max", "price": "much"}, "price"),
        ({"url": "/x", "offer": "max"}, "price"),
        ({"url": "/x", "crawler": "Nobody"}, "crawler"),
    ],
)
def test_a_question_without_sense_is_told_at_its_field(quick_house: House, asked: dict[str, str], field: str) -> None:
    status, page = ask(quick_house, **asked)
    assert status == 422
    assert f'id="{field}-error"' in page
    assert 'class="verdict"' not in page


def test_before_anything_is_asked_only_the_form_stands_there(quick_house: House) -> None:
    status, page = ask(quick_house)
    assert status == 200
    assert 'class="verdict"' not in page
    assert "ExampleBot, signed" in page


def test_what_bears_a_name_out_is_chosen_or_told_by_an_address(quick_house: House) -> None:
    asked = {"url": "/x", "agent": "Googlebot/2.1"}
    assert "<b>Search engines</b> decides" not in ask(quick_house, **asked)[1]
    _, page = ask(quick_house, **asked, proof="address")
    assert "<b>Search engines</b> decides" in page
    assert "which comes from its published addresses" in page
    assert "an impostor" in ask(quick_house, **asked, proof="impostor")[1]
    _, page = ask(quick_house, url="/x", agent="GPTBot/1.3", ip="20.171.206.7", proof="impostor")
    assert "which comes from its published addresses" in page
    assert "the address says it" in page
    assert "by what it claims alone" in ask(quick_house, url="/x", agent="GPTBot/1.3", ip="192.0.2.7")[1]


@pytest.mark.parametrize(("field", "text"), [("ip", "somewhere"), ("ip", "1.2.3"), ("proof", "oath")])
def test_an_address_or_proof_that_is_none_is_said_at_its_field(quick_house: House, field: str, text: str) -> None:
    status, page = ask(quick_house, **{"url": "/x", "agent": "GPTBot/1.3", field: text})
    assert status == 422
    assert f'id="{field}-error"' in page


def test_terms_that_may_make_a_page_free_are_told_before_the_answer(house: House) -> None:
    editor = house.signed_in("editor@harbour.example")
    form = {
        "name": "Trial", "where": "starts", "address": "/trial/", "action": "charge", "price": "0.01",
        "free_pages": "5", "edition": editor.edition(),
    }  # fmt: skip
    assert editor.post("/sites/harbour.example/rules/new", form).status_code == 303
    _, page = ask(house, url="/trial/1", crawler="ExampleBot", offer="max", price="1")
    assert "Before that:" in page
    assert "free while fewer than 5 pages of this month were free for it" in page

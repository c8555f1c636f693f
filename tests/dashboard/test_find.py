"""Found is one's own and nothing else, by the words that people have; a page that is not there helps to find it."""

from __future__ import annotations

import re

import pytest

from edge.store.people import Role
from tests.dashboard.conftest import Browser, House
from tests.support.newsroom import CANARY, ROLES


def found(browser: Browser, words: str) -> list[tuple[str, str]]:
    page = browser.client.get("/find", params={"q": words}).text
    return re.findall(r'<li><a href="([^"]+)"><bdi>([^<]*)</bdi>', page.split('<main id="content"')[1])


@pytest.mark.parametrize(
    ("words", "href", "text"),
    [
        ("web", "/publishers/1/webhooks", "Webhooks"),
        ("kitchen", "/sites/kitchen.harbour.example/rules", "kitchen.harbour.example"),
        ("READS long", "/sites/harbour.example/rules#rule-2", "Long reads"),
        ("/articles/x", "/sites/harbour.example/test?url=%2Farticles%2Fx", "/articles/x"),
        ("https://harbour.example/a", "/sites/harbour.example/test?url=%2Fa", "/a"),
    ],
)
def test_words_lead_to_what_they_name(quick_house: House, words: str, href: str, text: str) -> None:
    assert (href, text) in found(quick_house.signed_in(), words)


def test_the_number_of_a_charge_leads_to_it(house: House) -> None:
    charge_id = house.newsroom.charge_ids[3]
    assert found(house.signed_in(), charge_id) == [(f"/publishers/1/charges/{charge_id}", charge_id)]
    assert found(house.signed_in(), "ch_nothing") == []


@pytest.mark.parametrize("role", ROLES, ids=str)
def test_what_is_another_publishers_is_not_found(quick_house: House, role: Role) -> None:
    browser = quick_house.signed_in(f"{role.value}@harbour.example")
    for words in (CANARY, f"{CANARY} rule", f"{CANARY}.example", f"https://{CANARY}.example/secret-page"):
        assert found(browser, words) == []
    for charge_id in quick_house.newsroom.other_charge_ids:
        assert found(browser, charge_id) == []


def test_no_words_find_nothing_and_whoever_is_not_signed_in_is_asked_to(quick_house: House) -> None:
    browser = quick_house.signed_in()
    assert [found(browser, words) for words in ("  ", "[", "http://[")] == [[], [], []]
    assert browser.get("/nothing/%5B").status_code == 404
    assert quick_house.new_browser().get("/find?q=rules").status_code == 303


def test_a_page_that_is_not_there_names_what_may_have_been_meant(quick_house: House) -> None:
    answer = quick_house.signed_in().get("/sites/harbour.example/webhooks")
    assert answer.status_code == 404
    assert '<a href="/publishers/1/webhooks"><bdi>Webhooks</bdi></a>' in answer.text
    assert 'name="q" value="webhooks"' in answer.text
    outside = quick_house.new_browser().get("/nothing")
    assert outside.status_code == 404
    assert 'action="/find"' not in outside.text

"""Entries appear when their pages exist, one is current, and theme and keys are kept in the browser."""

from __future__ import annotations

import re

import pytest

from edge.store.people import find_person, set_operates
from publisher_dashboard.navigation import GROUPS, Door, Here, Navigation
from publisher_dashboard.routes import ROUTES
from tests.dashboard.conftest import Browser, House

PATHS = frozenset(path for group in GROUPS for entry in group.entries for path in entry.paths)
THERE = Here("/", publisher_id=7, host="news.example", crawler_id=3, operates=True)


def texts(navigation: Navigation, here: Here) -> list[str]:
    return [link.text for group in navigation.links(here) for link in group.links]


def current(navigation: Navigation, path: str, **here: object) -> list[str]:
    at = Here(path, **{"publisher_id": 7, "host": "news.example", "operates": True, **here})  # type: ignore[arg-type]
    return [link.text for group in navigation.links(at) for link in group.links if link.is_current]


def test_an_entry_appears_when_its_route_exists() -> None:
    assert texts(Navigation(PATHS), THERE) == [entry.text for group in GROUPS for entry in group.entries]
    few = Navigation(frozenset({"/sites/{host}/rules", "/operator/health"}))
    assert texts(few, THERE) == ["Pricing rules", "Health"]
    assert texts(Navigation(frozenset()), THERE) == []


def test_nobody_is_shown_another_door() -> None:
    everything = Navigation(PATHS)
    for here, doors in (
        (Here("/", publisher_id=7), {Door.PUBLISHER}),
        (Here("/", operates=True), {Door.OPERATOR}),
        (Here("/", crawler_id=3), {Door.PORTAL}),
        (Here("/"), set()),
    ):
        assert {group.door for group in everything.links(here)} == doors


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/publishers/7", "Overview"),
        ("/publishers/7/charges/ch_1", "Earnings"),
        ("/publishers/7/months/2026-11", "Earnings"),
        ("/sites/news.example/rules/new", "Pricing rules"),
        ("/sites/news.example/review", "Pricing rules"),
        ("/sites/news.example/test", "Test a URL"),
        ("/operator/crawlers/4", "Crawlers' accounts"),
        ("/publishers/7/settings", "Details"),
        ("/sites/news.example/settings", "Settings"),
    ],
)
def test_the_entry_of_the_page_is_current_and_no_other(path: str, text: str) -> None:
    assert current(Navigation(PATHS), path) == [text]


@pytest.mark.parametrize("path", ["/account", "/publishers/70", "/nothing", "/sites/news.example/rulesets"])
def test_a_page_that_belongs_to_no_entry_makes_none_current(path: str) -> None:
    assert current(Navigation(PATHS), path) == []


def test_without_a_site_an_entry_of_a_site_leads_to_a_choice_for_it() -> None:
    links = {
        link.text: link.href for group in Navigation(PATHS).links(Here("/", publisher_id=7)) for link in group.links
    }
    assert links["Activity"] == "/publishers/7/sites?for=activity"
    assert links["Team"] == "/publishers/7/team"
    assert current(Navigation(PATHS), "/publishers/7/sites", host=None, choosing="activity") == ["Activity"]


def test_no_two_entries_share_a_key_or_a_letter() -> None:
    entries = [entry for group in GROUPS for entry in group.entries]
    letters = [entry.letter for entry in entries if entry.letter]
    assert len({entry.key for entry in entries}) == len(entries)
    assert len(set(letters)) == len(letters)


def test_every_entry_that_is_shown_leads_to_a_page(quick_house: House) -> None:
    with quick_house.database.write() as connection:
        owner = find_person(connection, "owner@harbour.example")
        assert owner is not None
        set_operates(connection, owner.person_id, True)
    browser = quick_house.signed_in()
    for start in ("/publishers/1", "/sites/harbour.example/rules"):
        menu = browser.get(start).text.split('id="menu"')[1].split("</header>")[0]
        links = re.findall(r'<li><a href="([^"]+)"', menu)
        mine = {
            path for group in GROUPS if group.door is not Door.PORTAL for one in group.entries for path in one.paths
        }
        assert len(links) >= len({route.path for route in ROUTES if route.method == "GET"} & mine) - 1
        for href in links:
            assert browser.get(href.replace("&amp;", "&")).status_code == 200, href


def chosen(browser: Browser, theme: str) -> None:
    answer = browser.post("/account/theme", {"theme": theme}, referer="http://127.0.0.1:8403/publishers/1?x=1")
    assert answer.headers["location"] == "/publishers/1?x=1"


def test_a_theme_is_kept_in_the_browser_and_comes_back_with_every_page(quick_house: House) -> None:
    browser = quick_house.signed_in()
    assert "data-theme" not in browser.get("/publishers/1").text
    for theme in ("dark", "light"):
        chosen(browser, theme)
        assert f'<html lang="en" data-theme="{theme}">' in browser.get("/publishers/1").text
    for word in ("system", "purple"):
        chosen(browser, "dark")
        chosen(browser, word)
        assert "data-theme" not in browser.get("/publishers/1").text


def test_single_keys_can_be_turned_off(quick_house: House) -> None:
    browser = quick_house.signed_in()
    assert 'data-go="r"' in browser.get("/publishers/1").text
    assert browser.post("/account/keys", {}).headers["location"] == "/account?said=keys"
    assert "data-go" not in browser.get("/publishers/1").text
    browser.post("/account/keys", {"keys": "on"})
    assert 'data-go="r"' in browser.get("/publishers/1").text

"""One's own account: password and sessions."""

from __future__ import annotations

import re

import pytest

from edge.store.people import ATTEMPTS_PER_ACCOUNT_AND_ADDRESS
from tests.dashboard.conftest import House, token_in
from tests.support.newsroom import PASSWORD

OWNER = "owner@harbour.example"
NEW = "another sentence about boats"


def test_a_changed_password_ends_every_other_session_and_renews_this_one(house: House) -> None:
    here, elsewhere = house.signed_in(), house.signed_in()
    before = here.client.cookies["farebox_session"]
    answer = here.post("/account/password", {"current": PASSWORD, "password": NEW, "repeated": NEW})
    assert answer.headers["location"] == "/account?said=password"
    assert here.client.cookies["farebox_session"] != before
    assert "every other session was ended" in here.get("/account?said=password").text
    assert elsewhere.get("/account").status_code == 303
    assert house.new_browser().sign_in(OWNER).status_code == 403
    assert house.new_browser().sign_in(OWNER, NEW).status_code == 303


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"current": "wrong", "password": NEW, "repeated": NEW}, "current"),
        ({"current": PASSWORD, "password": "short", "repeated": "short"}, "password"),
        ({"current": PASSWORD, "password": NEW, "repeated": NEW + "!"}, "repeated"),
        ({}, "current"),
    ],
)
def test_a_password_that_cannot_be_changed_says_why(quick_house: House, form: dict[str, str], field: str) -> None:
    browser = quick_house.signed_in()
    answer = browser.post("/account/password", form)
    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text
    assert quick_house.new_browser().sign_in(OWNER).status_code == 303


def test_a_stolen_session_cannot_try_passwords_for_ever(quick_house: House) -> None:
    browser = quick_house.signed_in()
    for _ in range(ATTEMPTS_PER_ACCOUNT_AND_ADDRESS):
        browser.post("/account/password", {"current": "wrong"})
    answer = browser.post("/account/password", {"current": PASSWORD, "password": NEW, "repeated": NEW})
    assert "Too many tries" in answer.text
    quick_house.clock.pass_minutes(16)
    assert browser.post("/account/password", {"current": PASSWORD, "password": NEW, "repeated": NEW}).status_code == 303


def test_sessions_are_listed_and_ended_by_their_owner_only(house: House) -> None:
    mine, other, stranger = house.signed_in(), house.signed_in(), house.signed_in("editor@harbour.example")
    page = mine.get("/account").text
    handles = re.findall(r'name="session" value="([0-9a-f]+)"', page)
    assert len(handles) == 1
    assert page.count(">this one<") == 1
    stranger.post("/account/sessions/end", {"session": handles[0]})
    assert other.get("/account").status_code == 200
    assert mine.post("/account/sessions/end", {"session": handles[0]}).status_code == 303
    assert other.get("/account").status_code == 303
    assert mine.get("/account").status_code == 200


def test_all_others_are_ended_at_once(quick_house: House) -> None:
    mine, *others = [quick_house.signed_in() for _ in range(3)]
    assert mine.post("/account/sessions/end-others").status_code == 303
    assert mine.get("/account").status_code == 200
    assert [one.get("/account").status_code for one in others] == [303, 303]


def test_the_account_page_names_publishers_and_roles(quick_house: House) -> None:
    page = quick_house.signed_in("billing@harbour.example").get("/account").text
    assert "Harbour Press" in page
    assert "see, download" in page
    assert token_in(page)


def test_the_menu_says_what_time_it_is_in_ones_own_zone(quick_house: House) -> None:
    browser = quick_house.signed_in()
    assert "Times are UTC." not in browser.get("/account").text
    assert browser.post("/account/zone", {"zone": "Asia/Kolkata"}).headers["location"] == "/account?said=zone"
    page = browser.get("/publishers/1").text
    assert "Times are UTC. Asia/Kolkata: 19:32, UTC+05:30" in page
    for wrong in ("../../etc/passwd", "Nowhere/Land", "<script>", ""):
        browser.post("/account/zone", {"zone": wrong})
        assert "Times are UTC." not in browser.get("/publishers/1").text

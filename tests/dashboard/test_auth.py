"""Signing in, sessions, cookies, and forms from elsewhere."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from edge.core.catalogue import Catalogue
from edge.store.people import ATTEMPTS_PER_ACCOUNT_AND_ADDRESS, ATTEMPTS_PER_ADDRESS
from edge.store.tables import session
from publisher_dashboard.routes import ROUTES, Route
from publisher_dashboard.visit import Need
from tests.dashboard.conftest import FROM_HERE, ORIGIN, House, open_house
from tests.support.newsroom import PASSWORD, Newsroom

OWNER = "owner@harbour.example"
FORMS = [route for route in ROUTES if route.method == "POST"]


@pytest.fixture
def secure_house(
    sqlite_newsroom_url: str, newsroom_file: tuple[Path, Newsroom], catalogue: Catalogue
) -> Iterator[House]:
    yield from open_house(sqlite_newsroom_url, newsroom_file[1], catalogue, "https://dashboard.example")


# Signing in


def test_a_right_password_opens_a_session_and_leads_home(house: House) -> None:
    browser = house.new_browser()
    answer = browser.sign_in(f" {OWNER.upper()} ")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert browser.get("/").headers["location"] == f"/publishers/{house.newsroom.publisher_id}"


def test_a_wrong_password_and_an_unknown_person_get_the_same_answer(quick_house: House) -> None:
    pages = []
    for email in (OWNER, "nobody@harbour.example"):
        answer = quick_house.new_browser().sign_in(email, "not the password at all")
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers
        pages.append(answer.text.replace(email, "EMAIL"))
    assert pages[0] == pages[1]
    assert "Email or password is wrong" in pages[0]


def test_a_failed_sign_in_keeps_the_address_and_not_the_password(quick_house: House) -> None:
    page = quick_house.new_browser().sign_in(OWNER, "a secret that must not come back").text
    assert f'value="{OWNER}"' in page
    assert "a secret that must not come back" not in page


def test_too_many_tries_are_refused_even_with_the_right_password(house: House) -> None:
    browser = house.new_browser()
    for _ in range(ATTEMPTS_PER_ACCOUNT_AND_ADDRESS):
        assert browser.sign_in(OWNER, "wrong").status_code == 403
    refused = browser.sign_in(OWNER)
    assert refused.status_code == 429
    assert "Too many tries" in refused.text
    assert house.new_browser("198.51.100.9").sign_in(OWNER).status_code == 303, "the owner elsewhere is not locked out"
    house.clock.pass_minutes(15.1)
    assert browser.sign_in(OWNER).status_code == 303


def test_tries_are_counted_in_the_database_not_in_the_process(
    sqlite_newsroom_url: str, newsroom_file: tuple[Path, Newsroom], catalogue: Catalogue
) -> None:
    for number in range(2):
        restarted = open_house(sqlite_newsroom_url, newsroom_file[1], catalogue)
        browser = next(restarted).new_browser()
        codes = [browser.sign_in(f"p{one}@x.example", "wrong").status_code for one in range(ATTEMPTS_PER_ADDRESS // 2)]
        assert set(codes) == {403}
        if number == 1:
            assert browser.sign_in("last@x.example", "wrong").status_code == 429
        restarted.close()


def test_after_signing_in_one_comes_to_the_page_one_asked_for(quick_house: House) -> None:
    browser = quick_house.new_browser()
    sent_away = browser.get("/sites/harbour.example/rules?said=moved")
    assert sent_away.status_code == 303
    page = browser.get(sent_away.headers["location"]).text
    assert 'name="next" value="/sites/harbour.example/rules?said=moved"' in page
    form = {"email": OWNER, "password": PASSWORD, "next": "/sites/harbour.example/rules?said=moved"}
    assert browser.post("/sign-in", form).headers["location"] == "/sites/harbour.example/rules?said=moved"


@pytest.mark.parametrize(
    "wanted", ["//evil.example/", "/\\evil.example", "https://evil.example", "evil", "/\t/evil", ""]
)
def test_after_signing_in_one_never_comes_to_another_host(quick_house: House, wanted: str) -> None:
    form = {"email": OWNER, "password": PASSWORD, "next": wanted}
    assert quick_house.new_browser().post("/sign-in", form).headers["location"] == "/"


# Sessions


def test_the_cookie_is_kept_from_scripts_and_other_sites(quick_house: House) -> None:
    cookie = quick_house.new_browser().sign_in(OWNER).headers["set-cookie"]
    assert cookie.startswith("farebox_session=")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Domain" not in cookie


def test_over_https_the_cookie_is_bound_to_the_host(secure_house: House) -> None:
    browser = secure_house.new_browser()
    form = {"email": OWNER, "password": PASSWORD}
    answer = browser.post("/sign-in", form, origin="https://dashboard.example")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-farebox=")
    assert "Secure" in cookie
    assert "Path=/" in cookie
    assert answer.headers["strict-transport-security"] == "max-age=31536000"


def test_signing_in_makes_a_new_token_and_ignores_one_that_was_planted(quick_house: House) -> None:
    browser = quick_house.new_browser()
    browser.client.cookies.set("farebox_session", "planted", domain="127.0.0.1", path="/")
    browser.sign_in(OWNER)
    first = browser.client.cookies.get("farebox_session", domain="127.0.0.1")
    browser.sign_in(OWNER)
    second = browser.client.cookies.get("farebox_session", domain="127.0.0.1")
    assert len({"planted", first, second}) == 3


def test_a_session_ends_after_half_an_hour_without_use(house: House) -> None:
    browser = house.signed_in()
    for _ in range(3):
        house.clock.pass_minutes(29)
        assert browser.get("/account").status_code == 200
    house.clock.pass_minutes(30.1)
    assert browser.get("/account").headers["location"] == "/sign-in?next=/account&why=ended"


def test_who_comes_back_to_an_ended_session_is_told_and_brought_back_to_the_page(quick_house: House) -> None:
    browser = quick_house.signed_in()
    quick_house.clock.pass_minutes(31)
    page = browser.get(browser.get("/account").headers["location"]).text
    assert "Your session ended; sign in again." in page
    assert 'name="next" value="/account"' in page
    assert "Your session ended" not in quick_house.new_browser().get("/sign-in?next=/account").text


@pytest.mark.parametrize(
    ("sent_to", "sent_from", "back"),
    [
        ("/sites/harbour.example/rules/edit", f"{ORIGIN}/sites/harbour.example/rules/edit?rule=Archive",
         "/sites/harbour.example/rules/edit?rule=Archive"),
        ("/sites/harbour.example/rules/move", None, "/sites/harbour.example/rules"),
        ("/sites/harbour.example/publish", None, "/sites/harbour.example/review"),
        ("/account/password", "https://evil.example/account", "/account"),
        ("/account/password", f"{ORIGIN}//evil.example", None),
    ],
)  # fmt: skip
def test_a_form_of_an_ended_session_is_not_read_and_leads_back_to_its_page(
    quick_house: House, sent_to: str, sent_from: str | None, back: str | None
) -> None:
    browser = quick_house.signed_in()
    quick_house.clock.pass_minutes(31)
    answer = browser.post(sent_to, {"name": "typed for long"}, **({"referer": sent_from} if sent_from else {}))
    page = html.unescape(browser.get(answer.headers["location"]).text)
    assert "What you had typed was not saved" in page
    assert f'name="next" value="{back or ""}"' in page


def test_after_signing_in_in_another_tab_the_first_one_goes_on_where_it_was(quick_house: House) -> None:
    browser = quick_house.signed_in()
    assert browser.get("/sign-in?next=/sites/harbour.example/rules").headers["location"].endswith("/rules")
    assert browser.get("/sign-in?next=//evil.example").headers["location"] == "/"
    old_tab = {"token": "of the session before", "rule": "Archive"}
    referer = f"{ORIGIN}/sites/harbour.example/rules/edit?rule=Archive"
    answer = browser.post("/sites/harbour.example/rules/edit", old_tab, referer=referer)
    assert answer.status_code == 403
    assert 'href="/sites/harbour.example/rules/edit?rule=Archive">Back to the page' in answer.text


def test_signing_out_says_so(quick_house: House) -> None:
    browser = quick_house.signed_in()
    assert "You are signed out." in browser.get(browser.post("/sign-out").headers["location"]).text


def test_a_session_ends_after_twelve_hours_of_use(quick_house: House) -> None:
    browser = quick_house.signed_in()
    for _ in range(12 * 60 // 20 - 1):
        quick_house.clock.pass_minutes(20)
        assert browser.get("/account").status_code == 200
    quick_house.clock.pass_minutes(20.1)
    assert browser.get("/account").status_code == 303


def test_signing_out_ends_the_session_on_the_server_too(house: House) -> None:
    browser = house.signed_in()
    token = browser.client.cookies["farebox_session"]
    assert browser.post("/sign-out").headers["location"] == "/sign-in?why=signed-out"
    stolen = house.new_browser()
    stolen.client.cookies.set("farebox_session", token)
    assert stolen.get("/account").status_code == 303
    with house.database.read() as connection:
        assert connection.execute(select(session)).all() == []


def test_pages_of_a_person_are_not_kept_by_caches(quick_house: House) -> None:
    assert quick_house.signed_in().get("/account").headers["cache-control"] == "no-store"


# Forms from elsewhere


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site", "origin": ORIGIN},
        {"sec-fetch-site": "same-site", "origin": ORIGIN},
        {"sec-fetch-site": "none"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:8404"},
        {},
    ],
    ids=str,
)
def test_no_form_counts_that_was_not_sent_from_here(quick_house: House, headers: dict[str, str]) -> None:
    browser = quick_house.signed_in()
    form = {"token": browser.csrf, "email": OWNER, "password": PASSWORD}
    for route in FORMS:
        answer = browser.client.post(_path_of(route), data=form, headers=headers, follow_redirects=False)
        assert answer.status_code == 403, route.path
        assert "not sent from a page of this dashboard" in answer.text
        assert "set-cookie" not in answer.headers


def test_no_form_counts_without_this_sessions_token(quick_house: House) -> None:
    browser, other = quick_house.signed_in(), quick_house.signed_in("editor@harbour.example")
    for route in FORMS:
        for token in ("", "x" * 43, other.csrf) if route.need is not Need.ANYONE else ():
            form = {"token": token}
            answer = browser.client.post(_path_of(route), data=form, headers=FROM_HERE, follow_redirects=False)
            assert answer.status_code == 403, route.path
            assert "another session" in answer.text


def test_an_origin_of_ours_will_do_where_the_browser_says_no_more(quick_house: House) -> None:
    browser = quick_house.new_browser()
    form = {"email": OWNER, "password": PASSWORD}
    answer = browser.client.post("/sign-in", data=form, headers={"origin": ORIGIN}, follow_redirects=False)
    assert answer.status_code == 303


def _path_of(route: Route) -> str:
    path = route.path.replace("{host}", "harbour.example").replace("{link}", "no-link")
    return re.sub(r"{\w+:int}", "1", path)


@pytest.mark.parametrize("number", ["2147483648", "9223372036854775808", "9" * 30])
@pytest.mark.parametrize("page", ["/publishers/{}/team", "/publishers/1/tokens/{}", "/publishers/1/team/members/{}"])
def test_a_number_that_nothing_has_is_not_there(quick_house: House, page: str, number: str) -> None:
    assert quick_house.signed_in().get(page.format(number)).status_code == 404

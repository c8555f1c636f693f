"""What holds for every route: static files, unknown pages, what breaks, what nobody should find."""

from __future__ import annotations

import re

import pytest
from structlog.testing import capture_logs

from edge.core.identity import CrawlerKind
from edge.core.registration import Wish
from edge.store.people import find_person, set_operates
from edge.store.registrations import ask
from publisher_dashboard.routes import ROUTES
from publisher_dashboard.serving import FORM_BYTES_MAX
from tests.dashboard.conftest import FROM_HERE, House
from tests.support.newsroom import PASSWORD


def test_static_files_have_names_of_their_content_and_may_be_kept(quick_house: House) -> None:
    browser = quick_house.new_browser()
    page = browser.get("/sign-in").text
    links = re.findall(r'(?:href|src)="(/static/[^"]+)"', page)
    assert len(links) >= 3
    for link in links:
        answer = browser.get(link)
        assert answer.status_code == 200
        assert re.fullmatch(r"/static/\w+\.[0-9a-f]{12}\.(css|svg|js)", link)
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert browser.get("/static/farebox.css").status_code == 404
    assert browser.get("/static/..%2fapp.py").status_code == 404


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json", "/metrics", "/nothing", "/account/", "/sites"])
def test_what_is_not_in_the_table_does_not_exist(quick_house: House, path: str) -> None:
    assert quick_house.new_browser().get(path).status_code == 404
    assert quick_house.signed_in().get(path).status_code == 404


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_other_methods_are_refused(quick_house: House, method: str) -> None:
    browser = quick_house.signed_in()
    for route in ROUTES:
        path = route.path.replace("{host}", "harbour.example").replace("{publisher_id:int}", "1")
        assert browser.client.request(method, path, headers=FROM_HERE).status_code in (404, 405)


def filled(path: str) -> str:
    """A route's address with something in place of each of its parameters."""
    return re.sub(r"\{[^}]*:int\}", "1", path.replace("{host}", "harbour.example").replace("{month}", "2026-11"))


def test_the_address_of_a_form_leads_to_the_page_it_stands_on(quick_house: House) -> None:
    browser = quick_house.signed_in()
    with quick_house.database.write() as connection:
        owner = find_person(connection, "owner@harbour.example")
        assert owner is not None
        set_operates(connection, owner.person_id, True)
        wish = Wish("NewBot", "", CrawlerKind.OTHER, "team@new.example")
        ask(connection, "https://agent.example/", "thumb", "harbour.example", wish, 1)
    pages = {(route.method, route.path) for route in ROUTES}
    for method, path in pages:
        if method == "POST" and ("GET", path) not in pages:
            there = browser.get(filled(path))
            assert there.status_code == 303, path
            # The portal is of a crawler's team, which this owner is not of; there is no webhook yet.
            is_not_there = path.startswith("/portal/") or "/webhooks/" in path
            expected = (404, 303) if is_not_there else (200, 303, 410)
            assert browser.get(there.headers["location"]).status_code in expected, path


def test_a_page_that_says_no_leads_back_to_the_site(quick_house: House) -> None:
    viewer = quick_house.signed_in("viewer@harbour.example")
    page = viewer.get("/sites/harbour.example/rules/new")
    assert page.status_code == 403
    assert 'href="/sites/harbour.example/rules">To the rules of harbour.example' in page.text
    assert "To the overview" in viewer.get("/nothing").text


def test_pages_name_nothing_off_this_host(quick_house: House) -> None:
    browser = quick_house.signed_in()
    for path in ("/publishers/1", "/sites/harbour.example/rules", "/sites/harbour.example/review", "/account"):
        page = browser.get(path).text
        assert set(re.findall(r"<script[^>]*>[^<]*", page)) <= set(
            re.findall(r'<script src="/static/[^"]+" defer>', page)
        )
        assert " style=" not in page
        assert not re.findall(r'(?:src|href|action)="(?:https?:)?//', page)
        assert not re.findall(r" on[a-z]+=", page)


def test_what_breaks_tells_nothing(quick_house: House) -> None:
    browser = quick_house.signed_in()
    with quick_house.database.write() as connection:
        connection.exec_driver_sql("ALTER TABLE rule_set RENAME TO hidden_rule_set")
    with capture_logs() as said:
        answer = browser.get("/sites/harbour.example/rules")
    assert answer.status_code == 500
    assert [one["event"] for one in said] == ["a page broke"]
    assert "<p>Something broke here; it was written down.</p>" in answer.text
    assert "20 Nov 2026, 14:02:00 UTC" in answer.text, "so that it is found in the log"
    assert not re.search("rule_set|Operational|Traceback", answer.text)
    assert answer.headers["content-security-policy"]


def test_what_breaks_has_a_page_even_when_the_database_is_gone(quick_house: House) -> None:
    browser = quick_house.signed_in()
    with quick_house.database.write() as connection:
        connection.exec_driver_sql("ALTER TABLE session RENAME TO hidden_session")
    with capture_logs():
        answer = browser.get("/account")
    assert answer.status_code == 500
    assert "Something broke here" in answer.text
    assert '<a href="/">To the overview</a>' in answer.text


def test_a_form_that_is_too_large_is_answered_by_a_page(quick_house: House) -> None:
    browser = quick_house.signed_in()
    answer = browser.post("/account/zone", {"zone": "x" * FORM_BYTES_MAX})
    assert answer.status_code == 413
    assert "This form is too large." in answer.text
    assert "Nothing was changed." in answer.text
    assert 'aria-label="Main"' in answer.text, "in the frame, so that one finds back"


def test_a_form_that_is_too_large_or_unreadable_is_refused(quick_house: House) -> None:
    browser = quick_house.new_browser()

    def send(body: bytes) -> int:
        kind = {"content-type": "application/x-www-form-urlencoded"}
        return browser.client.post("/sign-in", content=body, headers={**FROM_HERE, **kind}).status_code

    assert send(b"email=" + b"x" * FORM_BYTES_MAX) == 413
    assert send(b"\xff\xfe=1") == 400
    assert send(b"email=a%00b") == 400
    assert send(b"&".join(b"f%d=1" % number for number in range(300))) == 400
    assert send(b"") == 403


def test_only_who_lacks_the_role_is_told_who_can_give_it(quick_house: House) -> None:
    browser = quick_house.signed_in("viewer@harbour.example")
    refused = browser.get("/sites/harbour.example/rules/new")
    stale = browser.post("/account/zone", {"zone": "UTC", "token": "of another session"})
    assert (refused.status_code, stale.status_code) == (403, 403)
    assert "An owner can give you another one" in refused.text
    assert "An owner" not in stale.text


def test_characters_that_are_no_text_are_refused_in_addresses_too(house: House) -> None:
    browser = house.signed_in()
    for path in ("/publishers/1/charges?rule=a%00b", "/sites/a%00b/rules", "/publishers/1/charges/%00"):
        assert browser.get(path).status_code in (400, 404)


@pytest.mark.parametrize("number", ["0", "99999999999999999999999", "-1", "1.5", "x"])
def test_numbers_that_are_no_ids_do_not_exist(house: House, number: str) -> None:
    browser = house.signed_in()
    for path in (f"/publishers/{number}", f"/sites/harbour.example/history/{number}"):
        assert browser.get(path).status_code == 404


def test_a_page_says_who_runs_this(quick_house: House) -> None:
    page = quick_house.new_browser().get("/sign-in").text
    assert "harbour" in page
    assert PASSWORD not in page


def test_the_log_says_which_page_broke_but_not_its_address(
    quick_house: House,
) -> None:
    """The address of a set-up link is the link; a search may name anybody."""
    browser = quick_house.new_browser()
    with quick_house.database.write() as connection:
        connection.exec_driver_sql("ALTER TABLE setup_link RENAME TO gone")
    with capture_logs() as lines:
        assert browser.get("/set-up/a-secret-token").status_code == 500
    assert [line["page"] for line in lines] == ["publisher_dashboard.pages.set_up.show"]
    assert "a-secret-token" not in str(lines)

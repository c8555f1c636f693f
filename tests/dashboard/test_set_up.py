"""The one-time link: it makes the first account, once, and signs in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from edge.core.catalogue import Catalogue
from edge.store import schema
from edge.store.database import Database
from edge.store.people import Role, create_setup_link, find_person, has_people, memberships
from edge.store.publishers import add_publisher
from publisher_dashboard.app import create_app
from tests.dashboard.conftest import ORIGIN, Browser, Clock, token_in
from tests.support.newsroom import PASSWORD, quick_passwords

FORM = {"publisher": "Harbour Press", "email": "Me@Harbour.example", "password": PASSWORD, "repeated": PASSWORD}


class Empty:
    """A dashboard over an empty database, with a link."""

    def __init__(self, database: Database, catalogue: Catalogue) -> None:
        self.database, self.clock, self._passwords = database, Clock(), quick_passwords()
        app = create_app(database, catalogue.classify, clock=self.clock, passwords=self._passwords)
        self.browser = Browser(TestClient(app, base_url=ORIGIN))
        self.link = self.new_link()

    def new_link(self) -> str:
        with self.database.write() as connection:
            return f"/set-up/{create_setup_link(connection, int(self.clock() * 1_000_000))}"

    def close(self) -> None:
        self._passwords.close()
        self.database.close()


@pytest.fixture
def empty(tmp_path: Path, catalogue: Catalogue) -> Iterator[Empty]:
    database = Database.open(f"sqlite:///{tmp_path / 'empty.db'}")
    schema.upgrade(database)
    made = Empty(database, catalogue)
    yield made
    made.close()


def test_who_comes_before_anybody_has_an_account_is_told_where_the_link_is(empty: Empty) -> None:
    told = "Nobody has an account here yet."
    assert told in empty.browser.get("/sign-in").text
    assert told in empty.browser.sign_in("me@harbour.example").text
    empty.browser.post(empty.link, FORM)
    assert told not in Browser(TestClient(empty.browser.client.app, base_url=ORIGIN)).get("/sign-in").text


def test_the_link_makes_the_owner_and_signs_in(empty: Empty) -> None:
    assert "Welcome to farebox" in empty.browser.get(empty.link).text
    answer = empty.browser.post(empty.link, FORM)
    assert answer.status_code == 303
    home = empty.browser.get(empty.browser.get("/?said=welcome").headers["location"])
    assert "Your account is ready" in home.text
    assert "Add your site" in home.text
    with empty.database.read() as connection:
        person = find_person(connection, "me@harbour.example")
        assert person is not None
        assert [(one.publisher_name, one.role) for one in memberships(connection, person.person_id)] == [
            ("Harbour Press", Role.OWNER)
        ]


def test_the_link_works_once(empty: Empty) -> None:
    empty.browser.post(empty.link, FORM)
    for answer in (empty.browser.get(empty.link), empty.browser.post(empty.link, {**FORM, "email": "x@x.example"})):
        assert answer.status_code == 410
        assert "does not work any more" in answer.text


def test_the_link_works_for_a_day(empty: Empty) -> None:
    empty.clock.pass_minutes(24 * 60 + 1)
    assert empty.browser.get(empty.link).status_code == 410
    assert empty.browser.post(empty.link, FORM).status_code == 410
    assert empty.browser.get("/set-up/guessed").status_code == 410


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"password": "short"}, "password"),
        ({"repeated": "another sentence entirely"}, "repeated"),
        ({"email": "no address"}, "email"),
        ({"publisher": "  "}, "publisher"),
        ({"password": "me@harbour.example!!", "repeated": "me@harbour.example!!"}, "password"),
    ],
)
def test_a_mistake_is_said_at_its_field_and_the_link_stays_usable(
    empty: Empty, changed: dict[str, str], field: str
) -> None:
    answer = empty.browser.post(empty.link, {**FORM, **changed})
    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text
    assert PASSWORD not in answer.text
    with empty.database.read() as connection:
        assert not has_people(connection)
    assert empty.browser.post(empty.link, FORM).status_code == 303


def test_publishers_that_are_there_are_owned_and_not_asked_for(empty: Empty) -> None:
    with empty.database.write() as connection:
        add_publisher(connection, "Old Press", "x@x.example", 1)
    page = empty.browser.get(empty.link).text
    assert "Old Press" in page
    assert 'name="publisher"' not in page
    assert empty.browser.post(empty.link, FORM).status_code == 303
    assert "Old Press" in empty.browser.get("/publishers/1").text


def test_an_address_that_signs_in_already_is_said(empty: Empty) -> None:
    empty.browser.post(empty.link, FORM)
    answer = empty.browser.post(empty.new_link(), FORM)
    assert answer.status_code == 422
    assert "has an account already" in answer.text


def test_a_form_for_the_link_from_another_site_makes_nobody(empty: Empty) -> None:
    answer = empty.browser.post(empty.link, FORM, **{"sec-fetch-site": "cross-site"})
    assert answer.status_code == 403
    with empty.database.read() as connection:
        assert not has_people(connection)


def test_somebody_without_a_publisher_is_told_how_to_get_one(empty: Empty) -> None:
    empty.browser.post(empty.link, FORM)
    with empty.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM membership")
    # Whoever opened the first link operates the edge, and has something to look at.
    assert empty.browser.get("/").headers["location"] == "/operator/crawlers"
    with empty.database.write() as connection:
        connection.exec_driver_sql("UPDATE person SET operates = false")
    page = empty.browser.get("/").text
    assert "farebox user role me@harbour.example" in page
    assert token_in(page)

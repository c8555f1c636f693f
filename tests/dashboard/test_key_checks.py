"""Looking at a crawler's keys from the portal: what is told, how often, and what is kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.core.catalogue import Catalogue
from edge.store.crawlers import crawler_by_id
from edge.store.directories import save_failure, save_fetched
from publisher_dashboard.key_checks import KeyChecks, KeysAnswer, look_key
from publisher_dashboard.views.crawler_account import directory_state
from tests.dashboard.conftest import House, open_house
from tests.dashboard.test_portal import member
from tests.support.newsroom import Newsroom

REGISTER = "/portal/register"


class Asked:
    """A directory that answers what it is told to, and notes who was asked."""

    def __init__(self) -> None:
        self.looks: list[str] = []
        self.refreshed: list[str] = []
        self.answer = KeysAnswer("https://bot.example/keys", ("a" * 43,), None, ("no signature of its own",), 3600)

    def look(self, agent: str) -> KeysAnswer:
        self.looks.append(agent)
        return self.answer

    def checks(self) -> KeyChecks:
        return KeyChecks(self.look, self.refreshed.append)


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.fixture
def asking_house(
    sqlite_newsroom_url: str, newsroom_file: tuple[Path, Newsroom], catalogue: Catalogue, asked: Asked
) -> Iterator[House]:
    yield from open_house(sqlite_newsroom_url, newsroom_file[1], catalogue, key_checks=asked.checks())


def test_a_look_says_which_keys_can_be_used_and_what_is_odd(asking_house: House, asked: Asked) -> None:
    browser = member(asking_house)
    page = browser.post(REGISTER, {"agent": " https://bot.example "}).text
    assert asked.looks == ["https://bot.example"]
    assert "1 key can be used." in page
    assert "no signature of its own" in page


def test_what_is_wrong_is_said_and_what_was_typed_is_kept(asking_house: House, asked: Asked) -> None:
    browser = member(asking_house)
    asked.answer = KeysAnswer("https://bot.example/keys", (), "<b>status 404</b> instead of 200")
    page = browser.post(REGISTER, {"agent": "https://bot.example"}).text
    assert "Its keys cannot be read." in page
    assert "&lt;b&gt;status 404" in page
    assert 'value="https://bot.example"' in page
    assert browser.post(REGISTER, {"agent": ""}).status_code == 422


def test_a_person_looks_once_in_twenty_seconds(asking_house: House, asked: Asked) -> None:
    browser, other = member(asking_house), member(asking_house, name="other")
    for _ in range(3):
        browser.post(REGISTER, {"agent": "https://bot.example"})
    assert len(asked.looks) == 1
    other.post(REGISTER, {"agent": "https://bot.example"})
    assert len(asked.looks) == 2
    asking_house.clock.pass_minutes(1)
    browser.post(REGISTER, {"agent": "https://bot.example"})
    assert len(asked.looks) == 3


def test_the_key_of_a_look_is_one_that_the_store_takes() -> None:
    keys = {look_key(person, now * 1_000_000) for person in (1, 2) for now in (0, 19, 20, 2_000_000_000)}
    assert len(keys) == 6
    assert {len(key) for key in keys} == {22}


def test_a_directory_is_fetched_again_at_most_once_a_minute(asking_house: House, asked: Asked) -> None:
    browser, path = member(asking_house), "/portal/1/keys"
    assert "Fetch it again" in browser.get(path).text
    assert browser.post(path).headers["location"].endswith("said=keys-fetched")
    now = int(asking_house.clock() * 1_000_000)
    with asking_house.database.write() as connection:
        known = crawler_by_id(connection, 1)
        assert known is not None
        save_fetched(connection, known.agent_url, '{"keys": []}', now, now + 1)
    assert browser.post(path).headers["location"].endswith("said=keys-wait")
    assert asked.refreshed == [known.agent_url]


def test_a_team_hears_nothing_of_the_edges_own_network(asking_house: House) -> None:
    now = int(asking_house.clock() * 1_000_000)
    browser = member(asking_house)
    with asking_house.database.write() as connection:
        known = crawler_by_id(connection, 1)
        assert known is not None
        save_failure(connection, known.agent_url, "address_refused: intranet.local is 10.1.2.3, a private address", now)
        assert directory_state(connection, known).state == "failing"
    for path in ("/portal/1", "/portal/1/keys"):
        page = browser.get(path).text
        assert "10.1.2.3" not in page
        assert "no public address" in page

"""The operator's page for crawlers that asked to be registered: looked at, approved as seen, rejected with a reason."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from edge.core.identity import CrawlerKind
from edge.core.registration import Wish
from edge.store.accounts import show
from edge.store.crawlers import find_crawler
from edge.store.people import find_person, set_operates
from edge.store.registrations import Registration, ask, find_registration
from edge.store.tables import crawler
from tests.dashboard.conftest import Browser, House

LIST = "/operator/registrations"
AGENT = "https://agent.example/"
EMAIL = "viewer@harbour.example"
AS_SEEN = {"name": "NewBot", "operator": "New Inc.", "kind": "training", "currency": "USD"}


def wish(house: House, name: str = "NewBot", operator: str = "New Inc.", agent: str = AGENT) -> None:
    wished = Wish(name, operator, CrawlerKind.TRAINING, "team@new.example")
    with house.database.write() as connection:
        ask(connection, agent, "thumb", "harbour.example", wished, int(house.clock() * 1_000_000))


def operator(house: House) -> Browser:
    with house.database.write() as connection:
        person = find_person(connection, EMAIL)
        assert person is not None
        set_operates(connection, person.person_id, True)
    return house.signed_in(EMAIL)


def kept(house: House, number: int = 1) -> Registration:
    with house.database.read() as connection:
        return find_registration(connection, number)


def crawlers(house: House) -> int:
    with house.database.read() as connection:
        counted: int = connection.execute(select(func.count()).select_from(crawler)).scalar_one()
    return counted


def test_who_waits_is_listed_and_counted_beside_the_page(quick_house: House) -> None:
    browser = operator(quick_house)
    assert "Nobody waits" in browser.get(LIST).text
    wish(quick_house)
    wish(quick_house, "OtherBot", agent="https://other.example/")
    page = browser.get(LIST).text
    assert page.index("NewBot") < page.index("OtherBot")
    assert 'Registrations <span class="count">2</span>' in browser.get("/account").text


def test_an_approved_crawler_has_an_empty_prepaid_account_and_the_decision_bears_the_persons_name(house: House) -> None:
    browser = operator(house)
    wish(house)
    answer = browser.post(f"{LIST}/1/approve", {**AS_SEEN, "note": "we spoke"})
    with house.database.read() as connection:
        made = find_crawler(connection, "NewBot")
        [account] = show(connection, made.crawler_id)
    assert answer.headers["location"] == "/operator/registrations/1?said=registered"
    assert (account.currency, account.terms, account.balance_micros, account.floor_micros) == ("USD", "prepaid", 0, 0)
    found = kept(house)
    assert (found.state, found.decided_by, found.reason) == ("approved", EMAIL, "we spoke")
    assert "can pay once" in browser.get(answer.headers["location"]).text


def test_what_is_approved_is_what_the_operator_saw_not_what_the_crawler_changed_it_to(quick_house: House) -> None:
    browser = operator(quick_house)
    wish(quick_house)
    browser.get(f"{LIST}/1")
    wish(quick_house, "GPTBot", "OpenAI")
    browser.post(f"{LIST}/1/approve", AS_SEEN)
    with quick_house.database.read() as connection:
        assert find_crawler(connection, "NewBot").operator == "New Inc."


def test_a_name_that_belongs_to_a_known_operator_is_warned_of(quick_house: House) -> None:
    browser = operator(quick_house)
    wish(quick_house, "GPTBot", "OpenAI")
    page = browser.get(f"{LIST}/1").text
    assert "be sure it is theirs" in page
    assert "Proved: who asks holds a key that agent.example publishes" in page


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "<b>"}, "name"),
        ({"name": "ExampleBot"}, "name"),
        ({"kind": "human"}, "kind"),
        ({"currency": "dollars"}, "currency"),
    ],
)
def test_a_wrong_value_is_said_at_its_field_and_nothing_is_registered(
    quick_house: House, typed: dict[str, str], field: str
) -> None:
    browser, before = operator(quick_house), crawlers(quick_house)
    wish(quick_house)
    answer = browser.post(f"{LIST}/1/approve", AS_SEEN | typed)
    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text
    assert (kept(quick_house).state, crawlers(quick_house)) == ("pending", before)


def test_a_rejection_needs_a_reason_and_can_be_approved_later(house: House) -> None:
    browser = operator(house)
    wish(house)
    assert browser.post(f"{LIST}/1/reject", {"reason": " "}).status_code == 422
    assert kept(house).state == "pending"
    assert browser.post(f"{LIST}/1/reject", {"reason": "not theirs"}).headers["location"] == f"{LIST}?said=rejected"
    assert "not theirs" in browser.get(LIST).text
    assert kept(house).decided_by == EMAIL
    assert browser.post(f"{LIST}/1/approve", AS_SEEN).status_code == 303


def test_who_decides_second_is_told_what_was_decided(quick_house: House) -> None:
    browser = operator(quick_house)
    wish(quick_house)
    browser.post(f"{LIST}/1/approve", AS_SEEN)
    before = crawlers(quick_house)
    for path, form in ((f"{LIST}/1/approve", AS_SEEN | {"name": "Twice"}), (f"{LIST}/1/reject", {"reason": "no"})):
        answer = browser.post(path, form)
        assert (answer.status_code, "approved already" in answer.text) == (409, True)
    assert crawlers(quick_house) == before
    for unknown in (2, 10**30):
        assert browser.get(f"{LIST}/{unknown}").status_code == 404

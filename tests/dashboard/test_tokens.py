"""API tokens in the dashboard: shown once to the owner who makes them, seen by the others, never another's."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from edge.store.people import Role
from edge.store.publisher_tokens import Scope, check_publisher_token
from publisher_dashboard.visit import GRANTS, SCOPE_GRANTS, Need
from tests.dashboard.conftest import Browser, House
from tests.support.newsroom import CANARY

TOKENS = "/publishers/1/tokens"
FORM = {"name": "price bot", "scopes": ["read", "prices"], "hosts": ["harbour.example"], "expires": "30"}


def made(browser: Browser, form: Mapping[str, object] | None = None) -> str:
    answer = browser.post(TOKENS, form or FORM)
    assert answer.status_code == 201, answer.text
    found = re.search(r">(fbp_[A-Za-z0-9_-]+)</textarea>", answer.text)
    assert found is not None
    return found[1]


def opened(house: House, text: str, later_days: float = 0) -> bool:
    at = int((house.clock() + later_days * 86_400) * 1_000_000)
    return check_publisher_token(house.database, text, at) is not None


def test_a_token_is_shown_once_and_opens_for_as_long_as_was_said(house: House) -> None:
    browser = house.signed_in()
    text = made(browser)
    page = browser.get(TOKENS).text
    assert text not in page
    assert "price bot" in page
    assert opened(house, text, 29)
    assert not opened(house, text, 30)


def test_a_token_without_end_has_none(quick_house: House) -> None:
    text = made(quick_house.signed_in(), FORM | {"expires": "never", "hosts": []})
    assert opened(quick_house, text, 5_000)


def test_a_revoked_token_opens_nothing_and_stays_listed(quick_house: House) -> None:
    browser = quick_house.signed_in()
    text = made(browser)
    assert browser.post(f"{TOKENS}/3/revoke").headers["location"] == f"{TOKENS}?said=token-revoked"
    assert not opened(quick_house, text)
    page = browser.get(f"{TOKENS}/3").text
    assert "revoked" in page
    assert "Revoke this token" not in page
    assert browser.post(f"{TOKENS}/3/rotate").status_code == 409


def test_a_replaced_token_opens_for_the_time_that_was_chosen(quick_house: House) -> None:
    browser = quick_house.signed_in()
    text = made(browser)
    answer = browser.post(f"{TOKENS}/3/rotate", {"overlap": "1"})
    assert answer.status_code == 201
    assert "still opens until" in answer.text
    assert opened(quick_house, text, 0.5 / 24)
    assert not opened(quick_house, text, 1 / 24)


@pytest.mark.parametrize(
    ("wrong", "field", "said"),
    [
        ({"name": " "}, "name", "one line of 1 to 100"),
        ({"scopes": []}, "scopes", "Choose at least one"),
        ({"scopes": ["everything"]}, "scopes", "Choose at least one"),
        ({"hosts": [f"{CANARY}.example"]}, "hosts", "among your own sites"),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_is_kept(
    quick_house: House, wrong: dict[str, object], field: str, said: str
) -> None:
    answer = quick_house.signed_in().post(TOKENS, FORM | wrong)
    assert answer.status_code == 422
    assert said in answer.text
    assert f'id="{field}-error"' in answer.text
    assert 'value="30" selected' in answer.text
    if field != "name":
        assert 'value="price bot"' in answer.text


@pytest.mark.parametrize("role", ["editor", "billing", "viewer"])
def test_who_is_no_owner_sees_tokens_and_changes_none(quick_house: House, role: str) -> None:
    browser = quick_house.signed_in(f"{role}@harbour.example")
    page = browser.get(TOKENS).text
    assert "harbour nightly report" in page
    assert "<form" not in page.split("<main", 1)[1].split("</main>")[0]
    for path in (TOKENS, f"{TOKENS}/1/rotate", f"{TOKENS}/1/revoke"):
        assert browser.post(path, FORM).status_code == 403


def test_another_publishers_token_is_not_below_ours(quick_house: House) -> None:
    browser = quick_house.signed_in()
    for answer in (
        browser.get(f"{TOKENS}/2"),
        browser.post(f"{TOKENS}/2/revoke"),
        browser.post(f"{TOKENS}/2/rotate"),
    ):
        assert answer.status_code == 404
        assert CANARY not in answer.text


def test_no_scope_covers_more_than_an_owner_and_reading_changes_nothing() -> None:
    assert set(SCOPE_GRANTS) == set(Scope)
    for scope in Scope:
        assert SCOPE_GRANTS[scope] <= GRANTS[Role.OWNER]
    assert SCOPE_GRANTS[Scope.READ] == {Need.SEE}

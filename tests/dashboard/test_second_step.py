"""Signing in with a second step: codes count once, tries are counted, recovery codes open once."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge.core.catalogue import Catalogue
from edge.core.one_time_codes import code_at
from edge.store import sign_in_steps
from edge.store.audit_events import own_events
from edge.store.passkeys import add_passkey
from edge.store.people import find_person
from edge.store.second_factors import second_factor, turn_off
from tests.dashboard.conftest import Browser, House, hidden_in, open_house, token_in
from tests.support.newsroom import PASSWORD, Newsroom

OWNER = "owner@harbour.example"
SECURITY = "/account/security"


@dataclass(slots=True)
class Phone:
    """Somebody's authenticator app."""

    house: House
    secret: bytes

    def code(self) -> str:
        return code_at(self.secret, self.house.clock())


@pytest.fixture
def keyed(
    newsroom_url: str, newsroom_file: tuple[Path, Newsroom], catalogue: Catalogue, tmp_path: Path
) -> Iterator[House]:
    yield from open_house(newsroom_url, newsroom_file[1], catalogue, folder=tmp_path)


def set_up(house: House, browser: Browser) -> tuple[Phone, list[str]]:
    page = browser.post(f"{SECURITY}/app", {"current": PASSWORD}).text
    shown = re.search(r"<code>([A-Z2-7 ]+)</code>", page)
    assert shown is not None
    assert "<svg" in page
    phone = Phone(house, base64.b32decode(shown[1].replace(" ", "")))
    answer = browser.post(f"{SECURITY}/app/confirm", {"code": phone.code()})
    assert answer.status_code == 201
    return phone, re.findall(r"<code>([a-z2-7-]{19})</code>", answer.text)


def half_way(house: House, next_page: str = "") -> tuple[Browser, str]:
    browser = house.new_browser()
    answer = browser.post("/sign-in", {"email": OWNER, "password": PASSWORD, "next": next_page})
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    return browser, hidden_in(answer.text, "step")


def send(browser: Browser, step: str, code: str) -> int:
    return browser.post("/sign-in/code", {"step": step, "code": code}).status_code


def test_after_the_password_a_code_is_asked_for(keyed: House) -> None:
    phone, codes = set_up(keyed, keyed.signed_in())
    assert len(codes) == 10
    keyed.clock.pass_minutes(1)
    browser, step = half_way(keyed, "/account")
    assert browser.get("/account").status_code == 303, "the password alone opens nothing"
    answer = browser.post("/sign-in/code", {"step": step, "code": phone.code(), "next": "/account"})
    assert answer.headers["location"] == "/account"
    assert browser.get("/account").status_code == 200
    assert send(browser, step, phone.code()) == 403, "one sign-in each"


def test_a_code_counts_once(keyed: House) -> None:
    phone, _ = set_up(keyed, keyed.signed_in())
    browser, step = half_way(keyed)
    assert send(browser, step, phone.code()) == 403, "it was used to turn the second step on"
    keyed.clock.pass_minutes(1)
    assert send(browser, step, phone.code()) == 303
    other, again = half_way(keyed)
    assert send(other, again, phone.code()) == 403


def test_a_recovery_code_opens_once(keyed: House) -> None:
    _, codes = set_up(keyed, keyed.signed_in())
    browser, step = half_way(keyed)
    assert send(browser, step, codes[3].upper().replace("-", " ")) == 303
    other, again = half_way(keyed)
    assert send(other, again, codes[3]) == 403
    assert send(other, again, codes[4]) == 303
    other.csrf = token_in(other.get("/account").text)
    assert "8 recovery codes" in other.get(SECURITY).text
    fresh = re.findall(r"<code>([a-z2-7-]{19})</code>", other.post(f"{SECURITY}/recovery", {"current": PASSWORD}).text)
    assert len(set(fresh) - set(codes)) == 10
    third, step = half_way(keyed)
    assert send(third, step, codes[5]) == 403
    assert send(third, step, fresh[0]) == 303


def test_five_codes_a_sign_in_and_ten_an_account(keyed: House) -> None:
    phone, _ = set_up(keyed, keyed.signed_in())
    keyed.clock.pass_minutes(1)
    browser, step = half_way(keyed)
    assert [send(browser, step, "000000") for _ in range(5)] == [403] * 5
    assert send(browser, step, phone.code()) == 403
    browser, step = half_way(keyed)
    assert [send(browser, step, "000000") for _ in range(5)] == [403] * 5
    browser, step = half_way(keyed)
    assert send(browser, step, phone.code()) == 403, "the eleventh of the account is not looked at"
    keyed.clock.pass_minutes(16)
    browser, step = half_way(keyed)
    assert send(browser, step, phone.code()) == 303


def test_who_signs_in_often_is_not_locked_out_and_a_right_password_alone_forgives_nothing(keyed: House) -> None:
    phone, _ = set_up(keyed, keyed.signed_in())
    for _ in range(12):
        keyed.clock.pass_minutes(0.5)
        browser, step = half_way(keyed)
        assert send(browser, step, phone.code()) == 303
    keyed.clock.pass_minutes(16)
    browser = keyed.new_browser()
    answers = [browser.post("/sign-in", {"email": OWNER, "password": PASSWORD}).status_code for _ in range(11)]
    assert answers == [200] * 10 + [429]


def test_a_sign_in_that_waits_too_long_begins_again(keyed: House) -> None:
    phone, _ = set_up(keyed, keyed.signed_in())
    browser, step = half_way(keyed)
    keyed.clock.pass_minutes(5)
    answer = browser.post("/sign-in/code", {"step": step, "code": phone.code()})
    assert answer.status_code == 403
    assert "Sign in again" in answer.text


def test_turning_it_on_ends_other_sessions_and_takes_the_password(keyed: House) -> None:
    browser, other = keyed.signed_in(), keyed.signed_in()
    assert browser.post(f"{SECURITY}/app", {"current": "wrong"}).status_code == 422
    set_up(keyed, browser)
    assert browser.get("/account").status_code == 200
    assert other.get("/account").status_code == 303
    assert browser.post(f"{SECURITY}/app/off", {"current": "wrong"}).status_code == 422
    assert browser.post(f"{SECURITY}/app/off", {"current": PASSWORD}).status_code == 303
    assert keyed.new_browser().sign_in(OWNER).status_code == 303


def test_nothing_changes_before_the_app_showed_a_right_code(keyed: House) -> None:
    browser = keyed.signed_in()
    browser.post(f"{SECURITY}/app", {"current": PASSWORD})
    answer = browser.post(f"{SECURITY}/app/confirm", {"code": "000000"})
    assert answer.status_code == 422
    assert "<svg" in answer.text
    assert keyed.new_browser().sign_in(OWNER).status_code == 303


def test_an_operator_takes_it_away_and_it_stands_in_ones_own_log(keyed: House) -> None:
    set_up(keyed, keyed.signed_in())
    now = int(keyed.clock() * 1_000_000)
    with keyed.database.write() as connection:
        person = find_person(connection, OWNER)
        assert person is not None
        assert second_factor(connection, person.person_id).has_app
        assert turn_off(connection, person, author="root (command line)", now_micros=now, passkeys=True)
        assert not turn_off(connection, person, author="root (command line)", now_micros=now, passkeys=True)
        told = [(one.action, one.author) for one in own_events(connection, OWNER, 10)]
    assert ("account.second-factor-off", "root (command line)") in told
    assert ("account.second-factor-on", OWNER) in told
    assert keyed.new_browser().sign_in(OWNER).status_code == 303


def test_at_an_address_in_digits_there_are_no_passkeys(quick_house: House) -> None:
    browser = quick_house.signed_in()
    assert "have passkeys for names only" in browser.get(SECURITY).text
    assert "names only" in quick_house.new_browser().post("/sign-in/passkey").text


def test_a_passkey_is_removed_with_the_password_alone(quick_house: House) -> None:
    browser = quick_house.signed_in()
    with quick_house.database.write() as connection:
        owner = find_person(connection, OWNER)
        assert owner is not None
        kept = add_passkey(connection, owner, "my phone", b"id", b"key", 0, int(quick_house.clock() * 1_000_000))
    path = f"{SECURITY}/passkeys/{kept.passkey_id}/remove"
    refused = browser.post(path, {"current": "not my password"})
    assert (refused.status_code, "This is not your current password." in refused.text) == (422, True)
    assert browser.post(path).status_code == 422
    assert "my phone" in browser.get(SECURITY).text
    assert browser.post(path, {"current": PASSWORD}).headers["location"] == f"{SECURITY}?said=passkey-removed"


def test_who_asks_for_too_many_passkeys_is_told_to_wait(quick_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in_steps, "CHALLENGES_PER_ADDRESS", 1)
    client, origin = quick_house.new_browser().client, "http://localhost:8403"
    client.base_url = origin
    answers = [
        client.post("/sign-in/passkey", headers={"sec-fetch-site": "same-origin", "origin": origin}) for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [200, 429]
    assert "Too many tries." in answers[1].text

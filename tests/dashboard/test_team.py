"""The team of a publisher in the dashboard: invitations by link, roles, leaving."""

from __future__ import annotations

import re

import pytest

from edge.store.people import Role
from edge.store.team import PUBLISHING
from publisher_dashboard.visit import GRANTS, Need
from tests.dashboard.conftest import Browser, House, token_in
from tests.support.newsroom import CANARY

TEAM = "/publishers/1/team"
PASSWORD = {"password": "a sentence about tides", "repeated": "a sentence about tides"}


def link(browser: Browser, email: str, role: str = "editor") -> str:
    answer = browser.post(TEAM, {"email": email, "role": role})
    assert answer.status_code == 201, answer.text
    found = re.search(r">http://[^/<]+(/invitations/[A-Za-z0-9_-]+)</textarea>", answer.text)
    assert found is not None
    return found[1]


def test_an_invited_person_makes_an_account_and_has_the_role(house: House) -> None:
    path = link(house.signed_in(), "Tide@harbour.example")
    guest = house.new_browser()
    page = guest.get(path).text
    assert "Join Harbour Press" in page
    assert "tide@harbour.example" in page
    answer = guest.post(path, PASSWORD)
    assert answer.headers["location"] == "/publishers/1?said=welcome"
    assert guest.get("/sites/harbour.example/rules/new").status_code == 200
    assert guest.get(path).status_code == 410
    assert guest.post(path, PASSWORD).status_code == 410


def test_who_has_an_account_signs_in_and_joins_with_it(house: House) -> None:
    path = link(house.signed_in(), f"owner@{CANARY}.example", "viewer")
    other = house.new_browser()
    assert "Sign in to join" in other.get(path).text
    assert other.post(path, PASSWORD).status_code == 200, "no second account, no new password"
    answer = other.post(
        "/sign-in", {"email": f"owner@{CANARY}.example", "password": "a sentence about harbours", "next": path}
    )
    assert answer.headers["location"] == path
    other.csrf = token_in(other.get(path).text)
    assert other.post(f"{path}/join").headers["location"] == "/publishers/1?said=joined"
    assert other.get("/publishers/1").status_code == 200
    assert other.get("/publishers/2").status_code == 200
    assert other.get("/sites/harbour.example/rules/new").status_code == 403


def test_an_invitation_is_for_its_address_alone(quick_house: House) -> None:
    path = link(quick_house.signed_in(), "new@tide.example")
    other = quick_house.signed_in(f"viewer@{CANARY}.example")
    assert "Sign out first" in other.get(path).text
    assert other.post(f"{path}/join").status_code == 403
    assert other.get("/publishers/1").status_code == 404


def test_a_link_is_made_anew_and_revoked(quick_house: House) -> None:
    browser = quick_house.signed_in()
    path = link(browser, "tide@harbour.example")
    assert "tide@harbour.example" in browser.get(TEAM).text
    answer = browser.post(f"{TEAM}/invitations/3/renew")
    assert answer.status_code == 201
    assert quick_house.new_browser().get(path).status_code == 410
    assert browser.post(f"{TEAM}/invitations/3/revoke").headers["location"] == f"{TEAM}?said=invitation-revoked"
    assert "tide@harbour.example" not in browser.get(TEAM).text
    assert browser.post(f"{TEAM}/invitations/3/revoke").status_code == 404


def test_what_is_wrong_is_said_beside_its_field(quick_house: House) -> None:
    browser = quick_house.signed_in()
    for form, field, said in (
        ({"email": "viewer@harbour.example", "role": "owner"}, "email", "in this team already"),
        ({"email": "nobody", "role": "owner"}, "email", "is not an e-mail address"),
        ({"email": "a@b.example", "role": "king"}, "role", "Choose one of the roles"),
    ):
        answer = browser.post(TEAM, form)
        assert answer.status_code == 422
        assert f'id="{field}-error"' in answer.text
        assert said in answer.text
        assert f'value="{form["email"]}"' in answer.text


def test_a_role_counts_from_the_next_request_on(quick_house: House) -> None:
    owner, viewer = quick_house.signed_in(), quick_house.signed_in("viewer@harbour.example")
    assert viewer.get("/sites/harbour.example/rules/new").status_code == 403
    assert owner.post(f"{TEAM}/members/4/role", {"role": "editor"}).status_code == 303
    assert viewer.get("/sites/harbour.example/rules/new").status_code == 200
    assert owner.post(f"{TEAM}/members/4/remove").headers["location"] == f"{TEAM}?said=removed"
    assert viewer.get("/publishers/1").status_code == 404


def test_the_last_owner_cannot_go(quick_house: House) -> None:
    browser = quick_house.signed_in()
    assert "only owner" in browser.get(f"{TEAM}/members/1").text
    assert browser.post(f"{TEAM}/members/1/role", {"role": "viewer"}).status_code == 422
    assert browser.post(f"{TEAM}/members/1/remove").status_code == 409
    assert browser.post(f"{TEAM}/leave").status_code == 409
    browser.post(f"{TEAM}/members/4/role", {"role": "owner"})
    assert browser.post(f"{TEAM}/leave").headers["location"] == "/?said=left"
    assert browser.get("/publishers/1").status_code == 404


@pytest.mark.parametrize("role", ["editor", "billing", "viewer"])
def test_who_is_no_owner_sees_the_team_and_may_leave_it(quick_house: House, role: str) -> None:
    browser = quick_house.signed_in(f"{role}@harbour.example")
    page = browser.get(TEAM).text
    assert "owner@harbour.example" in page
    assert "<form" not in page.split("<main", 1)[1].split("</main>")[0]
    for path in (TEAM, f"{TEAM}/members/1/role", f"{TEAM}/members/1/remove", f"{TEAM}/invitations/1/renew"):
        assert browser.post(path, {"email": "a@b.example", "role": "owner"}).status_code == 403
    assert browser.post(f"{TEAM}/leave").status_code == 303
    assert browser.get(TEAM).status_code == 404


def test_the_store_and_the_table_of_needs_agree_who_publishes() -> None:
    assert {role for role in Role if Need.EDIT in GRANTS[role]} == PUBLISHING

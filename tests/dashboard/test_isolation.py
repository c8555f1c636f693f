"""Whose page is whose: every route x role x publisher, made from the table of routes itself. 0 leaks.

The second publisher's names, pages and rules all hold the canary; it must not be in anything that the first
publisher's people are shown, whatever ids they ask for.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select

from edge.store.people import Role, find_person, withdraw
from edge.store.service_keys import load_service_keys
from edge.store.tables import (
    account,
    audit_event,
    budget,
    crawler,
    invitation,
    membership,
    publisher,
    publisher_token,
    registration,
    rule_draft,
    rule_set,
    site,
    webhook_delivery,
    webhook_endpoint,
    webhook_secret,
)
from edge.store.webhook_endpoints import NewEndpoint, add_endpoint
from publisher_dashboard.routes import ROUTES, Route
from publisher_dashboard.visit import GRANTS, Need
from tests.dashboard.conftest import Browser, House
from tests.support.newsroom import CANARY, NOW, ROLES, micros

OURS = "harbour.example"
THEIRS = f"{CANARY}.example"
CHILDREN = ("{charge_id}", "{invitation_id", "{member_id", "{site_id", "{token_id", "{webhook_id")
SET_BY_PEOPLE = (
    account, audit_event, budget, crawler, invitation, membership, publisher, publisher_token, registration, rule_draft,
    rule_set, site, webhook_delivery, webhook_endpoint, webhook_secret,
)  # fmt: skip
BELOW_A_PUBLISHER = [route for route in ROUTES if "{publisher_id" in route.path or "{host}" in route.path]


def filled(route: Route, house: House, *, theirs: bool, charge_of_theirs: bool | None = None) -> str:
    """The route's address with one publisher's ids in it."""
    room = house.newsroom
    their_charge = theirs if charge_of_theirs is None else charge_of_theirs
    return (
        route.path.replace("{publisher_id:int}", str(room.other_id if theirs else room.publisher_id))
        .replace("{host}", THEIRS if theirs else OURS)
        .replace("{charge_id}", (room.other_charge_ids if their_charge else room.charge_ids)[0])
        .replace("{month}", "2026-11")
        .replace("{version:int}", "1")
        .replace("{site_id:int}", "3" if theirs else "1")
        .replace("{webhook_id:int}", "2" if theirs else "1")
        .replace("{invitation_id:int}", "2" if theirs else "1")
        .replace("{member_id:int}", "8" if theirs else "4")
        .replace("{token_id:int}", "2" if theirs else "1")
        .replace("{place}", f"{micros(NOW)}-1")
    )


def ask(browser: Browser, route: Route, path: str) -> tuple[int, str]:
    # What a form of any page of ours could hold; whatever of it names the other publisher must not help.
    form = {
        "edition": "version 1", "live": "1", "version": "1", "rule": f"{CANARY} rule", "direction": "up",
        "enabled": "off", "publisher_id": "2", "publisher": f"the {CANARY} weekly", "site": THEIRS, "host": THEIRS,
        "action": "block",
    }  # fmt: skip
    answer = browser.post(path, form) if route.method == "POST" else browser.get(path)
    return answer.status_code, answer.text


def test_the_table_is_walked_whole() -> None:
    assert len(BELOW_A_PUBLISHER) >= 28
    for route in ROUTES:
        below = route in BELOW_A_PUBLISHER
        assert below == (route.need in (Need.SEE, Need.EDIT, Need.EXPORT, Need.MANAGE, Need.REFUND)), (
            f"{route.path} asks for {route.need}"
        )
    assert len({(route.method, route.path) for route in ROUTES}) == len(ROUTES)


@pytest.mark.parametrize("role", ROLES, ids=str)
def test_another_publishers_pages_do_not_exist(house: House, role: Role) -> None:
    browser = house.signed_in(f"{role.value}@harbour.example")
    before = _state(house)
    for route in BELOW_A_PUBLISHER:
        status, text = ask(browser, route, filled(route, house, theirs=True))
        assert status == 404, f"{route.method} {route.path}: {status}"
        assert CANARY not in text.casefold()
    mixed = filled(_charge_route(), house, theirs=False, charge_of_theirs=True)
    status, text = ask(browser, _charge_route(), mixed)
    assert status == 404
    assert CANARY not in text
    assert _state(house) == before


@pytest.mark.parametrize("role", ROLES, ids=str)
def test_a_role_opens_what_it_grants_and_nothing_else(house: House, role: Role) -> None:
    browser = house.signed_in(f"{role.value}@harbour.example")
    for route in BELOW_A_PUBLISHER:
        if route.method == "POST" and route.need in GRANTS[role]:
            continue  # these change something; the tests of each page walk through them
        status, text = ask(browser, route, filled(route, house, theirs=False))
        allowed = route.need in GRANTS[role]
        about_nobody = route.path.endswith(("/edit", "/delete", "/one", "/{webhook_id:int}"))
        assert status == (404 if about_nobody and allowed else 200 if allowed else 403), (
            f"{role} {route.method} {route.path}: {status}"
        )
        assert CANARY not in text.casefold(), f"{role} {route.path} shows the other publisher"


def test_a_role_that_may_not_edit_changes_nothing(house: House) -> None:
    before = _state(house)
    for role in (Role.BILLING, Role.VIEWER):
        browser = house.signed_in(f"{role.value}@harbour.example")
        for route in BELOW_A_PUBLISHER:
            if route.method == "POST" and route.need not in GRANTS[role]:
                assert ask(browser, route, filled(route, house, theirs=False))[0] == 403
    assert _state(house) == before


def test_a_form_cannot_name_another_publisher(house: House) -> None:
    browser = house.signed_in("editor@harbour.example")
    before = _state(house, THEIRS)
    for path in ("rules/delete", "rules/switch", "rules/move", "roll-back", "publish", "discard"):
        form = {"rule": f"{CANARY} rule", "host": THEIRS, "site": THEIRS, "site_id": "3", "edition": browser.edition()}
        form |= {"live": "4", "version": "1", "direction": "up"}
        answer = browser.post(f"/sites/{OURS}/{path}", form)
        assert CANARY not in answer.text.replace(f"{CANARY} rule", "")
    assert _state(house, THEIRS) == before


@pytest.mark.parametrize("route", BELOW_A_PUBLISHER, ids=lambda route: f"{route.method} {route.path}")
def test_nobody_sees_anything_before_signing_in(quick_house: House, route: Route) -> None:
    status, text = ask(quick_house.new_browser(), route, filled(route, quick_house, theirs=True))
    assert status == 303
    assert CANARY not in text


def test_a_filter_by_what_another_publisher_has_finds_nothing(house: House) -> None:
    browser = house.signed_in("owner@harbour.example")
    for query in (f"site={THEIRS}", f"rule={CANARY}+rule"):
        page = browser.get(f"/publishers/{house.newsroom.publisher_id}/charges?{query}").text
        assert "No charge fits this filter" in page
        rows = browser.get(f"/publishers/{house.newsroom.publisher_id}/charges.csv?{query}").text.splitlines()
        assert len(rows) == 1


def test_a_role_that_was_withdrawn_counts_from_the_next_request_on(house: House) -> None:
    browser = house.signed_in("viewer@harbour.example")
    path = f"/sites/{OURS}/rules"
    assert browser.get(path).status_code == 200
    with house.database.write() as connection:
        person = find_person(connection, "viewer@harbour.example")
        assert person is not None
        withdraw(connection, person.person_id, house.newsroom.publisher_id)
    assert browser.get(path).status_code == 404


@pytest.mark.parametrize("role", ROLES, ids=str)
def test_what_another_publisher_has_is_not_below_ours_either(house: House, tmp_path: Path, role: Role) -> None:
    with house.database.write() as connection:
        hook = NewEndpoint(f"https://{CANARY}.example/hooks", publisher_id=house.newsroom.other_id)
        number = add_endpoint(connection, hook, load_service_keys(tmp_path), micros(NOW))[0].endpoint_id
    browser = house.signed_in(f"{role.value}@harbour.example")
    before, walked = _everything(house), 0
    for route in BELOW_A_PUBLISHER:
        if not any(child in route.path for child in CHILDREN):
            continue
        ours = route.path.replace("{publisher_id:int}", str(house.newsroom.publisher_id)).replace("{host}", OURS)
        path = filled(replace(route, path=ours.replace("{webhook_id:int}", str(number))), house, theirs=True)
        status, text = ask(browser, route, path)
        assert status == (404 if route.need in GRANTS[role] else 403), f"{route.method} {path}: {status}"
        assert CANARY not in text.casefold(), f"{route.method} {path}"
        walked += 1
    assert walked >= 18
    assert _everything(house) == before


@pytest.mark.parametrize("role", ROLES, ids=str)
def test_doors_of_others_do_not_exist_for_a_publishers_people(quick_house: House, role: Role) -> None:
    """The operator's pages and the portal of a crawler that one does not belong to."""
    browser = quick_house.signed_in(f"{role.value}@harbour.example")
    before = _everything(quick_house)
    for route in ROUTES:
        if route.need in (Need.OPERATE, Need.TEAM_SEE, Need.TEAM_CHANGE):
            path = re.sub(r"\{[a-z_]+(:int)?\}", "1", route.path.replace("{month}", "2026-11"))
            status, text = ask(browser, route, path)
            assert status == 404, f"{route.method} {path}: {status}"
            assert CANARY not in text.casefold()
    assert _everything(quick_house) == before


def test_every_part_of_an_address_is_filled(quick_house: House) -> None:
    for route in BELOW_A_PUBLISHER:
        for theirs in (True, False):
            assert "{" not in filled(route, quick_house, theirs=theirs), f"say what {route.path} is filled with"


def _charge_route() -> Route:
    return next(route for route in ROUTES if "{charge_id}" in route.path)


def _everything(house: House) -> dict[str, list[str]]:
    """What people set, whole: any change of it shows. Sessions, which every visit touches, are left out."""
    with house.database.read() as connection:
        return {table.name: sorted(map(str, connection.execute(select(table)))) for table in SET_BY_PEOPLE}


def _state(house: House, host: str | None = None) -> list[object]:
    """Everything that an edit could change: versions, drafts, live versions."""
    with house.database.read() as connection:
        where = site.c.host == host if host else site.c.host.is_not(None)
        sites = connection.execute(select(site.c.id, site.c.live_version).where(where).order_by(site.c.id)).all()
        ids = [row.id for row in sites]
        versions = connection.execute(select(func.count()).where(rule_set.c.site_id.in_(ids))).scalar_one()
        drafts = connection.execute(select(rule_draft).where(rule_draft.c.site_id.in_(ids))).all()
    return [*map(tuple, sites), versions, *map(tuple, drafts)]

"""What programs change beside rules: refunds, settings, signals, people, tokens, webhooks."""

from __future__ import annotations

import pytest

from edge.store.people import Role, add_person
from edge.store.publisher_tokens import Scope
from edge.store.team import set_role
from tests.dashboard.api_client import ApiClient, new_client, new_token
from tests.dashboard.conftest import House
from tests.dashboard.test_api import SITE, problem

KEY = "a-key-of-this-test"
HOOK = {"url": "https://hooks.harbour.example/in", "events": ["rules.published"]}


@pytest.fixture
def owner(quick_house: House) -> ApiClient:
    return new_client(quick_house, Scope.TEAM)


@pytest.fixture
def giver(quick_house: House) -> ApiClient:
    return new_client(quick_house, Scope.REFUNDS)


def paid_charge(client: ApiClient) -> dict[str, object]:
    rows = client.all_of("/api/v1/charges")
    return next(one for one in rows if one["state"] == "live" and one["price"]["amount_micros"] > 10)


# Giving back


def test_a_charge_is_given_back_once_however_often_it_is_sent(giver: ApiClient) -> None:
    charge = paid_charge(giver)
    path, wanted = f"/api/v1/charges/{charge['id']}/refund", {"reason": "The page was empty"}
    balance = giver.get("/api/v1/balance").json()["data"][0]["balance"]["amount_micros"]
    problem(giver.send("POST", path, wanted), 400, "idempotency_key_missing")
    first = giver.send("POST", path, wanted, idempotency_key=KEY)
    assert (first.status_code, first.json()["changed"]) == (200, True)
    assert first.json()["charge"]["charge"]["state"] == "reversed"
    assert giver.send("POST", path, wanted, idempotency_key=KEY).json()["changed"] is False
    assert giver.send("POST", path, wanted, idempotency_key="another-key").json()["changed"] is False
    after = giver.get("/api/v1/balance").json()["data"][0]["balance"]["amount_micros"]
    assert after == balance - charge["price"]["amount_micros"]  # type: ignore[index]


def test_a_part_is_given_back_once_for_a_key_and_never_more_than_is_left(giver: ApiClient) -> None:
    charge = paid_charge(giver)
    path, price = f"/api/v1/charges/{charge['id']}/refund", charge["price"]["amount_micros"]  # type: ignore[index]
    part = {"amount_micros": price - 10, "reason": "Half a page"}
    first = giver.send("POST", path, part, idempotency_key=KEY).json()
    assert (first["changed"], first["charge"]["credited"]["amount_micros"]) == (True, price - 10)
    again = giver.send("POST", path, part, idempotency_key=KEY).json()
    assert (again["changed"], again["charge"]) == (False, first["charge"])
    problem(giver.send("POST", path, {**part, "amount_micros": 5}, idempotency_key=KEY), 409, "not_possible")
    problem(giver.send("POST", path, part, idempotency_key="another-key"), 409, "not_possible")
    rest = giver.send("POST", path, {"reason": "The rest"}, idempotency_key="the-rest-of-it").json()
    assert rest["charge"]["credited"]["amount_micros"] == price
    more = giver.send("POST", path, {"reason": "The rest"}, idempotency_key="the-rest-of-it").json()
    assert (more["changed"], more["charge"]) == (False, rest["charge"])


def test_a_refund_says_why_and_how_much(giver: ApiClient) -> None:
    path = f"/api/v1/charges/{paid_charge(giver)['id']}/refund"
    for wrong in ({}, {"reason": ""}, {"reason": "a\nb"}, {"reason": "a", "amount_micros": 0}, {"reason": "a", "b": 1}):
        problem(giver.send("POST", path, wrong, idempotency_key=KEY), 422, "invalid")


# Settings and signals


def test_settings_change_for_who_saw_them(owner: ApiClient) -> None:
    tag = owner.get(SITE).headers["etag"]
    changed = owner.send("PATCH", SITE, {"contact": "https://harbour.example/new"}, if_match=tag)
    assert changed.json()["contact"] == "https://harbour.example/new"
    assert changed.json() == owner.get(SITE).json()
    body = problem(owner.send("PATCH", SITE, {"strict": True}, if_match=tag), 412, "moved_on")
    assert body["yours"] == {"strict": True}
    assert body["current"]["contact"] == "https://harbour.example/new"  # type: ignore[index]
    problem(owner.send("PATCH", SITE, {"register_url": "no"}, if_match=changed.headers["etag"]), 422, "invalid")


def test_no_token_says_where_requests_go(owner: ApiClient) -> None:
    tag = owner.get(SITE).headers["etag"]
    problem(owner.send("PATCH", SITE, {"origin": "http://10.0.0.1"}, if_match=tag), 422, "invalid")


def test_the_publisher_changes_its_name(owner: ApiClient) -> None:
    tag = owner.get("/api/v1/publisher").headers["etag"]
    changed = owner.send("PATCH", "/api/v1/publisher", {"name": "Harbour & Sons"}, if_match=tag)
    whole = {"name": "Harbour & Sons", "letterhead": "", "email": "office@harbour.example"}
    assert changed.json() == whole
    lines = {"letterhead": "3 Quay Street\nVAT XX 123"}
    tag = changed.headers["etag"]
    assert owner.send("PATCH", "/api/v1/publisher", lines, if_match=tag).json() == whole | lines
    problem(owner.send("PATCH", "/api/v1/publisher", {"name": "Other"}, if_match=tag), 412, "moved_on")


def test_a_signal_is_switched(quick_house: House) -> None:
    client = new_client(quick_house, Scope.PRICES)
    before = {one["signal"]: one["on"] for one in client.get(f"{SITE}/signals").json()["signals"]}
    switched = {"on": not before["rsl"]}
    assert client.send("PUT", f"{SITE}/signals/rsl", switched).json() == {"changed": True}
    assert client.send("PUT", f"{SITE}/signals/rsl", switched).json() == {"changed": False}
    after = {one["signal"]: one["on"] for one in client.get(f"{SITE}/signals").json()["signals"]}
    assert after == {**before, "rsl": not before["rsl"]}
    problem(client.send("PUT", f"{SITE}/signals/smoke", switched), 404, "not_found")


# People and programs


def test_somebody_is_invited_and_the_link_is_shown_once(quick_house: House) -> None:
    owner = new_client(quick_house, Scope.TEAM, Scope.PRICES, Scope.REPORTS)
    wanted = {"email": "second@harbour.example", "role": "editor"}
    made = owner.send("POST", "/api/v1/team/invitations", wanted)
    assert made.status_code == 201
    assert quick_house.new_browser().get(made.json()["link"]).status_code == 200
    problem(owner.send("POST", "/api/v1/team/invitations", wanted), 409, "not_possible")
    path = f"/api/v1/team/invitations/{made.json()['id']}"
    renewed = owner.send("POST", f"{path}/renew").json()
    assert renewed["link"] not in (None, made.json()["link"])
    assert all(one["link"] is None for one in owner.get("/api/v1/team").json()["invitations"])
    assert owner.send("DELETE", path).json() == {"changed": True}
    problem(owner.send("DELETE", path), 404, "not_found")


def test_roles_change_and_the_last_owner_stays(quick_house: House) -> None:
    owner = new_client(quick_house, Scope.TEAM, Scope.PRICES, Scope.REPORTS)
    people = {one["role"]: one["id"] for one in owner.get("/api/v1/team").json()["members"]}
    path = f"/api/v1/team/members/{people['viewer']}"
    assert owner.send("PUT", path, {"role": "editor"}).json()["role"] == "editor"
    assert owner.send("DELETE", path).json() == {"changed": True}
    last = f"/api/v1/team/members/{people['owner']}"
    problem(owner.send("PUT", last, {"role": "viewer"}), 409, "not_possible")
    problem(owner.send("DELETE", last), 409, "not_possible")


@pytest.mark.parametrize(
    ("scopes", "role", "missing"),
    [
        ((Scope.TEAM,), "viewer", None),
        ((Scope.TEAM,), "editor", ["prices", "reports"]),
        ((Scope.TEAM, Scope.PRICES), "editor", ["reports"]),
        ((Scope.TEAM, Scope.PRICES, Scope.REPORTS), "editor", None),
        ((Scope.TEAM, Scope.PRICES, Scope.REPORTS), "billing", ["refunds"]),
        ((Scope.TEAM, Scope.REFUNDS, Scope.REPORTS), "billing", None),
    ],
    ids=str,
)
def test_a_program_gives_nobody_a_role_that_may_more_than_itself(
    quick_house: House, scopes: tuple[Scope, ...], role: str, missing: list[str] | None
) -> None:
    client, root = new_client(quick_house, *scopes), "/api/v1/team"
    wanted = {"email": "next@harbour.example", "role": role}
    viewer = next(one["id"] for one in client.get(root).json()["members"] if one["role"] == "viewer")
    quick_house.signed_in().post("/publishers/1/team", {"email": "other@harbour.example", "role": role})
    waiting = next(one["id"] for one in client.get(root).json()["invitations"] if one["email"].startswith("other"))
    answers = (
        client.send("POST", f"{root}/invitations", wanted),
        client.send("POST", f"{root}/invitations/{waiting}/renew"),
        client.send("PUT", f"{root}/members/{viewer}", {"role": role}),
    )
    if missing is None:
        assert [answer.status_code for answer in answers] == [201, 200, 200]
        return
    for answer in answers:
        assert problem(answer, 403, "scope_missing")["scopes"] == missing
    assert "next@harbour.example" not in client.get(root).text


def test_a_program_neither_makes_nor_changes_owners(quick_house: House) -> None:
    client, root = new_client(quick_house, Scope.TEAM), "/api/v1/team"
    problem(
        client.send("POST", f"{root}/invitations", {"email": "me@evil.example", "role": "owner"}), 409, "not_possible"
    )
    assert "me@evil.example" not in client.get(root).text
    quick_house.signed_in().post("/publishers/1/team", {"email": "heir@harbour.example", "role": "owner"})
    invited = next(one for one in client.get(root).json()["invitations"] if one["role"] == "owner")
    problem(client.send("POST", f"{root}/invitations/{invited['id']}/renew"), 409, "not_possible")
    people = {one["role"]: one["id"] for one in client.get(root).json()["members"]}
    problem(client.send("PUT", f"{root}/members/{people['viewer']}", {"role": "owner"}), 409, "not_possible")
    with quick_house.database.write() as connection:
        publisher_id = quick_house.newsroom.publisher_id
        second = add_person(connection, "second@harbour.example", "-", 0).person_id
        set_role(connection, publisher_id, second, Role.OWNER, author="operator", now_micros=0)
    problem(client.send("PUT", f"{root}/members/{people['owner']}", {"role": "viewer"}), 409, "not_possible")
    problem(client.send("DELETE", f"{root}/members/{second}"), 409, "not_possible")


@pytest.mark.parametrize("number", ["2147483648", "9" * 30])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "tokens/{}"), ("DELETE", "tokens/{}"), ("DELETE", "team/members/{}"), ("GET", "webhooks/{}"),
        ("DELETE", "team/invitations/{}"), ("GET", "sites/harbour.example/versions/{}"),
    ],
)  # fmt: skip
def test_a_number_that_nothing_has_is_not_found(owner: ApiClient, method: str, path: str, number: str) -> None:
    problem(owner.send(method, f"/api/v1/{path.format(number)}"), 404, "not_found")


def test_a_token_takes_a_token_back_and_makes_none(quick_house: House, owner: ApiClient) -> None:
    other, number = new_token(quick_house, Scope.READ)
    assert number in [one["id"] for one in owner.get("/api/v1/tokens").json()["data"]]
    assert owner.send("DELETE", f"/api/v1/tokens/{number}").json() == {"changed": True}
    problem(other.get(SITE), 401, "token_unknown")
    assert owner.get(f"/api/v1/tokens/{number}").json()["state"] == "revoked"
    problem(owner.send("POST", "/api/v1/tokens", {}), 405, "method_not_allowed")
    log = owner.get("/api/v1/audit?area=token").json()["data"]
    assert (log[0]["action"], log[0]["author"][:16]) == ("token.revoked", "token a program ")


def test_the_audit_log_is_paged_without_gaps(owner: ApiClient) -> None:
    rows = owner.all_of("/api/v1/audit")
    assert [one["id"] for one in rows] == sorted({one["id"] for one in rows}, reverse=True)
    assert owner.get("/api/v1/audit?who=nobody").json() == {"data": [], "next": None}


# Webhooks


def test_a_webhook_is_added_changed_tried_and_removed(owner: ApiClient) -> None:
    made = owner.send("POST", "/api/v1/webhooks", HOOK)
    assert made.status_code == 201, made.text
    path = f"/api/v1/webhooks/{made.json()['id']}"
    assert made.json()["secret"].startswith("whsec_")
    assert owner.get(path).json()["secret"] is None
    changed = owner.send("PUT", path, {**HOOK, "events": ["statement.closed"]}).json()
    assert changed["events"] == ["statement.closed"]
    assert owner.send("POST", f"{path}/secret").json()["secret"] not in (None, made.json()["secret"])
    assert owner.send("POST", f"{path}/test").json() == {"changed": True}
    assert owner.send("POST", f"{path}/enable").json()["state"] == "active"
    assert [one["id"] for one in owner.get("/api/v1/webhooks").json()["data"]] == [made.json()["id"]]
    problem(owner.send("POST", "/api/v1/webhooks", {**HOOK, "url": "http://10.0.0.1/"}), 422, "invalid")
    assert owner.send("DELETE", path).json() == {"changed": True}
    problem(owner.get(path), 404, "not_found")


def test_events_that_were_given_up_are_sent_again_by_who_may_edit(quick_house: House, owner: ApiClient) -> None:
    path = f"/api/v1/webhooks/{owner.send('POST', '/api/v1/webhooks', HOOK).json()['id']}/replay"
    problem(owner.send("POST", path, {}), 403, "scope_missing")
    editor = new_client(quick_house, Scope.PRICES)
    assert editor.send("POST", path, {}).json() == {"count": 0}
    problem(editor.send("POST", path, {"event_id": "unknown"}), 404, "not_found")

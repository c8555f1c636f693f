"""A publisher's webhooks in the dashboard: a secret shown once, changed, tried, removed, and only one's own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from edge.store.audit_events import AuditFilter, publisher_events
from edge.store.service_keys import load_service_keys
from edge.store.webhook_endpoints import Endpoint, NewEndpoint, add_endpoint
from edge.store.webhook_lists import endpoints_of, with_deliveries
from tests.dashboard.conftest import Browser, House
from tests.support.newsroom import CANARY, NOW, micros

HOOKS = "/publishers/1/webhooks"
FORM = {"url": "https://hooks.harbour.example/farebox", "events": ["charge.posted", "rules.published"]}


def added(browser: Browser) -> str:
    answer = browser.post(f"{HOOKS}/new", FORM)
    assert answer.status_code == 201, answer.text
    found = re.search(r">(whsec_[^<]+)</textarea>", answer.text)
    assert found is not None
    return found[1]


def own(house: House, publisher: int = 1) -> list[Endpoint]:
    with house.database.read() as connection:
        return endpoints_of(connection, publisher)


def actions(house: House) -> list[str]:
    with house.database.read() as connection:
        return [one.action for one in publisher_events(connection, 1, AuditFilter(area="webhook"), 10)]


def test_a_secret_is_shown_once(house: House) -> None:
    browser = house.signed_in()
    secret = added(browser)
    [made] = own(house)
    assert (made.url, made.events) == (FORM["url"], ("charge.posted", "rules.published"))
    for page in (HOOKS, f"{HOOKS}/{made.endpoint_id}", "/publishers/1/audit"):
        text = browser.get(page).text
        assert "hooks.harbour.example" in text
        assert secret not in text
    fresh = browser.post(f"{HOOKS}/{made.endpoint_id}/secret").text
    assert "whsec_" in fresh
    assert secret not in fresh
    assert actions(house) == ["webhook.secret-rotated", "webhook.added"]


def test_address_and_events_are_changed(house: House) -> None:
    browser = house.signed_in()
    added(browser)
    form = {"url": "https://other.harbour.example/", "events": ["statement.closed"]}
    assert browser.post(f"{HOOKS}/1", form).headers["location"] == f"{HOOKS}?said=webhook-saved"
    assert [(one.url, one.events) for one in own(house)] == [("https://other.harbour.example/", ("statement.closed",))]
    assert browser.post(f"{HOOKS}/1", form).headers["location"] == f"{HOOKS}?said=same"
    assert actions(house) == ["webhook.changed", "webhook.added"]


def test_a_test_event_goes_to_this_webhook_alone(house: House) -> None:
    browser = house.signed_in()
    added(browser)
    added(browser)
    assert browser.post(f"{HOOKS}/2/test").headers["location"] == f"{HOOKS}?said=webhook-tried"
    with house.database.read() as connection:
        first, second = with_deliveries(connection, endpoints_of(connection, 1))
    assert first.deliveries == ()
    assert [(one.event, one.state) for one in second.deliveries] == [("webhook.test", "pending")]


def test_a_removed_webhook_is_gone(quick_house: House) -> None:
    browser = quick_house.signed_in()
    added(browser)
    assert browser.post(f"{HOOKS}/1/remove").headers["location"] == f"{HOOKS}?said=webhook-removed"
    assert own(quick_house) == []
    assert browser.get(f"{HOOKS}/1").status_code == 404


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"url": "http://hooks.harbour.example"}, "url"),
        ({"url": "https://127.0.0.1:9402/metrics\r\nx: y"}, "url"),
        ({"url": "javascript:alert(1)"}, "url"),
        ({"events": []}, "events"),
        ({"events": ["ledger.alarm"]}, "events"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(quick_house: House, form: dict[str, object], field: str) -> None:
    browser = quick_house.signed_in()
    answer = browser.post(f"{HOOKS}/new", FORM | form)
    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text
    added(browser)
    assert browser.post(f"{HOOKS}/1", FORM | form).status_code == 422
    assert [one.url for one in own(quick_house)] == [FORM["url"]]


def test_another_publishers_webhook_is_not_below_ours(house: House, tmp_path: Path) -> None:
    with house.database.write() as connection:
        new = NewEndpoint(f"https://{CANARY}.example/hooks", publisher_id=2)
        made, _ = add_endpoint(connection, new, load_service_keys(tmp_path), micros(NOW))
    browser, number = house.signed_in(), made.endpoint_id
    for act in ("", "/secret", "/test", "/enable", "/remove"):
        answer = browser.post(f"{HOOKS}/{number}{act}", FORM)
        assert answer.status_code == 404
        assert CANARY not in answer.text
    assert browser.get(f"{HOOKS}/{number}").status_code == 404
    assert [one.url for one in own(house, 2)] == [f"https://{CANARY}.example/hooks"]


@pytest.mark.parametrize("role", ["editor", "billing", "viewer"])
def test_who_is_no_owner_changes_no_webhook(quick_house: House, role: str) -> None:
    added(quick_house.signed_in())
    browser = quick_house.signed_in(f"{role}@harbour.example")
    assert browser.get(f"{HOOKS}/new").status_code == 403
    assert "Remove this webhook" not in browser.get(f"{HOOKS}/1").text
    for path in (f"{HOOKS}/new", f"{HOOKS}/1", f"{HOOKS}/1/remove", f"{HOOKS}/1/secret", f"{HOOKS}/1/test"):
        assert browser.post(path, FORM).status_code == 403

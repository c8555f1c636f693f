"""The JSON API over the whole dashboard: who is let in, what is refused and how, and what reading answers."""

from __future__ import annotations

import pytest
from httpx2 import Response

from edge.store.publisher_tokens import Scope
from publisher_dashboard.api.rates import BURST
from tests.dashboard.api_client import ApiClient, new_client, new_token
from tests.dashboard.conftest import House
from tests.support.newsroom import CANARY

SITE = "/api/v1/sites/harbour.example"


@pytest.fixture
def reader(quick_house: House) -> ApiClient:
    return new_client(quick_house, Scope.READ)


def problem(answer: Response, status: int, code: str) -> dict[str, object]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, object] = answer.json()
    assert (body["status"], body["code"]) == (status, code)
    assert str(body["detail"]).endswith((".", "…"))
    return body


def test_without_a_token_nothing_is_answered(quick_house: House) -> None:
    client = ApiClient(quick_house.new_browser().client, "")
    answer = client.client.get("/api/v1/sites")
    problem(answer, 401, "token_missing")
    assert answer.headers["www-authenticate"] == 'Bearer realm="farebox"'


def test_a_session_does_not_open_the_api(quick_house: House) -> None:
    answer = quick_house.signed_in().get("/api/v1/sites")
    problem(answer, 401, "token_missing")


@pytest.mark.parametrize("text", ["fbp_unknown", "other", "fbp_" + "a" * 43])
def test_a_token_that_opens_nothing_is_401(quick_house: House, text: str) -> None:
    problem(ApiClient(quick_house.new_browser().client, text).get("/api/v1/sites"), 401, "token_unknown")


def test_a_token_does_not_open_pages(reader: ApiClient) -> None:
    assert reader.get("/publishers/1").status_code == 303


def test_no_other_site_is_let_in(reader: ApiClient) -> None:
    answer = reader.get("/api/v1/sites", origin="https://evil.example")
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert answer.headers["cache-control"] == "no-store"


def test_another_name_is_not_answered_to(reader: ApiClient) -> None:
    problem(reader.get("/api/v1/sites", host="evil.example"), 421, "wrong_name")


def test_a_scope_that_does_not_cover_is_403_and_says_which_would(reader: ApiClient) -> None:
    answer = reader.get("/api/v1/months/2026-11/files/csv")
    assert problem(answer, 403, "scope_missing")["scopes"] == ["reports"]
    assert 'scope="reports"' in answer.headers["www-authenticate"]


def test_a_token_of_sites_opens_those_and_nothing_about_all(quick_house: House) -> None:
    client = new_client(quick_house, Scope.READ, hosts=("kitchen.harbour.example",))
    assert [one["host"] for one in client.get("/api/v1/sites").json()["sites"]] == ["kitchen.harbour.example"]
    problem(client.get(SITE), 404, "not_found")
    problem(client.get("/api/v1/overview"), 403, "token_limited_to_sites")
    problem(client.get("/api/v1/charges"), 403, "token_limited_to_sites")
    problem(client.get("/api/v1/charges?site=harbour.example"), 403, "token_limited_to_sites")
    assert client.get("/api/v1/charges?site=kitchen.harbour.example").json()["data"] == []
    problem(client.get(f"/api/v1/charges/{quick_house.newsroom.charge_ids[0]}"), 404, "not_found")


def test_an_unknown_address_and_a_wrong_method_are_problems(reader: ApiClient) -> None:
    problem(reader.get("/api/v1/nothing"), 404, "not_found")
    answer = reader.send("POST", f"{SITE}/draft")
    problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "DELETE, GET, HEAD, PUT"


def test_an_unknown_parameter_is_refused_and_so_is_one_given_twice(reader: ApiClient) -> None:
    body = problem(reader.get("/api/v1/charges?sight=a"), 422, "invalid")
    assert body["fields"] == [{"name": "sight", "message": "There is no such parameter."}]
    problem(reader.get("/api/v1/charges?site=a&site=b"), 422, "invalid")
    problem(reader.get("/api/v1/charges?from=2026-11-20&to=2026-11-19"), 422, "invalid")
    problem(reader.get("/api/v1/charges?after=x"), 422, "invalid")


def test_what_no_id_can_be_does_not_exist(reader: ApiClient) -> None:
    large = "9" * 30
    for path in (
        f"{SITE}/versions/{large}",
        f"/api/v1/tokens/{large}",
        f"/api/v1/webhooks/{large}",
        f"{SITE}/activity/{large}-1",
    ):
        problem(reader.get(path), 404, "not_found")
    problem(reader.get("/api/v1/charges/ch_%00"), 400, "unreadable")
    problem(reader.get("/api/v1/sites/a%00b"), 400, "unreadable")


def test_a_token_that_asks_too_often_waits(quick_house: House, reader: ApiClient) -> None:
    answers = [reader.get("/api/v1/nothing-of-it" if number < 3 else SITE) for number in range(BURST + 4)]
    problem(answers[-1], 429, "too_many_requests")
    quick_house.clock.now += int(answers[-1].headers["retry-after"])
    assert reader.get(SITE).status_code == 200


def test_a_token_that_was_revoked_opens_nothing(quick_house: House) -> None:
    browser = quick_house.signed_in()
    client, token_id = new_token(quick_house, Scope.READ)
    assert client.get(SITE).status_code == 200
    assert browser.post(f"/publishers/1/tokens/{token_id}/revoke").status_code == 303
    problem(client.get(SITE), 401, "token_unknown")


# Reading


def test_sites_are_listed_with_their_settings(reader: ApiClient) -> None:
    sites = reader.get("/api/v1/sites").json()["sites"]
    assert [(one["host"], one["has_draft"]) for one in sites] == [
        ("harbour.example", True),
        ("kitchen.harbour.example", False),
    ]
    one = reader.get(SITE)
    assert one.json() == sites[0]
    assert one.headers["etag"].startswith('"')


def test_all_pages_of_charges_add_up_to_the_sum(reader: ApiClient) -> None:
    first = reader.get("/api/v1/charges").json()
    rows = reader.all_of("/api/v1/charges")
    [total] = first["sums"]
    live = sum(one["price"]["amount_micros"] for one in rows if one["state"] == "live" and not one["free_because"])
    assert total["earned"]["amount_micros"] == live
    assert len({one["id"] for one in rows}) == len(rows)
    assert total["earned"] == reader.get("/api/v1/overview?range=90d").json()["earned"]


def test_a_filter_by_a_site_or_crawler_that_is_not_there_finds_nothing(reader: ApiClient) -> None:
    for query in (f"site={CANARY}.example", "crawler=nobody"):
        assert reader.get(f"/api/v1/charges?{query}").json() == {"data": [], "sums": [], "next": None}


def test_one_charge_is_told_with_its_entries(quick_house: House, reader: ApiClient) -> None:
    told = reader.get(f"/api/v1/charges/{quick_house.newsroom.charge_ids[0]}").json()
    assert told["charge"]["id"] == quick_house.newsroom.charge_ids[0]
    assert told["entries"][0]["amount"]["amount_micros"] == told["charge"]["price"]["amount_micros"]


def test_activity_pages_hold_every_row_of_the_filter_once(reader: ApiClient) -> None:
    first = reader.get(f"{SITE}/activity").json()
    rows = reader.all_of(f"{SITE}/activity")
    assert len(rows) == first["rows"] == len({one["id"] for one in rows})
    assert sum(one["requests"] for one in rows) == first["requests"]
    asked = reader.all_of(f"{SITE}/activity?outcome=asked")
    assert asked == [one for one in rows if one["group"] == "asked"]


def test_one_request_is_told_with_the_rules_of_its_time(reader: ApiClient) -> None:
    row = reader.get(f"{SITE}/activity").json()["data"][0]
    story = reader.get(f"{SITE}/activity/{row['id']}").json()
    assert story["request"] == row
    assert story["decided_by"]
    problem(reader.get(f"{SITE}/activity/1-1"), 404, "not_found")


def test_crawlers_and_content_are_told(reader: ApiClient) -> None:
    everyone = reader.get(f"{SITE}/crawlers").json()["data"]
    assert everyone
    one = reader.get(f"{SITE}/crawlers/one", params={"name": everyone[0]["name"]}).json()
    assert one["crawler"] == everyone[0]
    [listed] = one["address_lists"]
    assert (listed["url"], listed["read_at"], listed["accuses"]) == ("https://openai.com/gptbot.json", None, False)
    assert listed["ranges"] > 0
    assert one["ranges_matched"] == []
    level = reader.get(f"{SITE}/content?under=/&days=90").json()
    assert sum(part["requests"] for part in level["data"]) == level["total"]["requests"]
    problem(reader.get(f"{SITE}/content?under=articles"), 422, "invalid")


def test_a_months_statement_says_what_its_list_says(quick_house: House) -> None:
    client = new_client(quick_house, Scope.REPORTS)
    months = client.get("/api/v1/months").json()["data"]
    told = client.get(f"/api/v1/months/{months[0]['month']}").json()
    lines = sum(line["payable"]["amount_micros"] for line in told["lines"])
    assert lines == sum(total["payable"]["amount_micros"] for total in months[0]["totals"])
    file = client.get(f"/api/v1/months/{months[0]['month']}/files/jsonl")
    assert len(file.text.splitlines()) == len(told["lines"])
    problem(client.get("/api/v1/months/2027-01"), 404, "not_found")
    problem(client.get("/api/v1/months/2026-11/files/exe"), 404, "not_found")


def test_the_balance_is_what_is_owed(reader: ApiClient) -> None:
    assert [one["balance"]["currency"] for one in reader.get("/api/v1/balance").json()["data"]] == ["USD"]

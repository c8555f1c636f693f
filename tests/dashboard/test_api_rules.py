"""The API on rules: drafts with If-Match, publishing once, planning, rolling back, and trying out."""

from __future__ import annotations

from typing import Any

import pytest

from edge.store.audit_events import AuditFilter, publisher_events
from edge.store.publisher_tokens import Scope
from tests.dashboard.api_client import ApiClient, new_client
from tests.dashboard.conftest import House
from tests.dashboard.test_api import SITE, problem

KEY = "4f3c9a6e-once"
NEW_RULE = {"name": "Recipes", "where": "/recipes/*", "action": "charge", "price": "USD 0.003"}


@pytest.fixture
def editor(quick_house: House) -> ApiClient:
    return new_client(quick_house, Scope.PRICES)


def draft_of(client: ApiClient) -> tuple[str, dict[str, Any]]:
    answer = client.get(f"{SITE}/draft")
    return answer.headers["etag"], answer.json()


def with_rule(rules: dict[str, Any]) -> dict[str, Any]:
    return {**rules, "rule": [NEW_RULE, *rules["rule"]]}


def test_a_draft_goes_out_and_in_unchanged(editor: ApiClient) -> None:
    tag, draft = draft_of(editor)
    again = editor.send("PUT", f"{SITE}/draft", draft["rules"], if_match=tag)
    assert (again.status_code, again.json(), again.headers["etag"]) == (200, draft, tag)


def test_a_rule_is_added_to_the_draft_and_the_answer_says_what_changes(editor: ApiClient) -> None:
    tag, draft = draft_of(editor)
    saved = editor.send("PUT", f"{SITE}/draft", with_rule(draft["rules"]), if_match=tag).json()
    assert {"rule": "Recipes", "kind": "new", "edits": []} in saved["changes"]
    assert saved["edited_by"].startswith("token a program (fbp_")
    assert editor.get(f"{SITE}/rules").json()["live_version"] == draft["live_version"]


def test_without_if_match_nothing_is_saved(editor: ApiClient) -> None:
    _, draft = draft_of(editor)
    problem(editor.send("PUT", f"{SITE}/draft", draft["rules"]), 428, "precondition_missing")


def test_who_comes_second_sees_both_versions_and_loses_nothing(editor: ApiClient) -> None:
    tag, draft = draft_of(editor)
    theirs, mine = with_rule(draft["rules"]), {**draft["rules"], "rule": []}
    assert editor.send("PUT", f"{SITE}/draft", theirs, if_match=tag).status_code == 200
    answer = editor.send("PUT", f"{SITE}/draft", mine, if_match=tag)
    body = problem(answer, 412, "moved_on")
    assert body["yours"] == mine
    assert body["current"]["rules"] == theirs  # type: ignore[index]
    assert answer.headers["etag"] == draft_of(editor)[0]
    assert draft_of(editor)[1]["rules"] == theirs


def test_a_mistake_in_a_rule_is_named(editor: ApiClient) -> None:
    tag, draft = draft_of(editor)
    for wrong, word in (({"prise": "USD 1"}, "prise"), ({"price": "EUR 0.01"}, "USD"), ({"action": "sell"}, "action")):
        sent = {**draft["rules"], "rule": [{**NEW_RULE, **wrong}]}
        body = problem(editor.send("PUT", f"{SITE}/draft", sent, if_match=tag), 422, "invalid")
        assert "Recipes" in str(body["detail"])
        assert word in str(body["detail"])
    problem(editor.send("PUT", f"{SITE}/draft", {"rules": []}, if_match=tag), 422, "invalid")


def test_what_is_no_json_is_refused(editor: ApiClient) -> None:
    headers = {"authorization": f"Bearer {editor.token}", "if-match": '"draft-1"'}
    for content, content_type, status in ((b"{", "application/json", 400), (b"a=1", "text/plain", 415)):
        answer = editor.client.put(f"{SITE}/draft", content=content, headers={**headers, "content-type": content_type})
        assert answer.status_code == status
    many = b'{"default": "' + b"a" * (4 * 1024 * 1024) + b'"}'
    answer = editor.client.put(f"{SITE}/draft", content=many, headers={**headers, "content-type": "application/json"})
    problem(answer, 413, "too_large")


def test_rules_are_checked_without_saving(editor: ApiClient) -> None:
    before = draft_of(editor)
    rules = {"rule": [NEW_RULE, {**NEW_RULE, "name": "Again"}], "default": {"action": "allow"}}
    told = editor.send("POST", f"{SITE}/rules/check", rules).json()
    assert told["doubts"] == ["Rule 2 (Again) repeats rule 1 (Recipes); remove it."]
    assert draft_of(editor) == before


def test_whoever_only_reads_has_no_long_list_read_for_them(quick_house: House) -> None:
    reader = new_client(quick_house, Scope.READ)
    rules = {"rule": [NEW_RULE], "default": {"action": "allow"}}
    problem(reader.send("POST", f"{SITE}/rules/check", rules), 403, "scope_missing")


def test_a_draft_is_published_once_however_often_it_is_sent(quick_house: House, editor: ApiClient) -> None:
    tag, draft = draft_of(editor)
    wanted = {"live_version": draft["live_version"], "note": "by a program"}
    first = editor.send("POST", f"{SITE}/publish", wanted, if_match=tag, idempotency_key=KEY)
    assert (first.status_code, first.json()["version"]) == (201, draft["live_version"] + 1)
    again = editor.send("POST", f"{SITE}/publish", wanted, if_match=tag, idempotency_key=KEY)
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["idempotent-replayed"] == "true"
    problem(
        editor.send("POST", f"{SITE}/publish", wanted, if_match=tag, idempotency_key="another-key"), 412, "moved_on"
    )
    assert editor.get(f"{SITE}/rules").json()["rules"] == draft["rules"]
    with quick_house.database.read() as connection:
        [event] = publisher_events(connection, 1, AuditFilter(area="rules"), 1)
    assert (event.action, event.author) == ("rules.published", first.json()["published_by"])


def test_publishing_asks_for_a_key_and_for_what_was_looked_at(editor: ApiClient) -> None:
    tag, draft = draft_of(editor)
    now = {"live_version": draft["live_version"]}
    problem(editor.send("POST", f"{SITE}/publish", now, if_match=tag), 400, "idempotency_key_missing")
    problem(editor.send("POST", f"{SITE}/publish", now, idempotency_key=KEY), 428, "precondition_missing")
    old = {"live_version": draft["live_version"] - 1}
    problem(editor.send("POST", f"{SITE}/publish", old, if_match=tag, idempotency_key=KEY), 412, "moved_on")
    huge = {"live_version": 2**63}
    problem(editor.send("POST", f"{SITE}/publish", huge, if_match=tag, idempotency_key=KEY), 422, "invalid")
    answer = editor.send("POST", f"{SITE}/publish", now, if_match='"version-4"', idempotency_key=KEY)
    problem(answer, 412, "moved_on")


def test_an_old_version_is_published_again(editor: ApiClient) -> None:
    live = editor.get(f"{SITE}/rules").json()["live_version"]
    path = f"{SITE}/versions/1/roll-back"
    back = editor.send("POST", path, {"live_version": live}, idempotency_key=KEY)
    assert (back.status_code, back.json()["version"]) == (201, live + 1)
    assert back.json()["rules"] == editor.get(f"{SITE}/versions/1").json()["rules"]
    assert [one["version"] for one in editor.all_of(f"{SITE}/versions")] == list(range(live + 1, 0, -1))
    problem(
        editor.send("POST", f"{SITE}/versions/99/roll-back", {"live_version": live + 1}, idempotency_key=KEY),
        404,
        "not_found",
    )


def test_a_publication_is_planned_seen_and_given_up(editor: ApiClient) -> None:
    tag, draft = draft_of(editor)
    problem(editor.get(f"{SITE}/plan"), 404, "not_found")
    wanted = {"live_version": draft["live_version"], "at": "2026-12-01T07:00:00+01:00", "note": "December"}
    planned = editor.send("PUT", f"{SITE}/plan", wanted, if_match=tag).json()
    assert (planned["at"], planned["failed_because"]) == ("2026-12-01T06:00:00Z", None)
    assert editor.get(f"{SITE}/plan").json() == planned
    for never in ("2020-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"):
        refused = editor.send("PUT", f"{SITE}/plan", {**wanted, "at": never}, if_match=tag)
        assert problem(refused, 422, "invalid")["fields"]
    assert editor.send("DELETE", f"{SITE}/plan").json() == {"changed": True}
    assert editor.send("DELETE", f"{SITE}/plan").json() == {"changed": False}


def test_a_draft_is_discarded_by_who_looked_at_it(editor: ApiClient) -> None:
    tag, draft = draft_of(editor)
    problem(editor.send("DELETE", f"{SITE}/draft", if_match='"draft-1"'), 412, "moved_on")
    assert editor.send("DELETE", f"{SITE}/draft", if_match=tag).json() == {"changed": True}
    assert draft_of(editor)[1]["rules"] == editor.get(f"{SITE}/rules").json()["rules"]
    assert draft["revision"] is not None
    problem(editor.get(f"{SITE}/backtest"), 404, "not_found")


def test_a_url_is_tried_under_live_rules_and_draft(editor: ApiClient) -> None:
    asked = {"url": "/articles/a", "crawler": "ExampleBot", "offer": "max", "price": "0.005"}
    live, draft = editor.get(f"{SITE}/test", asked).json()["verdicts"]
    assert (live["verdict"], live["decided_by"]) == ("Sold", "Long reads")
    assert draft["rules"] == "Draft"
    problem(editor.get(f"{SITE}/test", {"url": "https://other.example/"}), 422, "invalid")


def test_a_backtest_says_what_the_draft_would_have_done(editor: ApiClient) -> None:
    told = editor.get(f"{SITE}/backtest?days=30").json()
    assert told["state"] == "done"
    result = told["result"]
    draft = sum(rule["draft"]["amount_micros"] for rule in result["rules"])
    live = sum(rule["live"]["amount_micros"] for rule in result["rules"])
    assert result["difference"]["amount_micros"] == draft - live
    assert result["bands"][0]["live"] == result["live"]

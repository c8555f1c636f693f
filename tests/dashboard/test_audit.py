"""The audit log in the dashboard: everything that changes something stands in it; a filter; a file."""

from __future__ import annotations

import csv
import io

import pytest

from edge.store.audit_events import Action, record
from publisher_dashboard.views.audit import WORDS, details_text
from publisher_dashboard.views.whole_audit import OPERATOR_AREAS
from tests.dashboard.conftest import Browser, House
from tests.support.newsroom import CANARY, NOW, micros

AUDIT = "/publishers/1/audit"


def rows(browser: Browser, query: str = "") -> list[dict[str, str]]:
    answer = browser.get(f"{AUDIT}.csv{query}")
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(answer.text)))


def newest(browser: Browser) -> tuple[str, str, str]:
    row = rows(browser)[0]
    return row["action"], row["author"], row["subject"]


def test_what_somebody_does_is_the_next_line(house: House) -> None:
    browser = house.signed_in()
    owner, site = "owner@harbour.example", "/sites/harbour.example"
    browser.post(f"{site}/discard", {"edition": browser.edition()})
    assert newest(browser) == ("draft.discarded", owner, "harbour.example")
    browser.post(f"{site}/roll-back", {"version": "2", "live": "4"})
    assert newest(browser) == ("rules.rolled-back", owner, "harbour.example")
    browser.post("/publishers/1/team/members/4/role", {"role": "editor"})
    assert newest(browser) == ("team.role-changed", owner, "viewer@harbour.example")
    browser.post("/publishers/1/tokens", {"name": "bot", "scopes": "read", "expires": "30"})
    assert newest(browser) == ("token.made", owner, "bot")
    page = browser.get(AUDIT).text
    assert page.index("Made an API token") < page.index("Changed a role") < page.index("Rolled prices back")
    assert "version 5" in page


def test_a_publication_is_a_line_with_its_version(quick_house: House) -> None:
    browser = quick_house.signed_in("editor@harbour.example")
    edition = browser.edition()
    answer = browser.post("/sites/harbour.example/publish", {"edition": edition, "live": "4", "note": "dearer"})
    assert answer.status_code == 303
    [row, *_] = rows(browser, "?area=rules")
    assert (row["action"], row["author"], row["site"]) == (
        "rules.published",
        "editor@harbour.example",
        "harbour.example",
    )
    assert '"version":5' in row["details"]


@pytest.mark.parametrize(
    ("query", "holds"),
    [
        ("?who=editor@harbour.example", lambda row: row["author"] == "editor@harbour.example"),
        ("?area=team", lambda row: row["action"].startswith("team.")),
        ("?from=2026-11-01", lambda row: row["at"] >= "2026-11-01"),
        ("?to=2026-10-01", lambda row: row["at"] < "2026-10-02"),
    ],
)
def test_a_filter_takes_what_it_says_on_the_page_and_in_the_file(quick_house: House, query: str, holds: object) -> None:
    browser = quick_house.signed_in()
    everything, found = rows(browser), rows(browser, query)
    assert callable(holds)
    assert found == [row for row in everything if holds(row)]
    assert 0 < len(found) < len(everything)
    assert f"{len(found)} line" in browser.get(f"{AUDIT}{query}").text


def test_older_lines_are_one_click_away(quick_house: House) -> None:
    with quick_house.database.write() as connection:
        for number in range(120):
            record(
                connection,
                Action.SITE_CHANGED,
                author="owner@harbour.example",
                now_micros=micros(NOW) + number,
                publisher_id=1,
                subject=f"change {number}",
            )
    browser = quick_house.signed_in()
    path, seen = f"{AUDIT}?area=site", []
    while path:
        page = browser.get(path).text
        seen += [number for number in range(120) if f"<bdi>change {number}</bdi>" in page]
        path = (
            page.split('" rel="next"')[0].rsplit('href="', 1)[1].replace("&amp;", "&") if 'rel="next"' in page else ""
        )
    assert sorted(seen) == list(range(120))


def test_another_publishers_log_is_not_ours(house: House) -> None:
    browser = house.signed_in()
    assert CANARY not in browser.get(f"{AUDIT}?who=owner@{CANARY}.example").text.replace(f"owner@{CANARY}", "")
    assert all(CANARY not in str(row) for row in rows(browser))


def test_a_days_filter_that_is_none_is_said(quick_house: House) -> None:
    answer = quick_house.signed_in().get(f"{AUDIT}?from=never")
    assert answer.status_code == 422
    assert "Write a day like" in answer.text


def test_ones_own_log_tells_of_signing_in_and_of_the_password(quick_house: House) -> None:
    browser = quick_house.signed_in()
    page = browser.get("/account").text
    assert "Signed in" in page
    with quick_house.database.write() as connection:
        record(
            connection,
            Action.PASSWORD_CHANGED,
            author="root (command line)",
            now_micros=micros(NOW),
            subject="owner@harbour.example",
        )
    page = browser.get("/account").text
    assert "Changed the password" in page
    assert "by <bdi>root (command line)</bdi>" in page
    assert "Changed the password" not in quick_house.signed_in("editor@harbour.example").get("/account").text


def test_every_action_has_words_and_every_area_is_offered_or_ones_own() -> None:
    assert set(WORDS) == set(Action)
    assert {action.split(".")[0] for action in Action} == {*OPERATOR_AREAS, "account"}


def test_details_read_as_words() -> None:
    details = {
        "origin": {"before": "http://a", "after": None},
        "strict": {"before": False, "after": True},
        "may": ["a", "b"],
    }
    assert details_text(details | {"sites": []}) == "origin: http://a → nothing, strict: off → on, may a and b"

"""Review, publish, discard, history and the way back."""

from __future__ import annotations

import html
import re
from decimal import Decimal

import pytest

from edge.core.money import Money
from edge.store.earnings import Period, earned_by_rule
from edge.store.policy import load_policy
from edge.store.rulesets import find_draft, history, live_version, publish_rules
from tests.dashboard.conftest import Browser, House, hidden_in

SITE = "/sites/harbour.example"


@pytest.fixture
def editor(house: House) -> Browser:
    return house.signed_in("editor@harbour.example")


def live(house: House) -> int:
    with house.database.read() as connection:
        found = live_version(connection, house.newsroom.site.site_id)
    assert found is not None
    return found.version


def publish(browser: Browser, **changed: str) -> int:
    page = browser.get(f"{SITE}/review").text
    form = {"edition": hidden_in(page, "edition"), "live": hidden_in(page, "live"), "note": "November rates"}
    return browser.post(f"{SITE}/publish", {**form, **changed}).status_code


def test_the_review_says_what_changes_rule_by_rule(editor: Browser) -> None:
    page = editor.get(f"{SITE}/review").text
    assert "3 changes" in page
    assert "moved from place 5 to 1" in page
    assert re.search(r"price: <del>.*?\$0\.005</del>.*?<ins>\$0\.008</ins>", page)
    assert "new, place 5" in page
    assert "never matches: “Long reads” takes it before" in page
    assert "Publish as version 5" in page


def test_the_review_says_all_of_a_new_rule(editor: Browser) -> None:
    new = {
        "name": "Closed", "where": "starts", "address": "/closed/", "action": "block", "licence": "none",
        "block_text": "Write to us.", "days": "5", "from": "20:00", "to": "06:00",
    }  # fmt: skip
    editor.post(f"{SITE}/rules/new", {**new, "edition": editor.edition()})
    page = editor.get(f"{SITE}/review").text
    for words in ("licence: none", "says to the crawler: Write to us.", "Sat", "20:00–06:00 UTC"):
        assert words in page


def test_publishing_makes_the_draft_live_for_the_edge(house: House, editor: Browser) -> None:
    assert publish(editor) == 303
    assert live(house) == 5
    policy = load_policy(house.database)
    rules = policy.sites["harbour.example"].rules.rule_set
    assert [rule.price for rule in rules.rules if rule.name == "Long reads"] == [Money(8_000, "USD")]
    with house.database.read() as connection:
        assert find_draft(connection, house.newsroom.site.site_id) is None
        newest = history(connection, house.newsroom.site.site_id, limit=1)[0]
    assert (newest.note, newest.published_by) == ("November rates", "editor@harbour.example")
    assert newest.published_at_micros == int(house.clock() * 1_000_000)
    assert "Nothing to publish" in editor.get(f"{SITE}/review").text


def test_a_draft_that_was_changed_after_the_review_is_not_published(house: House, editor: Browser) -> None:
    page = editor.get(f"{SITE}/review").text
    owner = house.signed_in("owner@harbour.example")
    owner.post(f"{SITE}/rules/switch", {"edition": owner.edition(), "rule": "Archive", "enabled": "off"})
    form = {"edition": hidden_in(page, "edition"), "live": "4", "note": "for the autumn & winter"}
    answer = editor.post(f"{SITE}/publish", form)
    assert answer.status_code == 409
    assert "Review again" in answer.text
    again = re.search(r'href="([^"]+/review\?[^"]+)"', answer.text)
    assert again is not None
    assert ">for the autumn &amp; winter</textarea>" in editor.get(html.unescape(again[1])).text
    assert live(house) == 4


def test_a_review_against_an_older_live_version_does_not_publish(house: House, editor: Browser) -> None:
    page = editor.get(f"{SITE}/review").text
    with house.database.write() as connection:
        found = live_version(connection, house.newsroom.site.site_id)
        assert found is not None
        now = int(house.clock() * 1_000_000)
        publish_rules(connection, found.site_id, found.rules, 4, None, "operator@command", now)
    form = {"edition": hidden_in(page, "edition"), "live": hidden_in(page, "live"), "note": ""}
    assert editor.post(f"{SITE}/publish", form).status_code == 409
    assert live(house) == 5
    assert "Version 5 went live after this draft was begun" in editor.get(f"{SITE}/review").text
    assert "It is older than what is live" in editor.get(f"{SITE}/rules").text
    assert publish(editor) == 303
    assert live(house) == 6


def test_a_note_that_is_too_long_is_said_at_the_note_and_kept(house: House, editor: Browser) -> None:
    page = editor.get(f"{SITE}/review").text
    form = {"edition": hidden_in(page, "edition"), "live": "4", "note": "why " * 300}
    answer = editor.post(f"{SITE}/publish", form)
    assert answer.status_code == 422
    assert 'id="note-error"' in answer.text
    assert "why why why" in answer.text
    assert live(house) == 4


def test_discarding_leaves_what_is_live(house: House, editor: Browser) -> None:
    seen = editor.edition()
    assert editor.post(f"{SITE}/discard", {"edition": "draft 1"}).status_code == 409
    assert editor.post(f"{SITE}/discard", {"edition": seen}).status_code == 303
    assert editor.post(f"{SITE}/discard", {"edition": seen}).status_code == 409
    assert live(house) == 4
    assert "not live yet" not in editor.get(f"{SITE}/rules").text


def test_discarding_and_deleting_ask_once_more(house: House, editor: Browser) -> None:
    page = editor.get(f"{SITE}/discard").text
    assert "Its 3 changes cannot be brought back" in page
    assert editor.post(f"{SITE}/discard", {"edition": hidden_in(page, "edition")}).status_code == 303
    assert "There is no draft" in editor.get(f"{SITE}/discard").text
    page = editor.get(f"{SITE}/rules/delete?rule=archive").text
    assert "Delete “Archive”?" in page
    form = {"edition": hidden_in(page, "edition"), "rule": hidden_in(page, "rule")}
    assert editor.post(f"{SITE}/rules/delete", form).status_code == 303
    assert editor.get(f"{SITE}/rules/delete?rule=Archive").status_code == 404
    assert live(house) == 4


def test_history_says_who_when_and_why(editor: Browser) -> None:
    page = editor.get(f"{SITE}/history").text
    for word in (
        "Recipes again, at night only",
        "owner@harbour.example",
        "14 Oct 2026, 14:02:00 UTC",
        "without a note",
    ):
        assert word in page
    places = [page.index(f'<span class="v">{number}</span>') for number in (4, 3, 2, 1)]
    assert places == sorted(places)
    one = editor.get(f"{SITE}/history/3").text
    assert "taken out, was place 6" in one
    for number in ("5", "0", "99999999999"):
        assert editor.get(f"{SITE}/history/{number}").status_code == 404


def test_each_version_says_what_was_earned_while_it_was_live(house: House, editor: Browser) -> None:
    page = editor.get(f"{SITE}/history").text
    told = [int(Decimal(text) * 1_000_000) for text in re.findall(r"earned \$([0-9.]+) while live", page)]
    with house.database.read() as connection:
        site = house.newsroom.site
        whole = earned_by_rule(connection, site.site_id, "USD", Period(0, int(house.clock() * 1_000_000) + 1))
    assert len(told) == 4
    assert sum(told) == sum(one.amount_micros for one in whole.values()) > 0
    assert f"Earned ${Decimal(told[1]) / 1_000_000:.2f}" in editor.get(f"{SITE}/history/3").text


def test_rolling_back_publishes_the_old_rules_as_a_new_version(house: House, editor: Browser) -> None:
    answer = editor.post(f"{SITE}/roll-back", {"version": "1", "live": "4"})
    assert answer.status_code == 303
    with house.database.read() as connection:
        versions = history(connection, house.newsroom.site.site_id)
    assert [one.version for one in versions] == [5, 4, 3, 2, 1]
    assert versions[0].rules == versions[-1].rules
    assert versions[0].note == "Back to version 1"
    late = editor.post(f"{SITE}/roll-back", {"version": "2", "live": "4"})
    assert late.status_code == 409, "not what was seen"
    assert "another version went live since" in late.text
    assert f'href="{SITE}/history">To the history' in late.text
    for number in ("9", "", "x", "-1", "99999999999"):
        assert editor.post(f"{SITE}/roll-back", {"version": number, "live": "5"}).status_code == 404


def test_a_long_history_is_paged(house: House, editor: Browser) -> None:
    with house.database.write() as connection:
        found = live_version(connection, house.newsroom.site.site_id)
        assert found is not None
        for number in range(4, 30):
            publish_rules(connection, found.site_id, found.rules, number, f"note {number}", "o@x.example", 1)
    first = editor.get(f"{SITE}/history").text
    assert first.count('class="v"') == 25
    older = re.search(r'href="([^"]+)">Older versions', first)
    assert older is not None
    assert editor.get(older[1]).text.count('class="v"') == 5

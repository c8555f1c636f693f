"""The list of rules: what it shows, and the changes made in it."""

from __future__ import annotations

import re

import pytest

from edge.core.money import Money
from edge.core.rules import Action, RuleSet
from edge.store.entries import ChargeFilter, list_charges
from edge.store.rulesets import find_draft, live_version
from publisher_dashboard.rendering import money
from tests.dashboard.conftest import Browser, House

RULES = "/sites/harbour.example/rules"
NEW = {
    "name": "Recipes", "kind": "training", "least": "signed", "where": "starts", "address": "/recipes/",
    "action": "charge", "price": "2.5", "unit": "thousand", "licence": "ai-train",
}  # fmt: skip


def drafted(house: House) -> RuleSet:
    with house.database.read() as connection:
        found = find_draft(connection, house.newsroom.site.site_id)
        live = live_version(connection, house.newsroom.site.site_id)
    assert live is not None
    return found.rules if found else live.rules


def names(house: House) -> list[str]:
    return [rule.name for rule in drafted(house).rules]


@pytest.fixture
def editor(house: House) -> Browser:
    return house.signed_in("editor@harbour.example")


# The list


def test_the_list_shows_rules_in_order_and_the_last_row_last(house: House, editor: Browser) -> None:
    page = editor.get(RULES).text
    places = [page.index(f">{name}<") for name in names(house)]
    assert places == sorted(places)
    assert places[-1] < page.index("Everything else")
    assert "always last" in page


def test_prices_stand_per_page_and_per_thousand_and_keep_their_sub_cents(editor: Browser) -> None:
    row = row_of(editor.get(RULES).text, "Archive")
    assert "$0.0025" in row
    assert "$2.50" in row


def test_a_watching_rule_says_what_its_requests_would_have_earned(editor: Browser) -> None:
    page = editor.get("/sites/kitchen.harbour.example/rules").text
    assert "$10.60</span><small>if it asked</small>" in page.split("Everything else")[1]
    assert "if it asked" not in row_of(page, "Search engines")


def test_the_draft_is_announced_with_its_changes_and_marked(editor: Browser) -> None:
    page = editor.get(RULES).text
    assert "3 changes not live yet" in page
    assert "editor@harbour.example, 1 hour ago" in page
    assert ">moved<" in row_of(page, "Search engines")
    assert "<del>" in row_of(page, "Long reads")
    assert ">new<" in row_of(page, "Opinion")
    assert ">changed<" not in row_of(page, "Archive")


def test_a_rule_that_never_matches_is_marked_with_the_one_that_hides_it(editor: Browser) -> None:
    row = row_of(editor.get(RULES).text, "Opinion")
    assert 'never matches: <a href="#rule-3">rule 3</a>, “Long reads”, takes it before' in row


def test_a_dearer_part_that_a_cheaper_rule_sells_before_to_some_is_marked_in_the_list_and_in_the_review(
    editor: Browser,
) -> None:
    form = {
        "name": "Obituaries",
        "where": "starts",
        "address": "/articles/obituaries/",
        "action": "charge",
        "price": "1",
    }
    editor.post(f"{RULES}/new", {**form, "edition": editor.edition()})
    row = row_of(editor.get(RULES).text, "Obituaries")
    assert 'not for everyone: <a href="#rule-3">rule 3</a>, “Long reads”, sells these pages before at $0.008' in row
    review = editor.get(RULES.replace("/rules", "/review")).text
    assert "not for everyone: “Long reads” sells these pages before at $0.008" in review


def test_a_rule_for_the_same_requests_as_an_earlier_one_is_marked_as_contradicting_it(editor: Browser) -> None:
    form = {"name": "Dear archive", "where": "pattern", "address": "/archive/:year/*", "action": "charge", "price": "1"}
    editor.post(f"{RULES}/new", {**form, "edition": editor.edition()})
    row = row_of(editor.get(RULES).text, "Dear archive")
    assert 'contradicts <a href="#rule-4">rule 4</a>, “Archive”' in row


def test_each_rule_says_how_many_requests_it_decided_in_a_week(editor: Browser) -> None:
    page = editor.get(RULES).text
    assert re.search(r'data-label="matched 7 d">61<', row_of(page, "Members"))
    assert 'data-label="matched 7 d">0<' in row_of(page, "Partners")


def test_the_rules_of_seven_days_earned_what_the_overview_of_seven_days_says(quick_house: House) -> None:
    with quick_house.database.read() as connection:
        newest = list_charges(connection, ChargeFilter(frozenset({1}))).charges
    sold = next(one for one in newest if one.paid_at_micros is not None)
    # That page was sold a minute less than 168 hours ago, on the eighth day from today.
    quick_house.clock.now = sold.opened_at_micros / 1e6 + 7 * 86_400 - 60
    owner = quick_house.signed_in()
    page = owner.get("/sites/harbour.example/rules").text
    rules = sum(
        round(float(re.sub("<[^>]+>", "", cell).strip("$")) * 1_000_000)
        for cell in re.findall(r'class="earned n strong"[^>]*>(\$.*?)</td>', page)
    )
    figures = owner.get("/publishers/1?range=7d").text.split("<dt>Earned in 7 days</dt>")[1]
    assert f"<dd>{money(rules, 'USD')}</dd>" in figures.split("</div>")[0]


def test_a_price_for_everything_else_with_an_action_that_has_none_is_said_at_its_field(editor: Browser) -> None:
    form = {"action": "block", "price": "0.01", "unit": "page", "edition": editor.edition()}
    answer = editor.post(f"{RULES}/everything-else", form)
    assert answer.status_code == 422
    assert "Block has no price" in answer.text


def test_the_last_row_is_marked_when_a_rule_before_it_takes_everything(editor: Browser) -> None:
    assert "never reached" not in editor.get(RULES).text
    everyone = {**NEW, "name": "All", "kind": "", "least": "", "where": "everywhere", "address": ""}
    editor.post(f"{RULES}/new", {**everyone, "edition": editor.edition()})
    assert "never reached: rule 8, “All”, takes every bot on every page" in editor.get(RULES).text
    editor.post(f"{RULES}/switch", {"edition": editor.edition(), "rule": "All", "enabled": "off"})
    assert "never reached" not in editor.get(RULES).text


def test_least_proof_is_said_in_words_and_a_named_crawler_keeps_its_kind(editor: Browser) -> None:
    page = editor.get(RULES).text
    assert "comes from its published addresses" in row_of(page, "Search engines")
    assert "signs its requests" in row_of(page, "Partners")
    editor.post(f"{RULES}/new", {**NEW, "crawler": "GPTBot", "edition": editor.edition()})
    assert re.search(r"GPTBot\s*<small>Training crawlers</small>", row_of(editor.get(RULES).text, "Recipes"))


@pytest.mark.parametrize("character", ["\u202e", "\u200b", "\u2066", "\u00ad", "\ufeff", "\t"])
def test_a_name_with_invisible_characters_is_refused(editor: Browser, character: str) -> None:
    name = f"Long{character}reads"
    answer = editor.post(f"{RULES}/new", {**NEW, "name": name, "edition": editor.edition()})
    assert answer.status_code == 422
    assert 'id="name-error"' in answer.text


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [("20:00", "06:00", "Sat, Sun 20:00–06:00 UTC"), ("", "", "Sat, Sun all day, UTC"),
     ("08:00", "08:00", "Sat, Sun from 08:00 for 24 hours, UTC")],
)  # fmt: skip
def test_a_window_is_said_as_it_is_meant(editor: Browser, start: str, end: str, words: str) -> None:
    new = {**NEW, "days": ["5", "6"], "from": start, "to": end, "edition": editor.edition()}
    editor.post(f"{RULES}/new", new)
    said = re.sub(r"\s+", " ", row_of(editor.get(RULES).text, "Recipes"))
    assert words in said


def test_a_viewer_sees_the_list_and_no_way_to_change_it(house: House) -> None:
    page = house.signed_in("viewer@harbour.example").get(RULES).text
    assert "Long reads" in page
    for word in ("Add rule", "/rules/move", "/rules/edit", "Discard", "presets"):
        assert word not in page


def test_a_site_without_rules_offers_to_begin_by_watching(quick_house: House) -> None:
    with quick_house.database.write() as connection:
        connection.exec_driver_sql("UPDATE site SET live_version = NULL")
        connection.exec_driver_sql("DELETE FROM rule_draft")
    editor = quick_house.signed_in("editor@harbour.example")
    page = editor.get(RULES).text
    assert "No rules yet" in page
    presets = editor.get("/sites/harbour.example/presets").text
    assert presets.index("Watch only") < presets.index("Charge training crawlers")
    form = {"edition": editor.edition(), "preset": "watch", "price": "0.004", "unit": "page"}
    assert editor.post("/sites/harbour.example/presets", form).status_code == 303
    with quick_house.database.read() as connection:
        draft = find_draft(connection, quick_house.newsroom.site.site_id)
    assert draft is not None
    assert (draft.rules.default.action, draft.rules.default.price) == (Action.MONITOR, Money(4_000, "USD"))


# Changes in the list


def test_a_rule_moves_up_and_down_and_never_past_the_last_row(house: House, editor: Browser) -> None:
    before = names(house)
    for direction, place in (("up", 1), ("up", 0), ("up", 0), ("bottom", 6), ("down", 6), ("top", 0), ("down", 1)):
        answer = editor.post(
            f"{RULES}/move", {"edition": editor.edition(), "rule": "Long reads", "direction": direction}
        )
        assert answer.status_code == 303
        assert names(house).index("Long reads") == place
    assert sorted(names(house)) == sorted(before)
    assert (
        editor.post(f"{RULES}/move", {"edition": editor.edition(), "rule": "Archive", "direction": "x"}).status_code
        == 400
    )


def test_a_rule_is_turned_off_and_on_and_deleted(house: House, editor: Browser) -> None:
    for word, state in (("off", False), ("on", True)):
        editor.post(f"{RULES}/switch", {"edition": editor.edition(), "rule": "archive", "enabled": word})
        assert [rule.enabled for rule in drafted(house).rules if rule.name == "Archive"] == [state]
    editor.post(f"{RULES}/delete", {"edition": editor.edition(), "rule": "Archive"})
    assert "Archive" not in names(house)


@pytest.mark.parametrize("path", ["move", "switch", "delete"])
def test_the_last_row_and_unknown_rules_cannot_be_moved_switched_or_deleted(editor: Browser, path: str) -> None:
    for name in ("everything else", "no such rule", ""):
        form = {"edition": editor.edition(), "rule": name, "direction": "up", "enabled": "off"}
        assert editor.post(f"{RULES}/{path}", form).status_code == 404


def test_a_draft_that_says_what_is_live_goes_away_by_itself(house: House, editor: Browser) -> None:
    editor.post("/sites/harbour.example/discard", {"edition": editor.edition()})
    for direction in ("down", "up"):
        form = {"edition": editor.edition(), "rule": "Partners", "direction": direction}
        assert editor.post(f"{RULES}/move", form).status_code == 303
    with house.database.read() as connection:
        assert find_draft(connection, house.newsroom.site.site_id) is None


# One rule


def test_a_rule_is_added_behind_the_one_named_or_last(house: House, editor: Browser) -> None:
    answer = editor.post(f"{RULES}/new", {**NEW, "edition": editor.edition(), "after": "Archive"})
    assert answer.headers["location"] == f"{RULES}?said=added"
    editor.post(f"{RULES}/new", {**NEW, "name": "Last", "edition": editor.edition()})
    found = names(house)
    assert found[found.index("Archive") + 1] == "Recipes"
    assert found[-1] == "Last"
    rule = next(one for one in drafted(house).rules if one.name == "Recipes")
    assert (rule.where, rule.price, rule.licence) == ("/recipes/*", Money(2_500, "USD"), "ai-train")


def test_every_mistake_is_said_next_to_its_field_and_nothing_typed_is_lost(house: House, editor: Browser) -> None:
    before = drafted(house)
    wrong = {
        **NEW,
        "edition": editor.edition(),
        "name": "",
        "price": "one <cent>",
        "address": "no slash",
        "where": "exactly",
    }
    answer = editor.post(f"{RULES}/new", wrong)
    assert answer.status_code == 422
    for field in ("name", "price", "address"):
        assert f'id="{field}-error"' in answer.text
        assert re.search(rf'id="{field}"[^>]*aria-describedby="{field}-error[^>]*aria-invalid="true"', answer.text)
    assert 'value="one &lt;cent&gt;"' in answer.text
    assert 'value="ai-train"' in answer.text
    assert '<option value="training" selected>' in answer.text
    assert "3 things to put right" in answer.text
    assert drafted(house) == before


def test_the_list_of_mistakes_follows_the_form(editor: Browser) -> None:
    wrong = {**NEW, "edition": editor.edition(), "name": "", "price": "x", "address": "no slash", "licence": "a b"}
    summary = editor.post(f"{RULES}/new", wrong).text.split('role="alert"')[1].split("</ul>")[0]
    assert re.findall(r'href="#([a-z]+)"', summary) == ["name", "address", "price", "licence"]


def test_two_rules_cannot_have_one_name(editor: Browser) -> None:
    answer = editor.post(f"{RULES}/new", {**NEW, "name": "long READS", "edition": editor.edition()})
    assert answer.status_code == 422
    assert 'id="name-error"' in answer.text
    assert "choose another name" in answer.text


def test_a_rule_is_changed_in_its_place(house: House, editor: Browser) -> None:
    form = {**NEW, "rule": "Archive", "name": "Old papers", "edition": editor.edition()}
    assert editor.post(f"{RULES}/edit", form).headers["location"] == f"{RULES}?said=changed"
    assert names(house)[3] == "Old papers"


def test_a_copy_begins_as_the_rule_and_stands_behind_it(house: House, editor: Browser) -> None:
    page = editor.get(f"{RULES}/new?copy=long+reads").text
    assert 'value="Long reads copy"' in page
    assert 'name="after" value="Long reads"' in page
    assert 'value="0.008"' in page
    assert editor.get(f"{RULES}/new?copy=nothing").status_code == 404


def test_the_last_row_has_an_action_and_a_price_only(house: House, editor: Browser) -> None:
    path = f"{RULES}/everything-else"
    editor.post(path, {"edition": editor.edition(), "action": "block"})
    assert drafted(house).default.action is Action.BLOCK
    editor.post(path, {"edition": editor.edition(), "action": "monitor", "price": "3", "unit": "thousand"})
    assert drafted(house).default.price == Money(3_000, "USD")
    for form in ({"action": "charge"}, {"action": "charge", "price": "x"}, {"action": "sell"}):
        assert editor.post(path, {"edition": editor.edition(), **form}).status_code == 422


def test_names_from_people_cannot_write_into_pages(editor: Browser) -> None:
    name = "<img src=x onerror=alert(1)>\"'"
    editor.post(f"{RULES}/new", {**NEW, "name": name, "edition": editor.edition()})
    for path in (
        RULES,
        "/sites/harbour.example/review",
        f"{RULES}/edit?rule=%3Cimg+src%3Dx+onerror%3Dalert(1)%3E%22%27",
    ):
        page = editor.get(path).text
        assert "<img" not in page
        assert "&lt;img" in page


# Two people at once


def test_an_edit_of_rules_that_changed_shows_both_and_saves_neither(house: House, editor: Browser) -> None:
    owner = house.signed_in("owner@harbour.example")
    seen = editor.edition()
    owner.post(f"{RULES}/edit", {**NEW, "rule": "Archive", "name": "Archive", "price": "7", "edition": owner.edition()})
    theirs = drafted(house)
    mine = {**NEW, "rule": "Archive", "name": "Archive", "price": "9", "edition": seen}
    answer = editor.post(f"{RULES}/edit", mine)
    assert answer.status_code == 409
    assert "$0.009" in answer.text
    assert "$0.007" in answer.text
    assert "owner@harbour.example" in answer.text
    assert drafted(house) == theirs
    again = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', answer.text.split('id="mine"')[1]))
    assert editor.post(f"{RULES}/edit", again).status_code == 303
    archive = next(rule for rule in drafted(house).rules if rule.name == "Archive")
    assert archive.price == Money(9_000, "USD")


def test_two_people_who_edit_different_rules_both_keep_what_they_did(house: House, editor: Browser) -> None:
    owner = house.signed_in("owner@harbour.example")
    seen, same = editor.edition(), owner.edition()
    reads = {**NEW, "rule": "Long reads", "name": "Long reads", "price": "0.004", "unit": "page"}
    assert editor.post(f"{RULES}/edit", {**reads, "edition": seen}).status_code == 303
    late = owner.post(f"{RULES}/edit", {**NEW, "rule": "Archive", "name": "Archive", "price": "7", "edition": same})
    assert late.status_code == 409
    again = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', late.text.split('id="mine"')[1]))
    assert owner.post(f"{RULES}/edit", again).status_code == 303
    prices = {rule.name: rule.price for rule in drafted(house).rules}
    assert (prices["Long reads"], prices["Archive"]) == (Money(4_000, "USD"), Money(7_000, "USD"))


def test_who_is_second_at_one_rule_sees_both_versions_of_it(house: House, editor: Browser) -> None:
    owner = house.signed_in("owner@harbour.example")
    form = {**NEW, "rule": "Archive", "name": "Archive", "unit": "page"}
    seen, same = editor.edition(), owner.edition()
    editor.post(f"{RULES}/edit", {**form, "price": "0.003", "edition": seen})
    late = owner.post(f"{RULES}/edit", {**form, "price": "0.007", "licence": "ai-train", "edition": same}).text
    mine, theirs = late.split('id="mine"')[1].split('id="theirs"')
    assert "$0.007" in mine
    assert "ai-train" in mine
    assert "$0.003" in theirs
    assert "editor@harbour.example" in late


def test_an_edit_of_a_rule_that_is_gone_can_be_added_anew(house: House, editor: Browser) -> None:
    seen = editor.edition()
    owner = house.signed_in("owner@harbour.example")
    owner.post(f"{RULES}/delete", {"edition": owner.edition(), "rule": "Archive"})
    answer = editor.post(f"{RULES}/edit", {**NEW, "rule": "Archive", "name": "Archive", "edition": seen})
    assert answer.status_code == 409
    assert "Add mine as a new rule" in answer.text
    again = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', answer.text.split('id="mine"')[1]))
    assert editor.post(f"{RULES}/new", again).status_code == 303
    assert names(house)[-1] == "Archive"


@pytest.mark.parametrize("path", ["move", "switch", "delete"])
def test_a_button_on_an_old_list_changes_nothing(house: House, editor: Browser, path: str) -> None:
    seen = editor.edition()
    editor.post(f"{RULES}/switch", {"edition": seen, "rule": "Partners", "enabled": "off"})
    before = drafted(house)
    form = {"edition": seen, "rule": "Archive", "direction": "up", "enabled": "off"}
    answer = editor.post(f"{RULES}/{path}", form)
    assert answer.status_code == 409
    assert "Do mine on top of theirs" in answer.text
    assert drafted(house) == before


def row_of(page: str, name: str) -> str:
    return next(row for row in page.split("<tr ") if f">{name}<" in row)

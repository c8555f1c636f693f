"""Drafts and versions: nobody overwrites another unseen, and history only grows; on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from edge.core.money import Money
from edge.core.rules import Action, Rule, RuleSet, everything_else
from edge.store.database import Database
from edge.store.policy import load_policy
from edge.store.policy_version import read_policy_version
from edge.store.problems import InvalidValue, UnknownName
from edge.store.publishers import add_publisher
from edge.store.rulesets import (
    NOTE_CHARACTERS_MAX,
    Draft,
    DraftMoved,
    Version,
    VersionMoved,
    discard_draft,
    find_draft,
    find_version,
    history,
    live_version,
    publish_draft,
    publish_rules,
    roll_back,
    save_draft,
)
from edge.store.site_values import EdgeAddresses
from edge.store.sites import SiteOptions, add_site
from edge.store.tables import rule_set

NOW = 1_795_000_000_000_000
SECOND = 1_000_000


def priced(micros: int) -> RuleSet:
    rule = Rule("long reads", where="/articles/*", action=Action.CHARGE, price=Money(micros, "USD"))
    return RuleSet((rule,), everything_else(Action.ALLOW))


@pytest.fixture
def site_id(database: Database) -> int:
    with database.write() as connection:
        news = add_publisher(connection, "News", "x@news.example", NOW).publisher_id
        options = SiteOptions(origin="http://127.0.0.1:8000")
        return add_site(connection, "news.example", news, options, EdgeAddresses(), NOW).site_id


def save(database: Database, site_id: int, rules: RuleSet, seen: int | None, at: int = NOW) -> Draft:
    with database.write() as connection:
        return save_draft(connection, site_id, rules, seen, "editor@news.example", at)


def publish(database: Database, site_id: int, rules: RuleSet, seen: int, note: str | None = None) -> Version:
    with database.write() as connection:
        return publish_rules(connection, site_id, rules, seen, note, "owner@news.example", NOW)


def test_a_site_begins_with_neither_rules_nor_draft(database: Database, site_id: int) -> None:
    with database.read() as connection:
        assert live_version(connection, site_id) is None
        assert find_draft(connection, site_id) is None
        assert history(connection, site_id) == []


def test_a_draft_reads_back_and_counts_its_saves(database: Database, site_id: int) -> None:
    first = save(database, site_id, priced(5_000), None)
    second = save(database, site_id, priced(8_000), first.revision, NOW + SECOND)
    assert second.revision == first.revision + 1
    with database.read() as connection:
        assert find_draft(connection, site_id) == second
        assert live_version(connection, site_id) is None
    assert (second.rules, second.base_version, second.edited_at_micros) == (priced(8_000), 0, NOW + SECOND)


def test_a_save_over_an_older_revision_shows_the_newer_one(database: Database, site_id: int) -> None:
    first = save(database, site_id, priced(5_000), None)
    theirs = save(database, site_id, priced(8_000), first.revision)
    for seen in (first.revision, None):
        with pytest.raises(DraftMoved) as moved:
            save(database, site_id, priced(9_000), seen)
        assert moved.value.theirs == theirs
    with database.read() as connection:
        assert find_draft(connection, site_id) == theirs


def test_of_many_who_save_at_once_one_wins(database: Database, site_id: int) -> None:
    first = save(database, site_id, priced(1), None)

    def try_to(micros: int) -> bool:
        try:
            save(database, site_id, priced(micros), first.revision)
        except DraftMoved:
            return False
        return True

    with ThreadPoolExecutor(6) as threads:
        assert sum(threads.map(try_to, range(10, 16))) == 1


def test_of_many_who_open_a_draft_at_once_one_wins(database: Database, site_id: int) -> None:
    def try_to(micros: int) -> bool:
        try:
            save(database, site_id, priced(micros), None)
        except DraftMoved:
            return False
        return True

    with ThreadPoolExecutor(6) as threads:
        assert sum(threads.map(try_to, range(10, 16))) == 1


def test_a_discarded_draft_is_gone_and_its_revision_does_not_come_back(database: Database, site_id: int) -> None:
    first = save(database, site_id, priced(5_000), None)
    with database.write() as connection:
        discard_draft(connection, site_id, first.revision)
        assert find_draft(connection, site_id) is None
    with pytest.raises(DraftMoved) as moved:
        save(database, site_id, priced(6_000), first.revision)
    assert moved.value.theirs is None
    again = save(database, site_id, priced(7_000), None, NOW + 2 * SECOND)
    assert again.revision > first.revision
    with pytest.raises(DraftMoved), database.write() as connection:
        discard_draft(connection, site_id, first.revision)


def test_publishing_makes_the_draft_live_and_tells_the_edge(database: Database, site_id: int) -> None:
    made = save(database, site_id, priced(5_000), None)
    with database.read() as connection:
        before = read_policy_version(connection)
    with database.write() as connection:
        version = publish_draft(connection, site_id, made.revision, 0, " first prices ", "owner@news.example", NOW)
    assert (version.version, version.note) == (1, "first prices")
    with database.read() as connection:
        assert live_version(connection, site_id) == version
        assert find_draft(connection, site_id) is None
        assert read_policy_version(connection) == before + 1
    site = load_policy(database).sites["news.example"]
    assert (site.rule_version, site.rules.rule_set) == (1, priced(5_000))


def test_what_was_not_reviewed_is_not_published(database: Database, site_id: int) -> None:
    first = save(database, site_id, priced(5_000), None)
    second = save(database, site_id, priced(50_000), first.revision)
    with database.write() as connection, pytest.raises(DraftMoved):
        publish_draft(connection, site_id, first.revision, 0, None, "owner@news.example", NOW)
    publish(database, site_id, priced(1_000), 0)
    with pytest.raises(VersionMoved) as moved, database.write() as connection:
        publish_draft(connection, site_id, second.revision, 0, None, "owner@news.example", NOW)
    assert moved.value.live_version == 1
    with database.read() as connection:
        live = live_version(connection, site_id)
        assert live is not None
        assert live.rules == priced(1_000)
        assert find_draft(connection, site_id) == second


def test_of_many_who_publish_at_once_one_wins(database: Database, site_id: int) -> None:
    publish(database, site_id, priced(1), 0)

    def try_to(micros: int) -> bool:
        try:
            publish(database, site_id, priced(micros), 1)
        except VersionMoved:
            return False
        return True

    with ThreadPoolExecutor(6) as threads:
        assert sum(threads.map(try_to, range(10, 16))) == 1
    with database.read() as connection:
        assert [one.version for one in history(connection, site_id)] == [2, 1]


def test_history_grows_and_an_old_version_stays_what_it_was(database: Database, site_id: int) -> None:
    for number in range(4):
        publish(database, site_id, priced(1_000 * (number + 1)), number, f"note {number + 1}")
    with database.read() as connection:
        assert [one.version for one in history(connection, site_id, limit=3)] == [4, 3, 2]
        assert [one.version for one in history(connection, site_id, before=3)] == [2, 1]
        second = find_version(connection, site_id, 2)
        assert find_version(connection, site_id, 5) is None
    assert second is not None
    assert (second.rules, second.note, second.published_by) == (priced(2_000), "note 2", "owner@news.example")


def test_rolling_back_publishes_the_old_rules_as_a_new_version(database: Database, site_id: int) -> None:
    publish(database, site_id, priced(1_000), 0)
    publish(database, site_id, priced(2_000), 1)
    with database.write() as connection:
        back = roll_back(connection, site_id, 1, 2, None, "owner@news.example", NOW)
    assert (back.version, back.rules, back.note) == (3, priced(1_000), "Back to version 1")
    with pytest.raises(VersionMoved), database.write() as connection:
        roll_back(connection, site_id, 2, 2, None, "owner@news.example", NOW)
    with pytest.raises(UnknownName), database.write() as connection:
        roll_back(connection, site_id, 9, 3, None, "owner@news.example", NOW)


def test_versions_of_one_site_are_not_those_of_another(database: Database, site_id: int) -> None:
    publish(database, site_id, priced(1_000), 0)
    with database.write() as connection:
        other = add_publisher(connection, "Weekly", "x@weekly.example", NOW).publisher_id
        options = SiteOptions(origin="http://127.0.0.1:8001")
        their_id = add_site(connection, "weekly.example", other, options, EdgeAddresses(), NOW).site_id
        assert find_version(connection, their_id, 1) is None
        with pytest.raises(UnknownName):
            roll_back(connection, their_id, 1, 0, None, "x@weekly.example", NOW)


def test_a_note_has_an_end_and_nothing_is_published_with_a_longer_one(database: Database, site_id: int) -> None:
    with pytest.raises(InvalidValue), database.write() as connection:
        publish_rules(connection, site_id, priced(1), 0, "x" * (NOTE_CHARACTERS_MAX + 1), "o@news.example", NOW)
    with database.read() as connection:
        assert connection.execute(select(func.count()).select_from(rule_set)).scalar_one() == 0
        assert live_version(connection, site_id) is None

"""A planned publication happens at its time, once, and only of what was reviewed; on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from edge.proxy.publication_rounds import PublicationRounds
from edge.store.database import Database
from edge.store.erasure import erase_person
from edge.store.people import Role, add_person
from edge.store.planned import AHEAD_MICROS, Plan, cancel_plan, due_plans, find_plan, plan_publication
from edge.store.problems import InvalidValue
from edge.store.publisher_tokens import NewPublisherToken, Scope, add_publisher_token, revoke_publisher_token
from edge.store.publishers import add_publisher, find_publisher
from edge.store.rulesets import (
    DraftMoved,
    VersionMoved,
    discard_draft,
    find_draft,
    history,
    publish_draft,
    publish_rules,
    save_draft,
)
from edge.store.site_values import EdgeAddresses
from edge.store.sites import SiteOptions, add_site
from edge.store.team import remove_member, set_role
from tests.store.test_rulesets import NOW, priced

HOUR = 3_600_000_000
DUE = NOW + HOUR


@pytest.fixture
def planned(database: Database) -> Plan:
    with database.write() as connection:
        news = add_publisher(connection, "News", "x@news.example", NOW).publisher_id
        options = SiteOptions(origin="http://127.0.0.1:8000")
        site_id = add_site(connection, "news.example", news, options, EdgeAddresses(), NOW).site_id
        publish_rules(connection, site_id, priced(1_000), 0, None, "owner@news.example", NOW)
        draft = save_draft(connection, site_id, priced(2_000), None, "editor@news.example", NOW)
        plan = Plan(site_id, draft.revision, 1, " spring ", "owner@news.example", NOW, DUE)
        plan_publication(connection, plan)
    return plan


def rounds(database: Database, now: int) -> PublicationRounds:
    def report(what: str, error: BaseException) -> None:
        raise error

    return PublicationRounds(database, lambda: now, report)


def plan_of(database: Database, planned: Plan) -> Plan:
    with database.read() as connection:
        found = find_plan(connection, planned.site_id)
    assert found is not None
    return found


def versions(database: Database, site_id: int) -> list[int]:
    with database.read() as connection:
        return [one.version for one in history(connection, site_id)]


def test_nothing_happens_before_its_time_and_then_it_does(database: Database, planned: Plan) -> None:
    assert rounds(database, DUE - 1).look() == 0
    assert versions(database, planned.site_id) == [1]
    assert rounds(database, DUE).look() == 1
    with database.read() as connection:
        newest = history(connection, planned.site_id)[0]
        assert find_draft(connection, planned.site_id) is None
        assert find_plan(connection, planned.site_id) is None
    assert (newest.version, newest.rules, newest.note) == (2, priced(2_000), "spring")
    assert (newest.published_by, newest.published_at_micros) == ("owner@news.example", DUE)


def test_of_several_processes_one_publishes(database: Database, planned: Plan) -> None:
    with ThreadPoolExecutor(6) as pool:
        published = list(pool.map(lambda _: rounds(database, DUE).look(), range(6)))
    assert sum(published) == 1
    assert versions(database, planned.site_id) == [2, 1]


def test_a_draft_that_was_changed_is_not_published_and_the_plan_says_why(database: Database, planned: Plan) -> None:
    with database.write() as connection:
        save_draft(connection, planned.site_id, priced(9_000), planned.revision, "editor@news.example", NOW + 5)
    assert rounds(database, DUE).look() == 0
    assert rounds(database, DUE + HOUR).look() == 0
    assert versions(database, planned.site_id) == [1]
    with database.read() as connection:
        failed = find_plan(connection, planned.site_id)
        draft = find_draft(connection, planned.site_id)
    assert failed is not None
    assert failed.failed_because == "the draft was changed after it was planned"
    assert draft is not None
    assert draft.rules == priced(9_000)


def test_another_version_that_went_live_stops_it(database: Database, planned: Plan) -> None:
    with database.write() as connection:
        publish_rules(connection, planned.site_id, priced(7_000), 1, None, "operator", NOW + 5)
    assert rounds(database, DUE).look() == 0
    with database.read() as connection:
        failed = find_plan(connection, planned.site_id)
    assert failed is not None
    assert failed.failed_because is not None
    assert "version 2 was published meanwhile" in failed.failed_because
    assert versions(database, planned.site_id) == [2, 1]


@pytest.mark.parametrize("end", ["removed", "viewer", "billing", "erased"])
def test_who_may_not_publish_any_more_does_not_publish_later_either(
    database: Database, planned: Plan, end: str
) -> None:
    with database.write() as connection:
        news = find_publisher(connection, "News").publisher_id
        other = add_person(connection, "other@news.example", "-", NOW)
        person = add_person(connection, planned.planned_by, "-", NOW)
        for who, role in ((other, Role.OWNER), (person, Role.EDITOR)):
            set_role(connection, news, who.person_id, role, author="operator", now_micros=NOW)
    assert plan_of(database, planned).failed_because is None
    with database.write() as connection:
        match end:
            case "removed":
                remove_member(connection, news, person.person_id, author="operator", now_micros=NOW)
            case "viewer" | "billing":
                set_role(connection, news, person.person_id, Role(end), author="operator", now_micros=NOW)
    if end == "erased":
        erase_person(database, planned.planned_by, author="operator", reason="asked", now_micros=NOW)
    assert rounds(database, DUE).look() == 0
    assert versions(database, planned.site_id) == [1]
    assert "whoever planned it" in (plan_of(database, planned).failed_because or "")


def test_another_persons_plan_goes_on_when_somebody_leaves(database: Database, planned: Plan) -> None:
    with database.write() as connection:
        news = find_publisher(connection, "News").publisher_id
        leaves = add_person(connection, "leaves@news.example", "-", NOW)
        set_role(connection, news, leaves.person_id, Role.EDITOR, author="operator", now_micros=NOW)
        remove_member(connection, news, leaves.person_id, author="operator", now_micros=NOW)
    assert rounds(database, DUE).look() == 1


def test_a_revoked_token_publishes_nothing_later(database: Database, planned: Plan) -> None:
    with database.write() as connection:
        news = find_publisher(connection, "News").publisher_id
        new = NewPublisherToken("deploy", [Scope.PRICES])
        token, _ = add_publisher_token(connection, news, new, author="operator", now_micros=NOW)
        plan_publication(connection, replace(planned, planned_by=token.author))
        revoke_publisher_token(connection, news, token.token_id, author="operator", now_micros=NOW)
    assert rounds(database, DUE).look() == 0
    assert plan_of(database, planned).failed_because == "the token that planned it was revoked"


@pytest.mark.parametrize(("expires", "why"), [(DUE, "the token that planned it had expired by then"), (DUE + 1, None)])
def test_a_token_that_expired_before_the_time_publishes_nothing_at_it(
    database: Database, planned: Plan, expires: int, why: str | None
) -> None:
    with database.write() as connection:
        news = find_publisher(connection, "News").publisher_id
        new = NewPublisherToken("deploy", [Scope.PRICES], expires_at_micros=expires)
        token, _ = add_publisher_token(connection, news, new, author="operator", now_micros=NOW)
        plan_publication(connection, replace(planned, planned_by=token.author))
    # It looks late: what counts is the planned time.
    assert rounds(database, DUE + HOUR).look() == (0 if why else 1)
    with database.read() as connection:
        left = find_plan(connection, planned.site_id)
    assert (left.failed_because if left else None) == why
    assert versions(database, planned.site_id) == ([1] if why else [2, 1])


@pytest.mark.parametrize("end", ["publish", "discard", "cancel"])
def test_what_ends_the_draft_ends_the_plan(database: Database, planned: Plan, end: str) -> None:
    with database.write() as connection:
        match end:
            case "publish":
                publish_draft(connection, planned.site_id, planned.revision, 1, None, "owner@news.example", NOW)
            case "discard":
                discard_draft(connection, planned.site_id, planned.revision)
            case _:
                assert cancel_plan(connection, planned.site_id, "owner@news.example", NOW)
                assert not cancel_plan(connection, planned.site_id, "owner@news.example", NOW)
        assert find_plan(connection, planned.site_id) is None
        assert due_plans(connection, DUE) == []
    assert rounds(database, DUE).look() == 0


def test_planning_again_replaces_the_plan(database: Database, planned: Plan) -> None:
    with database.write() as connection:
        plan_publication(connection, replace(planned, due_micros=DUE + HOUR))
        assert due_plans(connection, DUE) == []
        assert due_plans(connection, DUE + HOUR) == [planned.site_id]


def test_only_what_was_reviewed_is_planned_and_only_for_a_time_to_come(database: Database, planned: Plan) -> None:
    with database.write() as connection:
        for wrong in (NOW, NOW - 1, NOW + AHEAD_MICROS + 1):
            with pytest.raises(InvalidValue):
                plan_publication(connection, replace(planned, due_micros=wrong))
        with pytest.raises(DraftMoved):
            plan_publication(connection, replace(planned, revision=planned.revision + 1))
        with pytest.raises(VersionMoved):
            plan_publication(connection, replace(planned, seen_version=2))
        with pytest.raises(InvalidValue):
            plan_publication(connection, replace(planned, note="x" * 2_000))
        assert find_plan(connection, planned.site_id) == replace(planned, note="spring")

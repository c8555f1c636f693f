"""A publisher's people: roles, the last owner, invitations taken once; on both databases."""

from __future__ import annotations

from collections.abc import Callable
from threading import Barrier, Thread

import pytest
from sqlalchemy import Connection

from edge.store.audit_events import AuditFilter, publisher_events
from edge.store.database import Database
from edge.store.invitations import (
    INVITATION_KEPT_MICROS,
    INVITATION_LIFE_MICROS,
    accept_invitation,
    find_open_invitation,
    invite,
    list_invitations,
    renew_invitation,
    revoke_invitation,
)
from edge.store.people import EmailTaken, LastOwner, Role, add_person, grant, memberships
from edge.store.problems import InvalidValue, NameTaken, UnknownName
from edge.store.publisher_tokens import NewPublisherToken, Scope, add_publisher_token, revoke_publisher_token
from edge.store.publishers import add_publisher
from edge.store.team import list_members, remove_member, set_role

NOW = 1_800_000_000_000_000
OWNER = "owner@news.example"


@pytest.fixture
def team(database: Database) -> tuple[int, int, int]:
    """Two publishers, and the owner of the first."""
    with database.write() as connection:
        ours = add_publisher(connection, "News", "office@news.example", NOW).publisher_id
        theirs = add_publisher(connection, "Other", "office@other.example", NOW).publisher_id
        owner = add_person(connection, OWNER, "hash", NOW).person_id
        grant(connection, owner, ours, Role.OWNER)
    return ours, theirs, owner


def actions(database: Database, publisher: int) -> list[str]:
    with database.read() as connection:
        return [one.action for one in publisher_events(connection, publisher, AuditFilter(), 50)]


def ask(database: Database, publisher: int, email: str = "New@News.example", role: Role = Role.EDITOR) -> str:
    with database.write() as connection:
        return invite(connection, publisher, email, role, author=OWNER, now_micros=NOW)[1]


def test_a_link_makes_one_member_with_the_role_that_was_given(database: Database, team: tuple[int, int, int]) -> None:
    token = ask(database, team[0])
    with database.write() as connection:
        person = accept_invitation(connection, token, NOW, password_hash="hash")
        assert accept_invitation(connection, token, NOW, password_hash="hash") is None
        assert [(one.email, one.role) for one in list_members(connection, team[0])] == [
            ("new@news.example", Role.EDITOR),
            (OWNER, Role.OWNER),
        ]
        assert person is not None
        assert [one.publisher_id for one in memberships(connection, person)] == [team[0]]
        assert list_invitations(connection, team[0]) == []
    assert actions(database, team[0]) == ["team.joined", "team.invited"]


def test_one_person_joins_a_second_publisher_with_the_account_that_they_have(
    database: Database, team: tuple[int, int, int]
) -> None:
    token = ask(database, team[1], OWNER, Role.BILLING)
    with database.write() as connection:
        assert accept_invitation(connection, token, NOW) == team[2]
        assert [one.role for one in memberships(connection, team[2])] == [Role.OWNER, Role.BILLING]


def test_a_member_who_uses_an_invitation_keeps_the_role(database: Database, team: tuple[int, int, int]) -> None:
    token = ask(database, team[1], OWNER, Role.VIEWER)
    with database.write() as connection:
        set_role(connection, team[1], team[2], Role.OWNER, author="operator", now_micros=NOW)
        assert accept_invitation(connection, token, NOW) == team[2]
        assert {one.role for one in memberships(connection, team[2])} == {Role.OWNER}


def test_who_was_removed_has_no_link_back(database: Database, team: tuple[int, int, int]) -> None:
    token = ask(database, team[0], "second@news.example", Role.OWNER)
    with database.write() as connection:
        second = add_person(connection, "second@news.example", "hash", NOW).person_id
        set_role(connection, team[0], second, Role.VIEWER, author="operator", now_micros=NOW)
        remove_member(connection, team[0], second, author=OWNER, now_micros=NOW)
        assert accept_invitation(connection, token, NOW) is None
        assert memberships(connection, second) == ()


def test_a_link_ends_after_a_week_and_when_a_new_one_is_made(database: Database, team: tuple[int, int, int]) -> None:
    token = ask(database, team[0])
    with database.write() as connection:
        assert find_open_invitation(connection, token, NOW + INVITATION_LIFE_MICROS - 1) is not None
        assert find_open_invitation(connection, token, NOW + INVITATION_LIFE_MICROS) is None
        [waiting] = list_invitations(connection, team[0])
        later = NOW + INVITATION_LIFE_MICROS
        _, fresh = renew_invitation(connection, team[0], waiting.invitation_id, author=OWNER, now_micros=later)
        assert find_open_invitation(connection, token, later) is None
        assert find_open_invitation(connection, fresh, later) is not None
        revoke_invitation(connection, team[0], waiting.invitation_id, author=OWNER, now_micros=later)
        assert find_open_invitation(connection, fresh, later) is None
    assert INVITATION_KEPT_MICROS > 0
    assert actions(database, team[0]) == ["team.invitation-revoked", "team.invitation-renewed", "team.invited"]


def test_who_is_here_or_was_asked_is_not_asked_again(database: Database, team: tuple[int, int, int]) -> None:
    ask(database, team[0])
    for email, problem in (("new@news.example", NameTaken), (OWNER.upper(), NameTaken), ("nobody", InvalidValue)):
        with pytest.raises(problem) as refused:
            ask(database, team[0], email)
        assert refused.value.field == "email"
    ask(database, team[1])


def test_an_address_with_an_account_is_not_made_again(database: Database, team: tuple[int, int, int]) -> None:
    token = ask(database, team[1], OWNER)
    with pytest.raises(EmailTaken), database.write() as connection:
        accept_invitation(connection, token, NOW, password_hash="other")
    with database.read() as connection:
        assert find_open_invitation(connection, token, NOW) is not None


def test_the_last_owner_stays_and_stays_owner(database: Database, team: tuple[int, int, int]) -> None:
    ours, _, owner = team
    with database.write() as connection:
        with pytest.raises(LastOwner):
            set_role(connection, ours, owner, Role.EDITOR, author=OWNER, now_micros=NOW)
        with pytest.raises(LastOwner):
            remove_member(connection, ours, owner, author=OWNER, now_micros=NOW)
        second = add_person(connection, "second@news.example", "hash", NOW).person_id
        set_role(connection, ours, second, Role.OWNER, author=OWNER, now_micros=NOW)
        remove_member(connection, ours, owner, author=OWNER, now_micros=NOW)
        assert [one.person_id for one in list_members(connection, ours)] == [second]
    assert actions(database, ours) == ["team.left", "team.joined"]


def test_two_owners_who_demote_each_other_at_once_leave_one(database: Database, team: tuple[int, int, int]) -> None:
    ours, _, first = team
    with database.write() as connection:
        second = add_person(connection, "second@news.example", "hash", NOW).person_id
        set_role(connection, ours, second, Role.OWNER, author=OWNER, now_micros=NOW)
    start, refused = Barrier(2), []

    def demote(whom: int) -> None:
        start.wait()
        try:
            with database.write() as connection:
                set_role(connection, ours, whom, Role.VIEWER, author="the other", now_micros=NOW)
        except LastOwner as problem:
            refused.append(problem)

    threads = [Thread(target=demote, args=(whom,)) for whom in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as connection:
        assert sorted(one.role for one in list_members(connection, ours)) == [Role.OWNER, Role.VIEWER]
    assert len(refused) == 1


def test_another_publishers_people_and_invitations_do_not_exist(database: Database, team: tuple[int, int, int]) -> None:
    ours, theirs, owner = team
    ask(database, ours)
    with database.write() as connection:
        [waiting] = list_invitations(connection, ours)
        number = waiting.invitation_id
        attempts: tuple[Callable[[Connection], object], ...] = (
            lambda it: remove_member(it, theirs, owner, author="x", now_micros=NOW),
            lambda it: renew_invitation(it, theirs, number, author="x", now_micros=NOW),
            lambda it: revoke_invitation(it, theirs, number, author="x", now_micros=NOW),
        )
        for attempt in attempts:
            with pytest.raises(UnknownName):
                attempt(connection)
        assert list_invitations(connection, ours) == [waiting]


def second_owner(database: Database, publisher: int) -> int:
    with database.write() as connection:
        second = add_person(connection, "second@news.example", "hash", NOW).person_id
        set_role(connection, publisher, second, Role.OWNER, author=OWNER, now_micros=NOW)
    return second


@pytest.mark.parametrize("role", [None, Role.EDITOR])
def test_whoever_may_invite_no_more_has_no_link_left_that_they_made(
    database: Database, team: tuple[int, int, int], role: Role | None
) -> None:
    ours, theirs, owner = team
    second_owner(database, ours)
    kept = ask(database, ours, "myself@elsewhere.example", Role.OWNER)
    other = ask(database, theirs)
    with database.write() as connection:
        if role is None:
            remove_member(connection, ours, owner, author="second@news.example", now_micros=NOW)
        else:
            set_role(connection, ours, owner, role, author="second@news.example", now_micros=NOW)
        assert accept_invitation(connection, kept, NOW, password_hash="hash") is None
        assert list_invitations(connection, ours) == []
        assert find_open_invitation(connection, other, NOW) is not None
        [taken] = publisher_events(connection, ours, AuditFilter(area="team"), 50)[1:2]
    assert (taken.action, taken.subject, taken.author) == (
        "team.invitation-revoked",
        "myself@elsewhere.example",
        "second@news.example",
    )


def test_a_link_that_another_owner_made_anew_stays(database: Database, team: tuple[int, int, int]) -> None:
    ours, _, owner = team
    second_owner(database, ours)
    ask(database, ours)
    with database.write() as connection:
        [waiting] = list_invitations(connection, ours)
        number = waiting.invitation_id
        _, token = renew_invitation(connection, ours, number, author="second@news.example", now_micros=NOW)
        remove_member(connection, ours, owner, author="second@news.example", now_micros=NOW)
        assert find_open_invitation(connection, token, NOW) is not None


def test_with_a_token_go_the_links_that_it_made(database: Database, team: tuple[int, int, int]) -> None:
    new = NewPublisherToken("people", (Scope.TEAM,))
    with database.write() as connection:
        made, _ = add_publisher_token(connection, team[0], new, author=OWNER, now_micros=NOW)
        _, link = invite(connection, team[0], "a@news.example", Role.EDITOR, author=made.author, now_micros=NOW)
        revoke_publisher_token(connection, team[0], made.token_id, author=OWNER, now_micros=NOW)
        assert find_open_invitation(connection, link, NOW) is None

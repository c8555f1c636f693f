"""People, links, sessions and the limits on trying passwords, on both databases."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import pytest
from sqlalchemy import select

from edge.store.database import Database
from edge.store.people import (
    ATTEMPT_WINDOW_MICROS,
    ATTEMPTS_PER_ACCOUNT,
    ATTEMPTS_PER_ACCOUNT_AND_ADDRESS,
    ATTEMPTS_PER_ADDRESS,
    SETUP_LINK_LIFE_MICROS,
    EmailTaken,
    Role,
    accept_setup_link,
    add_person,
    create_setup_link,
    find_person,
    find_setup_link,
    forgive,
    grant,
    has_people,
    is_over_limit,
    memberships,
    record_attempt,
    set_password,
    sweep_attempts,
    use_setup_link,
    withdraw,
)
from edge.store.publishers import add_publisher, list_publishers
from edge.store.sessions import (
    ABSOLUTE_MICROS,
    IDLE_MICROS,
    end,
    end_others,
    find_session,
    open_session,
    sessions_of,
    touch,
)
from edge.store.tables import session, setup_link, sign_in_attempt

NOW = 1_795_000_000_000_000
MINUTE = 60_000_000
KEY = b"the key of that day"


def person(database: Database, email: str = "Owner@News.example") -> int:
    with database.write() as connection:
        return add_person(connection, email, "hash", NOW).person_id


# Persons and memberships


def test_an_address_signs_in_in_any_spelling_and_once(database: Database) -> None:
    made = person(database)
    with database.read() as connection:
        assert has_people(connection)
        found = find_person(connection, " OWNER@news.example ")
        assert found is not None
        assert (found.person_id, found.email) == (made, "owner@news.example")
        assert find_person(connection, "other@news.example") is None
    with pytest.raises(EmailTaken), database.write() as connection:
        add_person(connection, "owner@NEWS.example", "hash", NOW)


def test_nobody_is_there_before_the_first(database: Database) -> None:
    with database.read() as connection:
        assert not has_people(connection)


def test_a_password_is_replaced(database: Database) -> None:
    made = person(database)
    with database.write() as connection:
        set_password(connection, made, "another hash")
    with database.read() as connection:
        found = find_person(connection, "owner@news.example")
    assert found is not None
    assert found.password_hash == "another hash"


def test_a_role_is_one_for_each_publisher_and_can_change_and_go(database: Database) -> None:
    made = person(database)
    with database.write() as connection:
        zebra = add_publisher(connection, "zebra", "z@news.example", NOW).publisher_id
        alpha = add_publisher(connection, "Alpha", "a@news.example", NOW).publisher_id
        grant(connection, made, zebra, Role.VIEWER)
        grant(connection, made, alpha, Role.BILLING)
        grant(connection, made, zebra, Role.EDITOR)
        found = memberships(connection, made)
        assert [(one.publisher_name, one.role) for one in found] == [("Alpha", Role.BILLING), ("zebra", Role.EDITOR)]
        withdraw(connection, made, zebra)
        assert [one.publisher_id for one in memberships(connection, made)] == [alpha]


# Set-up links


def test_a_link_works_once_and_for_a_day(database: Database) -> None:
    with database.write() as connection:
        token = create_setup_link(connection, NOW)
        assert find_setup_link(connection, token, NOW + SETUP_LINK_LIFE_MICROS - 1) is not None
        assert find_setup_link(connection, token, NOW + SETUP_LINK_LIFE_MICROS) is None
        assert find_setup_link(connection, token + "x", NOW) is None
        assert use_setup_link(connection, token, NOW)
        assert not use_setup_link(connection, token, NOW)
        assert find_setup_link(connection, token, NOW) is None


def test_the_tokens_themselves_are_not_stored(database: Database) -> None:
    made = person(database)
    with database.write() as connection:
        tokens = [create_setup_link(connection, NOW), open_session(connection, made, "", NOW)]
        stored = [*connection.execute(select(setup_link)).one(), *connection.execute(select(session)).one()]
    for token in tokens:
        assert not any(token.encode() in (one if isinstance(one, bytes) else str(one).encode()) for one in stored)


def test_one_of_many_who_open_a_link_at_once_gets_the_account(database: Database) -> None:
    with database.write() as connection:
        token = create_setup_link(connection, NOW)

    def accept(number: int) -> bool:
        with database.write() as connection:
            return accept_setup_link(connection, token, f"p{number}@news.example", "hash", "News", NOW) is not None

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(accept, range(8))) == 1
    with database.read() as connection:
        assert len(list_publishers(connection)) == 1


def test_the_first_account_owns_everything_there_is(database: Database) -> None:
    with database.write() as connection:
        for name in ("News", "Weekly"):
            add_publisher(connection, name, "x@news.example", NOW)
        token = create_setup_link(connection, NOW)
        made = accept_setup_link(connection, token, "me@news.example", "hash", "ignored", NOW)
        assert made is not None
        owned = [(one.publisher_name, one.role) for one in memberships(connection, made.person_id)]
    assert owned == [("News", Role.OWNER), ("Weekly", Role.OWNER)]


def test_a_link_for_one_publisher_and_address_gives_no_more(database: Database) -> None:
    with database.write() as connection:
        news = add_publisher(connection, "News", "x@news.example", NOW).publisher_id
        add_publisher(connection, "Weekly", "x@news.example", NOW)
        token = create_setup_link(connection, NOW, email="You@News.example", publisher_id=news)
        made = accept_setup_link(connection, token, "somebody.else@news.example", "hash", "", NOW)
        assert made is not None
        assert made.email == "you@news.example"
        assert [one.publisher_id for one in memberships(connection, made.person_id)] == [news]


def test_a_link_stays_usable_when_the_address_was_taken(database: Database) -> None:
    person(database)
    with database.write() as connection:
        token = create_setup_link(connection, NOW)
    with pytest.raises(EmailTaken), database.write() as connection:
        accept_setup_link(connection, token, "owner@news.example", "hash", "News", NOW)
    with database.read() as connection:
        assert find_setup_link(connection, token, NOW) is not None


# Sessions


def test_a_session_is_found_by_its_token_alone(database: Database) -> None:
    made = person(database)
    with database.write() as connection:
        token = open_session(connection, made, "Firefox", NOW)
        other = open_session(connection, made, "Firefox", NOW)
        found = find_session(connection, token, NOW)
        assert found is not None
        assert (found.email, found.user_agent) == ("owner@news.example", "Firefox")
        assert find_session(connection, token[:-1], NOW) is None
        assert find_session(connection, "", NOW) is None
        second = find_session(connection, other, NOW)
    assert second is not None
    assert len({token, other, found.csrf_token, second.csrf_token, found.handle, second.handle}) == 6


def test_a_session_ends_when_idle_and_use_keeps_it(database: Database) -> None:
    made = person(database)
    with database.write() as connection:
        token = open_session(connection, made, "", NOW)
        assert find_session(connection, token, NOW + IDLE_MICROS) is None
        found = find_session(connection, token, NOW + IDLE_MICROS - 1)
        assert found is not None
        assert found.is_due(NOW + MINUTE)
        assert not found.is_due(NOW + MINUTE - 1)
        touch(connection, found, NOW + IDLE_MICROS - 1)
        assert find_session(connection, token, NOW + IDLE_MICROS) is not None


def test_a_session_ends_after_its_whole_life_however_much_it_is_used(database: Database) -> None:
    made = person(database)
    with database.write() as connection:
        token = open_session(connection, made, "", NOW)
        at = NOW
        while at + IDLE_MICROS // 2 < NOW + ABSOLUTE_MICROS:
            at += IDLE_MICROS // 2
            found = find_session(connection, token, at)
            assert found is not None
            touch(connection, found, at)
        assert find_session(connection, token, NOW + ABSOLUTE_MICROS - 1) is not None
        assert find_session(connection, token, NOW + ABSOLUTE_MICROS) is None


def test_sessions_are_listed_and_ended_one_or_all(database: Database) -> None:
    mine, other = person(database), person(database, "other@news.example")
    with database.write() as connection:
        kept, *rest = [open_session(connection, mine, f"browser {number}", NOW + number) for number in range(3)]
        foreign = open_session(connection, other, "", NOW)
        found = sessions_of(connection, mine, NOW + 5)
        assert [one.user_agent for one in found] == ["browser 2", "browser 1", "browser 0"]
        end(connection, found[0])
        assert find_session(connection, rest[1], NOW + 5) is None
        assert end_others(connection, mine, found[2].token_hash) == 1
        assert [one.user_agent for one in sessions_of(connection, mine, NOW + 5)] == ["browser 0"]
        assert find_session(connection, foreign, NOW) is not None
        assert end_others(connection, mine, None) == 1
        assert find_session(connection, kept, NOW + 5) is None


def test_ended_sessions_are_swept_when_somebody_signs_in(database: Database) -> None:
    made = person(database)
    with database.write() as connection:
        open_session(connection, made, "", NOW)
        open_session(connection, made, "", NOW + ABSOLUTE_MICROS)
        assert len(connection.execute(select(session)).all()) == 1


# Attempts


def is_let_through(database: Database, subjects: Iterable[tuple[str, str]], at: int = NOW) -> bool:
    """Whether the last of these tries of (account, address) is."""
    attempt = None
    with database.write() as connection:
        for email, address in subjects:
            attempt = record_attempt(connection, email, address, at, KEY)
    assert attempt is not None
    with database.read() as connection:
        return not is_over_limit(connection, attempt)


def test_one_account_is_tried_from_one_address_only_so_often(database: Database) -> None:
    here = ("a@news.example", "203.0.113.1")
    assert is_let_through(database, [here] * ATTEMPTS_PER_ACCOUNT_AND_ADDRESS)
    assert not is_let_through(database, [here])
    assert not is_let_through(database, [("A@news.example ", "203.0.113.1")]), "another spelling, the same account"
    assert is_let_through(database, [("a@news.example", "203.0.113.2")]), "the owner elsewhere is not locked out"
    assert is_let_through(database, [here], NOW + ATTEMPT_WINDOW_MICROS)


def test_one_address_tries_only_so_many_accounts(database: Database) -> None:
    accounts = [(f"p{number}@news.example", "203.0.113.1") for number in range(ATTEMPTS_PER_ADDRESS + 1)]
    assert is_let_through(database, accounts[:-1])
    assert not is_let_through(database, accounts[-1:])


def test_one_account_is_tried_from_everywhere_only_so_often(database: Database) -> None:
    places = [("a@news.example", f"198.51.100.{number}") for number in range(ATTEMPTS_PER_ACCOUNT + 1)]
    assert is_let_through(database, places[:-1])
    assert not is_let_through(database, places[-1:])


def test_addresses_of_one_household_count_as_one(database: Database) -> None:
    most = ATTEMPTS_PER_ACCOUNT_AND_ADDRESS
    household = [("a@news.example", f"2001:db8:1:2::{number:x}") for number in range(most + 1)]
    assert is_let_through(database, household[:-1])
    assert not is_let_through(database, household[-1:])
    assert is_let_through(database, [("a@news.example", "2001:db8:1:3::1")])
    assert is_let_through(database, [("b@news.example", "203.0.113.9")] * most)
    assert not is_let_through(database, [("b@news.example", "::ffff:203.0.113.9")])


def test_tries_at_once_are_no_more_than_tries_one_by_one(database: Database) -> None:
    here = ("a@news.example", "203.0.113.1")
    with ThreadPoolExecutor(8) as threads:
        passed = sum(threads.map(lambda _: is_let_through(database, [here]), range(16)))
    assert passed <= ATTEMPTS_PER_ACCOUNT_AND_ADDRESS


def test_a_right_password_clears_what_came_before_from_there(database: Database) -> None:
    here = ("a@news.example", "203.0.113.1")
    assert is_let_through(database, [here] * (ATTEMPTS_PER_ACCOUNT_AND_ADDRESS - 1))
    with database.write() as connection:
        attempt = record_attempt(connection, *here, NOW + 1, KEY)
        forgive(connection, attempt)
    assert is_let_through(database, [here] * ATTEMPTS_PER_ACCOUNT_AND_ADDRESS, NOW + 2)
    assert not is_let_through(database, [here], NOW + 2)


def test_a_try_says_nothing_of_the_address_to_whoever_lacks_the_key(database: Database) -> None:
    """An unkeyed hash of an IPv4 address is the address: there are only so many of them."""
    with database.write() as connection:
        today = record_attempt(connection, "a@news.example", "203.0.113.1", NOW, KEY)
        tomorrow = record_attempt(connection, "a@news.example", "203.0.113.1", NOW, b"another day's key")
    assert not set(today.subjects) & set(tomorrow.subjects)
    guesses = {sha256(text.encode()).digest() for text in ("address\0203.0.113.1", "account\0a@news.example")}
    with database.read() as connection:
        stored = {bytes(one) for one in connection.execute(select(sign_in_attempt.c.subject_hash)).scalars()}
    assert stored == {*today.subjects, *tomorrow.subjects}
    assert not stored & guesses


def test_tries_are_forgotten_when_they_no_longer_count(database: Database) -> None:
    with database.write() as connection:
        record_attempt(connection, "a@news.example", "203.0.113.1", NOW, KEY)
        assert sweep_attempts(connection, NOW + ATTEMPT_WINDOW_MICROS - 1) == 0
        assert sweep_attempts(connection, NOW + ATTEMPT_WINDOW_MICROS) == 3

"""The log of what people change: whose it is, what a filter takes, that the database keeps it; on both databases."""

from __future__ import annotations

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.exc import DBAPIError

from edge.store.audit_events import (
    Action,
    AuditFilter,
    all_publisher_events,
    authors_of,
    own_events,
    publisher_events,
    record,
)
from edge.store.database import Database
from edge.store.erasure import erase_person
from edge.store.publishers import add_publisher
from edge.store.tables import audit_event

NOW = 1_800_000_000_000_000
OWNER, EDITOR = "owner@news.example", "editor@news.example"


@pytest.fixture
def publisher(database: Database) -> int:
    with database.write() as connection:
        ours = add_publisher(connection, "News", "office@news.example", NOW).publisher_id
        theirs = add_publisher(connection, "Other", "office@other.example", NOW).publisher_id
        for number, (action, author) in enumerate(
            ((Action.TOKEN_MADE, OWNER), (Action.ROLE_CHANGED, OWNER), (Action.TOKEN_REVOKED, EDITOR))
        ):
            record(
                connection,
                action,
                author=author,
                now_micros=NOW + number,
                publisher_id=ours,
                subject=EDITOR,
                details={"number": number},
            )
        record(connection, Action.TOKEN_MADE, author="boss@other.example", now_micros=NOW, publisher_id=theirs)
        record(connection, Action.SIGNED_IN, author=OWNER, now_micros=NOW + 5, subject=OWNER)
    return ours


def test_a_publishers_log_is_its_own_the_newest_first(database: Database, publisher: int) -> None:
    with database.read() as connection:
        events = publisher_events(connection, publisher, AuditFilter(), 10)
        assert [one.action for one in events] == ["token.revoked", "team.role-changed", "token.made"]
        assert [dict(one.details) for one in events] == [{"number": 2}, {"number": 1}, {"number": 0}]
        assert authors_of(connection, publisher) == [EDITOR, OWNER]
        assert [one.action for one in own_events(connection, OWNER, 10)] == ["account.signed-in"]
        assert list(all_publisher_events(connection, publisher, AuditFilter())) == events


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (AuditFilter(author=OWNER), [1, 0]),
        (AuditFilter(area="token"), [2, 0]),
        (AuditFilter(area="tok"), []),
        (AuditFilter(area="%"), []),
        (AuditFilter(since_micros=NOW + 1), [2, 1]),
        (AuditFilter(until_micros=NOW + 1), [0]),
    ],
)
def test_a_filter_takes_what_it_says(database: Database, publisher: int, wanted: AuditFilter, found: list[int]) -> None:
    with database.read() as connection:
        assert [one.details["number"] for one in publisher_events(connection, publisher, wanted, 10)] == found


def test_a_list_goes_on_where_it_ended(database: Database, publisher: int) -> None:
    with database.read() as connection:
        [newest] = publisher_events(connection, publisher, AuditFilter(), 1)
        rest = publisher_events(connection, publisher, AuditFilter(before_id=newest.event_id), 10)
    assert [one.details["number"] for one in rest] == [1, 0]


@pytest.mark.parametrize(
    "change",
    [
        delete(audit_event),
        update(audit_event).values(action="nothing"),
        update(audit_event).values(details="{}"),
        update(audit_event).values(at_micros=1),
        update(audit_event).values(publisher_id=None),
        update(audit_event).values(crawler_id=1),
        update(audit_event).values(author="somebody@else.example"),
        update(audit_event).values(subject="somebody@else.example"),
        update(audit_event).values(author="erased-1", action="nothing"),
    ],
    ids=str,
)
def test_the_database_itself_refuses_a_change(database: Database, publisher: int, change: object) -> None:
    with pytest.raises(DBAPIError, match="append-only"), database.write() as connection:
        connection.execute(change)  # type: ignore[call-overload]


def test_an_erased_person_becomes_a_pseudonym_and_the_rest_stays(database: Database, publisher: int) -> None:
    done = erase_person(database, EDITOR, author="operator", reason="they asked", now_micros=NOW + 9)
    with database.read() as connection:
        rows = connection.execute(select(audit_event).order_by(audit_event.c.id)).all()
    assert EDITOR not in str(rows)
    assert [(row.author, row.subject) for row in rows[:3]] == [
        (OWNER, done.pseudonym),
        (OWNER, done.pseudonym),
        (done.pseudonym, done.pseudonym),
    ]

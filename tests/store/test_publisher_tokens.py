"""API tokens of a publisher: shown once, kept as a hash, limited, replaced and taken back; on both databases."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from sqlalchemy import select

from edge.store.audit_events import AuditFilter, publisher_events
from edge.store.bearer_tokens import USED_EVERY_MICROS
from edge.store.database import Database
from edge.store.problems import InvalidValue, UnknownName
from edge.store.publisher_tokens import (
    NewPublisherToken,
    PublisherToken,
    Scope,
    add_publisher_token,
    check_publisher_token,
    find_publisher_token,
    list_publisher_tokens,
    revoke_publisher_token,
    rotate_publisher_token,
)
from edge.store.publishers import add_publisher
from edge.store.site_values import EdgeAddresses
from edge.store.sites import SiteOptions, add_site
from edge.store.tables import publisher_token

NOW = 1_800_000_000_000_000
DAY = 86_400_000_000
OWNER = "owner@news.example"
READ = (Scope.READ,)


@pytest.fixture
def publishers(database: Database) -> tuple[int, int]:
    options = SiteOptions(origin="http://127.0.0.1:8000")
    with database.write() as connection:
        ours = add_publisher(connection, "News", "office@news.example", NOW).publisher_id
        theirs = add_publisher(connection, "Other", "office@other.example", NOW).publisher_id
        add_site(connection, "news.example", ours, options, EdgeAddresses(), NOW)
        add_site(connection, "other.example", theirs, options, EdgeAddresses(), NOW)
    return ours, theirs


def add(
    database: Database,
    publisher: int,
    scopes: Sequence[Scope] = READ,
    hosts: Sequence[str] = (),
    expires: int | None = None,
    name: str = "nightly",
) -> tuple[PublisherToken, str]:
    with database.write() as connection:
        new = NewPublisherToken(name, scopes, hosts, expires)
        return add_publisher_token(connection, publisher, new, author=OWNER, now_micros=NOW)


def actions(database: Database, publisher: int) -> list[tuple[str, str]]:
    with database.read() as connection:
        events = publisher_events(connection, publisher, AuditFilter(), 50)
    return [(one.action, one.author) for one in events]


def test_a_token_opens_with_what_it_was_given_until_it_is_revoked(
    database: Database, publishers: tuple[int, int]
) -> None:
    made, text = add(database, publishers[0], (Scope.REPORTS, Scope.READ), ("news.example",))
    opened = check_publisher_token(database, text, NOW)
    assert opened is not None
    assert opened.publisher_id == publishers[0]
    assert opened.scopes == {Scope.READ, Scope.REPORTS}
    assert opened.covers("news.example")
    assert not opened.covers("other.example")
    with database.write() as connection:
        for _ in range(2):
            revoke_publisher_token(connection, publishers[0], made.token_id, author="x@y.example", now_micros=NOW)
    with database.read() as connection:
        gone = find_publisher_token(connection, publishers[0], made.token_id)
    assert gone.state_at(NOW) == "revoked"
    assert gone.revoked_by == "x@y.example"
    assert check_publisher_token(database, text, NOW) is None
    assert actions(database, publishers[0]) == [("token.revoked", "x@y.example"), ("token.made", OWNER)]


def test_a_token_ends_at_its_time(database: Database, publishers: tuple[int, int]) -> None:
    _, text = add(database, publishers[0], expires=NOW + DAY)
    assert check_publisher_token(database, text, NOW + DAY - 1) is not None
    assert check_publisher_token(database, text, NOW + DAY) is None


def test_a_new_one_takes_over_while_the_old_one_still_opens(database: Database, publishers: tuple[int, int]) -> None:
    old, text = add(database, publishers[0], (Scope.PRICES,), ("news.example",), expires=NOW + 90 * DAY)
    later = NOW + 10 * DAY
    with database.write() as connection:
        new, fresh = rotate_publisher_token(
            connection, publishers[0], old.token_id, DAY, author=OWNER, now_micros=later
        )
    assert (new.name, new.scopes, new.hosts) == (old.name, old.scopes, old.hosts)
    assert new.expires_at_micros == later + 90 * DAY
    assert check_publisher_token(database, text, later + DAY - 1) is not None
    assert check_publisher_token(database, text, later + DAY) is None
    assert check_publisher_token(database, fresh, later + DAY) is not None
    with database.write() as connection, pytest.raises(InvalidValue, match="any more"):
        rotate_publisher_token(connection, publishers[0], old.token_id, 0, author=OWNER, now_micros=later + DAY)
    assert actions(database, publishers[0])[0] == ("token.rotated", OWNER)


def test_another_publishers_token_does_not_exist(database: Database, publishers: tuple[int, int]) -> None:
    ours, theirs = publishers
    made, text = add(database, theirs)
    with database.write() as connection:
        assert list_publisher_tokens(connection, ours) == []
        for attempt in (
            lambda: find_publisher_token(connection, ours, made.token_id),
            lambda: revoke_publisher_token(connection, ours, made.token_id, author=OWNER, now_micros=NOW),
            lambda: rotate_publisher_token(connection, ours, made.token_id, 0, author=OWNER, now_micros=NOW),
        ):
            with pytest.raises(UnknownName):
                attempt()
    assert check_publisher_token(database, text, NOW) is not None
    with pytest.raises(InvalidValue) as refused:
        add(database, ours, hosts=("other.example",))
    assert refused.value.field == "hosts"


@pytest.mark.parametrize("text", ["", "fbp_", "x" * 5000, "fbp_é", "' OR 1=1 --"])
def test_nothing_else_opens(database: Database, publishers: tuple[int, int], text: str) -> None:
    add(database, publishers[0])
    assert check_publisher_token(database, text, NOW) is None


def test_what_is_stored_and_logged_opens_nothing(database: Database, publishers: tuple[int, int]) -> None:
    _, text = add(database, publishers[0])
    with database.read() as connection:
        row = connection.execute(select(publisher_token)).mappings().one()
        told = publisher_events(connection, publishers[0], AuditFilter(), 10)
    assert text not in str(dict(row))
    assert text not in str(told)
    assert check_publisher_token(database, row["token_hash"].hex(), NOW) is None


@pytest.mark.parametrize(
    ("name", "scopes", "expires", "field"),
    [
        ("", READ, None, "name"),
        ("a\nb", READ, None, "name"),
        ("x" * 101, READ, None, "name"),
        ("n", (), None, "scopes"),
        ("n", READ, NOW, "expires"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(
    database: Database, publishers: tuple[int, int], name: str, scopes: Sequence[Scope], expires: int, field: str
) -> None:
    with pytest.raises(InvalidValue) as refused:
        add(database, publishers[0], scopes, (), expires, name)
    assert refused.value.field == field


def test_its_use_is_noted_to_the_hour(database: Database, publishers: tuple[int, int]) -> None:
    made, text = add(database, publishers[0])
    for at, noted in ((NOW, NOW), (NOW + 1, NOW), (NOW + USED_EVERY_MICROS + 1, NOW + USED_EVERY_MICROS + 1)):
        check_publisher_token(database, text, at)
        with database.read() as connection:
            assert find_publisher_token(connection, publishers[0], made.token_id).used_at_micros == noted

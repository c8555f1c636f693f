"""Endpoints: each has one owner, its secrets are shown once and never stored."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import select

from edge.core.webhooks import HEARS, Audience
from edge.store.database import Database
from edge.store.problems import InvalidValue, StoreProblem, UnknownName
from edge.store.service_keys import ServiceKeys, load_service_keys, rotate_service_keys
from edge.store.tables import metadata, webhook_secret
from edge.store.webhook_endpoints import (
    NewEndpoint,
    SecretLost,
    add_endpoint,
    enable_endpoint,
    find_endpoint,
    list_endpoints,
    remove_endpoint,
    rotate_secret,
    secrets_in_force,
)
from tests.support.webhooks import AT, SECOND, URL, introduce, listen

HOUR = 3600


@pytest.fixture
def parties(database: Database) -> Database:
    with database.write() as connection:
        introduce(connection)
    return database


@pytest.fixture
def keys(tmp_path: Path) -> ServiceKeys:
    return load_service_keys(tmp_path / "data")


def in_force(database: Database, endpoint_id: int, keys: ServiceKeys, at_micros: int = AT) -> list[str]:
    with database.read() as connection:
        return secrets_in_force(connection, endpoint_id, keys, at_micros)


def test_an_endpoint_without_named_events_hears_all_that_its_owner_can(parties: Database, keys: ServiceKeys) -> None:
    for publisher_id, audience in ((None, Audience.OPERATOR), (1, Audience.PUBLISHER)):
        made, _ = listen(parties, keys, publisher_id=publisher_id)
        assert made.audience is audience
        assert set(made.events) == HEARS[audience]


@pytest.mark.parametrize(
    ("publisher_id", "crawler_id", "event"),
    [(1, None, "ledger.alarm"), (None, 1, "rules.published"), (None, None, "charge.lost")],
)
def test_a_subscription_that_nothing_would_come_of_is_refused(
    parties: Database, keys: ServiceKeys, publisher_id: int | None, crawler_id: int | None, event: str
) -> None:
    with pytest.raises(InvalidValue, match="hears of"):
        listen(parties, keys, event, publisher_id=publisher_id, crawler_id=crawler_id)


def test_http_is_for_development_alone(parties: Database, keys: ServiceKeys) -> None:
    new = NewEndpoint("http://127.0.0.1:1/", created_by="test")
    with pytest.raises(InvalidValue, match="https"), parties.write() as connection:
        add_endpoint(connection, new, keys, AT)


def test_the_secret_is_shown_once_and_is_nowhere_in_the_database(parties: Database, keys: ServiceKeys) -> None:
    made, secret = listen(parties, keys)
    assert secret.startswith("whsec_")
    assert in_force(parties, made.endpoint_id, keys) == [secret]
    with parties.read() as connection:
        stored = str([list(connection.execute(select(table))) for table in metadata.sorted_tables])
        shown = str([asdict(known) for known in list_endpoints(connection)])
    assert URL in stored
    assert secret.removeprefix("whsec_") not in stored + shown


def test_while_a_secret_changes_two_are_in_force_and_never_three(parties: Database, keys: ServiceKeys) -> None:
    made, first = listen(parties, keys)
    number = made.endpoint_id
    with parties.write() as connection:
        second = rotate_secret(connection, number, keys, AT, HOUR)
    assert in_force(parties, number, keys, AT) == [second, first]
    assert in_force(parties, number, keys, AT + HOUR * SECOND - 1) == [second, first]
    assert in_force(parties, number, keys, AT + HOUR * SECOND) == [second]
    with parties.write() as connection:
        third = rotate_secret(connection, number, keys, AT + 1, HOUR)
    assert in_force(parties, number, keys, AT + 1) == [third, second]
    with parties.write() as connection:
        fourth = rotate_secret(connection, number, keys, AT + 2, 0)
    assert in_force(parties, number, keys, AT + 2) == [fourth]
    assert len({first, second, third, fourth}) == 4


def test_an_overlap_has_an_end(parties: Database, keys: ServiceKeys) -> None:
    made, _ = listen(parties, keys)
    with pytest.raises(InvalidValue, match="overlap"), parties.write() as connection:
        rotate_secret(connection, made.endpoint_id, keys, AT, 31 * 24 * HOUR)


def test_a_new_service_key_leaves_the_secrets_as_they_are(parties: Database, keys: ServiceKeys, tmp_path: Path) -> None:
    made, secret = listen(parties, keys)
    rotated = rotate_service_keys(tmp_path / "data", datetime(2026, 11, 20, tzinfo=UTC))
    assert in_force(parties, made.endpoint_id, rotated) == [secret]


def test_another_nodes_key_files_sign_nothing(parties: Database, keys: ServiceKeys, tmp_path: Path) -> None:
    made, _ = listen(parties, keys)
    with pytest.raises(SecretLost, match="FAREBOX_DATA_DIR"):
        in_force(parties, made.endpoint_id, load_service_keys(tmp_path / "elsewhere"))


def test_two_who_change_a_secret_at_once_leave_two_in_force(postgres_store_url: str, keys: ServiceKeys) -> None:
    """Both may add the same number: the primary key lets one of them, and the other is told."""
    database = Database.open(postgres_store_url)
    made, _ = listen(database, keys)
    together = Barrier(2)

    def rotate(_: int) -> str | StoreProblem:
        try:
            with database.write() as connection:
                connection.execute(select(webhook_secret)).all()
                together.wait()
                return rotate_secret(connection, made.endpoint_id, keys, AT)
        except StoreProblem as why:
            return why

    with ThreadPoolExecutor(2) as threads:
        ends = list(threads.map(rotate, range(2)))
    valid = in_force(database, made.endpoint_id, keys)
    database.close()
    news = [end for end in ends if isinstance(end, str)]
    assert news
    assert valid[0] == news[-1] or valid[0] == news[0]
    assert len(valid) == 2


def test_a_removed_endpoint_leaves_nothing_behind(parties: Database, keys: ServiceKeys) -> None:
    made, _ = listen(parties, keys, publisher_id=1)
    kept, _ = listen(parties, keys, publisher_id=1)
    with parties.write() as connection:
        remove_endpoint(connection, made.endpoint_id)
    with parties.read() as connection:
        assert [known.endpoint_id for known in list_endpoints(connection)] == [kept.endpoint_id]
        with pytest.raises(UnknownName, match="webhook list"):
            find_endpoint(connection, made.endpoint_id)
        assert set(connection.execute(select(webhook_secret.c.endpoint_id)).scalars()) == {kept.endpoint_id}


def test_what_does_not_exist_cannot_be_changed(parties: Database, keys: ServiceKeys) -> None:
    for change in (
        lambda connection: remove_endpoint(connection, 7),
        lambda connection: enable_endpoint(connection, 7, AT),
        lambda connection: rotate_secret(connection, 7, keys, AT),
    ):
        with pytest.raises(UnknownName), parties.write() as connection:
            change(connection)

"""Half-finished sign-ins that strangers begin: bounded by address and in all, swept; on both databases."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from edge.store import sign_in_steps
from edge.store.database import Database
from edge.store.people import ATTEMPT_WINDOW_MICROS
from edge.store.sign_in_steps import CHALLENGES_PER_ADDRESS, STEP_LIFE_MICROS, begin_challenge, count_challenge
from edge.store.tables import sign_in_attempt, sign_in_step

NOW = 1_800_000_000_000_000
KEY = bytes(32)


def begin(database: Database, address: str, now: int = NOW) -> bool:
    with database.write() as connection:
        asker = count_challenge(connection, address, now, KEY)
    with database.write() as connection:
        return begin_challenge(connection, asker, now, b"challenge") is not None


def rows(database: Database) -> tuple[int, int]:
    with database.read() as connection:
        steps, attempts = (
            connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (sign_in_step, sign_in_attempt)
        )
    return steps, attempts


def test_an_address_begins_so_many_passkey_sign_ins_and_no_more(database: Database) -> None:
    begun = [begin(database, "2001:db8::1") for _ in range(CHALLENGES_PER_ADDRESS)]
    assert all(begun)
    assert not begin(database, "2001:db8::2"), "the same household"
    assert begin(database, "192.0.2.1")
    assert rows(database)[0] == CHALLENGES_PER_ADDRESS + 1
    later = NOW + ATTEMPT_WINDOW_MICROS
    assert begin(database, "2001:db8::1", later)
    assert rows(database) == (1, 1), "what ended was swept"


def test_only_so_many_wait_whatever_addresses_ask(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in_steps, "CHALLENGES_WAITING_MAX", 3)
    assert [begin(database, f"192.0.2.{number}") for number in range(5)] == [True, True, True, False, False]
    assert begin(database, "192.0.2.9", NOW + STEP_LIFE_MICROS)

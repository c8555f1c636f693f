"""Tokens of an operator's programs: shown once, kept as a hash, taken back for good; on both databases."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from edge.store.bearer_tokens import USED_EVERY_MICROS
from edge.store.database import Database
from edge.store.operator_tokens import (
    OperatorToken,
    add_token,
    check_token,
    list_tokens,
    revoke_token,
)
from edge.store.problems import InvalidValue, NameTaken, UnknownName
from edge.store.tables import operator_token

NOW = 1_800_000_000_000_000


def add(database: Database, name: str = "billing", *, may_credit: bool = True) -> str:
    with database.write() as connection:
        return add_token(connection, name, may_credit=may_credit, author="operator", now_micros=NOW)[1]


def tokens(database: Database) -> list[OperatorToken]:
    with database.read() as connection:
        return list_tokens(connection)


def test_a_token_opens_until_it_is_revoked(database: Database) -> None:
    text, other = add(database), add(database, "monitoring", may_credit=False)
    assert text != other
    opened, reading = check_token(database, text, NOW), check_token(database, other, NOW)
    assert opened is not None
    assert reading is not None
    assert (opened.name, opened.may_credit, reading.may_credit) == ("billing", True, False)
    with database.write() as connection:
        revoke_token(connection, "billing", author="operator", now_micros=NOW)
    assert check_token(database, text, NOW) is None
    assert check_token(database, other, NOW) is not None
    with database.write() as connection:
        with pytest.raises(InvalidValue, match="already"):
            revoke_token(connection, "billing", author="operator", now_micros=NOW)
        with pytest.raises(UnknownName):
            revoke_token(connection, "nobody", author="operator", now_micros=NOW)


@pytest.mark.parametrize("text", ["", "fbo_", "x" * 5000, "fbo_é", "' OR 1=1 --"])
def test_nothing_else_opens(database: Database, text: str) -> None:
    add(database)
    assert check_token(database, text, NOW) is None


def test_what_is_stored_opens_nothing(database: Database) -> None:
    text = add(database)
    with database.read() as connection:
        row = connection.execute(select(operator_token)).mappings().one()
    assert text not in str(dict(row))
    assert check_token(database, row["token_hash"].hex(), NOW) is None


def test_a_name_is_given_once_for_ever(database: Database) -> None:
    add(database)
    with database.write() as connection:
        revoke_token(connection, "billing", author="operator", now_micros=NOW)
    with pytest.raises(NameTaken):
        add(database)
    for name in ("", "a\nb", "\x1b[2J", "x" * 101):
        with pytest.raises(InvalidValue):
            add(database, name)


def test_its_use_is_noted_to_the_hour(database: Database) -> None:
    text = add(database)
    assert tokens(database)[0].used_at_micros is None
    for at in (NOW, NOW + 1, NOW + USED_EVERY_MICROS + 1):
        check_token(database, text, at)
        assert tokens(database)[0].used_at_micros == (NOW if at <= NOW + 1 else at)

"""Tokens of an operator's programs: made once, shown once, kept as a hash, taken back for good.

Rules of this file
- What a token is made of and how it opens is ``edge.store.bearer_tokens``.
- A name is never given twice: entries name a token as their author.
- Making and revoking one is in the operator's log, in the same transaction.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from edge.store.audit_events import Action, record
from edge.store.bearer_tokens import bearer_hash, new_bearer_token, opened_by
from edge.store.database import Database
from edge.store.problems import InvalidValue, NameTaken, UnknownName
from edge.store.tables import operator_token

PREFIX = "fbo_"
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ._-]{0,98}[A-Za-z0-9._-])?")


@dataclass(frozen=True, slots=True)
class OperatorToken:
    """One token as stored, without what opens anything."""

    name: str
    may_credit: bool
    created_by: str
    created_at_micros: int
    used_at_micros: int | None
    revoked_at_micros: int | None
    revoked_by: str | None


def add_token(
    connection: Connection, name: str, *, may_credit: bool, author: str, now_micros: int
) -> tuple[OperatorToken, str]:
    """Make a token and return it with its text, which nobody can read again. Raises ``InvalidValue``, ``NameTaken``."""
    name = name.strip()
    if not _NAME.fullmatch(name):
        raise InvalidValue(f"{name!r} is not a token's name; use letters, digits, spaces and . _ -", "name")
    text = new_bearer_token(PREFIX)
    values = {"name": name, "token_hash": bearer_hash(text), "may_credit": may_credit, "created_by": author}
    try:
        with connection.begin_nested():
            connection.execute(insert(operator_token).values(**values, created_at_micros=now_micros))
    except IntegrityError as why:
        raise NameTaken(f"there is, or was, a token named {name!r}; choose another name", "name") from why
    _tell(connection, Action.OPERATOR_TOKEN_MADE, name, author, now_micros, may="credit" if may_credit else "read")
    return _find(connection, name), text


def list_tokens(connection: Connection) -> list[OperatorToken]:
    """All tokens by name, revoked ones too."""
    return [_token(row) for row in connection.execute(select(operator_token).order_by(operator_token.c.name))]


def revoke_token(connection: Connection, name: str, *, author: str, now_micros: int) -> OperatorToken:
    """Take a token back, at once and for good. Raises ``UnknownName``, and ``InvalidValue`` when it was before."""
    known = _find(connection, name.strip())
    row = operator_token.c
    change = update(operator_token).where(row.name == known.name, row.revoked_at_micros.is_(None))
    if connection.execute(change.values(revoked_at_micros=now_micros, revoked_by=author)).rowcount != 1:
        raise InvalidValue(f"the token {known.name!r} was revoked by {known.revoked_by} already", "name")
    _tell(connection, Action.OPERATOR_TOKEN_REVOKED, known.name, author, now_micros)
    return _find(connection, known.name)


def check_token(database: Database, text: str, now_micros: int) -> OperatorToken | None:
    """The token that opens with this text, or None; notes its use to the hour. Raises ``LedgerUnavailable``."""
    in_force = operator_token.c.revoked_at_micros.is_(None)
    found = opened_by(database, operator_token, text, in_force, now_micros)
    return None if found is None else _token(found)


def _tell(connection: Connection, action: Action, name: str, author: str, now_micros: int, **details: object) -> None:
    record(connection, action, author=author, now_micros=now_micros, subject=name, details=details)


def _find(connection: Connection, name: str) -> OperatorToken:
    row = connection.execute(select(operator_token).where(operator_token.c.name == name)).one_or_none()
    if row is None:
        raise UnknownName(f"there is no token named {name!r}; `farebox token list` shows all", "name")
    return _token(row)


def _token(row: Row[tuple[Any, ...]]) -> OperatorToken:
    return OperatorToken(
        row.name,
        row.may_credit,
        row.created_by,
        row.created_at_micros,
        row.used_at_micros,
        row.revoked_at_micros,
        row.revoked_by,
    )

"""What tokens of programs have in common: made of 256 random bits, kept as a hash, their use noted to the hour.

Rules of this file
- A token is 256 random bits, so its plain hash is enough: there is nothing to guess and nothing to slow down.
- The column that is written at a use is ``used_at_micros``, once an hour at most: looking must not mean writing.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

from sqlalchemy import ColumnElement, Row, Table, select, update
from sqlalchemy.exc import DBAPIError

from edge.store.database import Database
from edge.store.database_errors import unavailable

TOKEN_BYTES = 32
TOKEN_LENGTH_MAX = 100
USED_EVERY_MICROS = 3_600_000_000


def new_bearer_token(prefix: str) -> str:
    """The text of a new token, which its maker sees once."""
    return prefix + secrets.token_urlsafe(TOKEN_BYTES)


def token_author(name: str, hint: str) -> str:
    """How logs and plans name a publisher's token."""
    return f"token {name} ({hint}…)"


def bearer_hash(text: str) -> bytes:
    """What is stored of a token."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def opened_by(
    database: Database, table: Table, text: str, in_force: ColumnElement[bool], now_micros: int
) -> Row[tuple[Any, ...]] | None:
    """The row that a token's text opens while ``in_force`` holds, or None; notes its use.

    Raises ``LedgerUnavailable``.
    """
    if len(text) > TOKEN_LENGTH_MAX:
        return None
    opens = (table.c.token_hash == bearer_hash(text)) & in_force
    try:
        with database.read() as connection:
            found = connection.execute(select(table).where(opens)).one_or_none()
        if found is None:
            return None
        if found.used_at_micros is None or found.used_at_micros < now_micros - USED_EVERY_MICROS:
            with database.write() as connection:
                connection.execute(update(table).where(opens).values(used_at_micros=now_micros))
    except DBAPIError as error:
        raise unavailable(error) from error
    return found

"""Tokens by which an operator's programs read accounts and top them up over HTTP.

Rules of this file
- No token is stored: its hash alone, so a copy of the database opens nothing.
- A revoked one stays, because entries name it as their author.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Integer, LargeBinary, String, Table

from edge.store.tables.metadata import metadata
from edge.store.tables.personal import Finds, OnErase, personal

_BESIDE = ("name", "created_at_micros")

operator_token = Table(
    "operator_token",
    metadata,
    Column("id", Integer, primary_key=True, comment="a handle"),
    Column("name", String(100), nullable=False, unique=True, comment="what people and entries call it, for ever"),
    Column("token_hash", LargeBinary(32), nullable=False, unique=True, comment="SHA-256 of the token"),
    Column("may_credit", Boolean, nullable=False, comment="false: it reads alone"),
    Column(
        "created_by",
        String(320),
        nullable=False,
        comment="who made it",
        info=personal(OnErase.RENAMED, Finds.EMAIL, beside=_BESIDE),
    ),
    Column("created_at_micros", BigInteger, nullable=False, comment="for lists"),
    Column("used_at_micros", BigInteger, comment="when it was used last, to the hour"),
    Column("revoked_at_micros", BigInteger, comment="opens nothing since then; null while it does"),
    Column(
        "revoked_by",
        String(320),
        comment="who took it back",
        info=personal(OnErase.RENAMED, Finds.EMAIL, beside=_BESIDE),
    ),
    CheckConstraint("(revoked_at_micros IS NULL) = (revoked_by IS NULL)", name="revoked"),
    sqlite_autoincrement=True,
)

"""Tokens by which a publisher's programs read numbers and change prices over HTTP.

Rules of this file
- No token is stored: its hash alone, so a copy of the database opens nothing.
- A revoked or expired one stays, because people ask later who held what.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Integer, LargeBinary, String, Table, Text

from edge.store.tables.metadata import metadata
from edge.store.tables.personal import Finds, OnErase, personal

_BESIDE = ("publisher_id", "name", "created_at_micros")

publisher_token = Table(
    "publisher_token",
    metadata,
    Column("id", Integer, primary_key=True, comment="what pages call it by"),
    Column("publisher_id", ForeignKey("publisher.id"), nullable=False, index=True, comment="whose it is"),
    Column("name", String(100), nullable=False, comment="what it is for, in the publisher's words"),
    Column("token_hash", LargeBinary(32), nullable=False, unique=True, comment="SHA-256 of the token"),
    Column("hint", String(16), nullable=False, comment="how it begins, to tell one from another"),
    Column("scopes", String(100), nullable=False, comment="what it may do: words with commas between, in order"),
    Column("hosts", Text, comment="the sites that it is limited to, a JSON array of hosts; null for all"),
    Column(
        "created_by",
        String(320),
        nullable=False,
        comment="who made it",
        info=personal(OnErase.RENAMED, Finds.EMAIL, beside=_BESIDE),
    ),
    Column("created_at_micros", BigInteger, nullable=False, comment="for lists"),
    Column("expires_at_micros", BigInteger, comment="opens nothing from then on; null for no end"),
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

"""The doors beside the publisher's: a crawler's people, acts of a page that are done once, and long work on the books.

Rules of this file: secrets are kept as hashes only; a row of long work says how far it is, so that whoever started it
may leave and come back, to any process.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

from edge.store.tables.metadata import metadata
from edge.store.tables.personal import Finds, OnErase, personal

crawler_member = Table(
    "crawler_member",
    metadata,
    Column(
        "person_id",
        ForeignKey("person.id"),
        nullable=False,
        comment="who",
        info=personal(OnErase.DELETED, Finds.PERSON_ID),
    ),
    Column("crawler_id", ForeignKey("crawler.id"), nullable=False, index=True, comment="sees whose account"),
    Column("role", String(16), nullable=False, comment="owner or viewer"),
    PrimaryKeyConstraint("person_id", "crawler_id"),
    CheckConstraint("role IN ('owner', 'viewer')", name="role"),
)

crawler_invitation = Table(
    "crawler_invitation",
    metadata,
    Column("token_hash", LargeBinary(32), primary_key=True, comment="SHA-256 of the link's token"),
    Column("crawler_id", ForeignKey("crawler.id"), nullable=False, index=True, comment="joins whose team"),
    Column(
        "email",
        String(320),
        nullable=False,
        comment="for whom alone, in lower case",
        info=personal(OnErase.DELETED, Finds.EMAIL),
    ),
    Column("role", String(16), nullable=False, comment="owner or viewer"),
    Column(
        "invited_by",
        String(320),
        nullable=False,
        comment="who asked them in",
        info=personal(OnErase.RENAMED, Finds.EMAIL),
    ),
    Column("expires_at_micros", BigInteger, nullable=False, comment="a link does not live for ever"),
    Column("used_at_micros", BigInteger, comment="set once: a link works once"),
    CheckConstraint("role IN ('owner', 'viewer')", name="role"),
)

done_act = Table(
    "done_act",
    metadata,
    Column("key", String(64), primary_key=True, comment="as the form bears it: who inserts it does the act"),
    Column("at_micros", BigInteger, nullable=False, index=True, comment="swept after a week"),
)

books_task = Table(
    "books_task",
    metadata,
    Column("name", String(40), primary_key=True, comment="close 2026-10, verify 2026-10: one at a time"),
    Column("state", String(16), nullable=False, comment="running, done or failed"),
    Column("started_at_micros", BigInteger, nullable=False, comment="for lists"),
    Column("started_by", String(320), nullable=False, comment="who", info=personal(OnErase.RENAMED, Finds.EMAIL)),
    Column(
        "seen_at_micros", BigInteger, nullable=False, comment="the last sign of life; without it one may begin anew"
    ),
    Column("read_entries", BigInteger, nullable=False, comment="how far it is"),
    Column("all_entries", BigInteger, nullable=False, comment="of how many; 0 while nobody knows"),
    Column("said", Text, nullable=False, comment="how it ended, in sentences, one a line"),
    Column("round", Integer, nullable=False, comment="counts the starts: a dead run cannot write over a living one"),
    CheckConstraint("state IN ('running', 'done', 'failed')", name="state"),
)

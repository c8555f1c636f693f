"""Crawlers that ask to be registered, and what was decided.

Rules of this file
- One row for each agent: it asks again by changing its own row. Strangers write here, so the store bounds the rows.
- ``contact`` is a person's address: it is kept as long as the row, and the row as the store says. Erasing the person
  leaves the row, under a pseudonym: an agent that was rejected could else ask again at once.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, Integer, String, Table, Text

from edge.store.tables.metadata import metadata
from edge.store.tables.personal import Finds, OnErase, personal

registration = Table(
    "registration",
    metadata,
    Column("id", Integer, primary_key=True, comment="what commands call it"),
    Column("agent_url", String(2048), nullable=False, unique=True, comment="who signed: its keys lie there"),
    Column("thumbprint", String(64), nullable=False, comment="the key that signed last, for people"),
    Column("name", String(200), nullable=False, comment="the name that it wishes for"),
    Column("operator", String(200), nullable=False, comment="who runs it, by its own word"),
    Column("kind", String(16), nullable=False, comment="what it crawls for, by its own word"),
    Column(
        "contact",
        String(320),
        nullable=False,
        comment="whom the operator writes to",
        info=personal(OnErase.RENAMED, Finds.EMAIL, beside=("agent_url", "name", "operator", "asked_at_micros")),
    ),
    Column("host", String(255), nullable=False, comment="the site where it asked"),
    Column("state", String(16), nullable=False, comment="pending, approved or rejected"),
    Column("asked_at_micros", BigInteger, nullable=False, comment="when it asked first"),
    Column("asked_again_at_micros", BigInteger, nullable=False, comment="when it asked last"),
    Column("decided_at_micros", BigInteger, comment="when a person decided, else null"),
    Column(
        "decided_by",
        String(320),
        comment="who",
        info=personal(OnErase.RENAMED, Finds.EMAIL, beside=("agent_url", "decided_at_micros")),
    ),
    Column("reason", Text, comment="why, in their words; the crawler may read it", info=personal(OnErase.KEPT)),
    Column("crawler_id", ForeignKey("crawler.id"), comment="the crawler that was made of it, once approved"),
    CheckConstraint("state IN ('pending', 'approved', 'rejected')", name="state"),
    CheckConstraint("(state = 'approved') = (crawler_id IS NOT NULL)", name="approved"),
    Index(None, "state", "asked_at_micros"),
    sqlite_autoincrement=True,
)

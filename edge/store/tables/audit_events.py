"""What people changed that is not money, and when they signed in: append-only, by triggers of the migration.

Rules of this file
- A row is never deleted, and nothing of it changes but a name: erasing a person puts a pseudonym in its place.
- What was done to money is in the books themselves (``entry.author``).
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table, Text

from edge.store.tables.metadata import metadata
from edge.store.tables.personal import Finds, OnErase, personal

_BESIDE = ("publisher_id", "crawler_id", "action", "at_micros")

audit_event = Table(
    "audit_event",
    metadata,
    Column("id", Integer, primary_key=True, comment="grows with time: what lists go on from"),
    Column("at_micros", BigInteger, nullable=False, comment="when"),
    Column("publisher_id", ForeignKey("publisher.id"), comment="whose log it stands in; null for a person's own"),
    Column("site_id", ForeignKey("site.id"), comment="which site it concerns, if one"),
    Column(
        "author",
        String(320),
        nullable=False,
        comment="the person, token or command",
        info=personal(OnErase.RENAMED, Finds.EMAIL, beside=_BESIDE),
    ),
    Column("action", String(40), nullable=False, comment="what was done, a word of edge.store.audit_events"),
    Column(
        "subject",
        String(320),
        nullable=False,
        comment="what or who was changed; of a person's own log the person",
        info=personal(OnErase.RENAMED, Finds.EMAIL_OR_THING, beside=_BESIDE),
    ),
    Column("details", Text, nullable=False, comment="what exactly, a JSON object; never a secret, never a person"),
    Column("crawler_id", ForeignKey("crawler.id"), comment="in which crawler's team's log it stands, if in one"),
    Index("ix_audit_event_publisher", "publisher_id", "id"),
    Index("ix_audit_event_crawler", "crawler_id", "id"),
    Index("ix_audit_event_subject", "subject", "id"),
    sqlite_autoincrement=True,
)

"""Who was asked to join a publisher and has not answered yet; a row goes when somebody answers, revokes, or forgets."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
)

from edge.store.tables.metadata import metadata
from edge.store.tables.personal import Finds, OnErase, personal

invitation = Table(
    "invitation",
    metadata,
    Column("id", Integer, primary_key=True, comment="what pages call it by"),
    Column("publisher_id", ForeignKey("publisher.id"), nullable=False, comment="joins this publisher"),
    Column(
        "email",
        String(320),
        nullable=False,
        comment="lower case: whoever signs in with it may accept",
        info=personal(OnErase.DELETED, Finds.EMAIL),
    ),
    Column("role", String(16), nullable=False, comment="owner, editor, billing or viewer"),
    Column("token_hash", LargeBinary(32), nullable=False, unique=True, comment="SHA-256 of the link's token"),
    Column(
        "invited_by",
        String(320),
        nullable=False,
        comment="who asked",
        info=personal(OnErase.RENAMED, Finds.EMAIL, beside=("publisher_id", "created_at_micros")),
    ),
    Column("created_at_micros", BigInteger, nullable=False, comment="for lists; a new link counts anew"),
    Column("expires_at_micros", BigInteger, nullable=False, comment="the link opens nothing from then on"),
    UniqueConstraint("publisher_id", "email"),
    CheckConstraint("role IN ('owner', 'editor', 'billing', 'viewer')", name="role"),
    CheckConstraint("email = lower(email)", name="email_lower"),
    sqlite_autoincrement=True,
)

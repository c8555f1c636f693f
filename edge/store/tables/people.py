"""Who may sign in to the dashboard. Secrets are stored as hashes only: a stolen database opens no session."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    false,
)

from edge.store.tables.metadata import metadata
from edge.store.tables.personal import Finds, OnErase, personal

person = Table(
    "person",
    metadata,
    Column("id", Integer, primary_key=True, comment="named by memberships and sessions"),
    Column(
        "email",
        String(320),
        nullable=False,
        unique=True,
        comment="lower case: what people sign in with",
        info=personal(OnErase.DELETED, Finds.EMAIL),
    ),
    Column(
        "password_hash",
        String(200),
        nullable=False,
        comment="argon2id, with its parameters",
        info=personal(OnErase.DELETED, secret=True),
    ),
    Column(
        "operates",
        Boolean,
        nullable=False,
        server_default=false(),
        comment="sees the operator's pages: all crawlers' accounts, all webhooks",
    ),
    Column("created_at_micros", BigInteger, nullable=False, comment="for lists"),
    CheckConstraint("email = lower(email)", name="email_lower"),
    sqlite_autoincrement=True,
)

membership = Table(
    "membership",
    metadata,
    Column(
        "person_id",
        ForeignKey("person.id"),
        nullable=False,
        comment="who",
        info=personal(OnErase.DELETED, Finds.PERSON_ID),
    ),
    Column("publisher_id", ForeignKey("publisher.id"), nullable=False, index=True, comment="sees and changes what"),
    Column("role", String(16), nullable=False, comment="owner, editor, billing or viewer"),
    PrimaryKeyConstraint("person_id", "publisher_id"),
    CheckConstraint("role IN ('owner', 'editor', 'billing', 'viewer')", name="role"),
)

session = Table(
    "session",
    metadata,
    Column(
        "token_hash",
        LargeBinary(32),
        primary_key=True,
        comment="SHA-256 of the cookie",
        info=personal(OnErase.DELETED, secret=True),
    ),
    Column(
        "person_id",
        ForeignKey("person.id"),
        nullable=False,
        index=True,
        comment="whose",
        info=personal(OnErase.DELETED, Finds.PERSON_ID),
    ),
    Column(
        "csrf_token",
        String(64),
        nullable=False,
        comment="must come back with every form",
        info=personal(OnErase.DELETED, secret=True),
    ),
    Column("created_at_micros", BigInteger, nullable=False, comment="bounds the whole life"),
    Column("seen_at_micros", BigInteger, nullable=False, comment="bounds the idle time"),
    Column("expires_at_micros", BigInteger, nullable=False, index=True, comment="after it the row is swept"),
    Column(
        "user_agent", String(400), comment="so that people know their sessions apart", info=personal(OnErase.DELETED)
    ),
)

setup_link = Table(
    "setup_link",
    metadata,
    Column("token_hash", LargeBinary(32), primary_key=True, comment="SHA-256 of the link's token"),
    Column(
        "email",
        String(320),
        comment="for whom; null: the one who opens it says",
        info=personal(OnErase.DELETED, Finds.EMAIL),
    ),
    Column("publisher_id", ForeignKey("publisher.id"), comment="joins this publisher; null: none yet"),
    Column("expires_at_micros", BigInteger, nullable=False, comment="a link does not live for ever"),
    Column("used_at_micros", BigInteger, comment="set once: a link works once"),
)

sign_in_attempt = Table(
    "sign_in_attempt",
    metadata,
    Column("id", Integer, primary_key=True, comment="a handle"),
    Column(
        "subject_hash",
        LargeBinary(32),
        nullable=False,
        comment="hash of the account or of the address",
        info=personal(OnErase.EXPIRES, secret=True),
    ),
    Column("attempted_at_micros", BigInteger, nullable=False, comment="counted within a window, swept after it"),
    Index("ix_sign_in_attempt_subject", "subject_hash", "attempted_at_micros"),
)

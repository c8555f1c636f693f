"""Webhooks: who wants to hear of what, the outbox, and how far its deliveries are.

Rules of this file
- Events and deliveries are written inside the transaction that they tell of, the ledger's too. They have no foreign
  keys: an endpoint that is removed at that moment must not fail a charge. What is left over is swept.
- Whether a delivery is anybody's is told by ``due_at_micros`` alone: taking one moves it past the lease.
- No secret is stored: it is made of ``salt`` and a service key in a file, so that a copy of the database signs nothing.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    text,
)

from edge.store.tables.metadata import metadata
from edge.store.tables.personal import Finds, OnErase, personal

webhook_endpoint = Table(
    "webhook_endpoint",
    metadata,
    Column("id", Integer, primary_key=True, comment="what commands call it"),
    Column("publisher_id", ForeignKey("publisher.id"), index=True, comment="hears of this publisher alone, else null"),
    Column("crawler_id", ForeignKey("crawler.id"), index=True, comment="hears of this crawler alone, else null"),
    Column("url", String(2048), nullable=False, comment="where events are posted to"),
    Column("state", String(16), nullable=False, comment="active, failing or disabled"),
    Column("failing_since_micros", BigInteger, comment="the first failure since the last success, else null"),
    Column("trouble", Text, comment="what failed last, or why it is disabled, in one sentence"),
    Column(
        "created_by",
        String(320),
        nullable=False,
        comment="the person or command",
        info=personal(OnErase.RENAMED, Finds.EMAIL, beside=("id", "url", "created_at_micros")),
    ),
    Column("created_at_micros", BigInteger, nullable=False, comment="for lists"),
    CheckConstraint("publisher_id IS NULL OR crawler_id IS NULL", name="one_owner"),
    CheckConstraint("state IN ('active', 'failing', 'disabled')", name="state"),
    sqlite_autoincrement=True,
)

webhook_subscription = Table(
    "webhook_subscription",
    metadata,
    Column("event", String(64), nullable=False, comment="what it wants to hear of; asked for first"),
    Column("endpoint_id", ForeignKey("webhook_endpoint.id"), nullable=False, comment="who"),
    PrimaryKeyConstraint("event", "endpoint_id"),
)

webhook_secret = Table(
    "webhook_secret",
    metadata,
    Column("endpoint_id", ForeignKey("webhook_endpoint.id"), nullable=False, comment="whose messages it signs"),
    Column("number", Integer, nullable=False, comment="1, 2, ...; the highest is the current one"),
    Column("salt", LargeBinary(32), nullable=False, comment="with a service key it makes the secret"),
    Column("key_thumbprint", String(64), nullable=False, comment="the service key that makes the secret of it"),
    Column("created_at_micros", BigInteger, nullable=False, comment="for lists"),
    Column("expires_at_micros", BigInteger, comment="signs until then; null for the current one"),
    PrimaryKeyConstraint("endpoint_id", "number"),
)

webhook_event = Table(
    "webhook_event",
    metadata,
    Column("id", String(40), primary_key=True, comment="webhook-id, the same on every try; sorts by time"),
    Column("event", String(64), nullable=False, comment="what happened"),
    Column("subject", String(400), nullable=False, comment="to what, for lists"),
    Column("publisher_id", Integer, comment="whose it is, else null"),
    Column("crawler_id", Integer, comment="whose it is, else null"),
    Column(
        "body", Text, nullable=False, comment="the very text that is signed and sent", info=personal(OnErase.EXPIRES)
    ),
    Column("at_micros", BigInteger, nullable=False, comment="when it happened"),
)

webhook_delivery = Table(
    "webhook_delivery",
    metadata,
    Column("endpoint_id", Integer, nullable=False, comment="to whom"),
    Column("event_id", String(40), nullable=False, comment="what"),
    Column("state", String(16), nullable=False, comment="pending, delivered or failed"),
    Column("attempts", SmallInteger, nullable=False, comment="tries so far, counted when one begins"),
    Column("due_at_micros", BigInteger, nullable=False, comment="when to try; while it is tried, when the lease ends"),
    Column("tried_at_micros", BigInteger, comment="when the last try ended"),
    Column("status", SmallInteger, comment="the last answer's status, if there was one"),
    Column("trouble", Text, comment="what went wrong last, in one sentence"),
    PrimaryKeyConstraint("endpoint_id", "event_id"),
    CheckConstraint("state IN ('pending', 'delivered', 'failed')", name="state"),
    # Asked for each endpoint about once a second; small, because what is done leaves it.
    Index(
        "ix_webhook_delivery_due",
        "endpoint_id",
        "due_at_micros",
        sqlite_where=text("state = 'pending'"),
        postgresql_where=text("state = 'pending'"),
    ),
)

webhook_cursor = Table(
    "webhook_cursor",
    metadata,
    Column("writer_id", Integer, primary_key=True, autoincrement=False, comment="whose entries"),
    Column("number", BigInteger, nullable=False, comment="the last entry that charge.posted told of"),
    Column("folded_at_micros", BigInteger, nullable=False, comment="when it did: once a minute is enough"),
)

crawler_sighting = Table(
    "crawler_sighting",
    metadata,
    Column("site_id", ForeignKey("site.id"), nullable=False, comment="where"),
    Column("crawler_id", ForeignKey("crawler.id"), nullable=False, comment="who came, by its signature"),
    Column("first_seen_at_micros", BigInteger, nullable=False, comment="when it came for the first time"),
    PrimaryKeyConstraint("site_id", "crawler_id"),
)

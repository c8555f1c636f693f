"""Webhooks: endpoints, the outbox with its deliveries, and how far its sources have been read.

Revision: 0003, after 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_endpoints()
    create_outbox()
    create_sources()


def downgrade() -> None:
    raise NotImplementedError("books are not taken apart: restore the backup made before the upgrade")


def create_endpoints() -> None:
    op.create_table(
        "webhook_endpoint",
        sa.Column("id", sa.Integer(), nullable=False, comment="what commands call it"),
        sa.Column("publisher_id", sa.Integer(), nullable=True, comment="hears of this publisher alone, else null"),
        sa.Column("crawler_id", sa.Integer(), nullable=True, comment="hears of this crawler alone, else null"),
        sa.Column("url", sa.String(length=2048), nullable=False, comment="where events are posted to"),
        sa.Column("state", sa.String(length=16), nullable=False, comment="active, failing or disabled"),
        sa.Column(
            "failing_since_micros",
            sa.BigInteger(),
            nullable=True,
            comment="the first failure since the last success, else null",
        ),
        sa.Column(
            "trouble", sa.Text(), nullable=True, comment="what failed last, or why it is disabled, in one sentence"
        ),
        sa.Column("created_by", sa.String(length=320), nullable=False, comment="the person or command"),
        sa.Column("created_at_micros", sa.BigInteger(), nullable=False, comment="for lists"),
        sa.CheckConstraint("state IN ('active', 'failing', 'disabled')", name=op.f("ck_webhook_endpoint_state")),
        sa.CheckConstraint("publisher_id IS NULL OR crawler_id IS NULL", name=op.f("ck_webhook_endpoint_one_owner")),
        sa.ForeignKeyConstraint(["crawler_id"], ["crawler.id"], name=op.f("fk_webhook_endpoint_crawler_id")),
        sa.ForeignKeyConstraint(["publisher_id"], ["publisher.id"], name=op.f("fk_webhook_endpoint_publisher_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_endpoint")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_webhook_endpoint_crawler_id"), "webhook_endpoint", ["crawler_id"], unique=False)
    op.create_index(op.f("ix_webhook_endpoint_publisher_id"), "webhook_endpoint", ["publisher_id"], unique=False)
    op.create_table(
        "webhook_subscription",
        sa.Column("event", sa.String(length=64), nullable=False, comment="what it wants to hear of; asked for first"),
        sa.Column("endpoint_id", sa.Integer(), nullable=False, comment="who"),
        sa.ForeignKeyConstraint(
            ["endpoint_id"], ["webhook_endpoint.id"], name=op.f("fk_webhook_subscription_endpoint_id")
        ),
        sa.PrimaryKeyConstraint("event", "endpoint_id", name=op.f("pk_webhook_subscription")),
    )
    op.create_table(
        "webhook_secret",
        sa.Column("endpoint_id", sa.Integer(), nullable=False, comment="whose messages it signs"),
        sa.Column("number", sa.Integer(), nullable=False, comment="1, 2, ...; the highest is the current one"),
        sa.Column("salt", sa.LargeBinary(length=32), nullable=False, comment="with a service key it makes the secret"),
        sa.Column(
            "key_thumbprint",
            sa.String(length=64),
            nullable=False,
            comment="the service key that makes the secret of it",
        ),
        sa.Column("created_at_micros", sa.BigInteger(), nullable=False, comment="for lists"),
        sa.Column(
            "expires_at_micros", sa.BigInteger(), nullable=True, comment="signs until then; null for the current one"
        ),
        sa.ForeignKeyConstraint(["endpoint_id"], ["webhook_endpoint.id"], name=op.f("fk_webhook_secret_endpoint_id")),
        sa.PrimaryKeyConstraint("endpoint_id", "number", name=op.f("pk_webhook_secret")),
    )


def create_outbox() -> None:
    op.create_table(
        "webhook_event",
        sa.Column(
            "id", sa.String(length=40), nullable=False, comment="webhook-id, the same on every try; sorts by time"
        ),
        sa.Column("event", sa.String(length=64), nullable=False, comment="what happened"),
        sa.Column("subject", sa.String(length=400), nullable=False, comment="to what, for lists"),
        sa.Column("publisher_id", sa.Integer(), nullable=True, comment="whose it is, else null"),
        sa.Column("crawler_id", sa.Integer(), nullable=True, comment="whose it is, else null"),
        sa.Column("body", sa.Text(), nullable=False, comment="the very text that is signed and sent"),
        sa.Column("at_micros", sa.BigInteger(), nullable=False, comment="when it happened"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_event")),
    )
    op.create_table(
        "webhook_delivery",
        sa.Column("endpoint_id", sa.Integer(), nullable=False, comment="to whom"),
        sa.Column("event_id", sa.String(length=40), nullable=False, comment="what"),
        sa.Column("state", sa.String(length=16), nullable=False, comment="pending, delivered or failed"),
        sa.Column("attempts", sa.SmallInteger(), nullable=False, comment="tries so far, counted when one begins"),
        sa.Column(
            "due_at_micros",
            sa.BigInteger(),
            nullable=False,
            comment="when to try; while it is tried, when the lease ends",
        ),
        sa.Column("tried_at_micros", sa.BigInteger(), nullable=True, comment="when the last try ended"),
        sa.Column("status", sa.SmallInteger(), nullable=True, comment="the last answer's status, if there was one"),
        sa.Column("trouble", sa.Text(), nullable=True, comment="what went wrong last, in one sentence"),
        sa.CheckConstraint("state IN ('pending', 'delivered', 'failed')", name=op.f("ck_webhook_delivery_state")),
        sa.PrimaryKeyConstraint("endpoint_id", "event_id", name=op.f("pk_webhook_delivery")),
    )
    op.create_index(
        "ix_webhook_delivery_due",
        "webhook_delivery",
        ["endpoint_id", "due_at_micros"],
        unique=False,
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )


def create_sources() -> None:
    op.create_table(
        "webhook_cursor",
        sa.Column("writer_id", sa.Integer(), autoincrement=False, nullable=False, comment="whose entries"),
        sa.Column("number", sa.BigInteger(), nullable=False, comment="the last entry that charge.posted told of"),
        sa.Column("folded_at_micros", sa.BigInteger(), nullable=False, comment="when it did: once a minute is enough"),
        sa.PrimaryKeyConstraint("writer_id", name=op.f("pk_webhook_cursor")),
    )
    op.create_table(
        "crawler_sighting",
        sa.Column("site_id", sa.Integer(), nullable=False, comment="where"),
        sa.Column("crawler_id", sa.Integer(), nullable=False, comment="who came, by its signature"),
        sa.Column("first_seen_at_micros", sa.BigInteger(), nullable=False, comment="when it came for the first time"),
        sa.ForeignKeyConstraint(["crawler_id"], ["crawler.id"], name=op.f("fk_crawler_sighting_crawler_id")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_crawler_sighting_site_id")),
        sa.PrimaryKeyConstraint("site_id", "crawler_id", name=op.f("pk_crawler_sighting")),
    )

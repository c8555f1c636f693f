"""Crawlers that ask to be registered, and where a site's crawlers register.

Revision: 0017, after 0016
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "site", sa.Column("register_url", sa.String(2048), comment="where crawlers register; null for our own page")
    )
    op.create_table(
        "registration",
        sa.Column("id", sa.Integer(), nullable=False, comment="what commands call it"),
        sa.Column("agent_url", sa.String(2048), nullable=False, comment="who signed: its keys lie there"),
        sa.Column("thumbprint", sa.String(64), nullable=False, comment="the key that signed last, for people"),
        sa.Column("name", sa.String(200), nullable=False, comment="the name that it wishes for"),
        sa.Column("operator", sa.String(200), nullable=False, comment="who runs it, by its own word"),
        sa.Column("kind", sa.String(16), nullable=False, comment="what it crawls for, by its own word"),
        sa.Column("contact", sa.String(320), nullable=False, comment="whom the operator writes to"),
        sa.Column("host", sa.String(255), nullable=False, comment="the site where it asked"),
        sa.Column("state", sa.String(16), nullable=False, comment="pending, approved or rejected"),
        sa.Column("asked_at_micros", sa.BigInteger(), nullable=False, comment="when it asked first"),
        sa.Column("asked_again_at_micros", sa.BigInteger(), nullable=False, comment="when it asked last"),
        sa.Column("decided_at_micros", sa.BigInteger(), comment="when a person decided, else null"),
        sa.Column("decided_by", sa.String(320), comment="who"),
        sa.Column("reason", sa.Text(), comment="why, in their words; the crawler may read it"),
        sa.Column("crawler_id", sa.Integer(), comment="the crawler that was made of it, once approved"),
        sa.CheckConstraint("state IN ('pending', 'approved', 'rejected')", name=op.f("ck_registration_state")),
        sa.CheckConstraint("(state = 'approved') = (crawler_id IS NOT NULL)", name=op.f("ck_registration_approved")),
        sa.ForeignKeyConstraint(["crawler_id"], ["crawler.id"], name=op.f("fk_registration_crawler_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registration")),
        sa.UniqueConstraint("agent_url", name=op.f("uq_registration_agent_url")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_registration_state_asked_at_micros"), "registration", ["state", "asked_at_micros"])


def downgrade() -> None:
    raise NotImplementedError("registrations are not thrown away: restore the backup made before the upgrade")

"""Estimates of access logs that somebody wanted kept.

Revision: 0026, after 0025
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "log_estimate",
        sa.Column("id", sa.Integer(), nullable=False, comment="what pages call it by"),
        sa.Column("site_id", sa.Integer(), nullable=False, comment="for which site"),
        sa.Column("log_name", sa.String(200), nullable=False, comment="what the file was called"),
        sa.Column("rules_name", sa.String(200), nullable=False, comment="by which rules, in words"),
        sa.Column(
            "document", sa.Text(), nullable=False, comment="the sums as JSON; no address, no path, no user agent"
        ),
        sa.Column("kept_by", sa.String(320), nullable=False, comment="who wanted it kept"),
        sa.Column("kept_at_micros", sa.BigInteger(), nullable=False, comment="when"),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_log_estimate_site_id_site")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_log_estimate")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_log_estimate_site_id"), "log_estimate", ["site_id"])


def downgrade() -> None:
    op.drop_table("log_estimate")

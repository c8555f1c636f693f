"""Alerts: below which amount an account's funds are told of.

Revision: 0007, after 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "account_alert",
        sa.Column("account_id", sa.Integer(), autoincrement=False, nullable=False, comment="whose funds"),
        sa.Column(
            "below_micros", sa.BigInteger(), nullable=False, comment="told when less than this can still be spent"
        ),
        sa.Column(
            "told",
            sa.Boolean(),
            nullable=False,
            comment="it was told, and is not again until a top-up reaches the amount",
        ),
        sa.Column(
            "set_at_micros", sa.BigInteger(), nullable=False, comment="when the amount was last said, for people"
        ),
        sa.Column("set_by", sa.Text(), nullable=False, comment="the person or command that said it"),
        sa.CheckConstraint("below_micros > 0", name=op.f("ck_account_alert_below")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_account_alert_account_id")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_account_alert")),
    )


def downgrade() -> None:
    op.drop_table("account_alert")

"""Whose turn it is to delete what is over its time.

Revision: 0011, after 0010
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "housekeeping",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False, comment="always 1: one row, one turn"),
        sa.Column("due_at_micros", sa.BigInteger(), nullable=False, comment="who moves it does the round"),
        sa.Column(
            "ended_at_micros",
            sa.BigInteger(),
            nullable=True,
            comment="when the last round ended; null before the first",
        ),
        sa.Column("rows_gone", sa.BigInteger(), nullable=False, comment="how many rows that round deleted"),
        sa.CheckConstraint("id = 1", name=op.f("ck_housekeeping_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_housekeeping")),
    )


def downgrade() -> None:
    op.drop_table("housekeeping")

"""Days of charges as they were opened, for the sums of lists.

Revision: 0031, after 0030
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "opened_day",
        sa.Column("publisher_id", sa.Integer(), nullable=False, comment="who sold"),
        sa.Column("day_micros", sa.BigInteger(), nullable=False, comment="start of the day, UTC"),
        sa.Column("site_id", sa.Integer(), nullable=False, comment="where"),
        sa.Column("currency", sa.String(length=3), nullable=False, comment="of the amount"),
        sa.Column("crawler_id", sa.Integer(), nullable=False, comment="who asked"),
        sa.Column("rule", sa.Text(), nullable=False, comment="the rule that named the price"),
        sa.Column("posts", sa.BigInteger(), nullable=False, comment="paid at once, whatever followed"),
        sa.Column("posts_micros", sa.BigInteger(), nullable=False, comment="their prices"),
        sa.Column("grants", sa.BigInteger(), nullable=False, comment="pages that were granted, whatever followed"),
        sa.PrimaryKeyConstraint(
            "publisher_id", "day_micros", "site_id", "currency", "crawler_id", "rule", name=op.f("pk_opened_day")
        ),
        sqlite_with_rowid=False,
    )
    # What was summed before is summed again, with this table.
    for table in ("earned_day", "earned_page_day", "earned_until"):
        op.execute(f"DELETE FROM {table}")


def downgrade() -> None:
    op.drop_table("opened_day")

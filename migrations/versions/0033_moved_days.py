"""Days of entries by the accounts that they moved, for the screens of months that are open.

Revision: 0033, after 0032
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "moved_day",
        sa.Column("day_micros", sa.BigInteger(), nullable=False, comment="start of the day, UTC"),
        sa.Column("position", sa.Integer(), nullable=False, comment="0, 1, ... within the day"),
        sa.Column("kind", sa.String(length=16), nullable=False, comment="of the entries, as all that follows"),
        sa.Column("currency", sa.String(length=3), nullable=False, comment="of the amount"),
        sa.Column("debit_account", sa.Integer(), nullable=False, comment="where the money came from"),
        sa.Column("credit_account", sa.Integer(), nullable=False, comment="where it went"),
        sa.Column("publisher_id", sa.Integer(), comment="who earned; null where entries name nobody"),
        sa.Column("site_id", sa.Integer(), comment="where; null for top-ups and the like"),
        sa.Column("crawler_id", sa.Integer(), comment="who paid; null for fees"),
        sa.Column("rule", sa.Text(), comment="the rule that named the price"),
        sa.Column("licence", sa.Text(), comment="what was licensed, if the rule says so"),
        sa.Column("entries", sa.BigInteger(), nullable=False, comment="how many agree in all of this"),
        sa.Column("amount_micros", sa.BigInteger(), nullable=False, comment="their sum"),
        sa.PrimaryKeyConstraint("day_micros", "position", name=op.f("pk_moved_day")),
        sqlite_with_rowid=False,
    )
    # What was summed before is summed again, with this table.
    for table in ("earned_day", "earned_page_day", "opened_day", "earned_until"):
        op.execute(f"DELETE FROM {table}")


def downgrade() -> None:
    op.drop_table("moved_day")

"""Sums of the single requests of crawlers, by the hour and the day.

Revision: 0022, after 0021
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_sums("activity_hour", "hour_micros", "hour", 3_600_000_000)
    create_sums("activity_day", "day_micros", "day", 86_400_000_000)


def downgrade() -> None:
    for table in ("activity_hour", "activity_day"):
        op.drop_table(table)


def create_sums(name: str, start: str, of: str, length: int) -> None:
    keys = "crawler, kind, rung, rule, outcome, status"
    op.create_table(
        name,
        sa.Column("site_id", sa.BigInteger(), nullable=False, comment="where"),
        sa.Column(start, sa.BigInteger(), nullable=False, comment=f"start of the {of}, UTC"),
        sa.Column("crawler", sa.String(length=200), nullable=False, comment="as in activity"),
        sa.Column("kind", sa.String(length=16), nullable=False, comment="as in activity"),
        sa.Column("rung", sa.String(length=16), nullable=False, comment="as in activity"),
        sa.Column("rule", sa.String(length=200), nullable=False, comment="as in activity"),
        sa.Column("outcome", sa.String(length=64), nullable=False, comment="as in activity"),
        sa.Column("status", sa.SmallInteger(), nullable=False, comment="as in activity"),
        sa.Column("rows", sa.BigInteger(), nullable=False, comment="how many rows of activity"),
        sa.Column("requests", sa.BigInteger(), nullable=False, comment="how many requests they stand for"),
        sa.PrimaryKeyConstraint(
            "site_id", start, "crawler", "kind", "rung", "rule", "outcome", "status", name=op.f(f"pk_{name}")
        ),
        sqlite_with_rowid=False,
    )
    # The rows that are there already are summed too.
    begins = f"at_micros - at_micros % {length}"
    op.execute(
        f"INSERT INTO {name} SELECT site_id, {begins}, {keys}, count(*), sum(requests) FROM activity "
        f"GROUP BY site_id, {begins}, {keys}"
    )

"""What each site's robots.txt said and when, and how many requests went against it.

Revision: 0032, after 0031
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "robots_file",
        sa.Column("site_id", sa.Integer(), nullable=False, comment="whose"),
        sa.Column("since_micros", sa.BigInteger(), nullable=False, comment="when it was first read so"),
        sa.Column("text", sa.Text(), nullable=False, comment="what the origin said; empty where it has none"),
        sa.PrimaryKeyConstraint("site_id", "since_micros", name=op.f("pk_robots_file")),
    )
    op.create_table(
        "robots_day",
        sa.Column("site_id", sa.Integer(), nullable=False, comment="where"),
        sa.Column("day_micros", sa.BigInteger(), nullable=False, comment="start of the day, UTC"),
        sa.Column("crawler", sa.String(length=200), nullable=False, comment="the name claimed or proved"),
        sa.Column("judged", sa.BigInteger(), nullable=False, comment="requests that were held against robots.txt"),
        sa.Column("against", sa.BigInteger(), nullable=False, comment="of those: for pages that it does not allow"),
        sa.PrimaryKeyConstraint("site_id", "day_micros", "crawler", name=op.f("pk_robots_day")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_robots_day_day", "robots_day", ["day_micros"])


def downgrade() -> None:
    for table in ("robots_day", "robots_file"):
        op.drop_table(table)

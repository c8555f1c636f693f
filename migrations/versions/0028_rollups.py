"""Days of the books as they came to, and which parts of a site crawlers asked for.

Revision: 0028, after 0027
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_earned(
        "earned_day",
        sa.Column("crawler_id", sa.Integer(), nullable=False, comment="who paid; 0 for nobody"),
        sa.Column("rule", sa.Text(), nullable=False, comment="the rule that named the price; empty for none"),
    )
    op.create_index("ix_earned_day_site", "earned_day", ["site_id", "day_micros"])
    create_earned(
        "earned_page_day",
        sa.Column(
            "path",
            sa.Text(),
            nullable=False,
            comment="what was sold, without its query; * for all beyond the first thousand of a site and day",
        ),
    )
    op.create_table(
        "earned_until",
        sa.Column("id", sa.Integer(), nullable=False, comment="1: there is one row"),
        sa.Column("until_micros", sa.BigInteger(), nullable=False, comment="every day before this one is summed"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_earned_until")),
    )
    create_content()


def downgrade() -> None:
    for table in ("content_day", "earned_until", "earned_page_day", "earned_day"):
        op.drop_table(table)


def create_earned(name: str, *keys: sa.Column[object]) -> None:
    op.create_table(
        name,
        sa.Column("publisher_id", sa.Integer(), nullable=False, comment="who earned"),
        sa.Column("day_micros", sa.BigInteger(), nullable=False, comment="start of the day, UTC"),
        sa.Column("site_id", sa.Integer(), nullable=False, comment="where; 0 for no site"),
        sa.Column("currency", sa.String(length=3), nullable=False, comment="of the amount"),
        *keys,
        sa.Column("pages", sa.BigInteger(), nullable=False, comment="paid, less what waits in suspense"),
        sa.Column("reversed_pages", sa.BigInteger(), nullable=False, comment="given back"),
        sa.Column("amount_micros", sa.BigInteger(), nullable=False, comment="earned, less what was given back"),
        sa.PrimaryKeyConstraint(
            "publisher_id", "day_micros", "site_id", "currency", *(key.name for key in keys), name=op.f(f"pk_{name}")
        ),
        sqlite_with_rowid=False,
    )


def create_content() -> None:
    op.create_table(
        "content_day",
        sa.Column("site_id", sa.Integer(), nullable=False, comment="where"),
        sa.Column(
            "parent",
            sa.String(length=400),
            nullable=False,
            comment="the part of the site that it lies in, / or /articles/",
        ),
        sa.Column("day_micros", sa.BigInteger(), nullable=False, comment="start of the day, UTC"),
        sa.Column(
            "step",
            sa.String(length=100),
            nullable=False,
            comment="the next part of the path, with a slash where more lies below; empty for all that had no room",
        ),
        sa.Column("requests", sa.BigInteger(), nullable=False, comment="of crawlers"),
        sa.Column("asked", sa.BigInteger(), nullable=False, comment="of those: asked to pay, and did not"),
        sa.Column("sold", sa.BigInteger(), nullable=False, comment="of those: paid"),
        sa.PrimaryKeyConstraint("site_id", "parent", "day_micros", "step", name=op.f("pk_content_day")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_content_day_day", "content_day", ["day_micros"])

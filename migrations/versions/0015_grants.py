"""Granted pages: their counts, what was bought, and subscriptions.

Revision: 0015, after 0014
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "grant_count",
        sa.Column("account_id", sa.Integer(), nullable=False, comment="whose pages"),
        sa.Column(
            "name", sa.String(length=40), nullable=False, comment="by which term: free:day, free:month, subscription:7"
        ),
        sa.Column("site_id", sa.Integer(), nullable=False, comment="where; 0 for a subscription"),
        sa.Column("start_micros", sa.BigInteger(), nullable=False, comment="first instant of the UTC day or month"),
        sa.Column(
            "used", sa.BigInteger(), nullable=False, comment="granted less withdrawn: the fold of the entries (I5)"
        ),
        sa.Column("allowed", sa.BigInteger(), nullable=False, comment="the most that a page of it was granted under"),
        sa.PrimaryKeyConstraint("account_id", "name", "site_id", "start_micros", name=op.f("pk_grant_count")),
        sa.CheckConstraint("used BETWEEN 0 AND allowed", name=op.f("ck_grant_count_used")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "purchase",
        sa.Column("account_id", sa.Integer(), nullable=False, comment="who bought"),
        sa.Column("site_id", sa.Integer(), nullable=False, comment="where"),
        sa.Column("page", sa.LargeBinary(length=16), nullable=False, comment="hash of the canonical address"),
        sa.Column(
            "key", sa.LargeBinary(length=16), nullable=False, comment="the charge; whether it stands, its entries say"
        ),
        sa.Column("validator", sa.Text(), nullable=True, comment="the origin's ETag or Last-Modified at that time"),
        sa.PrimaryKeyConstraint("account_id", "site_id", "page", name=op.f("pk_purchase")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "subscription",
        sa.Column("id", sa.Integer(), nullable=False, comment="what commands and entries call it"),
        sa.Column("account_id", sa.Integer(), nullable=False, comment="whose"),
        sa.Column("publisher_id", sa.Integer(), nullable=False, comment="whose pages"),
        sa.Column("site_id", sa.Integer(), nullable=True, comment="at one site, else null"),
        sa.Column("licence", sa.String(length=200), nullable=True, comment="sold under one licence, else null"),
        sa.Column("pages", sa.BigInteger(), nullable=False, comment="so many in each UTC month"),
        sa.Column("since_micros", sa.BigInteger(), nullable=False, comment="when it began"),
        sa.Column("until_micros", sa.BigInteger(), nullable=True, comment="when it ended or will end, else null"),
        sa.Column("reference", sa.Text(), nullable=True, comment="how it was invoiced, outside of the books"),
        sa.Column("set_by", sa.Text(), nullable=False, comment="the person or command that began it"),
        sa.CheckConstraint("pages > 0", name=op.f("ck_subscription_pages")),
        sa.CheckConstraint("site_id IS NOT NULL OR licence IS NOT NULL", name=op.f("ck_subscription_place")),
        sa.CheckConstraint("until_micros IS NULL OR until_micros >= since_micros", name=op.f("ck_subscription_until")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_subscription_account_id_account")),
        sa.ForeignKeyConstraint(
            ["publisher_id"], ["publisher.id"], name=op.f("fk_subscription_publisher_id_publisher")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_subscription_site_id_site")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscription")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_subscription_account", "subscription", ["account_id"])
    op.add_column(
        "month_line",
        sa.Column(
            "free_pages",
            sa.BigInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="granted, less withdrawn",
        ),
    )


def downgrade() -> None:
    raise NotImplementedError("books are not taken apart: restore the backup made before the upgrade")

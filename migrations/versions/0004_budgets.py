"""Crawlers' budgets, what was spent from them, and the mark on accounts that have one.

Revision: 0004, after 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    watched: sa.Column[bool] = sa.Column(
        "watched",
        sa.Boolean(),
        nullable=False,
        server_default=sa.false(),
        comment="has a budget or an alert: its charges are planned under lock, never assumed",
    )
    op.add_column("account", watched)
    create_budget()
    create_window()


def downgrade() -> None:
    raise NotImplementedError("books are not taken apart: restore the backup made before the upgrade")


def create_budget() -> None:
    op.create_table(
        "budget",
        sa.Column("id", sa.Integer(), nullable=False, comment="named by its windows"),
        sa.Column("account_id", sa.Integer(), nullable=False, comment="whose spending; it says the currency too"),
        sa.Column("per", sa.String(length=16), nullable=False, comment="day, month, or site: a month at one site"),
        sa.Column("site_id", sa.Integer(), nullable=True, comment="where, for a budget per site; else null"),
        sa.Column("limit_micros", sa.BigInteger(), nullable=False, comment="at most this in each window"),
        sa.Column(
            "since_micros",
            sa.BigInteger(),
            nullable=False,
            comment="start of its first window; earlier ones do not count",
        ),
        sa.Column("set_at_micros", sa.BigInteger(), nullable=False, comment="when the limit was last said, for people"),
        sa.Column("set_by", sa.Text(), nullable=False, comment="the person or command that said it"),
        sa.CheckConstraint("per IN ('day', 'month', 'site')", name=op.f("ck_budget_per")),
        sa.CheckConstraint("(per = 'site') = (site_id IS NOT NULL)", name=op.f("ck_budget_site")),
        sa.CheckConstraint("limit_micros > 0", name=op.f("ck_budget_limit")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_budget_account_id")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_budget_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_budget")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "uq_budget_kind",
        "budget",
        ["account_id", "per"],
        unique=True,
        sqlite_where=sa.text("site_id IS NULL"),
        postgresql_where=sa.text("site_id IS NULL"),
    )
    op.create_index(
        "uq_budget_site",
        "budget",
        ["account_id", "site_id"],
        unique=True,
        sqlite_where=sa.text("site_id IS NOT NULL"),
        postgresql_where=sa.text("site_id IS NOT NULL"),
    )


def create_window() -> None:
    op.create_table(
        "budget_window",
        sa.Column("budget_id", sa.Integer(), nullable=False, comment="whose window"),
        sa.Column("start_micros", sa.BigInteger(), nullable=False, comment="first instant of the UTC day or month"),
        sa.Column(
            "spent_micros",
            sa.BigInteger(),
            nullable=False,
            comment="what its openings took less what went back (I5)",
        ),
        sa.Column(
            "ceiling_micros",
            sa.BigInteger(),
            nullable=False,
            comment="the limit, or what was spent when it was lowered",
        ),
        sa.Column(
            "told",
            sa.SmallInteger(),
            nullable=False,
            comment="bits of 50, 80 and 100 %: each is told once (1, 2, 4)",
        ),
        sa.CheckConstraint("spent_micros BETWEEN 0 AND ceiling_micros", name=op.f("ck_budget_window_spent")),
        sa.CheckConstraint("told BETWEEN 0 AND 7", name=op.f("ck_budget_window_told")),
        sa.ForeignKeyConstraint(["budget_id"], ["budget.id"], name=op.f("fk_budget_window_budget_id")),
        sa.PrimaryKeyConstraint("budget_id", "start_micros", name=op.f("pk_budget_window")),
        sqlite_with_rowid=False,
    )

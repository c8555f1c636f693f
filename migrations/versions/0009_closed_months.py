"""Closed months, append-only.

Revision: 0009, after 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TABLES = ("month_share", "month_close", "month_fee", "month_statement", "month_line")


def upgrade() -> None:
    create_begun()
    create_statements()
    create_lines()
    for table in TABLES:
        refuse_changes(table)


def downgrade() -> None:
    raise NotImplementedError("books are not taken apart: restore the backup made before the upgrade")


def create_begun() -> None:
    op.create_table(
        "month_share",
        sa.Column("month", sa.String(length=7), nullable=False, comment="2026-10; written when its close begins"),
        sa.Column("publisher_id", sa.Integer(), nullable=False, comment="whose earnings"),
        sa.Column(
            "share_ppm", sa.Integer(), nullable=False, comment="the operator's part of a million, for the whole month"
        ),
        sa.PrimaryKeyConstraint("month", "publisher_id", name=op.f("pk_month_share")),
        sa.CheckConstraint("share_ppm BETWEEN 0 AND 1000000", name=op.f("ck_month_share_share")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "month_close",
        sa.Column(
            "month", sa.String(length=7), nullable=False, comment="2026-10; whoever inserts it has closed the month"
        ),
        sa.Column("closed_at_micros", sa.BigInteger(), nullable=False, comment="for lists; signed in the token"),
        sa.Column("closed_by", sa.Text(), nullable=False, comment="the person or command; signed in the token"),
        sa.Column(
            "manifest", sa.Text(), nullable=False, comment="totals, fees, entries covered and digests, canonical JSON"
        ),
        sa.Column("token", sa.Text(), nullable=False, comment="the manifest's digest, signed (JWS)"),
        sa.Column(
            "names", sa.Text(), nullable=False, comment="what publishers, crawlers and sites were called, JSON by id"
        ),
        sa.PrimaryKeyConstraint("month", name=op.f("pk_month_close")),
    )


def create_statements() -> None:
    op.create_table(
        "month_fee",
        sa.Column("month", sa.String(length=7), nullable=False, comment="the closed month"),
        sa.Column("publisher_id", sa.Integer(), nullable=False, comment="who is charged it"),
        sa.Column("currency", sa.String(length=3), nullable=False, comment="of the amounts"),
        sa.Column("share_ppm", sa.Integer(), nullable=False, comment="the operator's part of a million"),
        sa.Column("net_micros", sa.BigInteger(), nullable=False, comment="what the month came to"),
        sa.Column(
            "carried_micros", sa.BigInteger(), nullable=False, comment="what earlier months lacked, zero or negative"
        ),
        sa.Column("fee_micros", sa.BigInteger(), nullable=False, comment="what was taken"),
        sa.PrimaryKeyConstraint("month", "publisher_id", "currency", name=op.f("pk_month_fee")),
        sa.CheckConstraint("carried_micros <= 0", name=op.f("ck_month_fee_carried")),
        sa.CheckConstraint("fee_micros >= 0", name=op.f("ck_month_fee_fee")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "month_statement",
        sa.Column("month", sa.String(length=7), nullable=False, comment="the closed month"),
        sa.Column("reader", sa.String(length=16), nullable=False, comment="publisher, crawler or operator"),
        sa.Column("party_id", sa.Integer(), nullable=False, comment="which publisher or crawler; 0 for the operator"),
        sa.Column("document", sa.Text(), nullable=False, comment="the statement without its lines, canonical JSON"),
        sa.PrimaryKeyConstraint("month", "reader", "party_id", name=op.f("pk_month_statement")),
        sa.CheckConstraint("reader IN ('publisher', 'crawler', 'operator')", name=op.f("ck_month_statement_reader")),
    )


def create_lines() -> None:
    op.create_table(
        "month_line",
        sa.Column("month", sa.String(length=7), nullable=False, comment="the closed month"),
        sa.Column("position", sa.Integer(), nullable=False, comment="0, 1, ... in the statement's order"),
        sa.Column("publisher", sa.String(length=200), nullable=False, comment="who earned; names as they were"),
        sa.Column("site", sa.Text(), nullable=False, comment="where"),
        sa.Column("crawler", sa.String(length=200), nullable=False, comment="who paid"),
        sa.Column("rule", sa.Text(), nullable=False, comment="by which rule"),
        sa.Column("licence", sa.Text(), nullable=False, comment="for what use"),
        sa.Column("currency", sa.String(length=3), nullable=False, comment="of the amounts"),
        sa.Column("pages", sa.BigInteger(), nullable=False, comment="earned"),
        sa.Column("reversed_pages", sa.BigInteger(), nullable=False, comment="taken back"),
        sa.Column("earned_micros", sa.BigInteger(), nullable=False, comment="for the pages"),
        sa.Column("reversed_micros", sa.BigInteger(), nullable=False, comment="for those taken back"),
        sa.Column("adjusted_micros", sa.BigInteger(), nullable=False, comment="given back by credit notes"),
        sa.Column("suspended_pages", sa.BigInteger(), nullable=False, comment="more in suspense than at the beginning"),
        sa.Column("suspended_micros", sa.BigInteger(), nullable=False, comment="for those"),
        sa.Column("fee_micros", sa.BigInteger(), nullable=False, comment="the line's part of the operator's share"),
        sa.PrimaryKeyConstraint("month", "position", name=op.f("pk_month_line")),
    )


def refuse_changes(table: str) -> None:
    """What was closed is never updated or deleted (I4); ``refuse_change`` is the books' function, from 0002."""
    if op.get_bind().dialect.name == "sqlite":
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} ON {table}"
                f" BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
        return
    op.execute(
        f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table}"
        " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )

"""Sums by the minute and the day, and single requests of crawlers.

Revision: 0016, after 0015
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_sums("traffic_minute", "minute_micros", "minute")
    create_sums("traffic_day", "day_micros", "day")
    fill_days()
    create_user_agents()
    create_activity()


def downgrade() -> None:
    for table in ("activity", "user_agent", "traffic_day", "traffic_minute"):
        op.drop_table(table)


def create_sums(name: str, start: str, of: str) -> None:
    op.create_table(
        name,
        sa.Column(start, sa.BigInteger(), nullable=False, comment=f"start of the {of}, UTC"),
        sa.Column("site_id", sa.BigInteger(), nullable=False, comment="where; 0 for hosts that are not ours"),
        sa.Column(
            "crawler", sa.String(length=200), nullable=False, comment="the name claimed or proved; empty for people"
        ),
        sa.Column("rung", sa.String(length=16), nullable=False, comment="how well the name was proved"),
        sa.Column("rule", sa.String(length=200), nullable=False, comment="the rule that matched; empty for none"),
        sa.Column(
            "outcome",
            sa.String(length=64),
            nullable=False,
            comment="why it passed, how its sale ended, or a refusal code",
        ),
        sa.Column("requests", sa.BigInteger(), nullable=False, comment="how many"),
        sa.PrimaryKeyConstraint(start, "site_id", "crawler", "rung", "rule", "outcome", name=op.f(f"pk_{name}")),
    )


def fill_days() -> None:
    """The hours that are there already become days."""
    day = "hour_micros - hour_micros % 86400000000"
    keys = "site_id, crawler, rung, rule, outcome"
    op.execute(f"INSERT INTO traffic_day SELECT {day}, {keys}, sum(requests) FROM traffic GROUP BY {day}, {keys}")


def create_user_agents() -> None:
    op.create_table(
        "user_agent",
        sa.Column("id", sa.Integer(), nullable=False, comment="named by activity"),
        sa.Column(
            "text",
            sa.String(length=400),
            nullable=False,
            comment="what a crawler said it is, cut off; once for all that said so",
        ),
        sa.Column("seen_at_micros", sa.BigInteger(), nullable=False, comment="start of the last day it was seen on"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_agent")),
        sa.UniqueConstraint("text", name=op.f("uq_user_agent_text")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_user_agent_seen_at_micros"), "user_agent", ["seen_at_micros"])


def create_activity() -> None:
    op.create_table(
        "activity",
        sa.Column("site_id", sa.BigInteger(), nullable=False, comment="where"),
        sa.Column("at_micros", sa.BigInteger(), nullable=False, comment="when it was answered"),
        sa.Column(
            "number", sa.BigInteger(), nullable=False, comment="tells apart what came at once; random, then counted"
        ),
        sa.Column(
            "crawler",
            sa.String(length=200),
            nullable=False,
            comment="the name claimed or proved; empty for a bot without one",
        ),
        sa.Column("rung", sa.String(length=16), nullable=False, comment="how well the name was proved"),
        sa.Column("kind", sa.String(length=16), nullable=False, comment="what the crawler is for"),
        sa.Column("rule", sa.String(length=200), nullable=False, comment="the rule that matched; empty for none"),
        sa.Column(
            "outcome",
            sa.String(length=64),
            nullable=False,
            comment="why it passed, how its sale ended, or a refusal code",
        ),
        sa.Column(
            "price_micros",
            sa.BigInteger(),
            comment="what was asked, or would be by a watching rule; in the site's currency",
        ),
        sa.Column("offer", sa.String(length=80), comment="what the crawler accepted, as it wrote it"),
        sa.Column("method", sa.String(length=16), nullable=False, comment="GET, HEAD ..."),
        sa.Column("target", sa.Text(), nullable=False, comment="the canonical path and query that was asked for"),
        sa.Column("status", sa.SmallInteger(), nullable=False, comment="of the answer"),
        sa.Column("user_agent_id", sa.Integer(), comment="what it said it is; null for nothing"),
        sa.Column(
            "address",
            sa.String(length=64),
            nullable=False,
            comment="the network it came from, a hash, or the address, as set; else empty",
        ),
        sa.Column(
            "requests",
            sa.Integer(),
            nullable=False,
            comment="how many requests it stands for: 1 unless it is a sample",
        ),
        sa.PrimaryKeyConstraint("site_id", "at_micros", "number", name=op.f("pk_activity")),
        sqlite_with_rowid=False,
    )

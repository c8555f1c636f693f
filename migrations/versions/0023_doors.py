"""Crawlers' people, acts that are done once, and long work on the books.

Revision: 0023, after 0022
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "crawler_member",
        sa.Column("person_id", sa.Integer(), nullable=False, comment="who"),
        sa.Column("crawler_id", sa.Integer(), nullable=False, comment="sees whose account"),
        sa.Column("role", sa.String(16), nullable=False, comment="owner or viewer"),
        sa.CheckConstraint("role IN ('owner', 'viewer')", name=op.f("ck_crawler_member_role")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_crawler_member_person_id_person")),
        sa.ForeignKeyConstraint(["crawler_id"], ["crawler.id"], name=op.f("fk_crawler_member_crawler_id_crawler")),
        sa.PrimaryKeyConstraint("person_id", "crawler_id", name=op.f("pk_crawler_member")),
    )
    op.create_index(op.f("ix_crawler_member_crawler_id"), "crawler_member", ["crawler_id"])
    op.create_table(
        "crawler_invitation",
        sa.Column("token_hash", sa.LargeBinary(32), nullable=False, comment="SHA-256 of the link's token"),
        sa.Column("crawler_id", sa.Integer(), nullable=False, comment="joins whose team"),
        sa.Column("email", sa.String(320), nullable=False, comment="for whom alone, in lower case"),
        sa.Column("role", sa.String(16), nullable=False, comment="owner or viewer"),
        sa.Column("invited_by", sa.String(320), nullable=False, comment="who asked them in"),
        sa.Column("expires_at_micros", sa.BigInteger(), nullable=False, comment="a link does not live for ever"),
        sa.Column("used_at_micros", sa.BigInteger(), comment="set once: a link works once"),
        sa.CheckConstraint("role IN ('owner', 'viewer')", name=op.f("ck_crawler_invitation_role")),
        sa.ForeignKeyConstraint(["crawler_id"], ["crawler.id"], name=op.f("fk_crawler_invitation_crawler_id_crawler")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_crawler_invitation")),
    )
    op.create_index(op.f("ix_crawler_invitation_crawler_id"), "crawler_invitation", ["crawler_id"])
    op.create_table(
        "done_act",
        sa.Column("key", sa.String(64), nullable=False, comment="as the form bears it: who inserts it does the act"),
        sa.Column("at_micros", sa.BigInteger(), nullable=False, comment="swept after a week"),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_done_act")),
    )
    op.create_index(op.f("ix_done_act_at_micros"), "done_act", ["at_micros"])
    op.create_table(
        "books_task",
        sa.Column("name", sa.String(40), nullable=False, comment="close 2026-10, verify 2026-10: one at a time"),
        sa.Column("state", sa.String(16), nullable=False, comment="running, done or failed"),
        sa.Column("started_at_micros", sa.BigInteger(), nullable=False, comment="for lists"),
        sa.Column("started_by", sa.String(320), nullable=False, comment="who"),
        sa.Column(
            "seen_at_micros",
            sa.BigInteger(),
            nullable=False,
            comment="the last sign of life; without it one may begin anew",
        ),
        sa.Column("read_entries", sa.BigInteger(), nullable=False, comment="how far it is"),
        sa.Column("all_entries", sa.BigInteger(), nullable=False, comment="of how many; 0 while nobody knows"),
        sa.Column("said", sa.Text(), nullable=False, comment="how it ended, in sentences, one a line"),
        sa.Column(
            "round",
            sa.Integer(),
            nullable=False,
            comment="counts the starts: a dead run cannot write over a living one",
        ),
        sa.CheckConstraint("state IN ('running', 'done', 'failed')", name=op.f("ck_books_task_state")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_books_task")),
    )


def downgrade() -> None:
    raise NotImplementedError("books are not taken apart: restore the backup made before the upgrade")

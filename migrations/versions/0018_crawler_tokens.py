"""API tokens of crawlers that do not sign yet.

Revision: 0018, after 0017
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "crawler_token",
        sa.Column("id", sa.Integer(), nullable=False, comment="what people call it by"),
        sa.Column("crawler_id", sa.Integer(), nullable=False, comment="who pays with it"),
        sa.Column("digest", sa.String(length=64), nullable=False, comment="SHA-256 of the token, which is shown once"),
        sa.Column("hint", sa.String(length=16), nullable=False, comment="how it begins, to tell one from another"),
        sa.Column("hosts", sa.Text(), comment="sites it counts at, a JSON array of hosts; null for all"),
        sa.Column("note", sa.Text(), nullable=False, comment="where it is used, in the operator's words"),
        sa.Column("created_at_micros", sa.BigInteger(), nullable=False, comment="for lists"),
        sa.Column("expires_at_micros", sa.BigInteger(), comment="until when it counts; null for no end"),
        sa.Column("revoked_at_micros", sa.BigInteger(), comment="when it was taken back, else null"),
        sa.ForeignKeyConstraint(["crawler_id"], ["crawler.id"], name=op.f("fk_crawler_token_crawler_id_crawler")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crawler_token")),
        sa.UniqueConstraint("digest", name=op.f("uq_crawler_token_digest")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_crawler_token_crawler_id"), "crawler_token", ["crawler_id"])


def downgrade() -> None:
    raise NotImplementedError("books are not taken apart: restore the backup made before the upgrade")

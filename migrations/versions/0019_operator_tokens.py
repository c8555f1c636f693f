"""Tokens of an operator's programs.

Revision: 0019, after 0018
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "operator_token",
        sa.Column("id", sa.Integer(), nullable=False, comment="a handle"),
        sa.Column("name", sa.String(100), nullable=False, comment="what people and entries call it, for ever"),
        sa.Column("token_hash", sa.LargeBinary(32), nullable=False, comment="SHA-256 of the token"),
        sa.Column("may_credit", sa.Boolean(), nullable=False, comment="false: it reads alone"),
        sa.Column("created_by", sa.String(320), nullable=False, comment="who made it"),
        sa.Column("created_at_micros", sa.BigInteger(), nullable=False, comment="for lists"),
        sa.Column("used_at_micros", sa.BigInteger(), comment="when it was used last, to the hour"),
        sa.Column("revoked_at_micros", sa.BigInteger(), comment="opens nothing since then; null while it does"),
        sa.Column("revoked_by", sa.String(320), comment="who took it back"),
        sa.CheckConstraint(
            "(revoked_at_micros IS NULL) = (revoked_by IS NULL)", name=op.f("ck_operator_token_revoked")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operator_token")),
        sa.UniqueConstraint("name", name=op.f("uq_operator_token_name")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_operator_token_token_hash")),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    raise NotImplementedError("entries name tokens as their authors: restore the backup made before the upgrade")

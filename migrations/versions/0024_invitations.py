"""Invitations to a publisher's team.

Revision: 0024, after 0023
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "invitation",
        sa.Column("id", sa.Integer(), nullable=False, comment="what pages call it by"),
        sa.Column("publisher_id", sa.Integer(), nullable=False, comment="joins this publisher"),
        sa.Column("email", sa.String(320), nullable=False, comment="lower case: whoever signs in with it may accept"),
        sa.Column("role", sa.String(16), nullable=False, comment="owner, editor, billing or viewer"),
        sa.Column("token_hash", sa.LargeBinary(32), nullable=False, comment="SHA-256 of the link's token"),
        sa.Column("invited_by", sa.String(320), nullable=False, comment="who asked"),
        sa.Column("created_at_micros", sa.BigInteger(), nullable=False, comment="for lists; a new link counts anew"),
        sa.Column("expires_at_micros", sa.BigInteger(), nullable=False, comment="the link opens nothing from then on"),
        sa.CheckConstraint("role IN ('owner', 'editor', 'billing', 'viewer')", name=op.f("ck_invitation_role")),
        sa.CheckConstraint("email = lower(email)", name=op.f("ck_invitation_email_lower")),
        sa.ForeignKeyConstraint(["publisher_id"], ["publisher.id"], name=op.f("fk_invitation_publisher_id_publisher")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitation")),
        sa.UniqueConstraint("publisher_id", "email", name=op.f("uq_invitation_publisher_id_email")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_invitation_token_hash")),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    op.drop_table("invitation")

"""Who was erased, without saying who.

Revision: 0013, after 0012
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "erasure",
        sa.Column("pseudonym", sa.String(length=32), nullable=False, comment="stands where the person's name stood"),
        sa.Column("erased_at_micros", sa.BigInteger(), nullable=False, comment="when"),
        sa.Column("erased_by", sa.Text(), nullable=False, comment="the command"),
        sa.Column("reason", sa.Text(), nullable=False, comment="why, in their words"),
        sa.Column("done", sa.Text(), nullable=False, comment="how many rows, by column, JSON"),
        sa.PrimaryKeyConstraint("pseudonym", name=op.f("pk_erasure")),
    )


def downgrade() -> None:
    op.drop_table("erasure")

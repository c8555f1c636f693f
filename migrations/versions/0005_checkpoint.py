"""Signed checkpoints of the books, append-only.

Revision: 0005, after 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "checkpoint",
        sa.Column(
            "number",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="1, 2, ... without gaps; one node wins",
        ),
        sa.Column(
            "made_at_micros",
            sa.BigInteger(),
            nullable=False,
            comment="as in the signed text: says when the next is due",
        ),
        sa.Column(
            "hash",
            sa.LargeBinary(length=32),
            nullable=False,
            comment="SHA-256 of the signed text: the next one names it",
        ),
        sa.Column(
            "token",
            sa.Text(),
            nullable=False,
            comment="the signed text (JWS): where all chains ended, and the balances",
        ),
        sa.CheckConstraint("number > 0", name=op.f("ck_checkpoint_number")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_checkpoint")),
    )
    refuse_changes()


def downgrade() -> None:
    raise NotImplementedError("books are not taken apart: restore the backup made before the upgrade")


def refuse_changes() -> None:
    """Checkpoints are never updated or deleted (I4); ``refuse_change`` is the books' function, from 0002."""
    if op.get_bind().dialect.name == "sqlite":
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER checkpoint_no_{change.lower()} BEFORE {change} ON checkpoint"
                " BEGIN SELECT RAISE(ABORT, 'checkpoint is append-only'); END"
            )
        return
    op.execute(
        "CREATE TRIGGER checkpoint_no_change BEFORE UPDATE OR DELETE ON checkpoint"
        " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "CREATE TRIGGER checkpoint_no_truncate BEFORE TRUNCATE ON checkpoint"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )

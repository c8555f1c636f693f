"""How many large pages an account left early today.

Revision: 0010, after 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_entry_voids",
        "entry",
        ["credit_account", "recorded_at_micros"],
        sqlite_where=sa.text("kind = 'void'"),
        postgresql_where=sa.text("kind = 'void'"),
    )


def downgrade() -> None:
    raise NotImplementedError("books are not taken apart: restore the backup made before the upgrade")

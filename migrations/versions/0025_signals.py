"""Which documents a site publishes from its rules.

Revision: 0025, after 0024
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "site",
        sa.Column(
            "signals",
            sa.String(120),
            nullable=False,
            server_default=sa.text("'prices'"),
            comment="which documents are published from the rules: names with spaces between",
        ),
    )


def downgrade() -> None:
    raise NotImplementedError("books are not taken apart: restore the backup made before the upgrade")

"""What a site does with money in suspense that nobody collected.

Revision: 0008, after 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "site",
        sa.Column(
            "keep_unconfirmed",
            sa.Boolean(),
            server_default=sa.false(),
            nullable=False,
            comment="what nobody collects in its time in suspense stays here",
        ),
    )


def downgrade() -> None:
    raise NotImplementedError("books are not taken apart: restore the backup made before the upgrade")

"""Who operates this edge: sees every crawler's accounts and every webhook in the dashboard.

Revision: 0020, after 0019
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "person",
        sa.Column(
            "operates",
            sa.Boolean(),
            nullable=False,
            server_default=sa.false(),
            comment="sees the operator's pages: all crawlers' accounts, all webhooks",
        ),
    )


def downgrade() -> None:
    raise NotImplementedError("books are not taken apart: restore the backup made before the upgrade")

"""The operator's share of a publisher's earnings.

Revision: 0006, after 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "publisher",
        sa.Column(
            "share_ppm",
            sa.Integer(),
            sa.CheckConstraint("share_ppm BETWEEN 0 AND 1000000", name=op.f("ck_publisher_share")),
            nullable=False,
            server_default=sa.text("0"),
            comment="the operator's part of a million, taken when a month is closed",
        ),
    )


def downgrade() -> None:
    raise NotImplementedError("books are not taken apart: restore the backup made before the upgrade")

"""What statements print below a publisher's name: its postal address and tax number.

Revision: 0034, after 0033
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    comment = "postal address and tax number, a line each, as statements print them below the name"
    op.add_column(
        "publisher", sa.Column("letterhead", sa.Text(), nullable=False, server_default=sa.text("''"), comment=comment)
    )


def downgrade() -> None:
    op.drop_column("publisher", "letterhead")

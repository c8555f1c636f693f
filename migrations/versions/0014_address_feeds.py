"""The last good copies of the address lists that operators of crawlers publish.

Revision: 0014, after 0013
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "address_feed",
        sa.Column(
            "url", sa.String(length=2048), nullable=False, comment="where an operator publishes a crawler's addresses"
        ),
        sa.Column(
            "ranges", sa.Text(), comment="the last good list, a JSON array: it survives restarts and failed fetches"
        ),
        sa.Column("fetched_at_micros", sa.BigInteger(), comment="when that was"),
        sa.Column(
            "attempted_at_micros",
            sa.BigInteger(),
            comment="the last try of any node: one of them fetches, not each",
        ),
        sa.Column("failure", sa.Text(), comment="what the last try met, in one sentence; null when it was good"),
        sa.PrimaryKeyConstraint("url", name=op.f("pk_address_feed")),
    )


def downgrade() -> None:
    raise NotImplementedError("books are not taken apart: restore the backup made before the upgrade")

"""What deciding a recorded request again needs; publications that wait for their time.

Revision: 0027, after 0026
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("activity", sa.Column(
        "operator", sa.String(length=200), nullable=False, server_default=sa.text("''"),
        comment="whose crawler; empty if unknown",
    ))  # fmt: skip
    op.add_column("activity", sa.Column(
        "agent", sa.String(length=300), comment="the identity URL that it signed for, proved or not"
    ))  # fmt: skip
    op.add_column("activity", sa.Column(
        "facts", sa.Integer(), nullable=False, server_default=sa.text("0"),
        comment="what was unusual, to decide it again",
    ))  # fmt: skip
    op.create_table(
        "planned_publication",
        sa.Column("site_id", sa.Integer(), nullable=False, comment="one plan a site"),
        sa.Column("revision", sa.Integer(), nullable=False, comment="of the draft that was reviewed"),
        sa.Column("seen_version", sa.Integer(), nullable=False, comment="live when it was reviewed; 0 for none"),
        sa.Column("note", sa.Text(), comment="why, for the version"),
        sa.Column("planned_by", sa.String(length=320), nullable=False, comment="whose publication it is"),
        sa.Column("planned_at_micros", sa.BigInteger(), nullable=False, comment="when that was decided"),
        sa.Column("due_micros", sa.BigInteger(), nullable=False, comment="when it is to go live"),
        sa.Column("failed_because", sa.Text(), comment="why it did not go live; null while it waits"),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_planned_publication_site_id")),
        sa.PrimaryKeyConstraint("site_id", name=op.f("pk_planned_publication")),
    )


def downgrade() -> None:
    op.drop_table("planned_publication")
    for column in ("facts", "agent", "operator"):
        op.drop_column("activity", column)

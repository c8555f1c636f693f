"""The list of first steps that was put aside, and sites that wait for whoever runs the edge.

Revision: 0030, after 0029
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "first_steps",
        sa.Column("publisher_id", sa.Integer(), nullable=False, comment="whose list was put aside"),
        sa.Column("dismissed_by", sa.String(320), nullable=False, comment="who put it aside"),
        sa.Column("dismissed_at_micros", sa.BigInteger(), nullable=False, comment="when"),
        sa.ForeignKeyConstraint(["publisher_id"], ["publisher.id"], name=op.f("fk_first_steps_publisher_id_publisher")),
        sa.PrimaryKeyConstraint("publisher_id", name=op.f("pk_first_steps")),
    )
    op.create_table(
        "site_claim",
        sa.Column("id", sa.Integer(), nullable=False, comment="what pages call it by"),
        sa.Column("publisher_id", sa.Integer(), nullable=False, comment="who wants it served"),
        sa.Column("host", sa.String(255), nullable=False, comment="the host, as a site would have it; holds nothing"),
        sa.Column(
            "origin",
            sa.String(2048),
            nullable=False,
            comment="the server behind it, which nobody asks before it is taken up",
        ),
        sa.Column("currency", sa.String(3), nullable=False, comment="of its prices"),
        sa.Column("proof", sa.String(64), nullable=False, comment="what its DNS or a file on it must say"),
        sa.Column("made_by", sa.String(320), nullable=False, comment="who asked"),
        sa.Column("made_at_micros", sa.BigInteger(), nullable=False, comment="when"),
        sa.Column("proved_how", sa.String(4), comment="dns or file; null while the domain is not proved"),
        sa.Column("proved_at_micros", sa.BigInteger(), comment="when it was proved last"),
        sa.CheckConstraint("proved_how IN ('dns', 'file')", name=op.f("ck_site_claim_proved_how")),
        sa.CheckConstraint("(proved_how IS NULL) = (proved_at_micros IS NULL)", name=op.f("ck_site_claim_proved")),
        sa.ForeignKeyConstraint(["publisher_id"], ["publisher.id"], name=op.f("fk_site_claim_publisher_id_publisher")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_site_claim")),
        sa.UniqueConstraint("publisher_id", "host", name=op.f("uq_site_claim_publisher_id_host")),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    op.drop_table("site_claim")
    op.drop_table("first_steps")

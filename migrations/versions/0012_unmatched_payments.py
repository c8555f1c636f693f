"""Payments that no account could take.

Revision: 0012, after 0011
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "unmatched_payment",
        sa.Column("id", sa.Integer(), nullable=False, comment="what commands call it"),
        sa.Column("kind", sa.String(16), nullable=False, comment="payment, refund or dispute"),
        sa.Column("source", sa.String(16), nullable=False, comment="which provider's form it came in"),
        sa.Column(
            "reference",
            sa.String(200),
            nullable=False,
            comment="its own name at the provider: a replay meets this row",
        ),
        sa.Column(
            "payment",
            sa.String(200),
            nullable=False,
            comment="the payment that it is about; its own name for a payment",
        ),
        sa.Column("crawler", sa.String(200), nullable=False, comment="the name that the payment carries, else empty"),
        sa.Column("amount_micros", sa.BigInteger(), comment="null where the amount could not be read for sure"),
        sa.Column("currency", sa.String(3), comment="of the amount"),
        sa.Column("stated", sa.String(200), nullable=False, comment="the amount as the provider wrote it, for people"),
        sa.Column("reason", sa.Text(), nullable=False, comment="why nobody's account took it, in one sentence"),
        sa.Column("happened_at_micros", sa.BigInteger(), nullable=False, comment="when, by the provider"),
        sa.Column("received_at_micros", sa.BigInteger(), nullable=False, comment="when we were told first"),
        sa.Column("closed_at_micros", sa.BigInteger(), comment="when a person settled it by other means, else null"),
        sa.Column("closed_by", sa.String(320), comment="who"),
        sa.Column("closing_reason", sa.Text(), comment="how, in their words"),
        sa.CheckConstraint("kind IN ('payment', 'refund', 'dispute')", name=op.f("ck_unmatched_payment_kind")),
        sa.CheckConstraint(
            "(closed_at_micros IS NULL) = (closed_by IS NULL)", name=op.f("ck_unmatched_payment_closed")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unmatched_payment")),
        sa.UniqueConstraint("kind", "reference", name=op.f("uq_unmatched_payment_kind_reference")),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    raise NotImplementedError("payments are not thrown away: restore the backup made before the upgrade")

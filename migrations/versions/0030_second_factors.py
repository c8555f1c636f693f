"""The second step of signing in.

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
    create_codes()
    create_passkeys()
    create_steps()


def create_codes() -> None:
    op.create_table(
        "code_app",
        sa.Column("person_id", sa.Integer(), nullable=False, comment="whose app; one each"),
        sa.Column("salt", sa.LargeBinary(16), nullable=False, comment="makes the secret, with the service key"),
        sa.Column("key_thumbprint", sa.String(64), nullable=False, comment="which service key"),
        sa.Column(
            "confirmed_at_micros", sa.BigInteger(), comment="when a first code was right; null: not asked for yet"
        ),
        sa.Column(
            "last_step",
            sa.BigInteger(),
            nullable=False,
            server_default=sa.text("0"),
            comment="the newest used: each counts once",
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_code_app_person_id_person")),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_code_app")),
    )
    op.create_table(
        "recovery_code",
        sa.Column("person_id", sa.Integer(), nullable=False, comment="whose"),
        sa.Column(
            "code_hash", sa.LargeBinary(32), nullable=False, comment="SHA-256 of the code; the row goes when it is used"
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_recovery_code_person_id_person")),
        sa.PrimaryKeyConstraint("person_id", "code_hash", name=op.f("pk_recovery_code")),
    )


def create_passkeys() -> None:
    op.create_table(
        "passkey",
        sa.Column("id", sa.Integer(), nullable=False, comment="what pages call it by"),
        sa.Column("person_id", sa.Integer(), nullable=False, comment="whose"),
        sa.Column("name", sa.String(100), nullable=False, comment="what its owner calls it"),
        sa.Column("credential_id", sa.LargeBinary(1023), nullable=False, comment="what the device calls it"),
        sa.Column(
            "public_key", sa.LargeBinary(2048), nullable=False, comment="COSE key that its signatures are checked with"
        ),
        sa.Column(
            "sign_count", sa.BigInteger(), nullable=False, comment="as the device last said: a copy may count behind"
        ),
        sa.Column("created_at_micros", sa.BigInteger(), nullable=False, comment="for lists"),
        sa.Column("used_at_micros", sa.BigInteger(), comment="when somebody signed in with it last"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_passkey_person_id_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_passkey")),
        sa.UniqueConstraint("credential_id", name=op.f("uq_passkey_credential_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_passkey_person_id"), "passkey", ["person_id"])


def create_steps() -> None:
    op.create_table(
        "sign_in_step",
        sa.Column("token_hash", sa.LargeBinary(32), nullable=False, comment="SHA-256 of what the form carries"),
        sa.Column("person_id", sa.Integer(), comment="whose password was right; null for a passkey"),
        sa.Column("challenge", sa.LargeBinary(64), comment="what a passkey has to sign; null for a code"),
        sa.Column("tries", sa.Integer(), nullable=False, comment="codes that were tried with it"),
        sa.Column("expires_at_micros", sa.BigInteger(), nullable=False, comment="nobody goes on from it then"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_sign_in_step_person_id_person")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_sign_in_step")),
    )
    op.create_index(op.f("ix_sign_in_step_person_id"), "sign_in_step", ["person_id"])
    op.create_index(op.f("ix_sign_in_step_expires_at_micros"), "sign_in_step", ["expires_at_micros"])


def downgrade() -> None:
    raise NotImplementedError("people could not sign in any more: restore the backup made before the upgrade")

"""Tokens of a publisher's programs, and the log of what people change.

Revision: 0021, after 0020
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_FIXED = ("id", "at_micros", "publisher_id", "site_id", "action", "details")
_NAMES = ("author", "subject")


def upgrade() -> None:
    create_tokens()
    create_events()
    refuse_changes()


def create_tokens() -> None:
    op.create_table(
        "publisher_token",
        sa.Column("id", sa.Integer(), nullable=False, comment="what pages call it by"),
        sa.Column("publisher_id", sa.Integer(), nullable=False, comment="whose it is"),
        sa.Column("name", sa.String(100), nullable=False, comment="what it is for, in the publisher's words"),
        sa.Column("token_hash", sa.LargeBinary(32), nullable=False, comment="SHA-256 of the token"),
        sa.Column("hint", sa.String(16), nullable=False, comment="how it begins, to tell one from another"),
        sa.Column(
            "scopes", sa.String(100), nullable=False, comment="what it may do: words with commas between, in order"
        ),
        sa.Column("hosts", sa.Text(), comment="the sites that it is limited to, a JSON array of hosts; null for all"),
        sa.Column("created_by", sa.String(320), nullable=False, comment="who made it"),
        sa.Column("created_at_micros", sa.BigInteger(), nullable=False, comment="for lists"),
        sa.Column("expires_at_micros", sa.BigInteger(), comment="opens nothing from then on; null for no end"),
        sa.Column("used_at_micros", sa.BigInteger(), comment="when it was used last, to the hour"),
        sa.Column("revoked_at_micros", sa.BigInteger(), comment="opens nothing since then; null while it does"),
        sa.Column("revoked_by", sa.String(320), comment="who took it back"),
        sa.CheckConstraint(
            "(revoked_at_micros IS NULL) = (revoked_by IS NULL)", name=op.f("ck_publisher_token_revoked")
        ),
        sa.ForeignKeyConstraint(
            ["publisher_id"], ["publisher.id"], name=op.f("fk_publisher_token_publisher_id_publisher")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_publisher_token")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_publisher_token_token_hash")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_publisher_token_publisher_id"), "publisher_token", ["publisher_id"])


def create_events() -> None:
    op.create_table(
        "audit_event",
        sa.Column("id", sa.Integer(), nullable=False, comment="grows with time: what lists go on from"),
        sa.Column("at_micros", sa.BigInteger(), nullable=False, comment="when"),
        sa.Column("publisher_id", sa.Integer(), comment="whose log it stands in; null for a person's own"),
        sa.Column("site_id", sa.Integer(), comment="which site it concerns, if one"),
        sa.Column("author", sa.String(320), nullable=False, comment="the person, token or command"),
        sa.Column("action", sa.String(40), nullable=False, comment="what was done, a word of edge.store.audit_events"),
        sa.Column(
            "subject",
            sa.String(320),
            nullable=False,
            comment="what or who was changed; of a person's own log the person",
        ),
        sa.Column(
            "details", sa.Text(), nullable=False, comment="what exactly, a JSON object; never a secret, never a person"
        ),
        sa.ForeignKeyConstraint(["publisher_id"], ["publisher.id"], name=op.f("fk_audit_event_publisher_id_publisher")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_audit_event_site_id_site")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_event")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_event_publisher", "audit_event", ["publisher_id", "id"])
    op.create_index("ix_audit_event_subject", "audit_event", ["subject", "id"])


def refuse_changes() -> None:
    """A row stays as it was written; a name alone may become the pseudonym of somebody who was erased."""
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    differs = "IS NOT" if is_sqlite else "IS DISTINCT FROM"
    changed = [f"NEW.{name} {differs} OLD.{name}" for name in _FIXED]
    changed += [f"(NEW.{name} {differs} OLD.{name} AND NEW.{name} NOT LIKE 'erased-%')" for name in _NAMES]
    condition = " OR ".join(changed)
    if is_sqlite:
        abort = "BEGIN SELECT RAISE(ABORT, 'audit_event is append-only'); END"
        op.execute(f"CREATE TRIGGER audit_event_no_update BEFORE UPDATE ON audit_event WHEN {condition} {abort}")
        op.execute(f"CREATE TRIGGER audit_event_no_delete BEFORE DELETE ON audit_event {abort}")
        return
    refuse = "EXECUTE FUNCTION refuse_change()"
    op.execute(
        f"CREATE TRIGGER audit_event_no_update BEFORE UPDATE ON audit_event FOR EACH ROW WHEN ({condition}) {refuse}"
    )
    op.execute(f"CREATE TRIGGER audit_event_no_delete BEFORE DELETE ON audit_event FOR EACH ROW {refuse}")
    op.execute(f"CREATE TRIGGER audit_event_no_truncate BEFORE TRUNCATE ON audit_event FOR EACH STATEMENT {refuse}")


def downgrade() -> None:
    raise NotImplementedError("what people did is not forgotten: restore the backup made before the upgrade")

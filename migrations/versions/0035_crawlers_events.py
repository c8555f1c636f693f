"""What a crawler's team does stands in a log of its own.

Revision: 0035, after 0034
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

_FIXED = ("id", "at_micros", "publisher_id", "crawler_id", "site_id", "action", "details")
_NAMES = ("author", "subject")
_FOREIGN_KEY = "fk_audit_event_crawler_id_crawler"


def upgrade() -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    if is_sqlite:
        # SQLite adds no constraint to a table that is there, but takes one with its column.
        op.execute(
            f"ALTER TABLE audit_event ADD COLUMN crawler_id INTEGER CONSTRAINT {_FOREIGN_KEY} REFERENCES crawler (id)"
        )
    else:
        op.add_column(
            "audit_event",
            sa.Column("crawler_id", sa.Integer(), comment="in which crawler's team's log it stands, if in one"),
        )
        op.create_foreign_key(op.f(_FOREIGN_KEY), "audit_event", "crawler", ["crawler_id"], ["id"])
    op.create_index("ix_audit_event_crawler", "audit_event", ["crawler_id", "id"])
    refuse_changes(is_sqlite)


def refuse_changes(is_sqlite: bool) -> None:
    """As before, with the new column among those that stay as they were written."""
    differs = "IS NOT" if is_sqlite else "IS DISTINCT FROM"
    changed = [f"NEW.{name} {differs} OLD.{name}" for name in _FIXED]
    changed += [f"(NEW.{name} {differs} OLD.{name} AND NEW.{name} NOT LIKE 'erased-%')" for name in _NAMES]
    condition = " OR ".join(changed)
    if is_sqlite:
        op.execute("DROP TRIGGER audit_event_no_update")
        abort = "BEGIN SELECT RAISE(ABORT, 'audit_event is append-only'); END"
        op.execute(f"CREATE TRIGGER audit_event_no_update BEFORE UPDATE ON audit_event WHEN {condition} {abort}")
        return
    op.execute("DROP TRIGGER audit_event_no_update ON audit_event")
    refuse = "EXECUTE FUNCTION refuse_change()"
    op.execute(
        f"CREATE TRIGGER audit_event_no_update BEFORE UPDATE ON audit_event FOR EACH ROW WHEN ({condition}) {refuse}"
    )


def downgrade() -> None:
    raise NotImplementedError("what people did is not forgotten: restore the backup made before the upgrade")

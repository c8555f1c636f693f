"""The books, and the triggers that keep them append-only.

Revision: 0002, after 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

APPEND_ONLY = ("entry", "batch")


def upgrade() -> None:
    create_ledger()
    refuse_changes()


def downgrade() -> None:
    raise NotImplementedError("books are not taken apart: restore the backup made before the upgrade")


def create_ledger() -> None:
    op.create_table(
        "account",
        sa.Column("id", sa.Integer(), nullable=False, comment="named by entries; locked in this order"),
        sa.Column(
            "code", sa.String(length=64), nullable=False, comment="crawler:3:USD, publisher:1:USD, holds:USD ..."
        ),
        sa.Column("currency", sa.String(length=3), nullable=False, comment="of the balance; a transfer cannot mix two"),
        sa.Column("owner_kind", sa.String(length=16), nullable=False, comment="crawler, publisher or internal"),
        sa.Column("owner_id", sa.Integer(), nullable=True, comment="the crawler or publisher; null for internal ones"),
        sa.Column("terms", sa.String(length=16), nullable=False, comment="prepaid, postpaid or internal"),
        sa.Column(
            "balance_micros",
            sa.BigInteger(),
            nullable=False,
            comment="credits minus debits: the fold of the entries (I5)",
        ),
        sa.Column(
            "floor_micros",
            sa.BigInteger(),
            nullable=True,
            comment="the balance never goes below it (I3); null where it may",
        ),
        sa.Column("suspended", sa.Boolean(), nullable=False, comment="takes no new charges"),
        sa.CheckConstraint(
            "balance_micros BETWEEN -9000000000000000000 AND 9000000000000000000", name=op.f("ck_account_balance")
        ),
        sa.CheckConstraint("owner_kind IN ('crawler', 'publisher', 'internal')", name=op.f("ck_account_owner_kind")),
        sa.CheckConstraint("terms <> 'postpaid' OR floor_micros <= 0", name=op.f("ck_account_postpaid")),
        sa.CheckConstraint("terms <> 'prepaid' OR floor_micros = 0", name=op.f("ck_account_prepaid")),
        sa.CheckConstraint("terms IN ('prepaid', 'postpaid', 'internal')", name=op.f("ck_account_terms")),
        sa.CheckConstraint("floor_micros IS NULL OR balance_micros >= floor_micros", name=op.f("ck_account_floor")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("code", name=op.f("uq_account_code")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_account_owner", "account", ["owner_kind", "owner_id"], unique=False)
    op.create_table(
        "writer",
        sa.Column(
            "id",
            sa.Integer(),
            autoincrement=False,
            nullable=False,
            comment="1, 2, ... without gaps: a missing one shows",
        ),
        sa.Column("node", sa.String(length=200), nullable=False, comment="host and process, for people"),
        sa.Column("started_at_micros", sa.BigInteger(), nullable=False, comment="one row per process life that writes"),
        sa.Column(
            "lease_until_micros", sa.BigInteger(), nullable=False, comment="after it others may close this writer"
        ),
        sa.Column(
            "closed_at_micros",
            sa.BigInteger(),
            nullable=True,
            comment="set once; a closed writer cannot write any more",
        ),
        sa.Column(
            "recovered_at_micros",
            sa.BigInteger(),
            nullable=True,
            comment="set when nothing of a closed writer is left open",
        ),
        sa.Column("head_batch", sa.BigInteger(), nullable=False, comment="the last batch: a cut-off end shows"),
        sa.Column("head_entry", sa.BigInteger(), nullable=False, comment="the last entry, likewise"),
        sa.Column("head_hash", sa.LargeBinary(length=32), nullable=False, comment="the last batch's hash, likewise"),
        sa.Column(
            "not_before_micros",
            sa.BigInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="end of the last closed month: nothing is recorded before it any more",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_writer")),
    )
    op.create_table(
        "batch",
        sa.Column("writer_id", sa.Integer(), nullable=False, comment="whose chain"),
        sa.Column("number", sa.BigInteger(), nullable=False, comment="1, 2, ... per writer without gaps"),
        sa.Column(
            "previous_hash",
            sa.LargeBinary(length=32),
            nullable=False,
            comment="of the batch before; zeros for the first",
        ),
        sa.Column(
            "merkle_root", sa.LargeBinary(length=32), nullable=False, comment="over the entries in canonical form"
        ),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False, comment="binds all of this row to all before it"),
        sa.Column("first_entry", sa.BigInteger(), nullable=False, comment="the entries of this batch: from"),
        sa.Column("last_entry", sa.BigInteger(), nullable=False, comment="... to, both included"),
        sa.Column("committed_at_micros", sa.BigInteger(), nullable=False, comment="the entries' recorded_at"),
        sa.ForeignKeyConstraint(["writer_id"], ["writer.id"], name=op.f("fk_batch_writer_id")),
        sa.PrimaryKeyConstraint("writer_id", "number", name=op.f("pk_batch")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "entry",
        sa.Column("writer_id", sa.Integer(), nullable=False, comment="who wrote it"),
        sa.Column("number", sa.BigInteger(), nullable=False, comment="1, 2, ... per writer without gaps"),
        sa.Column(
            "key",
            sa.LargeBinary(length=16),
            nullable=False,
            comment="hash of what was signed, or of a document's number",
        ),
        sa.Column("attempt", sa.SmallInteger(), nullable=False, comment="counts the openings of a key"),
        sa.Column("step", sa.SmallInteger(), nullable=False, comment="1 to 6, decided by the kind"),
        sa.Column("kind", sa.String(length=16), nullable=False, comment="what the transfer is for"),
        sa.Column("debit_account", sa.Integer(), nullable=False, comment="its balance falls"),
        sa.Column("credit_account", sa.Integer(), nullable=False, comment="its balance grows"),
        sa.Column("amount_micros", sa.BigInteger(), nullable=False, comment="0 only where nothing moves"),
        sa.Column("currency", sa.String(length=3), nullable=False, comment="of the amount and of both accounts"),
        sa.Column("recorded_at_micros", sa.BigInteger(), nullable=False, comment="decides the month"),
        sa.Column("crawler_id", sa.Integer(), nullable=True, comment="who paid; reports group by it; null for fees"),
        sa.Column("publisher_id", sa.Integer(), nullable=True, comment="who earned; null for top-ups"),
        sa.Column("site_id", sa.Integer(), nullable=True, comment="where; null for top-ups"),
        sa.Column("rule", sa.Text(), nullable=True, comment="the rule that named the price"),
        sa.Column("rule_version", sa.Integer(), nullable=True, comment="its published version (D4)"),
        sa.Column("licence", sa.Text(), nullable=True, comment="what was licensed, if the rule says so"),
        sa.Column("target", sa.Text(), nullable=True, comment="the canonical path and query that was sold"),
        sa.Column("offer", sa.Text(), nullable=True, comment="the accepted header, such as 'max USD 0.05' (D4)"),
        sa.Column(
            "request_id",
            sa.Text(),
            nullable=True,
            comment="ties the entry to the log; or the charge that is corrected",
        ),
        sa.Column("status", sa.SmallInteger(), nullable=True, comment="the origin's status (D5)"),
        sa.Column(
            "evidence",
            sa.Text(),
            nullable=True,
            comment="what the delivery is judged by; or what changed",
        ),
        sa.Column("reason", sa.Text(), nullable=True, comment="why, of all that is no sale"),
        sa.Column(
            "reference",
            sa.Text(),
            nullable=True,
            comment="name of the payment or document; a fee's month; why it was free",
        ),
        sa.Column("author", sa.Text(), nullable=True, comment="the person or command; null for the machine"),
        sa.CheckConstraint(
            "(step = 1 AND kind IN ('post', 'hold', 'grant', 'credit', 'adjust', 'fee', 'note'))"
            " OR (step = 2 AND kind IN ('settle', 'void'))"
            " OR (step = 3 AND kind = 'suspend') OR (step = 4 AND kind = 'release')"
            " OR (step = 5 AND kind IN ('reverse', 'withdraw')) OR (step = 6 AND kind = 'redeliver')",
            name=op.f("ck_entry_step"),
        ),
        sa.CheckConstraint(
            "(amount_micros = 0) = (kind IN ('grant', 'withdraw', 'redeliver', 'note')) AND amount_micros >= 0",
            name=op.f("ck_entry_amount"),
        ),
        sa.CheckConstraint("debit_account <> credit_account", name=op.f("ck_entry_two_accounts")),
        sa.PrimaryKeyConstraint("writer_id", "number", name=op.f("pk_entry")),
        sa.UniqueConstraint("key", "attempt", "step", name="uq_entry_step"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_entry_redeliveries",
        "entry",
        ["debit_account", "recorded_at_micros"],
        unique=False,
        sqlite_where=sa.text("kind = 'redeliver'"),
        postgresql_where=sa.text("kind = 'redeliver'"),
    )
    op.create_index(
        "ix_entry_reversals",
        "entry",
        ["credit_account", "recorded_at_micros"],
        unique=False,
        sqlite_where=sa.text("kind = 'reverse'"),
        postgresql_where=sa.text("kind = 'reverse'"),
    )
    op.create_index(
        "ix_entry_withdrawals",
        "entry",
        ["credit_account", "recorded_at_micros"],
        unique=False,
        sqlite_where=sa.text("kind = 'withdraw'"),
        postgresql_where=sa.text("kind = 'withdraw'"),
    )
    op.create_index(
        "ix_entry_suspensions",
        "entry",
        ["recorded_at_micros", "writer_id", "number"],
        unique=False,
        sqlite_where=sa.text("kind = 'suspend'"),
        postgresql_where=sa.text("kind = 'suspend'"),
    )
    for name, column in (("ix_entry_corrections", "request_id"), ("ix_entry_documents", "reference")):
        op.create_index(
            name,
            "entry",
            [column],
            unique=False,
            sqlite_where=sa.text("kind = 'adjust'"),
            postgresql_where=sa.text("kind = 'adjust'"),
        )
    op.create_index(
        "ix_entry_authored",
        "entry",
        ["recorded_at_micros", "writer_id", "number"],
        unique=False,
        sqlite_where=sa.text("author IS NOT NULL"),
        postgresql_where=sa.text("author IS NOT NULL"),
    )
    op.create_index(
        "ix_entry_holds",
        "entry",
        ["writer_id", "number"],
        unique=False,
        sqlite_where=sa.text("kind = 'hold'"),
        postgresql_where=sa.text("kind = 'hold'"),
    )
    op.create_index("ix_entry_recorded", "entry", ["recorded_at_micros", "writer_id", "number"], unique=False)
    op.create_table(
        "delivery",
        sa.Column("writer_id", sa.Integer(), nullable=False, comment="whose entries"),
        sa.Column(
            "first_number", sa.BigInteger(), nullable=False, comment="a range of entries that were delivered: from"
        ),
        sa.Column("last_number", sa.BigInteger(), nullable=False, comment="... to, both included"),
        sa.Column(
            "confirmed_at_micros", sa.BigInteger(), nullable=False, comment="when it was written, a second late at most"
        ),
        sa.CheckConstraint("first_number <= last_number", name=op.f("ck_delivery_range")),
        sa.PrimaryKeyConstraint("writer_id", "first_number", "last_number", name=op.f("pk_delivery")),
        sqlite_with_rowid=False,
    )


def refuse_changes() -> None:
    """Entries and batches are never updated or deleted (I4); a correction is a new entry."""
    if op.get_bind().dialect.name == "sqlite":
        for table in APPEND_ONLY:
            for change in ("UPDATE", "DELETE"):
                op.execute(
                    f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} ON {table}"
                    f" BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
                )
        return
    op.execute(
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
    )
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )

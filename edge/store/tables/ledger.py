"""The books: accounts, the writers' chains, and the entries, which are only ever added.

Rules of this file
- Amounts are integer micro-units, times microseconds since the epoch (UTC).
- Entries and batches are append-only: triggers of the migration refuse UPDATE and DELETE on both databases (I4).
- The unique index on (key, attempt, step) decides every race: one live charge per key and attempt, one resolution
  per hold, one reversal per charge, one credit per reference (I2).
- ``entry`` has no foreign keys: each would cost a look-up per row on the request's path. Accounts and writer are
  proved to exist by the conditional updates of the same transaction; the rest is a snapshot of what was sold.
- As few indexes as the questions need: each is paid for by every charge.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

from edge.store.tables.metadata import metadata
from edge.store.tables.personal import Finds, OnErase, personal

account = Table(
    "account",
    metadata,
    Column("id", Integer, primary_key=True, comment="named by entries; locked in this order"),
    Column("code", String(64), nullable=False, unique=True, comment="crawler:3:USD, publisher:1:USD, holds:USD ..."),
    Column("currency", String(3), nullable=False, comment="of the balance; a transfer cannot mix two"),
    Column("owner_kind", String(16), nullable=False, comment="crawler, publisher or internal"),
    Column("owner_id", Integer, comment="the crawler or publisher; null for internal ones"),
    Column("terms", String(16), nullable=False, comment="prepaid, postpaid or internal"),
    Column("balance_micros", BigInteger, nullable=False, comment="credits minus debits: the fold of the entries (I5)"),
    Column("floor_micros", BigInteger, comment="the balance never goes below it (I3); null where it may"),
    Column("suspended", Boolean, nullable=False, comment="takes no new charges"),
    Column(
        "watched",
        Boolean,
        nullable=False,
        server_default=false(),
        comment="has a budget or an alert: its charges are planned under lock, never assumed",
    ),
    CheckConstraint("floor_micros IS NULL OR balance_micros >= floor_micros", name="floor"),
    # Beyond 2^63 SQLite would go on in floats, without a word.
    CheckConstraint("balance_micros BETWEEN -9000000000000000000 AND 9000000000000000000", name="balance"),
    CheckConstraint("owner_kind IN ('crawler', 'publisher', 'internal')", name="owner_kind"),
    CheckConstraint("terms IN ('prepaid', 'postpaid', 'internal')", name="terms"),
    CheckConstraint("terms <> 'prepaid' OR floor_micros = 0", name="prepaid"),
    CheckConstraint("terms <> 'postpaid' OR floor_micros <= 0", name="postpaid"),
    Index("ix_account_owner", "owner_kind", "owner_id"),
    sqlite_autoincrement=True,
)

writer = Table(
    "writer",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False, comment="1, 2, ... without gaps: a missing one shows"),
    Column("node", String(200), nullable=False, comment="host and process, for people"),
    Column("started_at_micros", BigInteger, nullable=False, comment="one row per process life that writes"),
    Column("lease_until_micros", BigInteger, nullable=False, comment="after it others may close this writer"),
    Column("closed_at_micros", BigInteger, comment="set once; a closed writer cannot write any more"),
    Column("recovered_at_micros", BigInteger, comment="set when nothing of a closed writer is left open"),
    Column("head_batch", BigInteger, nullable=False, comment="the last batch: a cut-off end shows"),
    Column("head_entry", BigInteger, nullable=False, comment="the last entry, likewise"),
    Column("head_hash", LargeBinary(32), nullable=False, comment="the last batch's hash, likewise"),
    Column(
        "not_before_micros",
        BigInteger,
        nullable=False,
        server_default=text("0"),
        comment="end of the last closed month: nothing is recorded before it any more",
    ),
)

batch = Table(
    "batch",
    metadata,
    Column("writer_id", ForeignKey("writer.id"), nullable=False, comment="whose chain"),
    Column("number", BigInteger, nullable=False, comment="1, 2, ... per writer without gaps"),
    Column("previous_hash", LargeBinary(32), nullable=False, comment="of the batch before; zeros for the first"),
    Column("merkle_root", LargeBinary(32), nullable=False, comment="over the entries in canonical form"),
    Column("hash", LargeBinary(32), nullable=False, comment="binds all of this row to all before it"),
    Column("first_entry", BigInteger, nullable=False, comment="the entries of this batch: from"),
    Column("last_entry", BigInteger, nullable=False, comment="... to, both included"),
    Column("committed_at_micros", BigInteger, nullable=False, comment="the entries' recorded_at"),
    PrimaryKeyConstraint("writer_id", "number"),
    sqlite_with_rowid=False,
)

# Column order = field order of edge.core.ledger.Entry = canonical form of the chain (held together by a test).
entry = Table(
    "entry",
    metadata,
    Column("writer_id", Integer, nullable=False, comment="who wrote it"),
    Column("number", BigInteger, nullable=False, comment="1, 2, ... per writer without gaps"),
    Column(
        "key",
        LargeBinary(16),
        nullable=False,
        comment="hash of what was signed, or of a document's number",
    ),
    Column("attempt", SmallInteger, nullable=False, comment="counts the openings of a key"),
    Column("step", SmallInteger, nullable=False, comment="1 to 6, decided by the kind"),
    Column("kind", String(16), nullable=False, comment="what the transfer is for"),
    Column("debit_account", Integer, nullable=False, comment="its balance falls"),
    Column("credit_account", Integer, nullable=False, comment="its balance grows"),
    Column("amount_micros", BigInteger, nullable=False, comment="0 only where nothing moves"),
    Column("currency", String(3), nullable=False, comment="of the amount and of both accounts"),
    Column("recorded_at_micros", BigInteger, nullable=False, comment="decides the month"),
    Column("crawler_id", Integer, comment="who paid; reports group by it; null for fees"),
    Column("publisher_id", Integer, comment="who earned; null for top-ups"),
    Column("site_id", Integer, comment="where; null for top-ups"),
    Column("rule", Text, comment="the rule that named the price"),
    Column("rule_version", Integer, comment="its published version (D4)"),
    Column("licence", Text, comment="what was licensed, if the rule says so"),
    Column("target", Text, comment="the canonical path and query that was sold", info=personal(OnErase.KEPT)),
    Column("offer", Text, comment="the accepted header, such as 'max USD 0.05' (D4)"),
    Column(
        "request_id",
        Text,
        comment="ties the entry to the log; or the charge that is corrected",
        info=personal(OnErase.KEPT),
    ),
    Column("status", SmallInteger, comment="the origin's status (D5)"),
    Column("evidence", Text, comment="what the delivery is judged by; or what changed"),
    Column("reason", Text, comment="why, of all that is no sale", info=personal(OnErase.KEPT)),
    Column("reference", Text, comment="name of the payment or document; a fee's month; why it was free"),
    Column(
        "author", Text, comment="the person or command; null for the machine", info=personal(OnErase.KEPT, Finds.EMAIL)
    ),
    PrimaryKeyConstraint("writer_id", "number"),
    UniqueConstraint("key", "attempt", "step", name="uq_entry_step"),
    CheckConstraint(
        "(amount_micros = 0) = (kind IN ('grant', 'withdraw', 'redeliver', 'note')) AND amount_micros >= 0",
        name="amount",
    ),
    CheckConstraint("debit_account <> credit_account", name="two_accounts"),
    CheckConstraint(
        "(step = 1 AND kind IN ('post', 'hold', 'grant', 'credit', 'adjust', 'fee', 'note'))"
        " OR (step = 2 AND kind IN ('settle', 'void'))"
        " OR (step = 3 AND kind = 'suspend') OR (step = 4 AND kind = 'release')"
        " OR (step = 5 AND kind IN ('reverse', 'withdraw')) OR (step = 6 AND kind = 'redeliver')",
        name="step",
    ),
    Index("ix_entry_recorded", "recorded_at_micros", "writer_id", "number"),
    # The ledger asks how often an account was served for nothing today; small, because deliveries seldom break.
    Index(
        "ix_entry_redeliveries",
        "debit_account",
        "recorded_at_micros",
        sqlite_where=text("kind = 'redeliver'"),
        postgresql_where=text("kind = 'redeliver'"),
    ),
    # And how often a broken delivery was reversed for it.
    Index(
        "ix_entry_reversals",
        "credit_account",
        "recorded_at_micros",
        sqlite_where=text("kind = 'reverse'"),
        postgresql_where=text("kind = 'reverse'"),
    ),
    # A large page that broke off is voided instead, and counted with those.
    Index(
        "ix_entry_voids",
        "credit_account",
        "recorded_at_micros",
        sqlite_where=text("kind = 'void'"),
        postgresql_where=text("kind = 'void'"),
    ),
    # And how often a page that was granted.
    Index(
        "ix_entry_withdrawals",
        "credit_account",
        "recorded_at_micros",
        sqlite_where=text("kind = 'withdraw'"),
        postgresql_where=text("kind = 'withdraw'"),
    ),
    # What waits in suspense is looked for by age; small likewise.
    Index(
        "ix_entry_suspensions",
        "recorded_at_micros",
        "writer_id",
        "number",
        sqlite_where=text("kind = 'suspend'"),
        postgresql_where=text("kind = 'suspend'"),
    ),
    # What credit notes gave back of a charge, and which document numbers are taken.
    Index(
        "ix_entry_corrections",
        "request_id",
        sqlite_where=text("kind = 'adjust'"),
        postgresql_where=text("kind = 'adjust'"),
    ),
    Index(
        "ix_entry_documents",
        "reference",
        sqlite_where=text("kind = 'adjust'"),
        postgresql_where=text("kind = 'adjust'"),
    ),
    # The audit log reads what has an author: little of all there is.
    Index(
        "ix_entry_authored",
        "recorded_at_micros",
        "writer_id",
        "number",
        sqlite_where=text("author IS NOT NULL"),
        postgresql_where=text("author IS NOT NULL"),
    ),
    # Recovery asks for one writer's holds; small, because most charges never hold.
    Index(
        "ix_entry_holds",
        "writer_id",
        "number",
        sqlite_where=text("kind = 'hold'"),
        postgresql_where=text("kind = 'hold'"),
    ),
    sqlite_with_rowid=False,
)

delivery = Table(
    "delivery",
    metadata,
    Column("writer_id", Integer, nullable=False, comment="whose entries"),
    Column("first_number", BigInteger, nullable=False, comment="a range of entries that were delivered: from"),
    Column("last_number", BigInteger, nullable=False, comment="... to, both included"),
    Column("confirmed_at_micros", BigInteger, nullable=False, comment="when it was written, a second late at most"),
    PrimaryKeyConstraint("writer_id", "first_number", "last_number"),
    CheckConstraint("first_number <= last_number", name="range"),
    sqlite_with_rowid=False,
)

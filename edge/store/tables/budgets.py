"""Crawlers' budgets and what was spent from them; and what their accounts should not fall below unnoticed.

Rules of this file
- Windows are kept by the ledger, in the transactions that write the entries they count; the account's row is locked
  before any of them is read (``edge.store.budget_rows``).
- ``spent_micros <= ceiling_micros`` is the database's own word against an overrun, whatever statement tries. A limit
  that is lowered below what was spent leaves the ceiling there, where nothing more fits under it; what is given back
  lowers the ceiling with it, down to the limit.
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
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    text,
)

from edge.store.tables.metadata import metadata
from edge.store.tables.personal import Finds, OnErase, personal

budget = Table(
    "budget",
    metadata,
    Column("id", Integer, primary_key=True, comment="named by its windows"),
    Column("account_id", ForeignKey("account.id"), nullable=False, comment="whose spending; it says the currency too"),
    Column("per", String(16), nullable=False, comment="day, month, or site: a month at one site"),
    Column("site_id", ForeignKey("site.id"), comment="where, for a budget per site; else null"),
    Column("limit_micros", BigInteger, nullable=False, comment="at most this in each window"),
    Column("since_micros", BigInteger, nullable=False, comment="start of its first window; earlier ones do not count"),
    Column("set_at_micros", BigInteger, nullable=False, comment="when the limit was last said, for people"),
    Column(
        "set_by",
        Text,
        nullable=False,
        comment="the person or command that said it",
        info=personal(OnErase.RENAMED, Finds.EMAIL),
    ),
    CheckConstraint("per IN ('day', 'month', 'site')", name="per"),
    CheckConstraint("(per = 'site') = (site_id IS NOT NULL)", name="site"),
    CheckConstraint("limit_micros > 0", name="limit"),
    # Two indexes, because a null equals nothing: one budget of a kind per account, one per site and account.
    Index(
        "uq_budget_kind",
        "account_id",
        "per",
        unique=True,
        sqlite_where=text("site_id IS NULL"),
        postgresql_where=text("site_id IS NULL"),
    ),
    Index(
        "uq_budget_site",
        "account_id",
        "site_id",
        unique=True,
        sqlite_where=text("site_id IS NOT NULL"),
        postgresql_where=text("site_id IS NOT NULL"),
    ),
    sqlite_autoincrement=True,
)

budget_window = Table(
    "budget_window",
    metadata,
    Column("budget_id", ForeignKey("budget.id"), nullable=False, comment="whose window"),
    Column("start_micros", BigInteger, nullable=False, comment="first instant of the UTC day or month"),
    Column("spent_micros", BigInteger, nullable=False, comment="what its openings took less what went back (I5)"),
    Column("ceiling_micros", BigInteger, nullable=False, comment="the limit, or what was spent when it was lowered"),
    Column("told", SmallInteger, nullable=False, comment="bits of 50, 80 and 100 %: each is told once (1, 2, 4)"),
    PrimaryKeyConstraint("budget_id", "start_micros"),
    CheckConstraint("spent_micros BETWEEN 0 AND ceiling_micros", name="spent"),
    CheckConstraint("told BETWEEN 0 AND 7", name="told"),
    sqlite_with_rowid=False,
)

account_alert = Table(
    "account_alert",
    metadata,
    Column("account_id", ForeignKey("account.id"), primary_key=True, autoincrement=False, comment="whose funds"),
    Column("below_micros", BigInteger, nullable=False, comment="told when less than this can still be spent"),
    Column("told", Boolean, nullable=False, comment="it was told, and is not again until a top-up reaches the amount"),
    Column("set_at_micros", BigInteger, nullable=False, comment="when the amount was last said, for people"),
    Column(
        "set_by",
        Text,
        nullable=False,
        comment="the person or command that said it",
        info=personal(OnErase.RENAMED, Finds.EMAIL),
    ),
    CheckConstraint("below_micros > 0", name="below"),
)

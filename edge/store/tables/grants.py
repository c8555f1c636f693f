"""What granted pages are counted in, what a re-crawl is held against, and crawlers' subscriptions.

Rules of this file
- Counts and purchases are kept by the ledger, in the transactions that write the entries; the crawler's account is
  locked before any of them is read (``edge.store.grant_rows``). Both can be made again from the entries, but for
  validators, which are in no entry.
- ``used <= allowed`` is the database's own word against a page too many, whatever statement tries.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

from edge.store.tables.metadata import metadata
from edge.store.tables.personal import Finds, OnErase, personal

grant_count = Table(
    "grant_count",
    metadata,
    Column("account_id", Integer, nullable=False, comment="whose pages"),
    Column("name", String(40), nullable=False, comment="by which term: free:day, free:month, subscription:7"),
    Column("site_id", Integer, nullable=False, comment="where; 0 for a subscription"),
    Column("start_micros", BigInteger, nullable=False, comment="first instant of the UTC day or month"),
    Column("used", BigInteger, nullable=False, comment="granted less withdrawn: the fold of the entries (I5)"),
    Column("allowed", BigInteger, nullable=False, comment="the most that a page of it was granted under"),
    PrimaryKeyConstraint("account_id", "name", "site_id", "start_micros"),
    CheckConstraint("used BETWEEN 0 AND allowed", name="used"),
    sqlite_with_rowid=False,
)

purchase = Table(
    "purchase",
    metadata,
    Column("account_id", Integer, nullable=False, comment="who bought"),
    Column("site_id", Integer, nullable=False, comment="where"),
    Column("page", LargeBinary(16), nullable=False, comment="hash of the canonical address"),
    Column("key", LargeBinary(16), nullable=False, comment="the charge; whether it stands, its entries say"),
    Column("validator", Text, comment="the origin's ETag or Last-Modified at that time"),
    PrimaryKeyConstraint("account_id", "site_id", "page"),
    sqlite_with_rowid=False,
)

subscription = Table(
    "subscription",
    metadata,
    Column("id", Integer, primary_key=True, comment="what commands and entries call it"),
    Column("account_id", ForeignKey("account.id"), nullable=False, comment="whose"),
    Column("publisher_id", ForeignKey("publisher.id"), nullable=False, comment="whose pages"),
    Column("site_id", ForeignKey("site.id"), comment="at one site, else null"),
    Column("licence", String(200), comment="sold under one licence, else null"),
    Column("pages", BigInteger, nullable=False, comment="so many in each UTC month"),
    Column("since_micros", BigInteger, nullable=False, comment="when it began"),
    Column("until_micros", BigInteger, comment="when it ended or will end, else null"),
    Column("reference", Text, comment="how it was invoiced, outside of the books"),
    Column(
        "set_by",
        Text,
        nullable=False,
        comment="the person or command that began it",
        info=personal(OnErase.RENAMED, Finds.EMAIL),
    ),
    CheckConstraint("pages > 0", name="pages"),
    CheckConstraint("site_id IS NOT NULL OR licence IS NOT NULL", name="place"),
    CheckConstraint("until_micros IS NULL OR until_micros >= since_micros", name="until"),
    Index("ix_subscription_account", "account_id"),
    sqlite_autoincrement=True,
)

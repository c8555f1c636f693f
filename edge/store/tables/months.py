"""Closed months: what each came to, for ever. Append-only, by triggers of the migration (I4).

Rules of this file
- Names stand here as they were: who renames a publisher changes no closed month.
- There are no foreign keys: a closed month must be readable whatever becomes of the rest.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Integer, PrimaryKeyConstraint, String, Table, Text, text

from edge.store.tables.metadata import metadata
from edge.store.tables.personal import Finds, OnErase, personal

month_share = Table(
    "month_share",
    metadata,
    Column("month", String(7), nullable=False, comment="2026-10; written when its close begins"),
    Column("publisher_id", Integer, nullable=False, comment="whose earnings"),
    Column("share_ppm", Integer, nullable=False, comment="the operator's part of a million, for the whole month"),
    PrimaryKeyConstraint("month", "publisher_id"),
    CheckConstraint("share_ppm BETWEEN 0 AND 1000000", name="share"),
    sqlite_with_rowid=False,
)

month_close = Table(
    "month_close",
    metadata,
    Column("month", String(7), primary_key=True, comment="2026-10; whoever inserts it has closed the month"),
    Column("closed_at_micros", BigInteger, nullable=False, comment="for lists; signed in the token"),
    Column(
        "closed_by",
        Text,
        nullable=False,
        comment="the person or command; signed in the token",
        info=personal(OnErase.KEPT, Finds.EMAIL, beside=("month", "closed_at_micros")),
    ),
    Column("manifest", Text, nullable=False, comment="totals, fees, entries covered and digests, canonical JSON"),
    Column("token", Text, nullable=False, comment="the manifest's digest, signed (JWS)", info=personal(OnErase.KEPT)),
    Column("names", Text, nullable=False, comment="what publishers, crawlers and sites were called, JSON by id"),
)

month_fee = Table(
    "month_fee",
    metadata,
    Column("month", String(7), nullable=False, comment="the closed month"),
    Column("publisher_id", Integer, nullable=False, comment="who is charged it"),
    Column("currency", String(3), nullable=False, comment="of the amounts"),
    Column("share_ppm", Integer, nullable=False, comment="the operator's part of a million"),
    Column("net_micros", BigInteger, nullable=False, comment="what the month came to"),
    Column("carried_micros", BigInteger, nullable=False, comment="what earlier months lacked, zero or negative"),
    Column("fee_micros", BigInteger, nullable=False, comment="what was taken"),
    PrimaryKeyConstraint("month", "publisher_id", "currency"),
    CheckConstraint("carried_micros <= 0", name="carried"),
    CheckConstraint("fee_micros >= 0", name="fee"),
    sqlite_with_rowid=False,
)

month_statement = Table(
    "month_statement",
    metadata,
    Column("month", String(7), nullable=False, comment="the closed month"),
    Column("reader", String(16), nullable=False, comment="publisher, crawler or operator"),
    Column("party_id", Integer, nullable=False, comment="which publisher or crawler; 0 for the operator"),
    Column(
        "document",
        Text,
        nullable=False,
        comment="the statement without its lines, canonical JSON",
        info=personal(OnErase.KEPT),
    ),
    PrimaryKeyConstraint("month", "reader", "party_id"),
    CheckConstraint("reader IN ('publisher', 'crawler', 'operator')", name="reader"),
)

month_line = Table(
    "month_line",
    metadata,
    Column("month", String(7), nullable=False, comment="the closed month"),
    Column("position", Integer, nullable=False, comment="0, 1, ... in the statement's order"),
    Column("publisher", String(200), nullable=False, comment="who earned; names as they were"),
    Column("site", Text, nullable=False, comment="where"),
    Column("crawler", String(200), nullable=False, comment="who paid"),
    Column("rule", Text, nullable=False, comment="by which rule"),
    Column("licence", Text, nullable=False, comment="for what use"),
    Column("currency", String(3), nullable=False, comment="of the amounts"),
    Column("pages", BigInteger, nullable=False, comment="earned"),
    Column("reversed_pages", BigInteger, nullable=False, comment="taken back"),
    Column("earned_micros", BigInteger, nullable=False, comment="for the pages"),
    Column("reversed_micros", BigInteger, nullable=False, comment="for those taken back"),
    Column("adjusted_micros", BigInteger, nullable=False, comment="given back by credit notes"),
    Column("suspended_pages", BigInteger, nullable=False, comment="more in suspense than at the beginning"),
    Column("suspended_micros", BigInteger, nullable=False, comment="for those"),
    Column("fee_micros", BigInteger, nullable=False, comment="the line's part of the operator's share"),
    Column("free_pages", BigInteger, nullable=False, server_default=text("0"), comment="granted, less withdrawn"),
    PrimaryKeyConstraint("month", "position"),
)

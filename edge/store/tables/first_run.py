"""The way in: what a publisher has put aside of the first steps, and sites that wait for whoever runs the edge."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Integer, String, Table, UniqueConstraint

from edge.store.tables.metadata import metadata
from edge.store.tables.personal import Finds, OnErase, personal

first_steps = Table(
    "first_steps",
    metadata,
    Column("publisher_id", ForeignKey("publisher.id"), primary_key=True, comment="whose list was put aside"),
    Column(
        "dismissed_by",
        String(320),
        nullable=False,
        comment="who put it aside",
        info=personal(OnErase.RENAMED, Finds.EMAIL, beside=("publisher_id", "dismissed_at_micros")),
    ),
    Column("dismissed_at_micros", BigInteger, nullable=False, comment="when"),
)

site_claim = Table(
    "site_claim",
    metadata,
    Column("id", Integer, primary_key=True, comment="what pages call it by"),
    Column("publisher_id", ForeignKey("publisher.id"), nullable=False, comment="who wants it served"),
    Column("host", String(255), nullable=False, comment="the host, as a site would have it; holds nothing"),
    Column(
        "origin", String(2048), nullable=False, comment="the server behind it, which nobody asks before it is taken up"
    ),
    Column("currency", String(3), nullable=False, comment="of its prices"),
    Column("proof", String(64), nullable=False, comment="what its DNS or a file on it must say"),
    Column(
        "made_by",
        String(320),
        nullable=False,
        comment="who asked",
        info=personal(OnErase.RENAMED, Finds.EMAIL, beside=("publisher_id", "host", "made_at_micros")),
    ),
    Column("made_at_micros", BigInteger, nullable=False, comment="when"),
    Column("proved_how", String(4), comment="dns or file; null while the domain is not proved"),
    Column("proved_at_micros", BigInteger, comment="when it was proved last"),
    UniqueConstraint("publisher_id", "host"),
    CheckConstraint("proved_how IN ('dns', 'file')", name="proved_how"),
    CheckConstraint("(proved_how IS NULL) = (proved_at_micros IS NULL)", name="proved"),
    sqlite_autoincrement=True,
)

"""Estimates of access logs that somebody wanted kept: sums, and nothing of the logs themselves."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, String, Table, Text

from edge.store.tables.metadata import metadata
from edge.store.tables.personal import Finds, OnErase, personal

log_estimate = Table(
    "log_estimate",
    metadata,
    Column("id", Integer, primary_key=True, comment="what pages call it by"),
    Column("site_id", ForeignKey("site.id"), nullable=False, index=True, comment="for which site"),
    Column("log_name", String(200), nullable=False, comment="what the file was called"),
    Column("rules_name", String(200), nullable=False, comment="by which rules, in words"),
    Column("document", Text, nullable=False, comment="the sums as JSON; no address, no path, no user agent"),
    Column(
        "kept_by",
        String(320),
        nullable=False,
        comment="who wanted it kept",
        info=personal(OnErase.RENAMED, Finds.EMAIL, beside=("site_id", "log_name", "kept_at_micros")),
    ),
    Column("kept_at_micros", BigInteger, nullable=False, comment="when"),
    sqlite_autoincrement=True,
)

"""Who was erased, without saying who: that it was done, by whom, and under which name the rest still stands."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, String, Table, Text

from edge.store.tables.metadata import metadata
from edge.store.tables.personal import Finds, OnErase, personal

erasure = Table(
    "erasure",
    metadata,
    Column("pseudonym", String(32), primary_key=True, comment="stands where the person's name stood"),
    Column("erased_at_micros", BigInteger, nullable=False, comment="when"),
    Column("erased_by", Text, nullable=False, comment="the command", info=personal(OnErase.KEPT, Finds.EMAIL)),
    Column("reason", Text, nullable=False, comment="why, in their words", info=personal(OnErase.KEPT)),
    Column("done", Text, nullable=False, comment="how many rows, by column, JSON"),
)

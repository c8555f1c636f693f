"""What proves a crawler's name besides its signature.

Rule of this file: nothing here is money; what is lost of the lists of addresses is fetched again.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, String, Table, Text

from edge.store.tables.metadata import metadata

address_feed = Table(
    "address_feed",
    metadata,
    Column("url", String(2048), primary_key=True, comment="where an operator publishes a crawler's addresses"),
    Column("ranges", Text, comment="the last good list, a JSON array: it survives restarts and failed fetches"),
    Column("fetched_at_micros", BigInteger, comment="when that was"),
    Column("attempted_at_micros", BigInteger, comment="the last try of any node: one of them fetches, not each"),
    Column("failure", Text, comment="what the last try met, in one sentence; null when it was good"),
)

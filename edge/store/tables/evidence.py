"""What proves a crawler's name besides its signature.

Rules of this file: a token is never stored, only its digest; a row of one is never deleted, because people ask
later who held what. What is lost of the lists of addresses is fetched again.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, String, Table, Text

from edge.store.tables.metadata import metadata
from edge.store.tables.personal import OnErase, personal

address_feed = Table(
    "address_feed",
    metadata,
    Column("url", String(2048), primary_key=True, comment="where an operator publishes a crawler's addresses"),
    Column("ranges", Text, comment="the last good list, a JSON array: it survives restarts and failed fetches"),
    Column("fetched_at_micros", BigInteger, comment="when that was"),
    Column("attempted_at_micros", BigInteger, comment="the last try of any node: one of them fetches, not each"),
    Column("failure", Text, comment="what the last try met, in one sentence; null when it was good"),
)

crawler_token = Table(
    "crawler_token",
    metadata,
    Column("id", Integer, primary_key=True, comment="what people call it by"),
    Column("crawler_id", ForeignKey("crawler.id"), nullable=False, index=True, comment="who pays with it"),
    Column("digest", String(64), nullable=False, unique=True, comment="SHA-256 of the token, which is shown once"),
    Column("hint", String(16), nullable=False, comment="how it begins, to tell one from another"),
    Column("hosts", Text, comment="sites it counts at, a JSON array of hosts; null for all"),
    Column(
        "note", Text, nullable=False, comment="where it is used, in the operator's words", info=personal(OnErase.KEPT)
    ),
    Column("created_at_micros", BigInteger, nullable=False, comment="for lists"),
    Column("expires_at_micros", BigInteger, comment="until when it counts; null for no end"),
    Column("revoked_at_micros", BigInteger, comment="when it was taken back, else null"),
    sqlite_autoincrement=True,
)

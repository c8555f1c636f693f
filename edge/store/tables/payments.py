"""What payment providers told us that no account could take: never lost, looked at by a person.

Rules of this file
- A row is written once and closed once. That a payment was credited since is not noted here: the ledger knows it by the
  reference, and two places could disagree.
- No card data and no address of a payer: names, references and amounts alone.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Integer, String, Table, Text, UniqueConstraint

from edge.store.tables.metadata import metadata
from edge.store.tables.personal import Finds, OnErase, personal

unmatched_payment = Table(
    "unmatched_payment",
    metadata,
    Column("id", Integer, primary_key=True, comment="what commands call it"),
    Column("kind", String(16), nullable=False, comment="payment, refund or dispute"),
    Column("source", String(16), nullable=False, comment="which provider's form it came in"),
    Column("reference", String(200), nullable=False, comment="its own name at the provider: a replay meets this row"),
    Column("payment", String(200), nullable=False, comment="the payment that it is about; its own name for a payment"),
    Column("crawler", String(200), nullable=False, comment="the name that the payment carries, else empty"),
    Column("amount_micros", BigInteger, comment="null where the amount could not be read for sure"),
    Column("currency", String(3), comment="of the amount"),
    Column("stated", String(200), nullable=False, comment="the amount as the provider wrote it, for people"),
    Column("reason", Text, nullable=False, comment="why nobody's account took it, in one sentence"),
    Column("happened_at_micros", BigInteger, nullable=False, comment="when, by the provider"),
    Column("received_at_micros", BigInteger, nullable=False, comment="when we were told first"),
    Column("closed_at_micros", BigInteger, comment="when a person settled it by other means, else null"),
    Column("closed_by", String(320), comment="who", info=personal(OnErase.RENAMED, Finds.EMAIL)),
    Column("closing_reason", Text, comment="how, in their words", info=personal(OnErase.KEPT)),
    UniqueConstraint("kind", "reference"),
    CheckConstraint("kind IN ('payment', 'refund', 'dispute')", name="kind"),
    CheckConstraint("(closed_at_micros IS NULL) = (closed_by IS NULL)", name="closed"),
    sqlite_autoincrement=True,
)

"""``ledger.alarm``: what befell the ledger, in the outbox."""

from __future__ import annotations

from collections.abc import Sequence

from edge.core.errors import EdgeError
from edge.core.ledger import LedgerUnavailable
from edge.core.webhooks import WebhookEvent, timestamp_text
from edge.store import outbox
from edge.store.database import Database
from edge.store.database_errors import StorageFailed


def passes(error: EdgeError) -> bool:
    """Whether this is an outage, which ends by itself; everything else ends selling until a restart."""
    return isinstance(error, LedgerUnavailable) and not isinstance(error, StorageFailed)


def tell_alarm(database: Database, node: str, error: EdgeError, at_micros: int, faults: Sequence[str] = ()) -> None:
    """Tell the operator that the ledger of a node failed, and whether that ended selling there.

    ``faults`` are what a check of the books found.
    """
    data = {
        "node": node,
        "reason": str(error),
        "faults": list(faults),
        "selling_ended": not passes(error),
        "noticed_at": timestamp_text(at_micros),
    }
    with database.write() as connection:
        outbox.add(connection, WebhookEvent.LEDGER_ALARM, f"ledger of {node}", data, at_micros=at_micros)

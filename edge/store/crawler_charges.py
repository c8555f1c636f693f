"""A crawler's charges as its own log is held against them: the entries that change what it owes, in any order.

Rules of this file
- Entries come as the database finds them: sorting is for whoever reads them, who has a disk for it (SQLite would sort
  in memory).
- A crawler's part is bounded in the query itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sqlalchemy import Connection, select

from edge.core.ledger import EntryKind, charge_id, key_of_charge_id
from edge.core.receipt_log import LogLine
from edge.core.reconcile import BookRow, Elsewhere
from edge.core.report import EFFECTS, effect_of
from edge.store.month_reading import STREAM_CHUNK, Names
from edge.store.tables import entry

_COUNTED = [kind for kind, effect in EFFECTS.items() if kind == EntryKind.ADJUST or effect.is_listed]
_SOLD = (EntryKind.POST.value, EntryKind.SETTLE.value, EntryKind.GRANT.value)


def crawler_entries(connection: Connection, crawler_id: int, since_micros: int | None) -> Iterator[BookRow]:
    """Every entry recorded since then that changes what a charge of the crawler comes to, until now.

    Credit notes that name no charge are no part of it. The connection is busy until the end.
    """
    names = Names.read(connection)
    columns = (
        *(entry.c.key, entry.c.recorded_at_micros, entry.c.kind, entry.c.amount_micros, entry.c.currency),
        *(entry.c.debit_account, entry.c.publisher_id, entry.c.site_id, entry.c.target, entry.c.request_id),
    )
    query = select(*columns).where(entry.c.crawler_id == crawler_id, entry.c.kind.in_(_COUNTED))
    if since_micros is not None:
        query = query.where(entry.c.recorded_at_micros >= since_micros)
    with connection.execute(query.execution_options(yield_per=STREAM_CHUNK)) as rows:
        for key, at, kind, amount, currency, debit, publisher_id, site_id, target, request_id in rows:
            charge = request_id if kind == EntryKind.ADJUST else charge_id(bytes(key))
            if charge is None:
                continue
            earner = names.publishers.get(publisher_id)
            signed = effect_of(EntryKind(kind), names.accounts[debit].pocket, earner).amount * amount
            yield BookRow(charge, at, kind, signed, currency, f"{names.sites.get(site_id, '')}{target or ''}")


def finder(connection: Connection, crawler_id: int) -> Callable[[LogLine], Elsewhere | None]:
    """Tell what the books know of a charge that is not among the crawler's in a period."""

    def find(line: LogLine) -> Elsewhere | None:
        key = key_of_charge_id(line.charge_id)
        if key is None:
            return None
        found = connection.execute(select(entry.c.crawler_id, entry.c.kind).where(entry.c.key == key)).all()
        if not found:
            return None
        if found[0].crawler_id != crawler_id:
            return Elsewhere.OTHER_CRAWLER
        return Elsewhere.OUTSIDE if any(row.kind in _SOLD for row in found) else Elsewhere.NEVER_CHARGED

    return find

"""One charge as the books tell it: its entries in order, and who stands behind the account numbers in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, Table, select

from edge.core.ledger import Entry, EntryKind, key_of_charge_id
from edge.store.batch_reading import entry_of
from edge.store.tables import account, crawler, entry, publisher


def charge_entries(connection: Connection, charge_id: str) -> tuple[Entry, ...]:
    """Every entry of a charge, all attempts, in the order of its life, then its credit notes; none for other texts.

    Whether the charge may be seen is for the caller to decide first.
    """
    key = key_of_charge_id(charge_id)
    if key is None:
        return ()
    rows = connection.execute(select(entry).where(entry.c.key == key).order_by(entry.c.attempt, entry.c.step))
    notes = (
        select(entry)
        .where(entry.c.kind == EntryKind.ADJUST.value, entry.c.request_id == charge_id)
        .order_by(entry.c.recorded_at_micros, entry.c.writer_id, entry.c.number)
    )
    life = [entry_of(row) for row in rows]
    return (*life, *(entry_of(row) for row in connection.execute(notes)))


def account_parties(connection: Connection, entries: Sequence[Entry]) -> dict[int, str]:
    """The party of every account that these entries debit or credit, by the account's id.

    Crawlers and publishers go by their names, the edge's own accounts (``holds``, ``funding``) by their first word.
    """
    ids = {number for one in entries for number in (one.debit_account, one.credit_account)}
    columns = (account.c.id, account.c.code, account.c.owner_kind, account.c.owner_id)
    rows = connection.execute(select(*columns).where(account.c.id.in_(ids))).all()
    named = {
        "crawler": _names(connection, crawler, (row.owner_id for row in rows if row.owner_kind == "crawler")),
        "publisher": _names(connection, publisher, (row.owner_id for row in rows if row.owner_kind == "publisher")),
    }
    return {row.id: named.get(row.owner_kind, {}).get(row.owner_id) or row.code.partition(":")[0] for row in rows}


def _names(connection: Connection, owners: Table, ids: Iterable[int]) -> dict[int, str]:
    rows = connection.execute(select(owners.c.id, owners.c.name).where(owners.c.id.in_(list(ids))))
    return {row.id: row.name for row in rows}

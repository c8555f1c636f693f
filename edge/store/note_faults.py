"""Rows that notes of the books tell of: what ``farebox verify`` knows of a record or a subscription that was changed.

A note is an entry, so it is in the chain; the row beside it was written in the same transaction and never goes. An
erasure without its record is no proof any more that a person was erased, and a subscription that gives more pages than
its note says gives away what nobody agreed to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, select

from edge.core.ledger import Entry, EntryKind
from edge.store.faults import Fault
from edge.store.tables import erasure, subscription


class _Terms(NamedTuple):
    """What a note says of a subscription; which number it got is not known when the note is written."""

    account: int
    pages: int
    publisher_id: int
    site_id: int | None
    licence: str | None


@dataclass(slots=True)
class NotedRows:
    """The notes that went by and have a row beside them; there are few, because people make them."""

    _erased: set[str] = field(default_factory=set)
    _subscribed: Counter[_Terms] = field(default_factory=Counter)

    def add(self, entry: Entry) -> None:
        """Keep what a note tells of."""
        if entry.kind != EntryKind.NOTE or not entry.evidence:
            return
        try:
            told = orjson.loads(entry.evidence)
        except orjson.JSONDecodeError:
            return
        match told:
            case {"erased": str(pseudonym)}:
                self._erased.add(pseudonym)
            case {"subscription": {"pages": int(), "publisher_id": int()} as terms}:
                self._subscribed[_terms(entry.debit_account, terms)] += 1

    def faults(self, connection: Connection) -> Iterator[Fault]:
        """Records of erasures that are gone, and subscriptions that are not as noted."""
        recorded = set(connection.execute(select(erasure.c.pseudonym)).scalars())
        for pseudonym in sorted(self._erased - recorded):
            yield Fault("I4", f"erasure {pseudonym}", "is noted in the books, but its record was removed")
        left = self._subscribed.copy()
        for row in connection.execute(select(subscription).order_by(subscription.c.id)):
            terms = _Terms(row.account_id, row.pages, row.publisher_id, row.site_id, row.licence)
            if left[terms] > 0:
                left[terms] -= 1
                continue
            told = f"gives {row.pages} pages a month, and no note in the books says so"
            yield Fault("I3", f"subscription {row.id} of account {row.account_id}", told)
        for terms, times in left.items():
            for _ in range(times):
                told = f"of {terms.pages} pages a month is noted in the books, but is not there as noted"
                yield Fault("I4", f"a subscription of account {terms.account}", told)


def _terms(account: int, told: Mapping[str, Any]) -> _Terms:
    return _Terms(account, told["pages"], told["publisher_id"], told.get("site_id"), told.get("licence"))

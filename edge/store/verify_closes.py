"""Hold every closed month against its signed manifest and, in sums, against the entries: cheap enough for each run.

What was kept must have the digests that were signed; which entries each writer recorded in the month, and what they
come to in each currency, must be what the manifest says. ``farebox verify --month`` folds one month again, line by line
(``edge.store.verify_months``).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection

from edge.core.closing import digest_text, month_fault
from edge.core.frozen_statement import head_of
from edge.core.keys import PublicKey
from edge.core.month import Month
from edge.core.report import MonthReport
from edge.core.report_files import jsonl_digest, sums_document
from edge.core.statement import Reader
from edge.store.closed_months import (
    ClosedMonth,
    closed_labels,
    find_closed,
    kept_documents,
    kept_fees,
    kept_lines,
    kept_names,
)
from edge.store.faults import Fault
from edge.store.month_totals import totals_of_entries
from edge.store.odd_rows import guarded
from edge.store.reader_counts import writer_parts


@dataclass(slots=True)
class CloseReading:
    """Counts the closed months that were looked at."""

    months: int = 0

    def faults(self, connection: Connection, keys: Mapping[str, PublicKey] | None) -> Iterator[Fault]:
        """Everything in which a closed month is not what was signed and recorded; without ``keys`` none is proved."""
        for label in sorted(closed_labels(connection)):
            self.months += 1
            yield from guarded("I5", f"month {label}", _faults(connection, Month.parse(label), keys))


def _faults(connection: Connection, month: Month, keys: Mapping[str, PublicKey] | None) -> Iterator[Fault]:
    closed = find_closed(connection, month)
    assert closed is not None, "its label was listed in the same snapshot"
    place = f"month {month.label}"
    wrong = None if keys is None else month_fault(month, closed.manifest, closed.token, keys)
    if wrong is not None:
        yield Fault("I6", place, wrong)
    stated: dict[str, Any] = json.loads(closed.manifest)
    yield from _kept_faults(connection, closed, stated, place)
    yield from _entry_faults(connection, month, stated, place)


def _kept_faults(connection: Connection, closed: ClosedMonth, stated: dict[str, Any], place: str) -> Iterator[Fault]:
    """What was kept beside the manifest has the digests that the manifest says."""
    documents = kept_documents(connection, closed.month)
    digests = {head_of(text).number: digest_text(text) for text in documents.values()}
    for number, digest in sorted(stated["statements"].items()):
        if digests.pop(number, None) != digest:
            yield Fault("I5", f"{place}, statement {number}", "is not the one that was signed")
    for number in sorted(digests):
        yield Fault("I5", f"{place}, statement {number}", "is kept, but was never signed")
    lines = kept_lines(connection, closed.month, Reader.OPERATOR, "")
    if jsonl_digest(MonthReport(closed.month, lines, (), 0, False)) != stated["lines_sha256"]:
        yield Fault("I5", place, "has lines that are not those that were signed")
    if digest_text(kept_names(connection, closed.month) or "") != stated["names_sha256"]:
        yield Fault("I5", place, "has names that are not those that were signed")
    fees = [{**asdict(basis), "fee_micros": taken} for basis, taken in kept_fees(connection, closed.month)]
    if fees != stated["fees"]:
        yield Fault("I5", place, "has fees that are not those that were signed")


def _entry_faults(connection: Connection, month: Month, stated: dict[str, Any], place: str) -> Iterator[Fault]:
    """The entries are those that the manifest covers, and come to what it says."""
    if [asdict(part) for part in writer_parts(connection, month)] != stated["writers"]:
        yield Fault("I5", place, "has entries that are not those that were there when it was closed")
    found = {total.currency: sums_document(total) for total in totals_of_entries(connection, month)}
    for currency in sorted(found.keys() | stated["totals"].keys()):
        if found.get(currency) != stated["totals"].get(currency):
            yield Fault("I5", f"{place}, {currency}", "does not come to what was signed")

"""A spend store against an operator's statement: what the command and ``Wallet.reconcile`` share.

Rules of this file: a statement holds one month and is one operator's; what was bought elsewhere is left out by naming
the operator's domains.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from tempfile import NamedTemporaryFile

from edge.client.reconciling import differences, statement_rows
from edge.client.spend_log import log_lines
from edge.client.spend_store import SpendStore
from edge.core.month import Month
from edge.core.receipt_log import LogLine
from edge.core.reconcile import BookRow, Difference, Elsewhere, Find, Period, Reconciliation

EDGE_OF_MONTH_MICROS = 600_000_000
"""A page may be logged this long after its sale: early in a month it may stand in the statement of the one before."""


def reconcile_store(
    store: SpendStore, statement: Path, month: str | None = None, domains: Sequence[str] = ()
) -> list[Difference]:
    """Every charge that the store and the statement do not agree on; none when all is well.

    Raises ``UnreadableStatement`` or ``InvalidMonth``.
    """
    rows, period = statement_of(statement, month)
    work = Reconciliation(period, near_the_start(period))
    with log_file(store, domains) as log:
        return list(differences(work, log, {}, rows))


def statement_of(path: Path, month: str | None) -> tuple[Iterator[BookRow], Period]:
    """Its rows and its month; an empty one without a month is held against the whole log. Raises ``InvalidMonth``."""
    rows = statement_rows(path)
    first = next(rows, None)
    whole = Month.parse(month) if month is not None else None if first is None else Month.of(first.at_micros)
    period = Period() if whole is None else Period(whole.start_micros, whole.end_micros)
    return iter(()) if first is None else chain([first], rows), period


def near_the_start(period: Period) -> Find:
    """A statement cannot be asked for what it does not hold: a line at its start may belong to the month before."""

    def find(line: LogLine) -> Elsewhere | None:
        if line.at_micros is None or period.since_micros is None:
            return None
        is_near = line.at_micros < period.since_micros + EDGE_OF_MONTH_MICROS
        return Elsewhere.OUTSIDE if is_near else None

    return find


@contextmanager
def log_file(store: SpendStore, domains: Sequence[str] = ()) -> Iterator[Path]:
    """The store's receipt log, written aside for as long as it is read."""
    with NamedTemporaryFile(suffix=".jsonl") as file:
        file.writelines(log_lines(store, domains=domains))
        file.flush()
        yield Path(file.name)

"""``farebox-crawl reconcile``: the crawler's own receipt log against an operator's statement."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import chain
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Annotated

import typer

from edge.client.advice import DONE, PARTLY_DONE
from edge.client.crawl_options import DEFAULT_STORE, StoreOption, store_at
from edge.client.reconciling import differences, show, statement_rows
from edge.client.spend_log import log_lines
from edge.core.directory import parse_directory
from edge.core.errors import EdgeError
from edge.core.keys import PublicKey
from edge.core.month import InvalidMonth, Month
from edge.core.receipt_log import LogLine
from edge.core.reconcile import BookRow, Elsewhere, Find, Period, Reconciliation

EDGE_OF_MONTH_MICROS = 600_000_000
"""A page may be logged this long after its sale: early in a month it may stand in the statement of the one before."""


class UnreadableKeys(EdgeError):
    """A key set that is none; the text says where to get it."""


def reconcile(
    statement: Annotated[Path, typer.Argument(help="The statement's file charges-YYYY-MM, .csv or .jsonl.")],
    log: Annotated[
        Path | None, typer.Option("--log", envvar="FAREBOX_CRAWL_LOG", help="Your receipt log, from get --log.")
    ] = None,
    store: StoreOption = DEFAULT_STORE,
    month: Annotated[str | None, typer.Option(help="The statement's month; else that of its first row.")] = None,
    keys: Annotated[Path | None, typer.Option(help="The operator's key set, for a log of signed receipts.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="How many differences are printed; --json prints all.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Hold your books, or a receipt log, against an operator's statement. Exit code 3 when they differ.

    Without --log, the spend store is the log.
    """
    rows, period = _statement(statement, month)
    work = Reconciliation(period, _near_the_start(period))
    with _log_of(log, store) as lines:
        show(work, differences(work, lines, _keys(keys), rows), typer.echo, as_json=as_json, limit=limit)
    if not work.agrees:
        count = sum(work.kinds.values())
        typer.echo(f"farebox-crawl: the log and the statement differ in {count} places.", err=True)
    raise typer.Exit(DONE if work.agrees else PARTLY_DONE)


@contextmanager
def _log_of(log: Path | None, store: Path) -> Iterator[Path]:
    """The log that was named, or the spend store's, written aside."""
    if log is not None:
        yield log
        return
    with closing(store_at(store)) as books, NamedTemporaryFile(suffix=".jsonl") as file:
        file.writelines(log_lines(books))
        file.flush()
        yield Path(file.name)


def _statement(path: Path, month: str | None) -> tuple[Iterator[BookRow], Period]:
    """Its rows and its month; an empty one without ``--month`` is held against the whole log."""
    rows = statement_rows(path)
    first = next(rows, None)
    try:
        whole = Month.parse(month) if month is not None else None if first is None else Month.of(first.at_micros)
    except InvalidMonth as why:
        raise typer.BadParameter(str(why), param_hint="--month") from why
    period = Period() if whole is None else Period(whole.start_micros, whole.end_micros)
    return iter(()) if first is None else chain([first], rows), period


def _near_the_start(period: Period) -> Find:
    """A statement cannot be asked for what it does not hold: a line at its start may belong to the month before."""

    def find(line: LogLine) -> Elsewhere | None:
        if line.at_micros is None or period.since_micros is None:
            return None
        is_near = line.at_micros < period.since_micros + EDGE_OF_MONTH_MICROS
        return Elsewhere.OUTSIDE if is_near else None

    return find


def _keys(path: Path | None) -> dict[str, PublicKey]:
    if path is None:
        return {}
    try:
        found = parse_directory(path.read_bytes())
    except OSError as why:
        raise UnreadableKeys(f"the key set {path} cannot be read ({why.strerror}); check its path") from why
    if not isinstance(found, tuple):
        raise UnreadableKeys(f"{path} is not a key set; get it from /.well-known/farebox/jwks.json of the site")
    return {key.thumbprint: key for key in found}

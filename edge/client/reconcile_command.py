"""``farebox-crawl reconcile``: the crawler's own receipt log against an operator's statement."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from edge.client.advice import DONE, PARTLY_DONE
from edge.client.crawl_options import DEFAULT_STORE, StoreOption, store_at
from edge.client.reconciling import differences, show
from edge.client.statement_check import log_file, near_the_start, statement_of
from edge.core.directory import parse_directory
from edge.core.errors import EdgeError
from edge.core.keys import PublicKey
from edge.core.month import InvalidMonth
from edge.core.reconcile import Reconciliation


class UnreadableKeys(EdgeError):
    """A key set that is none; the text says where to get it."""


def reconcile(
    statement: Annotated[Path, typer.Argument(help="The statement's file charges-YYYY-MM, .csv or .jsonl.")],
    log: Annotated[
        Path | None, typer.Option("--log", envvar="FAREBOX_CRAWL_LOG", help="Your receipt log, from get --log.")
    ] = None,
    store: StoreOption = DEFAULT_STORE,
    domains: Annotated[
        list[str] | None, typer.Option("--domain", help="Of the spend store, only what was bought here; repeatable.")
    ] = None,
    month: Annotated[str | None, typer.Option(help="The statement's month; else that of its first row.")] = None,
    keys: Annotated[Path | None, typer.Option(help="The operator's key set, for a log of signed receipts.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="How many differences are printed; --json prints all.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Hold your books, or a receipt log, against an operator's statement. Exit code 3 when they differ.

    Without --log, the spend store is the log. A statement is one operator's: where you buy from several, name the
    operator's sites with --domain.
    """
    try:
        rows, period = statement_of(statement, month)
    except InvalidMonth as why:
        raise typer.BadParameter(str(why), param_hint="--month") from why
    work = Reconciliation(period, near_the_start(period))
    with _log_of(log, store, domains or ()) as lines:
        show(work, differences(work, lines, _keys(keys), rows), typer.echo, as_json=as_json, limit=limit)
    if not work.agrees:
        count = sum(work.kinds.values())
        typer.echo(f"farebox-crawl: the log and the statement differ in {count} places.", err=True)
    raise typer.Exit(DONE if work.agrees else PARTLY_DONE)


@contextmanager
def _log_of(log: Path | None, store: Path, domains: Sequence[str]) -> Iterator[Path]:
    """The log that was named, or the spend store's, written aside."""
    if log is not None:
        yield log
        return
    with closing(store_at(store)) as books, log_file(books, domains) as written:
        yield written


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

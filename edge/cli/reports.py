"""``farebox report``: a month, per publisher, site, crawler, rule and licence, checked before it is shown."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from sqlalchemy import Connection

from edge.cli.statement_text import show_statement
from edge.cli.terminal import (
    CommandFailed,
    JsonFlag,
    WrongUsage,
    counted,
    note,
    say,
    write,
    write_bytes,
)
from edge.cli.times import read_month
from edge.cli.workplace import reading, settings_here
from edge.core.month import Month
from edge.core.month_rows import EntryDetail
from edge.core.statement import Party, Statement
from edge.files.folder import scratch_directory, write_folder
from edge.files.formats import FORMATS, FormatUnfit, Sources
from edge.settings import Settings
from edge.store.closed_months import names_in
from edge.store.crawlers import find_crawler
from edge.store.month_reading import Names, Part, charges_by_day, month_details, transfers_by_day
from edge.store.publishers import find_publisher
from edge.store.statements import read_statement

_DEFAULT_FORMATS = ["csv", "jsonl"]


def report(
    month: Annotated[str, typer.Argument(help="The month in UTC, such as 2026-11.")],
    publisher: Annotated[str | None, typer.Option(help="Only what this publisher earned.")] = None,
    crawler: Annotated[str | None, typer.Option(help="Only what this crawler paid.")] = None,
    format: Annotated[str | None, typer.Option(help=f"{', '.join(FORMATS)}; with --out several, as csv,pdf.")] = None,
    out: Annotated[Path | None, typer.Option(help="A directory to write the files and a manifest into.")] = None,
    detail: Annotated[bool, typer.Option("--detail", help="With --out: every charge too, a row each.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Add up a month, check it against the ledger's sums, and only then print it or write files.

    The ledger itself is checked by `farebox verify`.
    """
    period = read_month(month)
    formats = _read_formats(format, out)
    if detail and out is None:
        raise WrongUsage("single charges need a directory; give --out DIR, or use `farebox charges`")
    with reading() as connection:
        desk = open_desk(connection, period, publisher, crawler)
        if out is not None:
            _write_files(desk, formats, out, detail, as_json)
        elif formats:
            _write_one(desk, formats[0])
        else:
            show_statement(desk.statement, as_json)
    if desk.statement.draft:
        note(f"{period.label} is not closed: this is a draft")


@dataclass(frozen=True, slots=True)
class Desk:
    """A statement that agrees with the ledger, and the snapshot that it was read from, for what is streamed."""

    connection: Connection
    names: Names
    part: Part
    statement: Statement

    def sources(self) -> Sources:
        """What files of it are written from."""
        month = self.statement.month
        return Sources(
            self.statement,
            lambda: charges_by_day(self.connection, self.names, month, self.part),
            lambda: transfers_by_day(self.connection, self.names, month),
        )

    def details(self) -> Iterator[EntryDetail]:
        """Its entries, with a bar on a terminal."""
        entries = month_details(self.connection, self.names, self.statement.month, self.part)
        yield from with_progress(entries, self.statement.report.entry_count)


def open_desk(connection: Connection, month: Month, publisher: str | None, crawler: str | None) -> Desk:
    """A month's statement, checked; raises ``ReportMismatch``, ``UnknownName`` and ``WrongUsage``."""
    if publisher is not None and crawler is not None:
        raise WrongUsage("a report is for one reader: give --publisher or --crawler, not both")
    part = Part(
        find_publisher(connection, publisher).publisher_id if publisher is not None else None,
        find_crawler(connection, crawler).crawler_id if crawler is not None else None,
    )
    names, operator = names_in(connection, month, Names.read(connection)), operator_party(settings_here())
    made = read_statement(connection, month, part, operator=operator, names=names)
    return Desk(connection, names, part, made)


def operator_party(settings: Settings) -> Party:
    """The operator, as statements name it."""
    return Party(settings.operator, None, (settings.contact,) if settings.contact else ())


def with_progress(entries: Iterable[EntryDetail], total: int) -> Iterator[EntryDetail]:
    """Pass entries on, with a bar on a terminal; ``total`` may count more than come."""
    if not sys.stderr.isatty():
        yield from entries
        return
    from rich.console import Console  # only where there is somebody to look

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield from bar.track(entries, total=total, description="entries")


def _read_formats(text: str | None, out: Path | None) -> list[str]:
    formats = [word.strip() for word in text.split(",") if word.strip()] if text else []
    for word in formats:
        if word not in FORMATS:
            raise WrongUsage(f"{word!r} is not a format of reports; choose from {', '.join(FORMATS)}")
    if out is None and len(formats) > 1:
        raise WrongUsage("several formats need a directory; give --out DIR")
    if out is None and formats and not FORMATS[formats[0]].is_text and sys.stdout.isatty():
        raise WrongUsage(f"{formats[0]} is not text for a terminal; give --out DIR, or send it to a file with >")
    return list(dict.fromkeys(formats)) or (_DEFAULT_FORMATS if out is not None else [])


def _write_one(desk: Desk, name: str) -> None:
    form = FORMATS[name]
    try:
        form.check(desk.statement)
    except FormatUnfit as why:
        raise WrongUsage(str(why)) from why
    with scratch_directory() as scratch:
        made = scratch / "made"
        with made.open("wb") as sink:
            form.write(desk.sources(), sink, scratch)
        with made.open("rb") as parts:
            while part := parts.read(1 << 16):
                write_bytes(part)


def _write_files(desk: Desk, formats: list[str], out: Path, detail: bool, as_json: bool) -> None:
    try:
        stated, described = write_folder(out, desk.sources(), formats, desk.details if detail else None)
    except FormatUnfit as why:
        raise WrongUsage(str(why)) from why
    except OSError as why:
        raise CommandFailed(f"the report cannot be written to {out} ({why.strerror}); choose another --out") from why
    if as_json:
        write(described.to_json().decode())
        return
    for file in described.files:
        say(f"{out / file.name}  {counted(file.rows, 'line')}  sha256 {file.sha256}")
    say(f"{stated}")

"""``farebox report``: a month, per publisher, site, crawler, rule and licence, checked before it is shown."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import Connection

from edge.cli.terminal import Column, CommandFailed, JsonFlag, WrongUsage, note, say, show_json, show_rows, write
from edge.cli.times import read_month
from edge.cli.workplace import reading
from edge.core.money import format_signed
from edge.core.month import Month
from edge.core.report import MonthReport, check, fold, is_draft
from edge.core.report_files import csv_file, jsonl_file, manifest, part_label
from edge.store.crawlers import find_crawler
from edge.store.database import now_micros
from edge.store.month_entries import month_sums, stream_month
from edge.store.publishers import find_publisher

_WRITERS = {"csv": csv_file, "jsonl": jsonl_file}
_COLUMNS = (
    Column("PUBLISHER", "publisher"),
    Column("SITE", "site"),
    Column("CRAWLER", "crawler"),
    Column("RULE", "rule"),
    Column("LICENCE", "licence"),
    Column("PAGES", "pages", numeric=True),
    Column("REVERSED", "reversed_pages", numeric=True),
    Column("AMOUNT", "amount", numeric=True),
)


def report(
    month: Annotated[str, typer.Argument(help="The month in UTC, such as 2026-11.")],
    publisher: Annotated[str | None, typer.Option(help="Only what this publisher earned.")] = None,
    crawler: Annotated[str | None, typer.Option(help="Only what this crawler paid.")] = None,
    format: Annotated[str | None, typer.Option(help="csv or jsonl; with --out several, as csv,jsonl.")] = None,
    out: Annotated[Path | None, typer.Option(help="A directory to write the files and a manifest into.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Add up a month, check it against the ledger's sums, and only then print it or write files.

    The ledger itself is checked by `farebox verify`.
    """
    period = read_month(month)
    formats = _read_formats(format, out)
    with reading() as connection:
        made = make_report(connection, period, publisher, crawler)
    if out is not None:
        _write_files(made, formats, out, as_json)
    elif formats:
        write(_WRITERS[formats[0]](made.month).decode())
    else:
        _show(made.month, as_json)
    if made.month.draft:
        note(f"{period.label} is not over: this is a draft")


@dataclass(frozen=True, slots=True)
class CheckedReport:
    """A report that agrees with the ledger, and whose part of the month it is: ids and names, None for all."""

    month: MonthReport
    publisher: tuple[int, str] | None
    crawler: tuple[int, str] | None


def make_report(connection: Connection, month: Month, publisher: str | None, crawler: str | None) -> CheckedReport:
    """A month's report, checked against the entries; raises ``ReportMismatch``, ``UnknownName`` and ``WrongUsage``."""
    if publisher is not None and crawler is not None:
        raise WrongUsage("a report is for one reader: give --publisher or --crawler, not both")
    earns = find_publisher(connection, publisher) if publisher is not None else None
    pays = find_crawler(connection, crawler) if crawler is not None else None
    only = {
        "publisher_ids": None if earns is None else frozenset({earns.publisher_id}),
        "crawler_ids": None if pays is None else frozenset({pays.crawler_id}),
    }
    made = fold(month, stream_month(connection, month, **only), draft=is_draft(month, now_micros()))
    check(made, month_sums(connection, month, **only))
    return CheckedReport(
        made,
        None if earns is None else (earns.publisher_id, earns.name),
        None if pays is None else (pays.crawler_id, pays.name),
    )


def _read_formats(text: str | None, out: Path | None) -> list[str]:
    formats = [word.strip() for word in text.split(",") if word.strip()] if text else []
    for word in formats:
        if word not in _WRITERS:
            raise WrongUsage(f"{word!r} is not a format of reports; choose from {', '.join(_WRITERS)}")
    if out is None and len(formats) > 1:
        raise WrongUsage("several formats need a directory; give --out DIR")
    return formats or (list(_WRITERS) if out is not None else [])


def _write_files(made: CheckedReport, formats: list[str], out: Path, as_json: bool) -> None:
    label = part_label(made.month.month, publisher=made.publisher, crawler=made.crawler)
    files = {f"report-{label}.{form}": _WRITERS[form](made.month) for form in formats}
    names = [None if reader is None else reader[1] for reader in (made.publisher, made.crawler)]
    described = manifest(made.month, files, publisher=names[0], crawler=names[1])
    stated = out / f"manifest-{label}.json"
    try:
        out.mkdir(parents=True, exist_ok=True)
        # The manifest goes first and comes last: where it is, what it names is there and whole.
        stated.unlink(missing_ok=True)
        for name, content in {**files, stated.name: described.to_json()}.items():
            draft = out / f".{name}.new"
            draft.write_bytes(content)
            draft.replace(out / name)
    except OSError as why:
        raise CommandFailed(f"the report cannot be written to {out} ({why.strerror}); choose another --out") from why
    if as_json:
        write(described.to_json().decode())
        return
    for file in described.files:
        say(f"{out / file.name}  {file.rows} lines  sha256 {file.sha256}")
    say(f"{stated}")


def _show(made: MonthReport, as_json: bool) -> None:
    if as_json:
        show_json(
            {
                "month": made.month.label,
                "draft": made.draft,
                "entries": made.entry_count,
                "lines": [_line(line) for line in made.lines],
                "totals": [_total(total) for total in made.totals],
            }
        )
        return
    show_rows([_line(line) for line in made.lines], _COLUMNS, False, f"nothing was sold in {made.month.label}")
    for total in made.totals:
        shown = format_signed(total.amount_micros, total.currency)
        say(f"total {shown}: {total.pages} pages, {total.reversed_pages} reversed, equal to the ledger's sums")


def _line(line: Any) -> dict[str, Any]:
    return {
        **{name: getattr(line, name) for name in ("publisher", "site", "crawler", "rule", "licence", "currency")},
        "pages": line.pages,
        "reversed_pages": line.reversed_pages,
        "amount": format_signed(line.amount_micros, line.currency),
        "amount_micros": line.amount_micros,
    }


def _total(total: Any) -> dict[str, Any]:
    return {
        "currency": total.currency,
        "pages": total.pages,
        "reversed_pages": total.reversed_pages,
        "amount": format_signed(total.amount_micros, total.currency),
        "amount_micros": total.amount_micros,
    }

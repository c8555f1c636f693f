"""A statement written into a directory: several formats at once, then the manifest that pins them.

Rules of this file
- Files are made beside their place and moved there when all of them are whole; the manifest goes first and comes last:
  where it is, what it names is there.
- A file that does not sum to the statement is never put in place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import file_digest
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from edge.core.detail_files import checked, csv_header, csv_rows, jsonl_rows
from edge.core.month_rows import EntryDetail
from edge.core.report_files import FileDigest, Manifest
from edge.core.statement import Statement
from edge.core.summary_files import summary_csv, summary_jsonl
from edge.files.formats import FORMATS, FormatUnfit, Sources
from edge.files.parquet import DETAIL_TYPES, write_parquet

DETAIL_FORMATS = ("csv", "jsonl", "parquet")
SUMMARIES = {"csv": summary_csv, "jsonl": summary_jsonl}
"""Beside a file of lines, one of everything else that the statement says."""
CHUNK = 1_000
Details = Callable[[], Iterable[EntryDetail]]


def write_folder(
    out: Path, sources: Sources, formats: Sequence[str], details: Details | None = None
) -> tuple[Path, Manifest]:
    """Write the statement, and with ``details`` its entries, into ``out``; return the manifest's path and the manifest.

    Raises ``FormatUnfit`` for a format that is not for this reader, ``LibraryMissing``, ``ReportMismatch`` when the
    entries do not sum to the statement, and ``OSError``.
    """
    statement = sources.statement
    for name in formats:
        FORMATS[name].check(statement)
    in_detail = [name for name in formats if name in DETAIL_FORMATS]
    if details is not None and not in_detail:
        raise FormatUnfit(f"single entries come as {', '.join(DETAIL_FORMATS)}; add one of them to --format")
    out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".farebox-", dir=out) as place:
        scratch = Path(place)
        made = [_written(scratch, sources, name) for name in formats]
        made += [_summary(scratch, statement, name) for name in formats if name in SUMMARIES]
        if details is not None:
            made += _detailed(scratch, statement, in_detail, details())
        stated = out / f"manifest-{statement.label}.json"
        stated.unlink(missing_ok=True)
        for file in made:
            (scratch / file.name).replace(out / file.name)
        described = statement.manifest(tuple(made))
        draft = scratch / stated.name
        draft.write_bytes(described.to_json())
        draft.replace(stated)
    return stated, described


@contextmanager
def scratch_directory() -> Iterator[Path]:
    """A directory for the parts of a file that is written elsewhere."""
    with TemporaryDirectory(prefix="farebox-") as place:
        yield Path(place)


def _written(scratch: Path, sources: Sources, name: str) -> FileDigest:
    form = FORMATS[name]
    path = scratch / f"report-{sources.statement.label}.{form.ending}"
    with path.open("wb") as sink:
        rows = form.write(sources, sink, scratch)
    return _digest(path, rows)


def _summary(scratch: Path, statement: Statement, name: str) -> FileDigest:
    path = scratch / f"summary-{statement.label}.{name}"
    content, rows = SUMMARIES[name](statement)
    path.write_bytes(content)
    return _digest(path, rows)


def _detailed(
    scratch: Path, statement: Statement, formats: Sequence[str], details: Iterable[EntryDetail]
) -> list[FileDigest]:
    """Every detail file out of one reading; Parquet is made of the JSON Lines, whether they are kept or not."""
    stem = f"charges-{statement.label}"
    lines = scratch / f"{stem}.jsonl"
    rows, count = checked(details, statement.report), 0
    with (scratch / f"{stem}.csv").open("wb") as as_csv, lines.open("wb") as as_lines:
        as_csv.write(csv_header())
        while chunk := list(islice(rows, CHUNK)):
            count += len(chunk)
            if "csv" in formats:
                as_csv.write(csv_rows(chunk))
            if "jsonl" in formats or "parquet" in formats:
                as_lines.write(jsonl_rows(chunk))
    if "parquet" in formats:
        with (scratch / f"{stem}.parquet").open("wb") as sink:
            write_parquet(lines, DETAIL_TYPES, sink, scratch)
    return [_digest(scratch / f"{stem}.{name}", count) for name in formats]


def _digest(path: Path, rows: int) -> FileDigest:
    with path.open("rb") as content:
        found = file_digest(content, "sha256").hexdigest()
    return FileDigest(path.name, rows, path.stat().st_size, found)

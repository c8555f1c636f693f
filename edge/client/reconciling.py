"""The two sides of a reconciliation brought together: files read, rows sorted, differences printed.

Shared by ``farebox reconcile``, whose books are the ledger, and ``farebox-crawl reconcile``, whose books are a
statement's file. Both sides pass through runs on disk, so that a log of any length needs little memory.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from edge.client.sorted_rows import sorted_rows
from edge.core.errors import EdgeError
from edge.core.keys import PublicKey
from edge.core.ledger import EntryKind
from edge.core.money import format_signed, money_document
from edge.core.receipt_log import BadLine, LogLine, UnreadableLog, read_log, read_time
from edge.core.reconcile import Amount, BookRow, Difference, Reconciliation

BAD_LINES_MAX = 1_000
"""More lines than this that cannot be read are no log with faults but another file."""
_KINDS = frozenset(kind.value for kind in EntryKind)
_STATEMENT_COLUMNS = {"recorded_at", "kind", "charge_id", "site", "target", "currency", "amount_micros"}
_Row = TypeVar("_Row")


class UnreadableStatement(EdgeError):
    """A file that is no statement's list of charges; the text says which one is."""


def differences(
    work: Reconciliation, log: Path, keys: Mapping[str, PublicKey], books: Iterable[BookRow]
) -> Iterator[Difference]:
    """Read both sides, then give every difference. Raises ``UnreadableLog`` and what ``books`` raises."""
    bad_lines: list[BadLine] = []
    with ExitStack() as open_files:
        lines = _good_lines(watched(read_log(_texts(log, UnreadableLog), keys), "log lines"), bad_lines)
        theirs = sorted_rows(lines, lambda row: LogLine(*row), open_files)
        ours = sorted_rows(watched(books, "book entries"), lambda row: BookRow(*row), open_files)
        yield from work.differences(theirs, ours, bad_lines)


def _good_lines(lines: Iterable[LogLine | BadLine], bad_lines: list[BadLine]) -> Iterator[LogLine]:
    for line in lines:
        if isinstance(line, LogLine):
            yield line
            continue
        bad_lines.append(line)
        if len(bad_lines) > BAD_LINES_MAX:
            first = bad_lines[0]
            raise UnreadableLog(
                f"more than {BAD_LINES_MAX} lines of the log cannot be read; line {first.line}: {first.reason}"
            )


def _texts(path: Path, unreadable: type[EdgeError]) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            yield from file
    except OSError as why:
        raise unreadable(f"{path} cannot be read ({why.strerror}); check its path") from why


def statement_rows(path: Path) -> Iterator[BookRow]:
    """The charges of a statement, as ``farebox report --detail`` writes them: JSON Lines or CSV.

    Raises ``UnreadableStatement``.
    """
    wrong = UnreadableStatement(
        f"{path} is no statement's list of charges; give its file charges-YYYY-MM, .csv or .jsonl, from"
        " `farebox report --detail`"
    )
    texts = _texts(path, UnreadableStatement)
    first = next(texts, "")
    rows: Iterable[Any] = chain([first], texts)
    if not first.startswith("{"):
        rows = csv.DictReader(rows)
        # A month without charges is an empty file of JSON Lines.
        if not set(rows.fieldnames or ()) >= _STATEMENT_COLUMNS and (first or path.suffix != ".jsonl"):
            raise wrong
    for row in rows:
        try:
            found = _book_row(orjson.loads(row) if isinstance(row, str) else row)
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as why:
            raise wrong from why
        if found.charge_id:
            yield found


def _book_row(row: Mapping[str, Any]) -> BookRow:
    at = row.get("recorded_at_micros")
    at_micros = int(at) if at is not None else read_time(row["recorded_at"])
    if at_micros is None or row["kind"] not in _KINDS:
        raise ValueError("no entry")
    amount, where = int(row["amount_micros"]), f"{row['site']}{row['target']}"
    return BookRow(str(row["charge_id"] or ""), at_micros, row["kind"], amount, str(row["currency"]), where)


def watched(rows: Iterable[_Row], words: str) -> Iterator[_Row]:
    """Pass rows on, counted on a terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield from rows
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        yield from bar.track(rows, description=words)


def show(
    work: Reconciliation, found: Iterable[Difference], say: Callable[[str], None], *, as_json: bool, limit: int
) -> None:
    """Print the differences, then the sums: all of them as JSON, or ``limit`` lines for people."""
    if as_json:
        _show_json(work, found, say)
        return
    for number, difference in enumerate(found):
        if number < limit:
            say(_sentence(difference))
    told = sum(work.kinds.values())
    if told > limit:
        say(f"... and {told - limit} more; --limit shows more, --json all")
    for currency, total in sorted(work.totals.items()):
        here, there = format_signed(total.here_micros, currency), format_signed(total.there_micros, currency)
        gap = format_signed(total.there_micros - total.here_micros, currency)
        say(
            f"{currency}: {total.matched} matched; the books count {total.here} charges, {here};"
            f" the log {total.there}, {there}; difference {gap}"
        )
    if work.outside:
        say(f"{work.outside} lines of the log are outside of the period and were left out")
    say("everything agrees" if work.agrees else ", ".join(f"{count} {kind}" for kind, count in work.kinds.items()))


def _show_json(work: Reconciliation, found: Iterable[Difference], say: Callable[[str], None]) -> None:
    """One document, written while it is made: there may be millions of differences."""
    say('{"differences": [')
    before: str | None = None
    for difference in found:
        if before is not None:
            say(f"{before},")
        before = orjson.dumps(_document(difference)).decode()
    if before is not None:
        say(before)
    ends = {
        "agrees": work.agrees,
        "kinds": {kind.value: count for kind, count in work.kinds.items()},
        "outside": work.outside,
        "totals": [
            {
                "currency": currency,
                "matched": total.matched,
                "matched_micros": total.matched_micros,
                "here": total.here,
                "here_micros": total.here_micros,
                "there": total.there,
                "there_micros": total.there_micros,
            }
            for currency, total in sorted(work.totals.items())
        ],
    }
    say(f"], {orjson.dumps(ends).decode()[1:]}")


def _document(difference: Difference) -> dict[str, Any]:
    return {
        "kind": difference.kind.value,
        "charge_id": difference.charge_id or None,
        "here": _amount(difference.here),
        "there": _amount(difference.there),
        "at_micros": difference.at_micros,
        "where": difference.where,
        "line": difference.line,
        "says": difference.says,
    }


def _amount(amount: Amount | None) -> dict[str, object] | None:
    return None if amount is None else money_document(*amount)


def _sentence(difference: Difference) -> str:
    parts = [difference.kind.value, difference.charge_id]
    parts += [f"line {difference.line}"] if difference.line is not None else []
    for word, amount in (("books", difference.here), ("log", difference.there)):
        parts += [f"{word} {format_signed(*amount)}"] if amount is not None else []
    text = "  ".join([*filter(None, [*parts, difference.where]), f"({difference.says})"])
    return "".join(sign if sign.isprintable() else f"\\x{ord(sign):02x}" for sign in text)

"""How commands speak: tables for people, plain columns in a pipe, JSON for machines, one sentence for errors.

Rules of this file: results go to stdout, everything else to stderr; what is printed never depends on who is logged
in or on the locale; a pipe that closes early is not an error.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from edge.core.errors import EdgeError

# DEL, the C1 controls, and what turns the direction of a line; the C0 controls JSON escapes itself.
_DRIVES_TERMINALS = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


class CommandFailed(EdgeError):
    """A command that could not do what it was asked; the text says what to do next."""


class WrongUsage(EdgeError):
    """Words on the command line that do not fit together; exit code 2."""


class PartlyDone(EdgeError):
    """Some of it was done; the text says what was not. Exit code 3."""


class ReaderLeft(Exception):
    """Whoever read our output has seen enough; there is nothing more to do, and nothing to complain about."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its heading, the key of the row that fills it, and whether it is a number."""

    heading: str
    key: str
    numeric: bool = False


def show_rows(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column], as_json: bool, empty: str) -> None:
    """Print rows: all their keys as JSON, or the named columns as a table; ``empty`` is said when there are none."""
    if as_json:
        show_json(rows)
    elif not rows:
        note(empty)
    elif sys.stdout.isatty():
        _rich_table(rows, columns)
    else:
        _plain_table(rows, columns)


def show_fields(values: Mapping[str, Any], as_json: bool) -> None:
    """Print one thing: as a JSON object, or a line for each of its fields."""
    if as_json:
        show_json(values)
        return
    width = max((len(name) for name in values), default=0)
    for name, value in values.items():
        say(f"{name.replace('_', ' '):{width}}  {_cell(value)}")


def show_json(value: Any) -> None:
    """Print a value as indented JSON."""
    say(harmless_json(orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str)))


def harmless_json(document: bytes) -> str:
    """The same JSON without characters that could drive a terminal: a stranger's U+009B begins a command there.

    They stand in texts alone, so each is written as JSON's own escape; what a program reads stays the same.
    """
    return _DRIVES_TERMINALS.sub(lambda sign: f"\\u{ord(sign[0]):04x}", document.decode())


def counted(number: int, one: str) -> str:
    """A number with its noun: ``1 page``, ``3 pages``."""
    return f"{number} {one}" if number == 1 else f"{number} {one}s"


def say(text: str) -> None:
    """Print a line of the result; raises ``ReaderLeft``."""
    write(text + "\n")


def write(text: str) -> None:
    """Print a part of the result as it is; raises ``ReaderLeft``."""
    try:
        sys.stdout.write(text)
    except BrokenPipeError as why:
        raise ReaderLeft from why


def write_bytes(part: bytes) -> None:
    """Print bytes of a result that need not be text; raises ``ReaderLeft``."""
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(part)
    except BrokenPipeError as why:
        raise ReaderLeft from why


def note(text: str) -> None:
    """Print a line that is not part of the result."""
    sys.stderr.write(text + "\n")


def time_text(at_micros: int | None) -> str | None:
    """A stored time as people and machines read it: RFC 3339 in UTC, to the second."""
    if at_micros is None:
        return None
    return datetime.fromtimestamp(at_micros // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def exact_time_text(at_micros: int | None) -> str | None:
    """A stored time as it is stored, to the microsecond: what an export can be matched and sorted by."""
    if at_micros is None:
        return None
    return f"{(time_text(at_micros) or '')[:-1]}.{at_micros % 1_000_000:06d}Z"


def first_line(error: object) -> str:
    """What a database complains of, without the statement that it quotes below."""
    return str(error).strip().partition("\n")[0]


def visible(text: str) -> str:
    """Text that strangers made, without characters that could drive a terminal."""
    return "".join(sign if sign.isprintable() else f"\\x{ord(sign):02x}" for sign in text)


def _cell(value: Any) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case list() | tuple():
            return ", ".join(_cell(item) for item in value) or "-"
        case _:
            return visible(str(value))


def _rich_table(rows: Iterable[Mapping[str, Any]], columns: Sequence[Column]) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column.heading, justify="right" if column.numeric else "left", overflow="fold")
    for row in rows:
        # Text, not markup: a rule named "[red]" is a name.
        table.add_row(*(Text(_cell(row[column.key])) for column in columns))
    Console().print(table)


def _plain_table(rows: Iterable[Mapping[str, Any]], columns: Sequence[Column]) -> None:
    lines = [[column.heading for column in columns]]
    lines += [[_cell(row[column.key]) for column in columns] for row in rows]
    widths = [max(len(line[place]) for line in lines) for place in range(len(columns))]
    for line in lines:
        cells = [
            f"{cell:>{width}}" if column.numeric else f"{cell:{width}}"
            for cell, width, column in zip(line, widths, columns, strict=True)
        ]
        say("  ".join(cells).rstrip())

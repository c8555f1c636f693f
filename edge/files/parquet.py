"""JSON Lines made into Parquet by DuckDB: the same rows, with typed columns, whatever their number.

Rules of this file
- Amounts are 64-bit integers of micro-units, and beside them exact decimals in units; no column is a float.
- Times are instants in UTC, to the microsecond.
- One thread, rows in the order of the input, no dates inside, settings pinned: the same rows give the same bytes, with
  the same version of DuckDB, which a Parquet file names. DuckDB spills into the scratch directory instead of growing.
- Nothing is downloaded: extensions are neither installed nor loaded.

Source: https://duckdb.org/docs/stable/sql/statements/copy and .../data/json/loading_json
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from edge.files.needed import library

MEMORY_LIMIT = "160MB"
LINE_BYTES_MAX = 16 * 1024 * 1024
_SETTINGS = {
    "threads": "1",
    "memory_limit": MEMORY_LIMIT,
    "preserve_insertion_order": "true",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}
# What DuckDB would choose today, said, so that another version of it has to choose the same.
_WRITTEN = "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 3, ROW_GROUP_SIZE 122880, PARQUET_VERSION V1"
_TEXT, _COUNT = "VARCHAR", "BIGINT"
LINE_TYPES: Mapping[str, str] = {
    **dict.fromkeys(("month", "publisher", "site", "crawler", "rule", "licence", "currency"), _TEXT),
    **dict.fromkeys(("pages", "reversed_pages", "earned_micros", "reversed_micros", "adjusted_micros"), _COUNT),
    **dict.fromkeys(("amount_micros", "fee_micros", "payable_micros", "suspended_pages", "suspended_micros"), _COUNT),
    "free_pages": _COUNT,
}
DETAIL_TYPES: Mapping[str, str] = {
    **{"recorded_at_micros": _COUNT, "kind": _TEXT, "charge_id": _TEXT, "attempt": "SMALLINT"},
    **dict.fromkeys(("publisher", "site", "crawler", "target", "rule"), _TEXT),
    **{"rule_version": "INTEGER", "licence": _TEXT, "currency": _TEXT, "amount_micros": _COUNT, "status": "SMALLINT"},
    **dict.fromkeys(("offer", "evidence", "request_id", "reference", "reason", "author"), _TEXT),
    **{"writer": "INTEGER", "entry": _COUNT},
}


def write_parquet(lines: Path, types: Mapping[str, str], sink: BinaryIO, scratch: Path) -> None:
    """Write the JSON Lines file as Parquet, through ``scratch``. Raises ``LibraryMissing``."""
    made = scratch / "parquet.part"
    with library("duckdb", "a Parquet file").connect(":memory:", config=_SETTINGS) as connection:
        connection.execute(f"SET temp_directory = {_quoted(str(scratch / 'spilled'))}")
        connection.execute(_copy(lines, types, made))
    with made.open("rb") as parts:
        shutil.copyfileobj(parts, sink)
    made.unlink()


def _copy(lines: Path, types: Mapping[str, str], made: Path) -> str:
    columns = ", ".join(f"{name}: {_quoted(kind)}" for name, kind in types.items())
    reading = (
        f"read_json({_quoted(str(lines))}, format = 'newline_delimited', columns = {{{columns}}}, "
        f"maximum_object_size = {LINE_BYTES_MAX})"
    )
    selected = ", ".join(_selected(name) for name in types)
    return f"COPY (SELECT {selected} FROM {reading}) TO {_quoted(str(made))} ({_WRITTEN})"  # noqa: S608 - our own names, paths quoted


def _selected(name: str) -> str:
    if name == "recorded_at_micros":
        return "make_timestamp(recorded_at_micros)::TIMESTAMP AS recorded_at"
    if name.endswith("_micros"):
        # A product of decimals is exact; a quotient would be a float.
        unit = name.removesuffix("_micros")
        return f"{name}, {name}::DECIMAL(19, 0) * 0.000001::DECIMAL(7, 6) AS {unit}"
    return name


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"

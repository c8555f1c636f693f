"""Parquet of many rows: the same bytes each time, in several row groups, whatever the process and its zone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from edge.files.parquet import LINE_TYPES, write_parquet

ROWS = 260_000
TWICE = """
import sys
from pathlib import Path
from edge.files.parquet import LINE_TYPES, write_parquet
lines, made = map(Path, sys.argv[1:])
with made.open("wb") as sink:
    write_parquet(lines, LINE_TYPES, sink, made.parent)
"""


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """More rows than two row groups hold, of names of every length."""
    path = tmp_path_factory.mktemp("lines") / "lines.jsonl"
    names = [name for name, kind in LINE_TYPES.items() if kind == "BIGINT"]
    counts = ",".join(f'"{name}":%d' for name in names)
    with path.open("w") as sink:
        for number in range(ROWS):
            words = f'"publisher":"{"x" * (number % 97)}","crawler":"Bot {number % 1009}","currency":"USD"'
            values = tuple(number * (place + 1) for place in range(len(names)))
            sink.write("{" + words + "," + counts % values + "}\n")
    return path


def test_many_rows_give_the_same_bytes_in_every_process(lines: Path, tmp_path: Path) -> None:
    here = tmp_path / "here.parquet"
    with here.open("wb") as sink:
        write_parquet(lines, LINE_TYPES, sink, tmp_path)
    for name, zone in (("one", "Asia/Tokyo"), ("other", "America/Lima")):
        made = tmp_path / name / "made.parquet"
        made.parent.mkdir()
        environment = {**os.environ, "TZ": zone}
        subprocess.run([sys.executable, "-c", TWICE, str(lines), str(made)], check=True, env=environment)
        assert made.read_bytes() == here.read_bytes()
    with duckdb.connect() as connection:
        groups = connection.execute(
            f"SELECT DISTINCT row_group_id, row_group_num_rows, compression FROM parquet_metadata('{here}') ORDER BY 1"
        ).fetchall()
        # Rows come in whole pieces of the reading, so that a group may be a little larger than it was asked to be.
        assert [(number, compression) for number, _, compression in groups] == [(0, "ZSTD"), (1, "ZSTD"), (2, "ZSTD")]
        [(count, total)] = connection.execute(f"SELECT count(*), sum(pages) FROM '{here}'").fetchall()
    assert (count, total) == (ROWS, sum(range(ROWS)))

"""What is written about reading all of the books says what each process took, and whether the clock can be believed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks.books import Taken, ratio, remarks, write

NOW = datetime(2026, 11, 20, 22, 5, tzinfo=UTC)
QUIET = [
    Taken("group by", 10.0, 9.9, 500.0),
    Taken("report", 20.0, 19.0, 60.0),
    Taken("group by", 12.0, 11.9, 510.0),
    Taken("report", 24.0, 23.0, 61.0),
    Taken("verify", 150.0, 149.0, 89.0),
]


def test_a_report_is_held_against_the_group_by_of_the_same_run() -> None:
    assert ratio(QUIET, "wall_seconds") == pytest.approx(22 / 11)
    assert ratio(QUIET, "cpu_seconds") == pytest.approx(21 / 10.9)


def test_a_machine_that_was_not_quiet_is_told() -> None:
    assert remarks(QUIET) == []
    [told] = remarks([*QUIET, Taken("close", 100.0, 50.0, 100.0)])
    assert "close had less than 90% of a core" in told


def test_the_page_names_the_raw_figures_and_every_command(tmp_path: Path) -> None:
    page = write(10_000_000, QUIET, tmp_path, NOW)
    [raw] = tmp_path.glob("2026-11-20-*-books.json")
    text = page.read_text(encoding="utf-8")
    assert raw.name in text
    assert "| verify | 1 | 150.0 s | 149.0 s | 89 MiB |" in text
    assert "**2.00** by the clock, **1.93** in processor" in text
    document = json.loads(raw.read_text(encoding="utf-8"))
    assert [one["what"] for one in document["processes"]] == [one.what for one in QUIET]
    assert document["charges"] == 10_000_000

"""What is written about a run says what was seen, doubts included, and is the same in every form."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

from benchmarks import results
from benchmarks.measures import chosen
from benchmarks.results import Run, doubts, rate_table, verdict_table
from benchmarks.samples import Cores, Sample, Series

QUIET = Cores(server=1.0, load=0.6, own=0.99, foreign=0.01, stolen=0.0)


def sample(series: Series, number: int, value: float, cores: Cores = QUIET) -> Sample:
    return Sample(series, number, value, 2.0, round(2 * value), 1.25, 4.5, cores)


def run(*samples: Sample) -> Run:
    machine = {"commit": "abc1234", "processor": "A <fast> one", "versions": {"uvicorn": "0.54"}}
    settings = {"rounds": 1, "connections": 64}
    return Run(datetime(2026, 11, 20, 12, 30, tzinfo=UTC), machine, settings, chosen(["P1", "P5"]), samples)


HALF = run(sample(Series.EDGE_402, 1, 20_000), sample(Series.FLOOR_402, 1, 40_000))


def test_a_missed_target_says_by_how_much() -> None:
    line = next(line for line in verdict_table(HALF.results).splitlines() if "| P1 |" in line)
    assert "**0.50**" in line
    assert "0.55 [0.75]" in line
    assert "missed by 9%" in line


def test_a_met_target_says_so_and_an_unmeasured_one_claims_nothing() -> None:
    better = run(sample(Series.EDGE_402, 1, 24_000), sample(Series.FLOOR_402, 1, 40_000))
    lines = verdict_table(better.results).splitlines()
    assert lines[2].endswith("| met |")
    assert lines[3].endswith("| not measured |")


def test_rates_stand_beside_their_latencies_and_processor_time() -> None:
    line = rate_table(HALF.figures).splitlines()[2]
    assert line == "| floor 402 | 40,000 requests/s | 40,000 to 40,000 | 1.2 | 4.5 | 25 | 100% / 60% |"


def test_every_table_line_has_as_many_cells_as_its_head() -> None:
    for table in (verdict_table(HALF.results), rate_table(HALF.figures)):
        assert len({line.count("|") for line in table.splitlines()}) == 1


def test_a_noisy_machine_and_a_load_that_was_the_limit_are_said() -> None:
    noisy = sample(Series.FLOOR_402, 1, 100, replace(QUIET, foreign=0.3))
    full = sample(Series.EDGE_402, 1, 100, replace(QUIET, load=0.99))
    idle = sample(Series.X402_402, 1, 100, replace(QUIET, server=0.6))
    said = doubts([noisy, full, idle])
    assert "1 of 3 rounds" in said[0]
    assert "at worst 30%" in said[0]
    assert "farebox 402" in said[1]
    assert "x402 402" in said[2]
    assert len(said) == 3


def test_a_quiet_run_has_no_doubts_and_a_measuring_process_needs_no_full_core() -> None:
    assert doubts([sample(Series.FLOOR_402, 1, 100)]) == []
    waiting = Sample(Series.LEDGER_SQLITE, 1, 100.0, 1.0, 100, cores=replace(QUIET, server=0.6, load=0.99))
    assert waiting.cpu_us is None
    assert doubts([waiting]) == []


def test_json_keeps_every_round_and_the_verdicts() -> None:
    document = json.loads(results.as_json(HALF))
    assert [one["value"] for one in document["samples"]] == [20_000, 40_000]
    assert document["samples"][0]["cores"]["load"] == 0.6
    assert document["measures"][0]["verdict"] == "missed"
    assert document["measures"][1]["ratio"] is None


def test_the_files_of_a_run_are_named_by_day_and_commit(tmp_path: Path) -> None:
    page = results.write(HALF, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        "README.md", "2026-11-20-abc1234.json", "2026-11-20-abc1234.svg",
    }  # fmt: skip
    text = page.read_text()
    assert "(2026-11-20-abc1234.svg)" in text
    assert "uvicorn 0.54" in text


def test_the_plot_is_well_formed_and_draws_what_was_measured(tmp_path: Path) -> None:
    results.write(HALF, tmp_path)
    root = ElementTree.parse(tmp_path / "2026-11-20-abc1234.svg").getroot()
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "0.50 of 0.55" in texts
    assert "40,000 requests/s" in texts
    bars = list(root.iter("{http://www.w3.org/2000/svg}rect"))
    assert len(bars) == 3  # one ratio, two rates

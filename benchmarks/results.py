"""A run written down: every round as JSON, and a page that a person reads, both from the same values."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.measures import Measure, Result, Verdict, judge, limit_of_a_paid_request
from benchmarks.plot import plot
from benchmarks.samples import Figure, Sample, Series, figure, medians

NOISE = 0.05
FULL = 0.97
BUSY = 0.9


@dataclass(frozen=True, slots=True)
class Run:
    """All of one run: when, on what, how, what was seen, and what has to be said about it."""

    taken_at: datetime
    machine: Mapping[str, Any]
    settings: Mapping[str, Any]
    measures: tuple[Measure, ...]
    samples: tuple[Sample, ...]
    remarks: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The date and the commit: the name of this run's files."""
        return f"{self.taken_at:%Y-%m-%d}-{self.machine['commit']}"

    @property
    def results(self) -> tuple[Result, ...]:
        """The measures, judged."""
        return judge(self.measures, self.samples)

    @property
    def figures(self) -> tuple[Figure, ...]:
        """One line for each series that was measured."""
        return tuple(one for series in Series if (one := figure(series, self.samples)) is not None)


def write(run: Run, folder: Path) -> Path:
    """Write `<name>.json`, `<name>.svg` and `README.md` into ``folder``; return the page."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{run.name}.json").write_text(as_json(run), encoding="utf-8")
    (folder / f"{run.name}.svg").write_text(plot(run.results, run.figures), encoding="utf-8")
    page = folder / "README.md"
    page.write_text(as_page(run), encoding="utf-8")
    return page


def as_json(run: Run) -> str:
    """Everything, every round, with the judgements beside it."""
    document = {
        "taken_at": run.taken_at.isoformat(timespec="seconds"),
        "machine": run.machine,
        "settings": run.settings,
        "remarks": [*run.remarks, *doubts(run.samples)],
        "measures": [_judged(result) for result in run.results],
        "figures": [asdict(one) for one in run.figures],
        "samples": [sample.as_document() for sample in run.samples],
    }
    return json.dumps(document, indent=1) + "\n"


def _judged(result: Result) -> dict[str, Any]:
    measure = result.measure
    return {
        "key": measure.key,
        "what": measure.what,
        "against": measure.against,
        "ratio": result.ratio,
        "lowest_round": result.lowest,
        "highest_round": result.highest,
        "target": measure.target,
        "moonshot": measure.moonshot,
        "verdict": result.verdict.value,
    }


def as_page(run: Run) -> str:
    """The run as Markdown: verdicts, rates, machine."""
    remarks = [*run.remarks, *doubts(run.samples)]
    parts = [
        "# What was measured",
        f"Taken {run.taken_at:%Y-%m-%d %H:%M} UTC at commit `{run.machine['commit']}` by `make bench`; how and why so: "
        f"[docs/benchmarks.md](../../docs/benchmarks.md). Every round: [{run.name}.json]({run.name}.json).",
        *(f"> {remark}" for remark in remarks),
        verdict_table(run.results),
        f"![the ratios as shares of their targets, and the rates]({run.name}.svg)",
        "## Rates",
        f"Medians over the rounds; latencies at {run.settings['connections']} connections, so they follow from the "
        "rate. *CPU us*: processor time of the server for one request. *Cores*: how busy the server's and the "
        "load's were.",
        rate_table(run.figures),
        *_limit(run.samples),
        "## On what",
        machine_list(run.machine, run.settings),
    ]
    return "\n\n".join(parts) + "\n"


def verdict_table(results: Iterable[Result]) -> str:
    """One line for each measure: ratio, range over the rounds, target and verdict."""
    rows = [
        (
            result.measure.key,
            result.measure.what,
            result.measure.against,
            "" if result.ratio is None else f"**{result.ratio:.2f}**",
            "" if result.lowest is None or result.highest is None else f"{result.lowest:.2f} to {result.highest:.2f}",
            f"{result.measure.target:g} [{result.measure.moonshot:g}]",
            _said(result),
        )
        for result in results
    ]
    return _table(("", "path", "measure", "ratio", "single rounds", "target [moonshot]", "verdict"), "lllrrrl", rows)


def _said(result: Result) -> str:
    if result.verdict is not Verdict.MISSED or result.ratio is None:
        return result.verdict.value
    return f"missed by {1 - result.ratio / result.measure.target:.0%}"


def rate_table(figures: Iterable[Figure]) -> str:
    """One line for each series: rate with its range, latencies, cores."""
    rows = [
        (
            one.series.value,
            f"{one.value:,.0f} {one.series.unit}",
            f"{one.lowest:,.0f} to {one.highest:,.0f}",
            "" if one.p50_ms is None else f"{one.p50_ms:.1f}",
            "" if one.p99_ms is None else f"{one.p99_ms:.1f}",
            "" if one.cpu_us is None else f"{one.cpu_us:.0f}",
            "" if one.server_core is None or one.load_core is None else f"{one.server_core:.0%} / {one.load_core:.0%}",
        )
        for one in figures
    ]
    return _table(("", "rate", "rounds", "p50 ms", "p99 ms", "CPU us", "cores"), "lrrrrrr", rows)


def machine_list(machine: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    """What the run was made on, as a list."""
    lines = [f"- {name.replace('_', ' ')}: {_words(value)}" for name, value in {**machine, **settings}.items()]
    return "\n".join(lines)


def doubts(samples: Iterable[Sample]) -> list[str]:
    """What the samples themselves say against the run: others on the server's core, or a load that was the limit."""
    seen = [(sample, sample.cores) for sample in samples if sample.cores is not None]
    noisy = [cores.foreign for _, cores in seen if cores.foreign > NOISE]
    loaded = [(sample.series.value, cores) for sample, cores in seen if sample.p50_ms is not None]
    full = {name for name, cores in loaded if cores.load > FULL}
    idle = {name for name, cores in loaded if cores.server < BUSY}
    found = []
    if noisy:
        found.append(
            f"The machine was not quiet: in {len(noisy)} of {len(seen)} rounds something else took more than "
            f"{NOISE:.0%} of the server's core (at worst {max(noisy):.0%})."
        )
    if full:
        found.append(f"The load's core was full, so these rates may be its own limit: {', '.join(sorted(full))}.")
    if idle:
        found.append(f"The server's core was not full, so these rates are too low: {', '.join(sorted(idle))}.")
    return found


def _limit(samples: Sequence[Sample]) -> list[str]:
    rates = medians(samples)
    if not {Series.BARE_PROXY_PERSON, Series.VERIFY} <= rates.keys():
        return []
    proxy_us, verify_us = 1e6 / rates[Series.BARE_PROXY_PERSON], 1e6 / rates[Series.VERIFY]
    return [
        f"The limit of P4: 1 / ({proxy_us:.1f} us for a bare proxy request + {verify_us:.1f} us for one verification) "
        f"= {limit_of_a_paid_request(rates):,.0f} requests/s."
    ]


def _words(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {one}" for name, one in value.items())
    return str(value)


def _table(head: Sequence[str], align: str, rows: Iterable[Sequence[str]]) -> str:
    rule = ("--:" if side == "r" else "---" for side in align)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, tuple(rule), *rows))

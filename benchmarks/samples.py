"""What was seen, round by round: plain values that are written out as they are.

A ``Series`` is one thing measured in one way; a run has a sample of it for every round. The name of a series of
requests is its server and its load.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from statistics import median
from typing import Any


class Series(StrEnum):
    """Everything that is measured; the value is its name in the raw results."""

    FLOOR_402 = "floor 402"
    X402_402 = "x402 402"
    X402_PAID = "x402 paid"
    FORGEMESH_402 = "forgemesh 402"
    BARE_PROXY_PERSON = "bare proxy person"
    EDGE_402 = "farebox 402"
    EDGE_PAID = "farebox paid"
    EDGE_PERSON = "farebox person"
    VERIFY = "ed25519 verify"
    LEDGER_SQLITE = "ledger sqlite"
    RAW_SQLITE = "raw insert sqlite"
    LEDGER_POSTGRESQL = "ledger postgresql"
    RAW_POSTGRESQL = "raw insert postgresql"

    @property
    def unit(self) -> str:
        """What the values are: all are rates, so more is better."""
        if self is Series.VERIFY:
            return "verifications/s"
        return "rows/s" if self in _ROWS else "requests/s"


_ROWS = frozenset({Series.LEDGER_SQLITE, Series.RAW_SQLITE, Series.LEDGER_POSTGRESQL, Series.RAW_POSTGRESQL})


@dataclass(frozen=True, slots=True)
class Cores:
    """Where the time went while a round was measured, as shares of one core.

    ``server`` and ``load`` are how busy the two cores were, ``own`` what the server itself used of its core,
    ``foreign`` what others took of it, and ``stolen`` what the hypervisor withheld of both.
    """

    server: float
    load: float
    own: float
    foreign: float
    stolen: float


@dataclass(frozen=True, slots=True)
class Sample:
    """One round of one series: the rate, how quiet the cores were, and for requests the latencies."""

    series: Series
    round: int
    value: float
    duration_seconds: float
    count: int
    p50_ms: float | None = None
    p99_ms: float | None = None
    cores: Cores | None = None

    @property
    def cpu_us(self) -> float | None:
        """Microseconds of processor time that the server used for one request; None for what is not requests."""
        if self.cores is None or self.p50_ms is None:
            return None
        return self.cores.own * self.duration_seconds * 1e6 / self.count

    def as_document(self) -> dict[str, Any]:
        """The sample as JSON takes it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Figure:
    """A series in one line: medians over its rounds, and how far the rounds lie apart."""

    series: Series
    rounds: int
    value: float
    lowest: float
    highest: float
    p50_ms: float | None
    p99_ms: float | None
    cpu_us: float | None
    server_core: float | None
    load_core: float | None
    foreign: float | None


def figure(series: Series, samples: Iterable[Sample]) -> Figure | None:
    """Sum up the samples of one series; None when there is none."""
    mine = [sample for sample in samples if sample.series is series]
    if not mine:
        return None
    values = [sample.value for sample in mine]
    cores = [sample.cores for sample in mine if sample.cores is not None]
    return Figure(
        series,
        len(mine),
        median(values),
        min(values),
        max(values),
        _median_of(sample.p50_ms for sample in mine),
        _median_of(sample.p99_ms for sample in mine),
        _median_of(sample.cpu_us for sample in mine),
        _median_of(core.server for core in cores),
        _median_of(core.load for core in cores),
        _median_of(core.foreign for core in cores),
    )


def _median_of(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def medians(samples: Iterable[Sample]) -> dict[Series, float]:
    """The median rate of every series that has samples."""
    found = list(samples)
    return {one.series: one.value for series in Series if (one := figure(series, found)) is not None}


def by_round(samples: Iterable[Sample]) -> dict[int, Mapping[Series, float]]:
    """The rates of each round, so that a ratio can be formed within one."""
    rounds: dict[int, dict[Series, float]] = {}
    for sample in samples:
        rounds.setdefault(sample.round, {})[sample.series] = sample.value
    return dict(sorted(rounds.items()))

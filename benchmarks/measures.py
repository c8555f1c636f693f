"""What is claimed, against what, and whether it holds: the measures P1 to P5 and P8 as pure arithmetic.

Rules of this file: a measure is a ratio of two series of the same run; the ratio of the medians is judged, and the
ratios of the single rounds say how sure it is. All series are rates, so a larger ratio is better.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from benchmarks.samples import Sample, Series, by_round, medians

Rates = Mapping[Series, float]

PEERS_402 = (Series.X402_402, Series.FORGEMESH_402)


class Verdict(StrEnum):
    """What became of a target."""

    MOONSHOT = "met, and the moonshot too"
    MET = "met"
    MISSED = "missed"
    NOT_MEASURED = "not measured"


@dataclass(frozen=True, slots=True)
class Measure:
    """One line of the promise: ``ours`` over ``base``, at least ``target`` (``moonshot`` is the stretch)."""

    key: str
    what: str
    against: str
    target: float
    moonshot: float
    ours: Series
    needs: tuple[Series, ...]
    base: Callable[[Rates], float]

    @property
    def series(self) -> frozenset[Series]:
        """All that has to be measured for this."""
        return frozenset((self.ours, *self.needs))

    def ratio(self, rates: Rates) -> float | None:
        """The measure from one set of rates; None when one of them is missing."""
        return rates[self.ours] / self.base(rates) if self.series <= rates.keys() else None


@dataclass(frozen=True, slots=True)
class Result:
    """A measure with what came out: the ratio of medians, and the least and greatest ratio of one round."""

    measure: Measure
    ratio: float | None
    lowest: float | None
    highest: float | None

    @property
    def verdict(self) -> Verdict:
        """Judged on the ratio itself, not on its rounded form."""
        if self.ratio is None:
            return Verdict.NOT_MEASURED
        if self.ratio >= self.measure.moonshot:
            return Verdict.MOONSHOT
        return Verdict.MET if self.ratio >= self.measure.target else Verdict.MISSED


def limit_of_a_paid_request(rates: Rates) -> float:
    """Requests per second if a sale cost no more than passing it on and one verification, on the same core."""
    return 1 / (1 / rates[Series.BARE_PROXY_PERSON] + 1 / rates[Series.VERIFY])


def _only(series: Series) -> Callable[[Rates], float]:
    return lambda rates: rates[series]


def _best_peer(rates: Rates) -> float:
    return max(rates[series] for series in PEERS_402)


MEASURES = (
    Measure(
        "P1", "unpaid 402 of a claimed crawler", "share of a fixed 402 from raw ASGI on uvicorn",
        0.55, 0.75, Series.EDGE_402, (Series.FLOOR_402,), _only(Series.FLOOR_402),
    ),
    Measure(
        "P2", "unpaid 402 of a claimed crawler", "times the best Python peer",
        3.0, 5.0, Series.EDGE_402, PEERS_402, _best_peer,
    ),
    Measure(
        "P3", "paid page: unique signature, durable ledger row, through the proxy", "times x402's paid path, stubbed",
        2.0, 3.5, Series.EDGE_PAID, (Series.X402_PAID,), _only(Series.X402_PAID),
    ),
    Measure(
        "P4", "paid page: unique signature, durable ledger row, through the proxy",
        "share of the limit: bare proxy plus one verification",
        0.7, 1.0, Series.EDGE_PAID, (Series.BARE_PROXY_PERSON, Series.VERIFY), limit_of_a_paid_request,
    ),
    Measure(
        "P5", "a person passing through", "share of the bare proxy",
        0.9, 1.3, Series.EDGE_PERSON, (Series.BARE_PROXY_PERSON,), _only(Series.BARE_PROXY_PERSON),
    ),
    Measure(
        "P8", "ledger on SQLite", "share of the raw batched insert of the same rows",
        0.5, 0.8, Series.LEDGER_SQLITE, (Series.RAW_SQLITE,), _only(Series.RAW_SQLITE),
    ),
    Measure(
        "P8", "ledger on PostgreSQL", "share of the raw batched insert of the same rows",
        0.5, 0.8, Series.LEDGER_POSTGRESQL, (Series.RAW_POSTGRESQL,), _only(Series.RAW_POSTGRESQL),
    ),
)  # fmt: skip
KEYS = tuple(dict.fromkeys(measure.key for measure in MEASURES))


def chosen(keys: Iterable[str]) -> tuple[Measure, ...]:
    """The measures with these keys, in their order; raises ``ValueError`` for an unknown key."""
    wanted = set(keys)
    if unknown := wanted.difference(KEYS):
        raise ValueError(f"no measure is called {', '.join(sorted(unknown))}; there are {', '.join(KEYS)}")
    return tuple(measure for measure in MEASURES if measure.key in wanted)


def series_of(measures: Iterable[Measure]) -> frozenset[Series]:
    """Everything that these measures need."""
    return frozenset(series for measure in measures for series in measure.series)


def judge(measures: Iterable[Measure], samples: Iterable[Sample]) -> tuple[Result, ...]:
    """Hold the samples of one run against the targets."""
    seen = list(samples)
    rates, rounds = medians(seen), by_round(seen)
    return tuple(_judge_one(measure, rates, rounds.values()) for measure in measures)


def _judge_one(measure: Measure, rates: Rates, rounds: Iterable[Rates]) -> Result:
    ratios = [ratio for one in rounds if (ratio := measure.ratio(one)) is not None]
    return Result(measure, measure.ratio(rates), min(ratios, default=None), max(ratios, default=None))

"""The benchmarks' own arithmetic: what a median, a ratio, a limit and a verdict are."""

from __future__ import annotations

import pytest

from benchmarks.measures import KEYS, MEASURES, Verdict, chosen, judge, limit_of_a_paid_request, series_of
from benchmarks.samples import Cores, Sample, Series, by_round, figure, medians


def samples(series: Series, *values: float) -> list[Sample]:
    return [Sample(series, number, value, 1.0, round(value)) for number, value in enumerate(values, start=1)]


def verdict_of(ratio: float) -> Verdict:
    seen = samples(Series.EDGE_402, 1_000 * ratio) + samples(Series.FLOOR_402, 1_000)
    (result,) = judge(chosen(["P1"]), seen)
    return result.verdict


def test_the_middle_round_counts_not_the_best_nor_the_mean() -> None:
    assert medians(samples(Series.FLOOR_402, 10, 1_000, 20)) == {Series.FLOOR_402: 20}


def test_a_figure_keeps_how_far_its_rounds_lie_apart() -> None:
    one = figure(Series.FLOOR_402, samples(Series.FLOOR_402, 10, 30, 20))
    assert one is not None
    assert (one.rounds, one.lowest, one.value, one.highest) == (3, 10, 20, 30)
    assert figure(Series.EDGE_402, samples(Series.FLOOR_402, 10)) is None


def test_processor_time_is_what_the_server_used_itself() -> None:
    cores = Cores(server=1.0, load=0.7, own=0.5, foreign=0.5, stolen=0.0)
    sample = Sample(Series.EDGE_402, 1, 1_000.0, 2.0, 2_000, 1.0, 2.0, cores)
    assert sample.cpu_us == pytest.approx(500)


def test_rounds_are_compared_with_rounds_of_the_same_number() -> None:
    seen = samples(Series.EDGE_402, 50, 90) + samples(Series.FLOOR_402, 100, 100)
    assert by_round(seen)[2] == {Series.EDGE_402: 90, Series.FLOOR_402: 100}
    (result,) = judge(chosen(["P1"]), seen)
    assert (result.lowest, result.highest) == (0.5, 0.9)
    assert result.ratio == pytest.approx(0.7)


@pytest.mark.parametrize(
    ("ratio", "verdict"),
    [
        (0.549, Verdict.MISSED), (0.55, Verdict.MET), (0.749, Verdict.MET), (0.75, Verdict.MOONSHOT),
    ],
)  # fmt: skip
def test_a_target_is_met_from_the_target_on(ratio: float, verdict: Verdict) -> None:
    assert verdict_of(ratio) is verdict


def test_what_was_not_measured_is_neither_met_nor_missed() -> None:
    (result,) = judge(chosen(["P1"]), samples(Series.FLOOR_402, 100))
    assert result.verdict is Verdict.NOT_MEASURED


def test_the_better_peer_is_the_one_to_beat() -> None:
    seen = samples(Series.EDGE_402, 900) + samples(Series.X402_402, 100) + samples(Series.FORGEMESH_402, 300)
    (result,) = judge(chosen(["P2"]), seen)
    assert result.ratio == pytest.approx(3)


def test_the_limit_adds_times_not_rates() -> None:
    rates = {Series.BARE_PROXY_PERSON: 10_000.0, Series.VERIFY: 20_000.0}  # 100 us and 50 us
    assert limit_of_a_paid_request(rates) == pytest.approx(1e6 / 150)


def test_every_measure_needs_what_it_divides() -> None:
    for measure in MEASURES:
        rates = dict.fromkeys(measure.series, 7.0)
        assert measure.ratio(rates) is not None
        for series in measure.series:
            assert measure.ratio(_without(rates, series)) is None


def _without(rates: dict[Series, float], series: Series) -> dict[Series, float]:
    return {one: rate for one, rate in rates.items() if one is not series}


def test_a_choice_keeps_the_order_and_refuses_what_does_not_exist() -> None:
    assert [measure.key for measure in chosen(["P8", "P1"])] == ["P1", "P8", "P8"]
    assert series_of(chosen(KEYS)) == frozenset(Series)
    with pytest.raises(ValueError, match="P9"):
        chosen(["P1", "P9"])

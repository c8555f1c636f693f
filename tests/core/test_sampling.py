"""A sample is even, full while there is room, and its parts stand for all that passed."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.sampling import Sample, stands_for


def sample(room: int, passing: int, draw: random.Random) -> Sample[int]:
    kept = Sample[int](room, draw.random)
    for number in range(passing):
        if kept.wants_next():
            kept.keep(number)
    return kept


@given(room=st.integers(0, 50), passing=st.integers(0, 300), seed=st.integers(0, 1000))
def test_a_sample_is_as_large_as_can_be_and_holds_nothing_twice(room: int, passing: int, seed: int) -> None:
    found = sample(room, passing, random.Random(seed))
    assert found.passed == passing
    assert len(found.kept) == len(set(found.kept)) == min(room, passing)
    assert set(found.kept) <= set(range(passing))


@given(room=st.integers(1, 50), seed=st.integers(0, 1000))
def test_while_there_is_room_everything_is_kept_in_order(room: int, seed: int) -> None:
    assert sample(room, room, random.Random(seed)).kept == list(range(room))


@pytest.mark.parametrize(("room", "passing"), [(1, 20), (5, 20), (5, 100), (19, 20)])
def test_each_has_the_same_chance_to_be_kept(room: int, passing: int) -> None:
    draw, runs = random.Random(7), 20_000
    found: Counter[int] = Counter()
    for _ in range(runs):
        found.update(sample(room, passing, draw).kept)
    expected = runs * room / passing
    # Five standard deviations of a binomial count; the seed is fixed, so this passes always or never.
    slack = 5 * (runs * (room / passing) * (1 - room / passing)) ** 0.5
    assert all(abs(found[number] - expected) <= slack for number in range(passing)), found


def test_a_draw_of_nothing_and_of_nearly_one_break_nothing() -> None:
    for number in (0.0, 1.0 - 2**-53):
        kept = Sample[int](3, lambda number=number: number)  # type: ignore[misc]
        for one in range(1000):
            if kept.wants_next():
                kept.keep(one)
        assert len(kept.kept) == 3


@given(passed=st.integers(0, 10_000), kept=st.integers(1, 100))
def test_what_the_kept_stand_for_adds_up(passed: int, kept: int) -> None:
    each = stands_for(passed, kept)
    assert sum(each) == passed
    assert len(each) == kept
    assert max(each) - min(each) <= 1


def test_nothing_stands_for_nothing() -> None:
    assert stands_for(5, 0) == []

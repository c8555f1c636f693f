"""An amount that is split sums to itself, part by part within one micro-unit of its due, and always the same way."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.shares import split

AMOUNTS = st.integers(0, 10**18)
WEIGHTS = st.lists(st.integers(0, 10**18), min_size=1, max_size=40).filter(any)


@given(AMOUNTS, WEIGHTS)
def test_the_parts_sum_to_the_amount_and_each_is_its_due_within_one(amount: int, weights: list[int]) -> None:
    parts = split(amount, weights)
    assert sum(parts) == amount
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - Fraction(amount * weight, sum(weights))) < 1
        assert part == 0 or weight > 0


@given(AMOUNTS, WEIGHTS)
def test_the_largest_remainders_get_the_rest_and_ties_go_to_the_earlier(amount: int, weights: list[int]) -> None:
    parts, whole = split(amount, weights), sum(weights)
    remainders = [amount * weight % whole for weight in weights]
    rounded_up = [part > amount * weight // whole for part, weight in zip(parts, weights, strict=True)]
    for one, up in enumerate(rounded_up):
        for other, other_up in enumerate(rounded_up):
            if up and not other_up:
                assert (remainders[one], -one) > (remainders[other], -other)


@given(AMOUNTS, st.integers(1, 10**9), st.integers(2, 40))
def test_equal_weights_give_the_first_ones_the_rest(amount: int, weight: int, count: int) -> None:
    parts = split(amount, [weight] * count)
    assert parts == sorted(parts, reverse=True)
    assert parts[0] - parts[-1] <= 1


@pytest.mark.parametrize(("amount", "weights"), [(-1, [1]), (1, []), (1, [0, 0]), (1, [2, -1])])
def test_what_cannot_be_split_is_refused(amount: int, weights: list[int]) -> None:
    with pytest.raises(ValueError, match="cannot be split"):
        split(amount, weights)

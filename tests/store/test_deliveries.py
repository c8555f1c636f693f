"""Delivery marks: few rows, none lost, none invented."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from edge.store import deliveries
from edge.store.database import Database
from edge.store.deliveries import is_delivered, mark_delivered, ranges

positions = st.lists(st.tuples(st.integers(1, 3), st.integers(1, 40)), max_size=60)


@given(positions)
def test_ranges_cover_exactly_the_positions(marked: list[tuple[int, int]]) -> None:
    covered = [(writer, number) for writer, first, last in ranges(marked) for number in range(first, last + 1)]
    assert covered == sorted(set(marked))


@given(positions)
def test_neighbouring_ranges_are_merged(marked: list[tuple[int, int]]) -> None:
    found = ranges(marked)
    assert all(a[0] != b[0] or a[2] + 1 < b[1] for a, b in pairwise(found))


def test_a_range_never_outgrows_what_a_look_up_looks_for() -> None:
    long = ranges((1, number) for number in range(1, 3 * deliveries.RANGE_LENGTH_MAX))
    assert max(last - first + 1 for _, first, last in long) <= deliveries.RANGE_LENGTH_MAX


def test_marks_are_found_again_and_marking_again_is_harmless(database: Database) -> None:
    length = deliveries.RANGE_LENGTH_MAX
    with database.write() as connection:
        mark_delivered(connection, [(1, number) for number in range(5, 5 + length)], 1)
        mark_delivered(connection, [(1, 7), (2, 1)], 2)
        mark_delivered(connection, [(1, 7)], 3)
        mark_delivered(connection, [], 4)
    with database.read() as connection:
        assert [is_delivered(connection, (1, number)) for number in (4, 5, 7, 4 + length, 5 + length)] == [
            False,
            True,
            True,
            True,
            False,
        ]
        assert is_delivered(connection, (2, 1))
        assert not is_delivered(connection, (3, 1))

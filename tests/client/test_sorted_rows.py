"""Rows are sorted through files, and come out as a list would give them."""

from __future__ import annotations

from contextlib import ExitStack

from hypothesis import given
from hypothesis import strategies as st

from edge.client.sorted_rows import sorted_rows


@given(st.lists(st.tuples(st.sampled_from("abcdé\n"), st.integers())), st.integers(1, 7))
def test_runs_on_disk_give_the_order_of_a_stable_sort(rows: list[tuple[str, int]], run_rows: int) -> None:
    rows = [(word, number % 2**40) for word, number in rows]
    with ExitStack() as open_files:
        found = list(sorted_rows(rows, lambda row: (row[0], row[1]), open_files, run_rows))
    assert found == sorted(rows, key=lambda row: row[0])

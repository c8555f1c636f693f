"""Values of one request: equal by content, and nobody's to change."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge.core.values import per_request


@per_request
class Sample:
    number: int
    text: str = ""


def test_values_are_equal_and_hashed_by_their_content() -> None:
    assert Sample(1, "a") == Sample(1, "a") != Sample(2, "a")
    assert len({Sample(1), Sample(1), Sample(2)}) == 2
    assert replace(Sample(1, "a"), number=2) == Sample(2, "a")


def test_a_value_has_no_room_for_more_than_its_fields() -> None:
    with pytest.raises(AttributeError):
        Sample(1).more = 2  # type: ignore[attr-defined]


def test_the_type_checker_refuses_a_change() -> None:
    # Were it allowed, mypy would call the comment below unused: that is the test.
    sample = Sample(1)
    sample.number = 2  # type: ignore[misc]
    assert sample == Sample(2)  # at run time nothing stands in the way: that would be paid for by every request

"""A path's steps lead down to it, and no further than there are levels."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from edge.core.site_tree import LEVELS_MAX, OTHERS, STEP_CHARACTERS_MAX, child_of, is_part, steps


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", [("/", "/")]),
        ("/a", [("/", "a")]),
        ("/a/", [("/", "a/")]),
        ("/a/b", [("/", "a/"), ("/a/", "b")]),
        ("/1/2/3/4", [("/", "1/"), ("/1/", "2/"), ("/1/2/", "3/"), ("/1/2/3/", "4")]),
        ("/1/2/3/4/5/6", [("/", "1/"), ("/1/", "2/"), ("/1/2/", "3/"), ("/1/2/3/", "4/")]),
        (f"/a/{'x' * STEP_CHARACTERS_MAX}/b", [("/", "a/"), ("/a/", OTHERS)]),
        ("//a", [("/", "/"), ("//", "a")]),
    ],
)
def test_a_path_is_its_steps(path: str, expected: list[tuple[str, str]]) -> None:
    assert steps(path) == expected
    assert len(steps(path)) <= LEVELS_MAX


def test_each_step_lies_in_the_one_before() -> None:
    found = steps("/articles/opinion/2026/x")
    assert all(parent + step == following for (parent, step), (following, _) in pairwise(found))


def test_the_step_below_a_part_is_the_one_among_its_steps() -> None:
    chance = random.Random(4)
    parts = ["/", "/a/", "/a/b/", "/b/"]
    for _ in range(3000):
        path = "/" + "".join(chance.choice("ab//") for _ in range(chance.randrange(9)))
        path += chance.choice(("", "x" * STEP_CHARACTERS_MAX, "/" + "x" * (STEP_CHARACTERS_MAX + 1)))
        for under in parts:
            among = next((step for parent, step in steps(path) if parent == under), None)
            assert child_of(path, under) == among, (path, under)


def test_the_step_below_a_part_is_found() -> None:
    assert child_of("/a/b/c", "/a/") == "b/"
    assert child_of("/a/b/c", "/a/b/") == "c"
    assert child_of("/a/b/c", "/b/") is None


@pytest.mark.parametrize(
    ("text", "is_one"), [("/", True), ("/a/", True), ("/a", False), ("a/", False), ("/a//", False)]
)
def test_a_part_is_named_by_a_path_with_a_slash_at_its_end(text: str, is_one: bool) -> None:
    assert is_part(text) == is_one
    assert not is_part("/1/2/3/4/")

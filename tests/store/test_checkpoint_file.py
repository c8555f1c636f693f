"""The kept file: lines are added whole and in order, and what a crash cut short hides nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edge.store.checkpoint_file import CheckpointFileProblem, add_missing, last_token, read_tokens


def number_of(line: str) -> int | None:
    return int(line[1:]) if line[:1] == "c" and line[1:].isdigit() else None


def tokens_after(number: int, reached: int = 3) -> list[str]:
    return [f"c{one}" for one in range(number + 1, reached + 1)]


def add(path: Path, reached: int) -> int:
    return add_missing(path, number_of, lambda number: tokens_after(number, reached))


def is_one(line: str) -> bool:
    return number_of(line) is not None


def lines(path: Path) -> list[str]:
    return [line for _, line in read_tokens(path)]


def test_a_new_file_gets_everything_and_later_only_what_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "kept"
    assert [add(path, 3), add(path, 3), add(path, 5)] == [3, 0, 2]
    assert lines(path) == ["c1", "c2", "c3", "c4", "c5"]


def test_a_line_that_was_cut_short_is_passed_over_and_written_again(tmp_path: Path) -> None:
    path = tmp_path / "kept"
    path.write_text("c1\nc")
    assert last_token(path, is_one) == "c1"
    assert lines(path) == ["c1"]
    assert add(path, 2) == 1
    assert path.read_text() == "c1\nc\nc2\n"
    assert last_token(path, is_one) == "c2"


def test_what_is_no_checkpoint_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "kept"
    path.write_bytes(b"c1\nc2\n\n\xff\xfe\nnonsense\n")
    assert last_token(path, is_one) == "c2"
    assert add(path, 3) == 1
    assert lines(path)[-1] == "c3"


@pytest.mark.parametrize("content", ["", "c1", "\n\n", "x\n"])
def test_a_file_without_a_checkpoint_has_no_last_one(tmp_path: Path, content: str) -> None:
    path = tmp_path / "kept"
    path.write_text(content)
    assert last_token(path, is_one) is None
    assert last_token(tmp_path / "missing", is_one) is None


def test_long_lines_are_read_from_the_end_whole(tmp_path: Path) -> None:
    path = tmp_path / "kept"
    first, second = "a" * 200_000, "b" * 300_000
    path.write_text(f"{first}\n{second}\nnonsense\n")
    assert last_token(path, lambda line: line[:1] == "b") == second
    assert last_token(path, lambda line: line[:1] == "a") == first


def test_processes_that_add_at_once_add_each_line_once(tmp_path: Path) -> None:
    path = tmp_path / "kept"
    with ThreadPoolExecutor(8) as nodes:
        added = list(nodes.map(lambda reached: add(path, reached), range(1, 17)))
    assert sum(added) == 16
    assert lines(path) == [f"c{number}" for number in range(1, 17)]


def test_a_file_that_cannot_be_used_is_named_with_the_setting(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CheckpointFileProblem, match="FAREBOX_CHECKPOINT_FILE"):
        add(tmp_path / "file" / "kept", 1)
    with pytest.raises(CheckpointFileProblem, match="missing"):
        list(read_tokens(tmp_path / "missing"))

"""Where a page goes: whole, or not at all."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from edge.client.page_file import CannotWrite, PageFile, PagePrint


def test_a_file_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    place = tmp_path / "page.html"
    sink = PageFile(place)
    sink.restart()
    sink.write(b"half")
    assert not place.exists()
    sink.restart()
    sink.write(b"whole")
    sink.finish()
    sink.close()
    assert place.read_bytes() == b"whole"
    assert list(tmp_path.iterdir()) == [place]


def test_an_older_file_stays_when_the_new_one_does_not_come(tmp_path: Path) -> None:
    place = tmp_path / "page.html"
    place.write_bytes(b"yesterday")
    sink = PageFile(place)
    sink.restart()
    sink.write(b"half")
    sink.close()
    assert place.read_bytes() == b"yesterday"
    assert list(tmp_path.iterdir()) == [place]


def test_a_place_that_cannot_be_written_is_said_before_anything_is_bought(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "missing" / "page.html"):
        with pytest.raises(CannotWrite):
            PageFile(place)


def test_a_device_is_written_to_directly() -> None:
    sink = PageFile(Path(os.devnull))
    sink.restart()
    sink.write(b"page")
    sink.finish()
    sink.close()
    assert Path(os.devnull).is_char_device()


def test_a_printed_page_is_printed_whole_and_once() -> None:
    stream = io.BytesIO()
    sink = PagePrint(stream)
    sink.restart()
    sink.write(b"a longer half")
    assert stream.getvalue() == b""
    sink.restart()
    sink.write(b"whole")
    sink.finish()
    sink.close()
    assert stream.getvalue() == b"whole"


def test_nothing_is_printed_when_nothing_came_whole() -> None:
    stream = io.BytesIO()
    sink = PagePrint(stream)
    sink.restart()
    sink.write(b"half")
    sink.close()
    assert stream.getvalue() == b""

"""From bytes to lines: the format is found out, packed logs are unpacked, and nothing grows without bound."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

import pytest

from edge.core.access_log import LogFormat, LogLine
from edge.core.log_reading import BAD_SHOWN, LINE_BYTES_MAX, Readings, UnreadableLog, read_log

LINE = b'203.0.113.9 - - [10/Oct/2026:13:55:36 +0000] "GET /%d HTTP/1.1" 200 1 "-" "GPTBot/1.2"\n'
LOG = b"".join(LINE % number for number in range(500))


def read(log: bytes, size: int = 1000, limit: int | None = None) -> tuple[list[LogLine], Readings]:
    readings = Readings()
    chunks: Iterator[bytes] = (log[at : at + size] for at in range(0, len(log), size))
    return [line for block in read_log(chunks, readings, limit) for line in block], readings


@pytest.mark.parametrize("size", [1, 7, 1000, 10**6])
def test_lines_are_the_same_however_the_bytes_arrive(size: int) -> None:
    lines, readings = read(LOG if size > 1 else LOG[:2000], size)
    assert [line.target for line in lines] == [f"/{number}" for number in range(len(lines))]
    assert (readings.format, readings.bad_lines - (size == 1)) == (LogFormat.COMBINED, 0)


@pytest.mark.parametrize(
    ("first", "form"),
    [
        (LINE % 1, LogFormat.COMBINED),
        (b"news.example:443 " + LINE % 1, LogFormat.VHOST),
        (b'203.0.113.9 - ann [10/Oct/2026:13:55:36 +0000] "GET / HTTP/1.1" 200 1\n', LogFormat.COMMON),
        (b'{"ts":1.7e9,"request":{"method":"GET","uri":"/"},"status":200}\n', LogFormat.CADDY),
        (b'{"time":1.7e9,"method":"GET","path":"/","status":200}\n', LogFormat.JSON),
        (b"#Fields: date time sc-status cs-method\n2026-10-10\t13:55:36\t200\tGET\n", LogFormat.CLOUDFRONT),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_format_is_found_out(first: bytes, form: LogFormat) -> None:
    lines, readings = read(first * 3)
    assert readings.format is form
    assert len(lines) == 3


def test_a_packed_log_is_told_by_its_bytes_and_its_members_follow_one_another() -> None:
    packed = gzip.compress(LOG[: len(LOG) // 2]) + gzip.compress(LOG[len(LOG) // 2 :])
    lines, readings = read(packed, 37)
    assert (len(lines), readings.cut_short) == (500, None)


def test_a_packed_log_that_breaks_off_is_read_as_far_as_it_goes() -> None:
    packed = gzip.compress(LOG)
    lines, readings = read(packed[: len(packed) // 2])
    assert 0 < len(lines) < 500
    assert "ends in the middle" in (readings.cut_short or "")
    damaged = gzip.compress(LOG) + b"\x1f\x8b\x08\xff broken"
    lines, readings = read(damaged, 10**6)
    assert len(lines) == 500
    assert "damaged" in (readings.cut_short or "")


def test_what_unpacks_to_very_much_is_stopped() -> None:
    lines, readings = read(gzip.compress(LOG * 200), limit=1 << 20)
    assert 0 < len(lines) < 500 * 200
    assert "1,048,576" in (readings.cut_short or "")


def test_a_line_without_an_end_is_not_kept_in_memory() -> None:
    lines, readings = read(LOG + b"x" * (40 * LINE_BYTES_MAX) + b"\n" + LOG, 10_000)
    assert (len(lines), readings.bad_lines) == (1000, 1)


def test_bad_lines_are_counted_and_the_first_are_shown_harmlessly() -> None:
    lines, readings = read(LOG + b"\x1b[31mno\n" * 10 + b"\n\n" + LOG)
    assert (len(lines), readings.bad_lines, len(readings.bad_samples)) == (1000, 10, BAD_SHOWN)
    assert all(line.isprintable() for line in readings.bad_samples)


@pytest.mark.parametrize(
    ("log", "hint"),
    [
        (b"hello\n" * 10, "no line of this can be read"),
        (b"PK\x03\x04 zip", "packed with zip"),
        (b"\x28\xb5\x2f\xfd zstd", "packed with zstd"),
        (b"\x1f\x8b\x08 nothing that unpacks", "pack it again"),
        (b"\x89PNG\r\n\x00\x00\x00", "no text"),
    ],
)
def test_what_is_no_log_is_refused_with_what_would_be(log: bytes, hint: str) -> None:
    with pytest.raises(UnreadableLog, match=hint):
        read(log)


def test_an_empty_log_is_no_mistake() -> None:
    assert read(b"") == ([], Readings())

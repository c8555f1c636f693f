"""From the bytes of a log to its lines: unpacked, told apart by their first lines, a block at a time.

Rules of this file
- Memory is bounded: a block is at most ``BLOCK_BYTES`` of lines, whatever the log holds; a longer line is cut off and
  counts as one that cannot be read.
- What a packed log unpacks to is bounded as well, because a few kilobytes can unpack to any number of them.
- A line that cannot be read is counted, and the first few are shown; it never ends the reading.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from edge.core.access_log import LogFormat, LogLine, ReadLine, read_cloudfront, read_combined, read_common, read_vhost
from edge.core.access_log_json import read_caddy, read_json
from edge.core.errors import EdgeError
from edge.core.plain_text import plain

BLOCK_BYTES = 1 << 20
LINE_BYTES_MAX = 1 << 16
LINES_TRIED = 100
BAD_SHOWN = 3
BAD_CHARACTERS = 200

READERS: dict[LogFormat, Callable[[], ReadLine]] = {
    LogFormat.CLOUDFRONT: read_cloudfront,
    LogFormat.VHOST: read_vhost,
    LogFormat.COMBINED: read_combined,
    LogFormat.COMMON: read_common,
    LogFormat.CADDY: read_caddy,
    LogFormat.JSON: read_json,
}
"""In the order in which they are tried: of two that read as many lines the first is taken."""

_GZIP = b"\x1f\x8b"
_OTHER_PACKERS = {b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"PK\x03\x04": "zip"}


class UnreadableLog(EdgeError, ValueError):
    """A file that is no log we can read; the message says what would be."""


@dataclass(slots=True)
class Readings:
    """What has been read so far: the format, and what could not be read. ``asked`` is the format that was named."""

    asked: LogFormat = LogFormat.AUTO
    format: LogFormat = LogFormat.AUTO
    lines: int = 0
    bad_lines: int = 0
    bad_samples: list[str] = field(default_factory=list)
    cut_short: str | None = None
    """Why the log was not read to its end, in one sentence."""

    def note_bad(self, line: str) -> None:
        """Count a line that cannot be read."""
        self.bad_lines += 1
        if len(self.bad_samples) < BAD_SHOWN:
            self.bad_samples.append(plain(line, BAD_CHARACTERS))


def read_log(
    chunks: Iterable[bytes], readings: Readings, unpacked_bytes_max: int | None = None
) -> Iterator[list[LogLine]]:
    """Give the lines of a log, a block at a time; ``readings`` is filled on the way.

    With ``auto`` the format is found out. Raises ``UnreadableLog`` when no reader fits. Several logs can be read one
    after the other into the same readings.
    """
    read: ReadLine | None = None
    for block in _blocks(_unpacked(chunks, readings), readings, unpacked_bytes_max):
        if read is None:
            readings.format = detect(block) if readings.asked is LogFormat.AUTO else readings.asked
            read = READERS[readings.format]()
        yield _read_block(block, read, readings)


def detect(lines: Sequence[str]) -> LogFormat:
    """The format that reads most of the first lines; raises ``UnreadableLog`` when none reads any."""
    sample = [line for line in lines if line.strip()][:LINES_TRIED]
    scores = {known: sum(map(_reads(make()), sample)) for known, make in READERS.items()}
    best = max(scores, key=lambda known: scores[known])  # the first of those that read as many
    if scores[best] == 0:
        message = (
            "no line of this can be read as an access log; farebox reads common, combined and vhost_combined logs "
            "(nginx, Apache), Caddy's JSON, CloudFront's standard logs, and JSON with one request a line"
        )
        raise UnreadableLog(message)
    return best


def _reads(read: ReadLine) -> Callable[[str], bool]:
    return lambda line: read(line) is not None


def _read_block(lines: Iterable[str], read: ReadLine, readings: Readings) -> list[LogLine]:
    found: list[LogLine] = []
    for line in lines:
        one = read(line)
        if one is not None:
            found.append(one)
        elif line and not line.startswith("#") and not line.isspace():
            readings.note_bad(line)
    readings.lines += len(found)
    return found


def _blocks(chunks: Iterable[bytes], readings: Readings, limit: int | None) -> Iterator[list[str]]:
    """The text's whole lines, a chunk's at a time."""
    rest, seen, too_long = b"", 0, False
    for chunk in chunks:
        seen += len(chunk)
        if limit is not None and seen > limit:
            readings.cut_short = f"Only the first {limit:,} bytes were read; the log is longer when it is unpacked."
            break
        *whole, rest = (rest + chunk).split(b"\n")
        if too_long and whole:
            whole, too_long = whole[1:], False
        if len(rest) > LINE_BYTES_MAX:
            if not too_long:
                readings.note_bad(rest[:BAD_CHARACTERS].decode("latin-1"))
            rest, too_long = b"", True
        if whole:
            yield [line.decode("latin-1") for line in whole if len(line) <= LINE_BYTES_MAX]
    if rest and not too_long:
        yield [rest.decode("latin-1")]


def _unpacked(chunks: Iterable[bytes], readings: Readings) -> Iterator[bytes]:
    """The bytes of the log itself, in chunks of bounded size; raises ``UnreadableLog``."""
    waiting = iter(chunks)
    first = b""
    while len(first) < 8 and (chunk := next(waiting, None)) is not None:
        first += chunk
    for magic, name in _OTHER_PACKERS.items():
        if first.startswith(magic):
            raise UnreadableLog(f"this file is packed with {name}; unpack it first, or pack it with gzip")
    if first.startswith(_GZIP):
        yield from _gunzipped(first, waiting, readings)
        return
    if b"\0" in first:
        raise UnreadableLog("this file holds bytes that are no text; give an access log, plain or packed with gzip")
    yield first
    yield from waiting


def _gunzipped(first: bytes, more: Iterator[bytes], readings: Readings) -> Iterator[bytes]:
    """RFC 1952: any number of members, one behind the other."""
    unpack, packed, is_first, begun = zlib.decompressobj(31), first, True, False
    while packed or (packed := next(more, b"")):
        try:
            text = unpack.decompress(packed, BLOCK_BYTES)
        except zlib.error as why:
            if is_first:
                raise UnreadableLog("this file begins like gzip and cannot be unpacked; pack it again") from why
            readings.cut_short = "The packed file is damaged; what stands before the damage was read."
            return
        is_first, begun = False, not unpack.eof
        if text:
            yield text
        packed = unpack.unconsumed_tail
        if unpack.eof:
            packed, unpack = unpack.unused_data.lstrip(b"\0"), zlib.decompressobj(31)
    if begun:
        yield unpack.flush()
        readings.cut_short = "The packed file ends in the middle; what is there was read."

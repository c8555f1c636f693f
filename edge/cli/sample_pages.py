"""What the sample origin serves: an article, an image, large files, and everything that can go wrong with an answer.

All of it is made here, so that nothing is read from disk and the same address always gives the same bytes.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from html import escape

LARGE_BYTES = 4 * 1024 * 1024
CHUNK_BYTES = 64 * 1024
STYLE = "body{font:18px/1.5 Georgia,serif;max-width:38em;margin:3em auto;padding:0 1em}"


@dataclass(frozen=True, slots=True)
class Page:
    """One answer, whole.

    ``sent_bytes`` below the body's length makes a truncated answer: the full length is announced, then the connection
    is cut. ``chunked`` announces no length. ``delay_seconds`` passes before the first byte.
    """

    body: bytes
    content_type: str = "text/html; charset=utf-8"
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    chunked: bool = False
    sent_bytes: int | None = None
    delay_seconds: float = 0.0
    etag: str = field(default="", compare=False)


@cache
def sample_pages() -> dict[str, Page]:
    """Every address that is served, by its path."""
    article = _html("The tide tables", _paragraphs(40))
    large = _noise(LARGE_BYTES)
    pages = {
        "/": _html("A small newspaper", _links()),
        "/articles/tides": article,
        "/articles/lighthouse": _html("The lighthouse keeper's log", _paragraphs(12)),
        "/images/chart.png": Page(_png(320, 200), "image/png"),
        "/files/archive.bin": Page(large, "application/octet-stream"),
        "/files/stream.bin": Page(large, "application/octet-stream", chunked=True),
        "/moved": Page(b"", status=301, headers=(("location", "/articles/tides"),)),
        "/error": _html("Something broke here", "<p>The press is jammed.</p>", status=500),
        "/truncated": Page(article.body, sent_bytes=len(article.body) // 2),
        "/truncated.bin": Page(large, "application/octet-stream", sent_bytes=LARGE_BYTES // 2),
        "/slow": Page(article.body, delay_seconds=3.0),
        "/robots.txt": Page(b"User-agent: *\nAllow: /\n", "text/plain"),
    }
    return {path: _with_etag(page) for path, page in pages.items()}


def not_found(path: str) -> Page:
    """The answer for every other address."""
    return _html("Not found", f"<p>There is nothing at {escape(path[:200])}.</p>", status=404)


def _html(title: str, content: str, status: int = 200) -> Page:
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{STYLE}</style>'
    return Page(f"{head}<h1>{title}</h1>\n{content}\n</html>\n".encode(), status=status)


def _with_etag(page: Page) -> Page:
    if page.status != 200 or page.sent_bytes is not None:
        return page
    etag = f'"{sha256(page.body).hexdigest()[:16]}"'
    return Page(
        page.body,
        page.content_type,
        headers=(*page.headers, ("etag", etag), ("cache-control", "public, max-age=60")),
        chunked=page.chunked,
        delay_seconds=page.delay_seconds,
        etag=etag,
    )


def _links() -> str:
    paths = ("/articles/tides", "/articles/lighthouse", "/images/chart.png", "/files/archive.bin", "/moved", "/slow")
    return "<ul>" + "".join(f'<li><a href="{path}">{path}</a></li>' for path in paths) + "</ul>"


def _paragraphs(count: int) -> str:
    sentence = (
        "The harbour wakes before the town does, and the tables on its wall are read by people "
        "who could say them by heart, because the sea has never yet been late for anyone."
    )
    return "\n".join(f"<p>{number}. {sentence} {sentence}</p>" for number in range(1, count + 1))


def _noise(length: int) -> bytes:
    """Bytes that do not compress, so that no hop can make a large answer small."""
    block = b"".join(sha256(number.to_bytes(4, "big")).digest() for number in range(2048))
    return (block * (length // len(block) + 1))[:length]


def _png(width: int, height: int) -> bytes:
    """A small chart as an RGB image (PNG specification, section 5)."""
    rows = bytearray()
    for y in range(height):
        rows.append(0)  # filter type of the row: none
        for x in range(width):
            filled = height - y < 20 + (x * 7919 % 97) + x // 4
            rows += b"\x1f\x5f\x8b" if filled and x % 16 < 12 else b"\xf6\xf3\xec"
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(rows), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_png_part(kind, data) for kind, data in parts)


def _png_part(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

"""The page that everybody serves or fetches: 14 KB of HTML, the same bytes for every target."""

from __future__ import annotations

PAGE_BYTES = 14 * 1024
_HEAD = b"<!doctype html>\n<html lang=en><head><meta charset=utf-8><title>A page</title></head>\n<body>\n"
_LINE = b"<p>Words that somebody wrote and that a crawler would like to read, one paragraph after another.</p>\n"
_TAIL = b"</body></html>\n"


def page() -> bytes:
    """Return the page, exactly ``PAGE_BYTES`` long."""
    room = PAGE_BYTES - len(_HEAD) - len(_TAIL)
    text = (_LINE * (room // len(_LINE) + 1))[: room - 1] + b"\n"
    return _HEAD + text + _TAIL

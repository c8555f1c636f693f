"""Text that strangers made, fit for one line of a document: nothing invisible, nothing that turns the line around.

Names of crawlers, publishers, rules and pages can hold line breaks, terminal codes, right-to-left marks that reorder
what follows, or ten thousand characters. What cannot be seen is written as its code point; what is cut says so.

Source: Unicode Technical Report 36, section 2.5 (bidirectional text spoofing).
"""

from __future__ import annotations

CUT = "…"


def plain(text: str, length_max: int = 200) -> str:
    """Return the text on one line and at most ``length_max`` characters long."""
    if not text.isprintable():
        text = "".join(sign if sign.isprintable() else f"\\u{{{ord(sign):x}}}" for sign in text[: length_max + 1])
    return text if len(text) <= length_max else text[: length_max - 1] + CUT

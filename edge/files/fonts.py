"""The letters of PDF files: fonts from wheels, with their licences, never from the machine.

Noto Sans has figures of one width; FiraGO adds Arabic, Hebrew, Thai, Georgian and Devanagari; Noto Sans CJK Chinese,
Japanese and Korean, loaded only for a document that has such letters. What none of them has is written as its code
point. All are under the SIL Open Font License 1.1 (distributions ``pymupdf-fonts`` and ``noto-cjk-sans-jp-regular``).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edge.core.plain_text import plain
from edge.files.needed import library

MAIN, WIDE, CJK = "noto", "firago", "cjk"
_PURPOSE = "a PDF file"
_FACES = ((MAIN, "", "notos"), (MAIN, "B", "notosbo"), (WIDE, "", "figo"), (WIDE, "B", "figbo"))
_NEEDS_SHAPING_FROM = 0x0590
"""From Hebrew on, letters are set from the right, joined or stacked; below it each stands for itself."""


class Letters:
    """The fonts of one document and what it writes with them."""

    def __init__(self, pdf: Any, scratch: Path, texts: Iterable[str]) -> None:
        shelf = library("pymupdf_fonts", _PURPOSE).fontbuffers
        for family, style, name in _FACES:
            path = scratch / f"{name}.ttf"
            path.write_bytes(shelf[name]())
            pdf.add_font(family, style, path)
        self._pdf = pdf
        self._known = _signs(pdf, f"{MAIN}") | _signs(pdf, f"{WIDE}")
        fallback = [WIDE]
        if any(not self._known.issuperset(map(ord, text)) for text in texts):
            bundle = library("noto_cjk_sans_jp_regular", _PURPOSE)
            pdf.add_font(CJK, "", Path(str(bundle.FONT_PATH)))
            self._known |= _signs(pdf, CJK)
            fallback.append(CJK)
        pdf.set_fallback_fonts(fallback, exact_match=False)

    def shown(self, text: str, length_max: int = 200) -> str:
        """The text on one line, with nothing that these fonts cannot show."""
        text = plain(text, length_max)
        if self._known.issuperset(map(ord, text)):
            return text
        return "".join(sign if ord(sign) in self._known else f"\\u{{{ord(sign):x}}}" for sign in text)

    def shape(self, text: str) -> None:
        """Turn shaping on for a text that needs it: it costs time, and most lines do not."""
        needed = any(ord(sign) >= _NEEDS_SHAPING_FROM for sign in text)
        self._pdf.set_text_shaping(use_shaping_engine=needed)


@contextmanager
def quiet_subsetting() -> Iterator[None]:
    """Keep the font library's notices off the terminal: it says which tables a smaller font does not need."""
    speaker = logging.getLogger("fontTools.subset")
    level = speaker.level
    speaker.setLevel(logging.ERROR)
    try:
        yield
    finally:
        speaker.setLevel(level)


def _signs(pdf: Any, font: str) -> set[int]:
    return set(pdf.fonts[font].cmap)

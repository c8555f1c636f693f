"""What careless web servers make of an address: which page they would serve for a spelling of it.

Each trait is a habit of some real server; a reading applies some of them. Used to prove that no spelling of a
dear page is sold at a cheap price.
"""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from urllib.parse import unquote_to_bytes


@dataclass(frozen=True)
class Habits:
    """How one server reads a path."""

    decodes: int = 1  # times percent-encoding is undone
    backslash_is_slash: bool = True  # IIS
    strips_parameters: bool = True  # Tomcat: ";jsessionid=1"
    merges_slashes: bool = True  # nginx
    resolves_dots: bool = True
    trims_ends: bool = True  # Windows file names: trailing dots and spaces
    folds_case: bool = True  # IIS, macOS
    folds_unicode: bool = True  # HFS+, "best fit" code pages
    ignores_last_slash: bool = True  # Express
    stops_at_nul: bool = True  # C strings
    strips_streams: bool = True  # NTFS: "::$DATA"


STRICT = Habits(1, False, False, False, True, False, False, False, False, False, False)


def page(path: str, habits: Habits) -> str:
    """The page that a server of these habits serves for the raw ``path``."""
    text = path
    if habits.strips_parameters:
        text = re.sub(r";[^/]*", "", text)
    for _ in range(habits.decodes):
        text = unquote_to_bytes(text.encode("utf-8", "surrogateescape")).decode("utf-8", "replace")
    if habits.stops_at_nul:
        text = text.partition("\0")[0]
    if habits.folds_unicode:
        text = unicodedata.normalize("NFKC", text)
    if habits.folds_case:
        text = text.casefold()
    if habits.backslash_is_slash:
        text = text.replace("\\", "/")
    if habits.strips_parameters:
        text = re.sub(r";[^/]*", "", text)
    if habits.strips_streams:
        text = re.sub(r"::\$[^/]*", "", text)
    return _path(text, habits)


def readings(path: str, rng: random.Random) -> Iterator[str]:
    """The page under the strictest habits, the loosest, and a random mix, with one and two decodings."""
    yield page(path, STRICT)
    for decodes in (1, 2):
        yield page(path, Habits(decodes))
        mixed = {name: rng.random() < 0.5 for name in Habits.__dataclass_fields__ if name != "decodes"}
        yield page(path, replace(Habits(decodes), **mixed))


def _path(text: str, habits: Habits) -> str:
    segments: list[str] = []
    for segment in text.split("/")[1:]:
        name = segment
        if habits.trims_ends and name not in (".", ".."):
            name = name.strip().rstrip(". ")
        if habits.resolves_dots and name == "..":
            segments = segments[:-1]
        elif not (habits.resolves_dots and name == ".") and not (habits.merges_slashes and not name):
            segments.append(name)
    joined = "/" + "/".join(segments)
    if not habits.ignores_last_slash and text.endswith("/") and not joined.endswith("/"):
        joined += "/"
    return joined

"""A path as steps down a tree of a site's parts: ``/articles/opinion/x`` is ``articles/``, ``opinion/``, ``x``. Pure.

A step ends with a slash where more lies below it. What lies deeper than ``LEVELS_MAX`` is counted at the last step, and
a step longer than ``STEP_CHARACTERS_MAX`` is not told apart from its like.
"""

from __future__ import annotations

import re

LEVELS_MAX = 4
STEP_CHARACTERS_MAX = 80
_SEGMENT = re.compile("[^/]*/|[^/]+")
OTHERS = ""
"""The step that stands for all that are not told apart."""


def steps(path: str) -> list[tuple[str, str]]:
    """Each step of a canonical path with the part that it lies in, from the top: ``("/", "articles/")`` first.

    The top itself, ``/``, is a page like others: its step is ``/``.
    """
    segments = _SEGMENT.findall(path, 1)
    if not segments:
        return [("/", "/")]
    found = []
    parent = "/"
    for segment in segments[:LEVELS_MAX]:
        if len(segment) > STEP_CHARACTERS_MAX:
            found.append((parent, OTHERS))
            break
        found.append((parent, segment))
        parent += segment
    return found


def child_of(path: str, under: str) -> str | None:
    """The step of ``path`` below ``under``, a part as ``is_part`` says; None where it does not lie there.

    The same as looking for it among the ``steps``, which a test holds, and ten times as fast.
    """
    if not path.startswith(under):
        return None
    found = _SEGMENT.match(path, len(under))
    if found is None:
        return "/" if path == under == "/" else None
    return found[0] if len(found[0]) <= STEP_CHARACTERS_MAX else OTHERS


def is_part(text: str) -> bool:
    """Whether a text names a part of a site: a path that ends with a slash, as ``steps`` makes them."""
    if not text.startswith("/") or not text.endswith("/"):
        return False
    return text == "/" or (len(text[1:-1].split("/")) < LEVELS_MAX and all(text[1:-1].split("/")))

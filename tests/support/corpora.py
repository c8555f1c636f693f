"""The hostile and conformance inputs under `tests/proxy/corpora`; its README says where they come from."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent.parent / "proxy" / "corpora"


@dataclass(frozen=True)
class Case:
    """One raw message. ``error`` is what its source says of a strict parser; None where it does not say."""

    name: str
    raw: bytes
    error: bool | None


def cases(file: str) -> list[Case]:
    """The cases of one file."""
    return [
        Case(entry["id"], entry["raw"].encode("latin-1"), entry.get("error", entry["id"].startswith("invalid/")))
        for entry in _load(file)
    ]


def fragments(file: str) -> list[bytes]:
    """The cases of a file that holds bare texts."""
    return [entry.encode("latin-1") for entry in _load(file)]


def addressed_to(host: str, raw: bytes) -> bytes:
    """The same request for this host, so that it is judged by its other parts."""
    line = b"Host: " + host.encode()
    head, end, rest = raw.partition(b"\r\n\r\n")
    head, found = re.subn(rb"(?im)^host:[^\r\n]*", line, head)
    if not found:
        first, mark, lines = head.partition(b"\r\n")
        head = first + b"\r\n" + line + mark + lines
    return head + end + rest


def _load(file: str) -> list[Any]:
    entries = json.loads((_FOLDER / f"{file}.json").read_text())["cases"]
    assert isinstance(entries, list)
    return entries

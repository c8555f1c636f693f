"""Where a run puts its pages, and knows them again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Any

import orjson

from edge.client.amounts_shown import amount
from edge.client.page_file import CannotWrite
from edge.core.money import Money


class Folder:
    """The pages of a run, and ``index.jsonl``: a line for each, once its file is on the disk. A context manager.

    Raises ``CannotWrite`` before anything is bought, or on a full disk.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._turn = Lock()
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._index = (path / "index.jsonl").open("ab")
        except OSError as why:
            raise CannotWrite(f"{path} cannot be written ({why.strerror}); give another folder to --out.") from why
        self.had = {line["url"] for line in self._lines() if line.get("file")}

    def __enter__(self) -> Folder:
        return self

    def __exit__(self, *error: object) -> None:
        self._index.close()

    def _lines(self) -> Iterator[dict[str, Any]]:
        """What is in the index; a line that a crash cut off is none."""
        for line in (self.path / "index.jsonl").read_bytes().splitlines():
            try:
                found = orjson.loads(line)
            except orjson.JSONDecodeError:
                continue
            if isinstance(found, dict) and "url" in found:
                yield found

    def keep(self, url: str, content: bytes, charged: Money | None, charge_id: str | None) -> None:
        """Write a page, then its line: a page is in the index when it is whole."""
        name = sha256(url.encode()).hexdigest()[:32]
        draft = self.path / f".{name}.part"
        try:
            with draft.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self.path / name)
        except OSError as why:
            raise CannotWrite(f"{self.path / name} cannot be written ({why.strerror}).") from why
        self.note({"url": url, "file": name, "charged": amount(charged), "charge_id": charge_id})

    def note(self, values: dict[str, Any]) -> None:
        """One line of the index, on the disk when this returns."""
        with self._turn:
            self._index.write(orjson.dumps(values, option=orjson.OPT_APPEND_NEWLINE))
            self._index.flush()
            os.fsync(self._index.fileno())

"""What a check of the books can find, and what a row must hold to be checked at all.

SQLite keeps a text where a number is declared, and a number where a text is: whoever changes its file by hand can
leave anything in a column. PostgreSQL cannot.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Boolean, Column, Integer, LargeBinary, String


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: which promise is broken, where, and how."""

    invariant: str
    place: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.invariant}: {self.place}: {self.sentence}"


class RowTypes:
    """Says what is wrong with the types in a row of these columns; rows of a shape that was seen before cost little."""

    __slots__ = ("_allowed", "_names", "_seen")

    def __init__(self, columns: Iterable[Column[Any]]) -> None:
        named = {column.name: _allowed(column) for column in columns}
        self._names, self._allowed = list(named), list(named.values())
        self._seen: set[tuple[type, ...]] = set()

    def fault(self, row: Sequence[object]) -> str | None:
        """The first column that holds what it cannot, in words; None for a row as it should be."""
        shape = tuple(map(type, row))
        if shape in self._seen:
            return None
        for name, kind, allowed in zip(self._names, shape, self._allowed, strict=True):
            if kind not in allowed:
                return f"{name} holds a {kind.__name__}, which cannot be there"
        self._seen.add(shape)
        return None


def _allowed(column: Column[Any]) -> tuple[type, ...]:
    kinds = ((Boolean, bool), (Integer, int), (LargeBinary, bytes), (String, str))
    kind: type = next(kind for declared, kind in kinds if isinstance(column.type, declared))
    return (kind, type(None)) if column.nullable else (kind,)

"""``per_request``: values of one request, frozen to the type checker and cheap to the interpreter.

A frozen dataclass sets each field through ``object.__setattr__``, at five times the cost of a plain one, and a paid
request sets about seventy. So the steps that an answer takes are plain, slotted dataclasses at run time, and
``dataclass_transform`` has mypy refuse every assignment to them, in the package and in its tests. What is kept, and the
request itself, stays ``@dataclass(frozen=True, slots=True)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True)
def per_request(kind: type[T]) -> type[T]:
    """Make a slotted dataclass with equality and hash by content, which nobody changes."""
    return dataclass(slots=True, unsafe_hash=True)(kind)

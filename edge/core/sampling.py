"""Keep an even sample of what passes, at the cost of a comparison for what is not kept. Pure.

Algorithm L: Kim-Hung Li, "Reservoir-sampling algorithms of time complexity O(n(1 + log(N/n)))", ACM TOMS 20 (1994):
instead of a draw for everything that passes, one draw says how much to pass over.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Sample(Generic[T]):
    """Up to ``room`` of all that passed, each of them with the same chance. ``draw`` gives a number from [0, 1)."""

    __slots__ = ("_draw", "_next", "_room", "_weight", "kept", "passed")

    def __init__(self, room: int, draw: Callable[[], float]) -> None:
        self.kept: list[T] = []
        self.passed = 0
        self._room = room
        self._draw = draw
        self._weight = 1.0
        self._next = 1 if room else math.inf

    def wants_next(self) -> bool:
        """Count one more that passes; whether it is to be kept, and then ``keep`` must follow."""
        self.passed += 1
        return self.passed >= self._next

    def keep(self, what: T) -> None:
        """Keep what ``wants_next`` asked for, in place of another when there is no room."""
        if len(self.kept) < self._room:
            self.kept.append(what)
            if len(self.kept) < self._room:
                self._next = self.passed + 1
                return
        else:
            self.kept[int(self._draw() * self._room)] = what
        self._pass_over()

    def _pass_over(self) -> None:
        # 1 - draw() is never 0, of which there is no logarithm.
        self._weight *= math.exp(math.log(1.0 - self._draw()) / self._room)
        # For a weight so small that 1 - weight is 1, nothing more is kept.
        skip = math.log1p(-self._weight) if self._weight < 1.0 else -math.inf
        self._next = math.inf if skip == 0.0 else self.passed + math.floor(math.log(1.0 - self._draw()) / skip) + 1


def stands_for(passed: int, kept: int) -> list[int]:
    """How many each of the kept stands for: whole numbers as equal as can be, whose sum is ``passed``."""
    if not kept:
        return []
    each, more = divmod(passed, kept)
    return [each + (number < more) for number in range(kept)]

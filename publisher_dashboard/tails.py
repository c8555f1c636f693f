"""How many lists are followed live at once, in this process: a bound for all and for each person.

A list that is followed costs one small read every other second and no thread in between.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

IN_ALL_MAX = 100
PER_PERSON_MAX = 4
LIFE_SECONDS = 45.0
LOOK_SECONDS = 1.5


class Tails:
    """The places there are, how long one is kept and how often it looks, in seconds."""

    def __init__(
        self,
        in_all_max: int = IN_ALL_MAX,
        per_person_max: int = PER_PERSON_MAX,
        *,
        life_seconds: float = LIFE_SECONDS,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self.life_seconds = life_seconds
        self.look_seconds = look_seconds
        self._in_all_max = in_all_max
        self._per_person_max = per_person_max
        self._open = Counter[int]()
        self._lock = Lock()

    @property
    def in_use(self) -> int:
        """How many are taken now."""
        return self._open.total()

    @contextmanager
    def place(self, person_id: int) -> Iterator[bool]:
        """Take a place for as long as the block lasts; False when there is none."""
        with self._lock:
            is_free = self._open.total() < self._in_all_max and self._open[person_id] < self._per_person_max
            self._open[person_id] += is_free
        try:
            yield is_free
        finally:
            with self._lock:
                self._open[person_id] -= is_free
                if not self._open[person_id]:
                    del self._open[person_id]

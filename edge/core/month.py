"""The accounting period: a calendar month in UTC, as microseconds since the epoch."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from edge.core.errors import EdgeError

_LABEL = re.compile(r"([0-9]{4})-([0-9]{2})")
_MICROS_PER_SECOND = 1_000_000


class InvalidMonth(EdgeError, ValueError):
    """A text that is not a month; the message says what would be."""


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """One month; months compare in time. Raises ``InvalidMonth``."""

    year: int
    month: int

    def __post_init__(self) -> None:
        if not (1970 <= self.year <= 9998 and 1 <= self.month <= 12):
            raise InvalidMonth(f"{self.year}-{self.month} is not a month; write it like 2026-11")

    @classmethod
    def parse(cls, text: str) -> Month:
        """Read ``2026-11``. Raises ``InvalidMonth``."""
        found = _LABEL.fullmatch(text)
        if found is None:
            raise InvalidMonth(f"{text!r} is not a month; write it like 2026-11")
        return cls(int(found[1]), int(found[2]))

    @classmethod
    def of(cls, at_micros: int) -> Month:
        """The month that contains an instant, in microseconds since the epoch."""
        moment = datetime.fromtimestamp(at_micros // _MICROS_PER_SECOND, UTC)
        return cls(moment.year, moment.month)

    @property
    def label(self) -> str:
        """The month as ``2026-11``."""
        return f"{self.year:04d}-{self.month:02d}"

    @property
    def start_micros(self) -> int:
        """The first instant of the month."""
        return int(datetime(self.year, self.month, 1, tzinfo=UTC).timestamp()) * _MICROS_PER_SECOND

    @property
    def end_micros(self) -> int:
        """The first instant after the month."""
        return self.following.start_micros

    @property
    def following(self) -> Month:
        """The next month."""
        return Month(self.year + 1, 1) if self.month == 12 else Month(self.year, self.month + 1)

"""Some days as parameters: the first, and the last one, which counts too."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import Field

from publisher_dashboard.api.problems import Code, Problem
from publisher_dashboard.api.values import Model
from publisher_dashboard.day_range import read_days

_Text = Annotated[date | None, Field(description="A day in UTC.", examples=["2026-11-20"])]


class Days(Model):
    """``from`` and ``to``, both in; without one the list has no such end."""

    from_: _Text = Field(None, alias="from")
    to: _Text = None

    def bounds(self) -> tuple[int | None, int | None]:
        """Begin and end in microseconds since the epoch, the end exclusive. Raises ``Problem``."""
        form = {"from": _text(self.from_), "to": _text(self.to)}
        errors: dict[str, str] = {}
        found = read_days(form, errors)
        if errors:
            raise Problem(Code.INVALID, fields=errors)
        return found


def _text(day: date | None) -> str:
    return "" if day is None else day.isoformat()

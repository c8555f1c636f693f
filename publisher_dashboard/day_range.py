"""Read two days from an address, such as ``from=2026-11-01&to=2026-11-15``, the last one included. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta


def read_days(form: Mapping[str, str], errors: dict[str, str]) -> tuple[int | None, int | None]:
    """Begin and end in microseconds since the epoch, the end exclusive; None where no day was written.

    What makes no sense is noted in ``errors`` under ``from`` and ``to``.
    """
    since = _day(form["from"], "from", errors)
    until = _day(form["to"], "to", errors)
    if since is not None and until is not None and since > until:
        errors["to"] = "This day is before the first one."
    return _micros(since) if since else None, _micros(until + timedelta(days=1)) if until else None


def _day(text: str, field: str, errors: dict[str, str]) -> date | None:
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        errors[field] = "Write a day like 2026-11-20."
        return None
    if not 1970 <= day.year <= 9000:
        errors[field] = "Write a day between 1970 and 9000."
        return None
    return day


def _micros(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000_000

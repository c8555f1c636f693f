"""The days that a screen is about, by a word in its address: this month, the last one, or so many days. Pure.

Rules of this file: days are whole and in UTC, today's included; each range knows the equally long one before it, so
that like is compared with like.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge.core.month import Month
from edge.store.earnings import DAY_MICROS, Period
from publisher_dashboard.rendering import at, month_name

MONTH, LAST_MONTH, LAST_WEEK = "month", "last-month", "7d"
_DAYS = {LAST_WEEK: 7, "30d": 30, "90d": 90}
CHOICES: tuple[tuple[str, str], ...] = (
    (MONTH, "This month"),
    (LAST_MONTH, "Last month"),
    (LAST_WEEK, "7 days"),
    ("30d", "30 days"),
    ("90d", "90 days"),
)


@dataclass(frozen=True, slots=True)
class Range:
    """Some days. ``days`` is how many are drawn, of which ``under_way`` (None: none) is today's, counted from 0.

    ``said`` is the range in words, ``earned`` what it calls a sum, ``against`` what ``before`` is.
    """

    key: str
    period: Period
    before: Period
    days: int
    under_way: int | None
    said: str
    earned: str
    against: str

    def day(self, number: int) -> int:
        """When the day of that number begins."""
        return self.period.since_micros + number * DAY_MICROS


def read_range(word: str, now_micros: int) -> Range:
    """The range of that word; this month for any other."""
    if word in _DAYS:
        return _last_days(word, now_micros)
    month = Month.of(now_micros)
    return _last_month(month) if word == LAST_MONTH else _this_month(month, now_micros)


def _this_month(month: Month, now_micros: int) -> Range:
    before = Month.of(month.start_micros - 1)
    elapsed = min(now_micros - month.start_micros, before.end_micros - before.start_micros)
    today = (now_micros - month.start_micros) // DAY_MICROS
    return Range(
        MONTH,
        Period(month.start_micros, now_micros + 1),
        Period(before.start_micros, before.start_micros + elapsed),
        (month.end_micros - month.start_micros) // DAY_MICROS,
        today,
        f"1 to {today + 1} {month_name(month)}" if today else f"1 {month_name(month)}",
        "Earned this month",
        f"on the same days of {at(before.start_micros):%B}",
    )


def _last_month(this: Month) -> Range:
    month = Month.of(this.start_micros - 1)
    before = Month.of(month.start_micros - 1)
    days = (month.end_micros - month.start_micros) // DAY_MICROS
    return Range(
        LAST_MONTH,
        Period(month.start_micros, month.end_micros),
        Period(before.start_micros, before.end_micros),
        days,
        None,
        f"1 to {days} {month_name(month)}",
        f"Earned in {at(month.start_micros):%B}",
        f"on {at(before.start_micros):%B}",
    )


def _last_days(word: str, now_micros: int) -> Range:
    days = _DAYS[word]
    today = now_micros - now_micros % DAY_MICROS
    since = today - (days - 1) * DAY_MICROS
    first, last = at(since), at(today)
    return Range(
        word,
        Period(since, now_micros + 1),
        Period(since - days * DAY_MICROS, now_micros + 1 - days * DAY_MICROS),
        days,
        days - 1,
        f"{first.day} {first:%B} to {last.day} {last:%B %Y}",
        f"Earned in {days} days",
        f"on the {days} days before",
    )

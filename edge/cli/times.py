"""Times as people type them: a day, an instant, how long ago, or a month."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from edge.cli.terminal import WrongUsage
from edge.core.month import InvalidMonth, Month

_AGO = re.compile(r"([0-9]{1,6})([mhdw])")
_UNIT_SECONDS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def read_time(text: str | None, now_micros: int, option: str) -> int | None:
    """Microseconds since the epoch of ``2026-11-20``, ``2026-11-20T14:00Z`` or ``7d`` (ago); None for None.

    Without an offset a time is UTC. Raises ``WrongUsage`` naming the option.
    """
    if text is None:
        return None
    ago = _AGO.fullmatch(text)
    if ago is not None:
        return now_micros - int(ago[1]) * _UNIT_SECONDS[ago[2]] * 1_000_000
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return int(moment.timestamp()) * 1_000_000 + moment.microsecond
    except (ValueError, OverflowError) as why:
        message = f"{option} {text!r} is not a time; write 2026-11-20, 2026-11-20T14:00Z or 7d (ago)"
        raise WrongUsage(message) from why


def read_month(text: str) -> Month:
    """Read a month such as ``2026-11``; raises ``WrongUsage``."""
    try:
        return Month.parse(text)
    except InvalidMonth as why:
        raise WrongUsage(str(why)) from why

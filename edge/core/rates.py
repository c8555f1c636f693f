"""How often one crawler may ask: a rate as people write it, and the buckets that hold crawlers to it.

Rules of this file
- A rate is a bucket of tokens (the count of the rate) that fills evenly over its time: a crawler may ask that often at
  once, and then as often as tokens come back.
- Buckets are kept by whoever holds a ``RateLimiter``, so a rate counts per process. They are bounded: where there is no
  room, the bucket that was used longest ago makes some, which can only be too kind.
- No clock is read here: every time is given, so that a replay of old requests is judged as they would have been.

Source of the fields: draft-ietf-httpapi-ratelimit-headers-10.
"""

from __future__ import annotations

import math
import re
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Literal

BUCKETS_MAX = 50_000
REQUESTS_MAX = 1_000_000
_ROUNDING_SECONDS = 1e-5
"""Times are floats: of two that should be equal, one may be a little later."""
SECONDS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}

RatePeriod = Literal["second", "minute", "hour", "day"]
_RATE = re.compile(r"\s*([0-9]{1,7})\s*/\s*(second|minute|hour|day)\s*")


class InvalidRate(ValueError):
    """A text that is no rate; the message says what would be."""


@dataclass(frozen=True, slots=True)
class Rate:
    """At most ``requests`` in each ``per``. Raises ``InvalidRate``."""

    requests: int
    per: RatePeriod

    def __post_init__(self) -> None:
        if not 1 <= self.requests <= REQUESTS_MAX or self.per not in SECONDS:
            raise InvalidRate(f"write a rate from 1 to {REQUESTS_MAX} a second, minute, hour or day, such as 60/minute")

    def __str__(self) -> str:
        return f"{self.requests}/{self.per}"

    @property
    def seconds(self) -> int:
        """The length of its time."""
        return SECONDS[self.per]


def parse_rate(text: str) -> Rate:
    """Read ``60/minute``. Raises ``InvalidRate``."""
    found = _RATE.fullmatch(text)
    if found is None:
        raise InvalidRate("write a rate such as 60/minute; the times are second, minute, hour and day")
    return Rate(int(found[1]), found[2])  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class RateExceeded:
    """A crawler has asked too often: its rate, and after how many whole seconds it may ask again."""

    rate: Rate
    retry_after_seconds: int

    @property
    def sentence(self) -> str:
        """The rate, in plain ASCII."""
        return f"at most {self.rate.requests} requests a {self.rate.per} for each crawler"

    @property
    def fields(self) -> tuple[tuple[str, str], ...]:
        """``RateLimit-Policy`` and ``RateLimit``: the quota, its window, nothing remaining, and when some will be."""
        quota, window = self.rate.requests, self.rate.seconds
        return (
            ("ratelimit-policy", f'"{self.rate.per}";q={quota};w={window}'),
            ("ratelimit", f'"{self.rate.per}";r=0;t={self.retry_after_seconds}'),
        )


class RateLimiter:
    """The buckets of one process; ``take`` is asked once for each request.

    A bucket is one number: the time at which it will be full again. A request moves it by the time of one token, and is
    refused when that would be more than the rate's whole time ahead (the generic cell rate algorithm, ITU-T I.371).
    """

    __slots__ = ("_full_at", "_max")

    def __init__(self, buckets_max: int = BUCKETS_MAX) -> None:
        self._full_at: OrderedDict[Hashable, float] = OrderedDict()
        self._max = buckets_max

    def take(self, who: Hashable, rate: Rate, now: float) -> RateExceeded | None:
        """Take a token of ``who`` at ``now`` (seconds since the epoch); say when to come again where there is none."""
        key = (who, rate)
        # A clock that goes back fills nothing twice.
        full_at = max(self._full_at.pop(key, now), now)
        taken = full_at + rate.seconds / rate.requests
        ahead = taken - now - rate.seconds
        passes = ahead <= _ROUNDING_SECONDS
        if len(self._full_at) >= self._max:
            self._full_at.popitem(last=False)
        self._full_at[key] = taken if passes else full_at
        return None if passes else RateExceeded(rate, max(1, math.ceil(ahead - _ROUNDING_SECONDS)))

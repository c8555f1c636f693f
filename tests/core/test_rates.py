"""How often a crawler may ask: a bucket of tokens that holds whatever the clock does, and has an end."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.rates import InvalidRate, Rate, RateExceeded, RateLimiter, parse_rate

RATES = st.builds(Rate, st.integers(1, 50), st.sampled_from(["second", "minute", "hour", "day"]))


@pytest.mark.parametrize(("text", "rate"), [("60/minute", Rate(60, "minute")), (" 1 / day ", Rate(1, "day"))])
def test_a_rate_is_read_as_people_write_it(text: str, rate: Rate) -> None:
    assert parse_rate(text) == rate
    assert parse_rate(str(rate)) == rate


@pytest.mark.parametrize(
    "text", ["", "60", "0/minute", "1/week", "1.5/hour", "-1/day", "1000001/day", "6O/minute", "٣/day"]
)
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(InvalidRate, match=r"such as 60/minute"):
        parse_rate(text)


def test_the_whole_rate_may_come_at_once_and_then_evenly() -> None:
    limiter, rate = RateLimiter(), Rate(60, "minute")
    assert [limiter.take("bot", rate, 0.0) for _ in range(60)] == [None] * 60
    assert limiter.take("bot", rate, 0.0) == RateExceeded(rate, 1)
    assert limiter.take("bot", rate, 0.5) == RateExceeded(rate, 1)
    assert limiter.take("bot", rate, 1.0) is None
    assert limiter.take("bot", rate, 1.0) is not None


def test_a_refused_request_takes_nothing_and_another_crawler_has_its_own() -> None:
    limiter, rate = RateLimiter(), Rate(1, "hour")
    assert limiter.take("bot", rate, 0.0) is None
    for second in range(3_599):
        refused = limiter.take("bot", rate, float(second))
        assert refused is not None
        assert refused.retry_after_seconds == 3_600 - second
    assert limiter.take("bot", rate, 3_600.0) is None
    assert limiter.take("other", rate, 0.0) is None


@given(RATES, st.lists(st.floats(0, 200_000), min_size=1, max_size=200))
def test_no_more_than_the_rate_and_what_came_back_ever_passes(rate: Rate, moments: list[float]) -> None:
    limiter = RateLimiter()
    passed = sum(limiter.take("bot", rate, now) is None for now in moments)
    assert passed <= rate.requests + math.ceil(max(moments) * rate.requests / rate.seconds)


@given(RATES, st.floats(0, 1e9))
def test_who_comes_again_when_told_passes(rate: Rate, now: float) -> None:
    limiter = RateLimiter()
    refused = next(found for _ in range(rate.requests + 1) if (found := limiter.take("bot", rate, now)) is not None)
    assert limiter.take("bot", rate, now + refused.retry_after_seconds) is None


def test_the_buckets_have_an_end_and_the_one_used_longest_ago_goes() -> None:
    limiter, rate = RateLimiter(buckets_max=2), Rate(1, "day")
    for name in ("a", "b", "a", "c"):
        limiter.take(name, rate, 0.0)
    assert limiter.take("a", rate, 0.0) is not None
    assert limiter.take("b", rate, 0.0) is None


def test_the_fields_are_the_drafts() -> None:
    assert RateExceeded(Rate(60, "minute"), 12).fields == (
        ("ratelimit-policy", '"minute";q=60;w=60'),
        ("ratelimit", '"minute";r=0;t=12'),
    )

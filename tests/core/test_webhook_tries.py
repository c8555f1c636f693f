"""After each try one thing follows, and the tries end after three days."""

from __future__ import annotations

import pytest

from edge.core.webhook_tries import RETRY_SECONDS, TRIES_MAX, Next, Reply, after_try

DAY = 86_400


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_any_2xx_is_a_delivery(status: int) -> None:
    assert after_try(Reply(status), TRIES_MAX, 0.0) == Next("delivered")


@pytest.mark.parametrize("attempts", [1, TRIES_MAX])
def test_410_wants_no_more(attempts: int) -> None:
    assert after_try(Reply(410), attempts, 0.0) == Next("gone")


@pytest.mark.parametrize("reply", [Reply(None, "refused"), Reply(199), Reply(302), Reply(400), Reply(404), Reply(500)])
def test_everything_else_is_tried_again_until_the_last_try(reply: Reply) -> None:
    waits = [after_try(reply, attempts, 0.0) for attempts in range(1, TRIES_MAX)]
    assert [(then.state, then.retry_seconds) for then in waits] == [("retry", wait) for wait in RETRY_SECONDS]
    assert after_try(reply, TRIES_MAX, 0.0) == Next("failed")


def test_the_waits_grow_to_three_days_in_all() -> None:
    assert list(RETRY_SECONDS) == sorted(RETRY_SECONDS)
    assert 3 * DAY < sum(RETRY_SECONDS) < 3.5 * DAY


def test_up_to_a_fifth_is_added_so_that_tries_spread() -> None:
    assert after_try(Reply(500), 2, 0.5).retry_seconds == pytest.approx(330)
    assert after_try(Reply(500), 2, 0.999).retry_seconds < 360


@pytest.mark.parametrize(("wish", "wait"), [(3, 300), (900, 900), (10 * DAY, DAY), (None, 300)])
def test_a_receivers_wish_to_wait_longer_is_heeded_up_to_a_day(wish: int | None, wait: float) -> None:
    assert after_try(Reply(503, retry_after_seconds=wish), 2, 0.0).retry_seconds == wait

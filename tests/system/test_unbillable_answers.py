"""What the origin does that is not a sale: nothing is charged, and the crawler sees what happened (D5)."""

from __future__ import annotations

import pytest

from tests.support.page_origin import LARGE_BYTES, SMALL
from tests.support.system_stage import Stage

pytestmark = pytest.mark.system


def nothing_was_charged(stage: Stage) -> bool:
    return stage.market.balance_micros() == stage.market.credit.amount_micros and stage.faults() == []


@pytest.mark.parametrize(
    ("path", "status"), [("/missing/1", 404), ("/broken/1", 500), ("/moved/1", 301), ("/unchanged/1", 304)]
)
def test_an_answer_that_is_no_success_is_passed_on_for_nothing(sqlite_stage: Stage, path: str, status: int) -> None:
    sqlite_stage.edge()
    attempt, purchase = sqlite_stage.buy(path)
    assert (attempt.status, attempt.charged, attempt.receipt, attempt.is_complete) == (status, None, None, True)
    assert sqlite_stage.charges(purchase)[0].ids == set()
    assert nothing_was_charged(sqlite_stage)
    assert status != 301 or attempt.fields["location"] == "/small/1"


@pytest.mark.parametrize("path", ["/small/1", "/large/1"])
def test_head_costs_nothing_and_says_what_get_would_send(sqlite_stage: Stage, path: str) -> None:
    sqlite_stage.edge()
    attempt, _ = sqlite_stage.buy(path, method="HEAD")
    length = len(SMALL) if path == "/small/1" else LARGE_BYTES
    assert (attempt.status, attempt.charged, attempt.fields["content-length"]) == (200, None, str(length))
    assert nothing_was_charged(sqlite_stage)


@pytest.mark.parametrize(
    ("path", "status", "timeout_seconds"),
    [("/short/1", 502, "60"), ("/stalled/1", 504, "0.5"), ("/silent/1", 504, "0.5")],
)
def test_a_small_page_that_the_origin_does_not_finish_is_refused_whole(
    sqlite_stage: Stage, path: str, status: int, timeout_seconds: str
) -> None:
    sqlite_stage.edge(origin_timeout_seconds=timeout_seconds)
    attempt, purchase = sqlite_stage.buy(path)
    assert (attempt.status, attempt.charged, attempt.is_complete) == (status, None, True)
    assert sqlite_stage.charges(purchase)[0].ids == set()
    assert nothing_was_charged(sqlite_stage)


@pytest.mark.parametrize(
    ("path", "timeout_seconds"), [("/short-large/1", "60"), ("/short-stream/1", "60"), ("/stalled-large/1", "3")]
)
def test_a_large_page_that_the_origin_does_not_finish_is_cut_and_its_hold_given_back(
    sqlite_stage: Stage, path: str, timeout_seconds: str
) -> None:
    sqlite_stage.edge(origin_timeout_seconds=timeout_seconds)
    attempt, purchase = sqlite_stage.buy(path)
    assert (attempt.status, attempt.is_complete) == (200, False)
    assert attempt.body_bytes < LARGE_BYTES
    sqlite_stage.wait_until(lambda: sqlite_stage.charges(purchase)[0].open_holds == 0)
    [charges] = sqlite_stage.charges(purchase)
    assert (charges.holds, charges.resolutions, charges.live) == (1, 1, 0)
    assert nothing_was_charged(sqlite_stage)


def test_an_origin_that_is_not_there_costs_nothing(sqlite_stage: Stage) -> None:
    sqlite_stage.edge()
    sqlite_stage.do(sqlite_stage.origin.stop())
    attempt, _ = sqlite_stage.buy("/small/1")
    assert (attempt.status, attempt.charged, attempt.is_complete) == (502, None, True)
    assert nothing_was_charged(sqlite_stage)

"""One signed request sent many times at once is one charge; many are many. Over real HTTP, on one node and on two."""

from __future__ import annotations

import pytest

from edge.core.money import Money
from tests.support.edge_process import EdgeForks
from tests.support.market import PRICE
from tests.support.system_stage import Stage
from tests.support.transcript_judge import wrongs

pytestmark = [pytest.mark.system, pytest.mark.lengthy]

SENT = 200


def start_edges(stage: Stage) -> None:
    """One process on SQLite, two on PostgreSQL."""
    for _ in range(1 if stage.market.database.is_sqlite else 2):
        stage.edge()


@pytest.mark.parametrize("path", ["/small/1", "/medium/1", "/large/1", "/stream/1"])
def test_one_signed_request_sent_two_hundred_times_at_once_is_one_charge_with_one_receipt(
    stage: Stage, path: str
) -> None:
    start_edges(stage)
    purchase = stage.market.purchase(path)
    attempts = stage.buy_at_once([purchase] * SENT)
    assert {attempt.is_complete for attempt in attempts} == {True}
    assert len({(attempt.status, attempt.charged, attempt.receipt) for attempt in attempts}) == 1
    [charges] = stage.charges(purchase)
    assert (charges.live, charges.reversals, charges.open_holds, len(charges.paid)) == (1, 0, 0, 1)
    assert wrongs(stage.market.database, [purchase]) == []
    assert stage.faults() == []


def test_two_hundred_different_requests_are_two_hundred_charges(stage: Stage) -> None:
    start_edges(stage)
    purchases = [stage.market.purchase("/small/1") for _ in range(SENT)]
    attempts = stage.buy_at_once(purchases)
    assert len({attempt.receipt for attempt in attempts}) == SENT
    assert [charges.live for charges in stage.charges(*purchases)] == [1] * SENT
    assert wrongs(stage.market.database, purchases) == []
    assert stage.market.balance_micros() == stage.market.credit.amount_micros - SENT * PRICE.amount_micros
    assert stage.faults() == []


def test_two_processes_sell_exactly_what_one_prepaid_account_affords(
    edge_forks: EdgeForks, postgres_shop_url: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    affords, wanted = 100, 160
    funds = Money(affords * PRICE.amount_micros, PRICE.currency)
    with Stage(edge_forks, postgres_shop_url, tmp_path_factory.mktemp("edges"), funds) as stage:
        start_edges(stage)
        purchases = [stage.market.purchase("/small/1") for _ in range(wanted)]
        attempts = stage.buy_at_once(purchases)
        assert sorted({(attempt.status, attempt.error) for attempt in attempts if attempt.status != 200}) == [
            (402, "PaymentFailed")
        ]
        assert sum(attempt.status == 200 for attempt in attempts) == affords
        assert sum(charges.live for charges in stage.charges(*purchases)) == affords
        assert stage.market.balance_micros() == 0
        assert stage.faults() == []

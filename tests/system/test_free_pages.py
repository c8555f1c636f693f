"""Free pages over the wire, with the real edge and the real books: exactly as many as the rule says."""

from __future__ import annotations

from collections import Counter

import pytest
from sqlalchemy import func, select

from edge.core.rules import Action, Rule, RuleSet, everything_else
from edge.store.tables import entry, grant_count
from tests.support.market import PRICE
from tests.support.system_stage import Stage

pytestmark = pytest.mark.system

RULES = RuleSet(
    (Rule("ten free", where="/small/*", action=Action.CHARGE, price=PRICE, free_pages=10),),
    everything_else(Action.ALLOW),
)


def test_of_sixty_four_requests_at_two_edges_exactly_ten_are_free(postgres_stage: Stage) -> None:
    stage = postgres_stage
    stage.market.publish(RULES)
    stage.edge()
    stage.edge()
    funds = stage.market.balance_micros()
    attempts = stage.buy_at_once([stage.market.purchase(f"/small/{number}") for number in range(64)])
    charged = Counter(attempt.fields.get("crawler-charged") for attempt in attempts)
    assert charged == {"USD 0.00": 10, str(PRICE): 54}
    assert stage.market.balance_micros() == funds - 54 * PRICE.amount_micros
    with stage.market.database.read() as connection:
        granted = select(func.count()).where(entry.c.kind == "grant")
        assert connection.execute(granted).scalar_one() == 10
        assert connection.execute(select(grant_count.c.used)).scalar_one() == 10
    assert stage.faults() == []


def test_without_an_offer_the_origin_is_asked_while_pages_are_free_and_not_after(sqlite_stage: Stage) -> None:
    stage = sqlite_stage
    stage.market.publish(RULES)
    stage.edge()
    wanted = [stage.market.asking(f"/small/{number}") for number in range(12)]
    statuses = [attempt.status for one in wanted for attempt in stage.buy_at_once([one])]
    assert statuses == [200] * 10 + [402] * 2
    assert len(stage.origin.asked) == 10
    assert stage.faults() == []

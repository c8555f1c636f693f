"""What budgets say is held against the entries."""

from __future__ import annotations

from sqlalchemy import update

from edge.store.database import Database
from edge.store.tables import (
    account,
    budget,
    budget_window,
)
from edge.store.verify import verify
from tests.support.budget_counter import DAY, Counter, pages


def test_what_a_window_says_is_held_against_the_entries(database: Database) -> None:
    counter = Counter(database)
    counter.limit(DAY, 9)
    counter.sell(3)
    with database.write() as connection:
        connection.execute(update(budget_window).values(spent_micros=pages(2).amount_micros))
    [fault] = verify(database).faults
    assert str(fault) == (
        "I5: budget 1 (USD 0.09 a day), window from 2026-11-30: says USD 0.02 spent, its entries sum to USD 0.03"
    )
    with database.write() as connection:
        connection.execute(budget_window.delete())
        connection.execute(update(account).values(watched=False))
    assert [(fault.invariant, fault.sentence) for fault in verify(database).faults] == [
        ("I5", "says USD 0.00 spent, its entries sum to USD 0.03"),
        ("I3", "has budgets, but is not marked: they are not looked at"),
    ]
    with database.write() as connection:
        connection.execute(budget.delete())
    assert verify(database).faults == ()

"""Tokens on real books: copies of one purchase at two nodes are one charge, and a revoked token buys nothing."""

from __future__ import annotations

import pytest

from edge.store.crawler_tokens import NewToken, add_token, revoke_token
from edge.store.crawlers import list_crawlers
from edge.store.database import now_micros
from tests.support.crawler_line import Purchase, buy
from tests.support.market import HOST, wire_form
from tests.support.system_stage import Stage

pytestmark = pytest.mark.system


def token_purchase(token: str, target: str, key: str) -> Purchase:
    fields = [
        ("host", HOST), ("user-agent", "LateBot/1.0"), ("authorization", f"Bearer {token}"),
        ("idempotency-key", key), ("crawler-max-price", "USD 1.00"), ("connection", "close"),
    ]  # fmt: skip
    return Purchase(target, wire_form("GET", target, fields))


def test_copies_of_one_purchase_at_two_nodes_are_one_charge_and_a_revoked_token_buys_nothing(stage: Stage) -> None:
    with stage.market.database.write() as connection:
        name = list_crawlers(connection)[0].name
        token, kept = add_token(connection, NewToken(name), now_micros())
    stage.edge()
    if not stage.market.database.is_sqlite:
        stage.edge()
    before = stage.market.balance_micros()
    copies = [token_purchase(token, "/small/1", "purchase-1") for _ in range(12)]
    attempts = stage.buy_at_once(copies)
    assert {attempt.status for attempt in attempts} == {200}
    assert len({attempt.receipt for attempt in attempts}) == 1
    price = before - stage.market.balance_micros()
    assert price > 0
    others = stage.buy_at_once([token_purchase(token, "/small/1", f"purchase-{number}") for number in range(2, 5)])
    assert len({attempt.receipt for attempt in others} | {attempts[0].receipt}) == 4
    assert before - stage.market.balance_micros() == 4 * price

    with stage.market.database.write() as connection:
        revoke_token(connection, kept.token_id, now_micros())
    ports = [edge.port for edge in stage.edges]

    def is_refused(port: int) -> bool:
        attempt = stage.do(buy(port, token_purchase(token, "/small/1", "purchase-9")))
        return (attempt.status, attempt.error) == (400, "StrongAuthRequired")

    stage.wait_until(lambda: all(is_refused(port) for port in ports))
    assert [one.stop() for one in stage.edges] == [0] * len(stage.edges)
    assert stage.faults() == []

"""A payment that a provider tells of, at running edges on both databases, from the message to a page that it bought."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from edge.core.money import Money, parse_price
from edge.store.accounts import show
from edge.store.crawlers import list_crawlers
from tests.support.crawler_line import Purchase, buy
from tests.support.market import HOST
from tests.support.payments import STRIPE_SECRET, intent_paid, session_paid, stripe_field
from tests.support.system_stage import Stage

pytestmark = pytest.mark.system

PATH = "/.well-known/farebox/payments/stripe"


def message(body: bytes) -> Purchase:
    lines = {
        "Host": HOST,
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        **stripe_field(body, int(time.time())),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return Purchase(PATH, f"POST {PATH} HTTP/1.1\r\n{head}\r\n".encode() + body)


def test_a_payment_told_to_every_edge_at_once_is_credited_once(stage: Stage, tmp_path: Path) -> None:
    secret = tmp_path / "stripe-secret"
    secret.write_text(f"{STRIPE_SECRET}\n")
    for _ in range(1 if stage.market.database.is_sqlite else 2):
        stage.edge(stripe_webhook_secret_file=str(secret))
    with stage.market.database.read() as connection:
        (crawler,) = list_crawlers(connection)

    def balance() -> int:
        with stage.market.database.read() as connection:
            return sum(view.balance_micros for view in show(connection, crawler.crawler_id))

    before = balance()
    told = [message(body) for body in (session_paid(crawler=crawler.name), intent_paid(crawler=crawler.name)) * 8]
    answers = stage.buy_at_once(told)
    assert [answer.status for answer in answers] == [200] * 16
    assert balance() == before + parse_price("USD 10").amount_micros
    conflict = stage.do(buy(stage.edges[-1].port, message(intent_paid(amount=999, crawler=crawler.name))))
    assert conflict.status == 409
    assert stage.do(buy(stage.edges[0].port, message(intent_paid("pi_2", crawler="Nobody")))).status == 202
    bought, _ = stage.buy("/small/1")
    assert bought.status == 200
    stage.wait_until(lambda: balance() < before + Money(10_000_000, "USD").amount_micros)
    assert stage.faults() == []

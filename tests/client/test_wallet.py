"""What a wallet says of an answer, where several share a purchase and where a page was given."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.client import Identity, SpendPolicy, Wallet
from edge.client.answers import Answer, Delivered
from edge.core.keys import new_private_key
from edge.core.money import parse_price

URL = "https://news.example/articles/1"
CENT = parse_price("USD 0.01")


@pytest.fixture
def wallet(tmp_path: Path) -> Wallet:
    return Wallet(Identity(new_private_key(), "https://bot.example"), SpendPolicy("USD 0.02"), tmp_path / "spend.db")


def sold(charged: str = "USD 0.01", number: str = "ch_1") -> Answer:
    return Answer(200, {"crawler-charged": charged, "crawler-receipt": number})


def test_of_two_who_want_a_page_at_once_one_paid(wallet: Wallet) -> None:
    ready = [wallet.prepare(URL, CENT) for _ in range(2)]
    assert ready[0].headers == ready[1].headers
    delivered = [wallet.judge(one, sold()) for one in ready]
    assert [(one.charged, one.is_repeat) for one in delivered if isinstance(one, Delivered)] == [
        (CENT, False), (CENT, True),
    ]  # fmt: skip
    assert wallet.spent() == {"USD": CENT}


def test_a_page_that_a_term_gave_keeps_its_number(wallet: Wallet) -> None:
    given = wallet.judge(wallet.prepare(URL), sold("USD 0.00", "ch_9"))
    assert given == Delivered(URL, 200, None, "ch_9")
    assert [page.charge_id for page in wallet.store.free_pages()] == ["ch_9"]
    assert wallet.spent() == {}

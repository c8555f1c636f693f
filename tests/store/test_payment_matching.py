"""Whose a payment is: credited once, or kept for a person; on both databases, with a real ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from edge.core.ledger import Credited, CreditOrder
from edge.core.ledger_operations import Credit
from edge.core.money import Money, parse_price
from edge.core.payments import Notice, NoticeKind, Payment, PaymentSource
from edge.core.webhooks import WebhookEvent
from edge.store import accounts, unmatched
from edge.store.accounts import Opening
from edge.store.charges import Ledger
from edge.store.crawlers import NewCrawler, add_crawler
from edge.store.database import Database
from edge.store.payment_matching import Conflict, Kept, Outcome, Taken, conflict, match_payment, note_reversal
from edge.store.problems import InvalidValue, NameTaken, UnknownName
from edge.store.service_keys import load_service_keys
from edge.store.verify import verify
from edge.store.webhook_deliveries import list_deliveries
from tests.support.books import Reports, introduce_crawler
from tests.support.webhooks import listen

NOW = 1_800_000_000_000_000
PAYMENT = Payment(PaymentSource.STRIPE, "pi_1", "Bot3", parse_price("USD 10"), "USD 10.00", NOW)
NOTICE = Notice(PaymentSource.STRIPE, NoticeKind.REFUND, "evt_1", "pi_1", "USD 10.00", NOW)


@pytest.fixture
def ledger(database: Database) -> Iterator[Ledger]:
    with database.write() as connection:
        for number in (3, 4):
            introduce_crawler(connection, number)
            accounts.open_crawler_account(connection, number, "USD")
    reports = Reports()
    ledger = Ledger.open(database, node="payments", report=reports)
    yield ledger
    ledger.close()
    assert reports.errors == []
    assert verify(database).faults == ()


def take(database: Database, ledger: Ledger, payment: Payment = PAYMENT) -> Outcome:
    """What the desk does."""
    found = match_payment(database, payment, NOW, allow_dev=False)
    if not isinstance(found, CreditOrder):
        return found
    outcome = ledger.submit(Credit(found)).result(60)
    return Taken(outcome.fresh) if isinstance(outcome, Credited) else conflict(database, found.reference, outcome.entry)


def balance(database: Database, crawler_id: int = 3) -> int:
    with database.read() as connection:
        return sum(view.balance_micros for view in accounts.show(connection, crawler_id))


def waiting(database: Database, *, closed_too: bool = False) -> list[unmatched.UnmatchedView]:
    with database.read() as connection:
        return unmatched.list_unmatched(connection, closed_too=closed_too)


def test_a_payment_is_credited_once_however_often_it_is_told(database: Database, ledger: Ledger) -> None:
    assert take(database, ledger) == Taken(fresh=True)
    assert take(database, ledger) == Taken(fresh=False)
    by_intent = replace(PAYMENT, crawler="")
    assert take(database, ledger, by_intent) == Taken(fresh=False)
    assert balance(database) == 10_000_000
    assert waiting(database) == []


@pytest.mark.parametrize("name", ["ShopBot", " SHOPBOT ", "https://shop.example", "https://SHOP.example:443/"])
def test_the_crawler_is_found_by_name_or_agent(database: Database, ledger: Ledger, name: str) -> None:
    with database.write() as connection:
        made = add_crawler(connection, NewCrawler("ShopBot", "https://shop.example"), NOW)
        accounts.open_crawler_account(connection, made.crawler_id, "USD")
    assert take(database, ledger, replace(PAYMENT, crawler=name)) == Taken(fresh=True)


def test_another_amount_or_crawler_under_the_same_reference_is_a_conflict(database: Database, ledger: Ledger) -> None:
    take(database, ledger)
    for changed in (
        replace(PAYMENT, money=parse_price("USD 11")),
        replace(PAYMENT, money=parse_price("EUR 10")),
        replace(PAYMENT, crawler="Bot4"),
        replace(PAYMENT, crawler="", money=parse_price("USD 11")),
    ):
        refused = take(database, ledger, changed)
        assert isinstance(refused, Conflict)
        assert "USD 10.00" in refused.detail
    assert (balance(database), balance(database, 4)) == (10_000_000, 0)


def test_many_that_tell_at_once_credit_once(database: Database, ledger: Ledger) -> None:
    with ThreadPoolExecutor(8) as threads:
        outcomes = list(threads.map(lambda _: take(database, ledger), range(16)))
    assert sorted(outcome == Taken(fresh=True) for outcome in outcomes) == [False] * 15 + [True]
    assert all(isinstance(outcome, Taken) for outcome in outcomes)
    assert balance(database) == 10_000_000


def test_what_no_account_takes_is_kept_once(database: Database, ledger: Ledger) -> None:
    strange = replace(PAYMENT, crawler="Nobody")
    foreign = replace(PAYMENT, reference="pi_2", money=Money(5_000_000, "JPY"), stated="JPY 5.00")
    unsure = replace(PAYMENT, reference="pi_3", money=None, stated="500 smallest units of UGX")
    nameless = replace(PAYMENT, reference="pi_4", crawler="")
    for payment in (strange, foreign, unsure, nameless) * 2:
        assert isinstance(take(database, ledger, payment), Kept)
    rows = waiting(database)
    assert [(row.reference, row.reason, row.money) for row in rows] == [
        ("pi_1", unmatched.Unmatched.UNKNOWN_CRAWLER.value, PAYMENT.money),
        ("pi_2", unmatched.Unmatched.CURRENCY.value, foreign.money),
        ("pi_3", unmatched.Unmatched.AMOUNT.value, None),
        ("pi_4", unmatched.Unmatched.NO_CRAWLER.value, PAYMENT.money),
    ]
    assert balance(database) == 0


def test_what_was_kept_is_credited_when_it_is_told_with_a_name(database: Database, ledger: Ledger) -> None:
    assert isinstance(take(database, ledger, replace(PAYMENT, crawler="")), Kept)
    assert take(database, ledger) == Taken(fresh=True)
    assert waiting(database) == []
    assert [row.state for row in waiting(database, closed_too=True)] == ["credited"]


def assign(database: Database, number: int, name: str = "Bot4", opening: Opening = Opening.KNOWN_CURRENCY) -> bool:
    return unmatched.assign(database, number, name, author="operator", opening=opening).fresh


def test_a_person_assigns_a_payment_once(database: Database, ledger: Ledger) -> None:
    take(database, ledger, replace(PAYMENT, crawler="Nobody"))
    (row,) = waiting(database)
    assert assign(database, row.number)
    assert not assign(database, row.number)
    with pytest.raises(NameTaken):
        assign(database, row.number, "Bot3")
    assert balance(database, 4) == 10_000_000
    assert take(database, ledger, replace(PAYMENT, crawler="Nobody")) == Taken(fresh=False)
    assert take(database, ledger) == Taken(fresh=False)  # it names Bot3 now, and is Bot4's by a person's word
    assert waiting(database) == []


def test_an_unusual_currency_is_opened_when_a_person_says_so(database: Database, ledger: Ledger) -> None:
    take(database, ledger, replace(PAYMENT, money=Money(5_000_000, "JPY")))
    (row,) = waiting(database)
    with pytest.raises(InvalidValue, match="JPY"):
        assign(database, row.number)
    assert assign(database, row.number, opening=Opening.ANY_CURRENCY)


def test_an_unsure_amount_is_credited_by_hand_under_its_own_reference(database: Database, ledger: Ledger) -> None:
    take(database, ledger, replace(PAYMENT, money=None))
    (row,) = waiting(database)
    with pytest.raises(InvalidValue, match="account credit"):
        assign(database, row.number)
    accounts.credit(database, 3, parse_price("USD 7"), reference="pi_1", author="operator")
    assert waiting(database) == []
    assert take(database, ledger, replace(PAYMENT, money=None)) == Taken(fresh=False)


def test_what_a_person_closed_is_never_credited_by_itself(database: Database, ledger: Ledger) -> None:
    take(database, ledger, replace(PAYMENT, crawler="Nobody"))
    (row,) = waiting(database)
    with database.write() as connection:
        with pytest.raises(InvalidValue, match="reason"):
            unmatched.close_unmatched(connection, row.number, author="operator", reason=" ", now_micros=NOW)
        unmatched.close_unmatched(connection, row.number, author="operator", reason="paid back", now_micros=NOW)
        with pytest.raises(NameTaken):
            unmatched.close_unmatched(connection, row.number, author="other", reason="again", now_micros=NOW)
        with pytest.raises(UnknownName):
            unmatched.find_unmatched(connection, row.number + 1)
    assert isinstance(take(database, ledger), Kept)
    with pytest.raises(InvalidValue, match="closed"):
        assign(database, row.number)
    assert balance(database) == 0


def test_a_refund_moves_no_money_and_raises_the_alarm(database: Database, ledger: Ledger, tmp_path: Path) -> None:
    keys = load_service_keys(tmp_path / "data")
    endpoint, _ = listen(database, keys, WebhookEvent.LEDGER_ALARM, at_micros=NOW)
    take(database, ledger)
    assert note_reversal(database, NOTICE, "node 1", NOW)
    assert not note_reversal(database, NOTICE, "node 2", NOW)
    dispute = replace(NOTICE, kind=NoticeKind.DISPUTE, reference="evt_2", payment="pi_unknown")
    assert note_reversal(database, dispute, "node 1", NOW)
    refund, disputed = waiting(database)
    assert "credited to Bot3" in refund.reason
    assert "not credited here" in disputed.reason
    with pytest.raises(InvalidValue, match="refund"):
        assign(database, refund.number)
    with database.read() as connection:
        told = list_deliveries(connection, endpoint.endpoint_id, 10)
    assert sorted(one.subject for one in told) == ["dispute of payment pi_unknown", "refund of payment pi_1"]
    assert balance(database) == 10_000_000


def test_the_ledgers_own_loop_credits_too(database: Database, ledger: Ledger) -> None:
    found = match_payment(database, PAYMENT, NOW, allow_dev=False)
    assert isinstance(found, CreditOrder)

    async def enter() -> object:
        return await ledger.credit(found)

    assert isinstance(asyncio.run(enter()), Credited)

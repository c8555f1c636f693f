"""Selling one page: the order of money and bytes, with ledger and origin as hand-written fakes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from edge.core.billable import is_billable
from edge.core.budgets import Budget, BudgetExceeded, Per
from edge.core.decision import Charge, DemandPayment, Refuse
from edge.core.ledger import (
    AccountSuspended,
    InsufficientFunds,
    LedgerUnavailable,
    Lost,
    NoRight,
    Redelivery,
)
from edge.core.money import Money
from edge.core.refusals import RefusalCode
from edge.core.rule_index import Match
from edge.core.rules import LedgerErrorChoice
from edge.proxy.deliveries import OpenDeliveries
from edge.proxy.sale import HELD_UP_SECONDS, Refusal, Sale, SaleEnd
from edge.proxy.upstream import OriginFault
from tests.support.sale_stage import (
    CHARGE,
    LIMIT,
    POSTED,
    PRICE,
    REQUEST,
    RULE,
    SITE,
    FakeExchange,
    FakeLedger,
    Stage,
    nothing_to_collect,
    sell,
)

# Small pages


def test_a_small_page_is_posted_before_its_first_byte() -> None:
    stage = Stage([b"x" * 60, b"y" * 40])
    assert sell(stage) is SaleEnd.CHARGED
    assert stage.events == ["post", "start 200", "body 100 last", "release"]
    assert stage.headers[b"crawler-charged"] == b"USD 0.01"
    assert stage.headers[b"crawler-receipt"] == b"ch_1"
    assert stage.headers[b"content-length"] == b"100"
    assert stage.headers[b"cache-control"] == b"private"


def test_a_retry_states_the_first_charge() -> None:
    stage = Stage([b"x"], post=replace(POSTED, amount=Money(7_500, "USD"), fresh=False))
    sell(stage)
    assert stage.headers[b"crawler-charged"] == b"USD 0.0075"


def test_what_is_delivered_again_after_a_reversal_costs_nothing() -> None:
    stage = Stage([b"x"], post=Redelivery("ch_1"))
    assert sell(stage) is SaleEnd.COLLECTED
    assert b"crawler-charged" not in stage.headers
    assert stage.headers[b"crawler-receipt"] == b"ch_1"


@pytest.mark.parametrize("status", [204, 205, 301, 302, 304, 400, 404, 500, 503])
def test_what_is_no_success_with_content_is_passed_on_for_nothing(status: int) -> None:
    stage = Stage([b"gone"], status=status, length=4)
    assert sell(stage) is SaleEnd.NOT_BILLABLE
    assert not {"post", "hold"} & set(stage.events)
    assert b"crawler-charged" not in stage.headers
    assert f"start {status}" in stage.events
    assert not is_billable(status)


def test_an_empty_page_is_not_sold() -> None:
    stage = Stage([], length=0)
    assert sell(stage) is SaleEnd.NOT_BILLABLE
    assert "post" not in stage.events


def test_a_body_that_ends_early_is_not_charged_and_nothing_was_sent() -> None:
    stage = Stage([b"x"], length=50, breaks=True)
    with pytest.raises(OriginFault):
        sell(stage)
    assert stage.events == ["release"]


USED_UP = BudgetExceeded(Budget(1, 11, 1, Per.DAY, Money(5_000_000, "USD"), 0), 4_990_000, 86_400_000_000, 3_600)


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (InsufficientFunds(), RefusalCode.INSUFFICIENT_CREDITS),
        (USED_UP, RefusalCode.BUDGET_EXCEEDED),
        (AccountSuspended(), RefusalCode.ACCOUNT_SUSPENDED),
        (LedgerUnavailable("down"), RefusalCode.LEDGER_UNAVAILABLE),
    ],
)
def test_without_money_or_ledger_no_byte_leaves(outcome: object, code: RefusalCode) -> None:
    for stage in (Stage([b"x"], post=outcome), Stage([b"x" * 60, b"y" * 60], hold=outcome)):
        refusal = sell(stage)
        assert isinstance(refusal, Refuse | DemandPayment)
        assert refusal.code is code
        assert stage.body == b""


def test_the_refusal_for_a_budget_carries_it() -> None:
    refusal = sell(Stage([b"x"], post=USED_UP))
    assert isinstance(refusal, DemandPayment)
    assert refusal.budget is USED_UP


def test_an_order_that_may_only_collect_falls_back_to_its_refusal() -> None:
    demand = DemandPayment(RefusalCode.MAX_PRICE_TOO_LOW, PRICE, SITE, CHARGE.identity, CHARGE.match)
    stage = Stage([b"x"], post=NoRight())
    assert sell(stage, replace(CHARGE, otherwise=demand)) is demand
    assert stage.order is not None
    assert stage.order.redelivery_only


def test_a_rule_may_serve_without_the_ledger() -> None:
    rule = replace(RULE, on_ledger_error=LedgerErrorChoice.SERVE_UNBILLED)
    stage = Stage([b"x" * 60], post=LedgerUnavailable("down"))
    assert sell(stage, replace(CHARGE, match=Match(0, rule))) is SaleEnd.UNBILLED
    assert stage.body == b"x" * 60
    assert b"crawler-charged" not in stage.headers
    assert stage.headers[b"cache-control"] == b"private"


# Large pages


def test_a_large_page_is_held_streamed_and_settled_before_its_tail() -> None:
    stage = Stage([b"a" * 60, b"b" * 60, b"c" * 60])
    assert sell(stage) is SaleEnd.CHARGED
    assert stage.events == ["hold", "start 200", "body 60", "body 60", "settle", "body 60 last", "release"]
    assert stage.body == b"a" * 60 + b"b" * 60 + b"c" * 60
    assert stage.headers[b"crawler-charged"] == b"USD 0.01"


def test_a_large_page_of_known_length_says_so() -> None:
    stage = Stage([b"a" * 180], length=180)
    sell(stage)
    assert stage.events == ["hold", "start 200", "settle", "body 180 last", "release"]
    assert stage.headers[b"content-length"] == b"180"


def test_an_origin_that_breaks_off_voids_the_hold_and_shows() -> None:
    stage = Stage([b"a" * 60, b"b" * 60], breaks=True)
    assert sell(stage) is SaleEnd.BROKEN_OFF
    assert stage.events == ["hold", "start 200", "body 60", "cut", "void", "release"]


@pytest.mark.parametrize(
    ("hold", "gone_after", "ends"),
    [
        ("held", 1, ["body 60", "cut", "break off 1"]),
        ("held", 0, ["start 200", "cut", "void"]),
        (replace(POSTED, fresh=False), 1, ["body 60", "cut", "break off 0"]),
        (Redelivery("ch_1"), 1, ["start 200", "body 60", "cut"]),
    ],
    ids=["with a part", "before any of it", "what was paid for before", "what is given for nothing"],
)
def test_what_the_ledger_hears_of_a_client_that_leaves(hold: object, gone_after: int, ends: list[str]) -> None:
    stage = Stage([b"a" * 60, b"b" * 60, b"c" * 60], hold=hold, gone_after=gone_after)
    assert sell(stage) is SaleEnd.BROKEN_OFF
    assert stage.events[-4:] == [*ends, "release"]


@pytest.mark.parametrize(
    "made_to", [{"held_up_seconds": HELD_UP_SECONDS}, {"gone_when_broken": True}], ids=["slow", "gone"]
)
def test_an_origin_that_a_client_made_to_give_up_is_that_client_leaving(made_to: dict[str, Any]) -> None:
    stage = Stage([b"a" * 60, b"b" * 60], length=200, breaks=True, **made_to)
    assert sell(stage) is SaleEnd.BROKEN_OFF
    assert stage.events[-4:] == ["body 60", "cut", "break off 1", "release"]


def test_an_origin_that_fails_before_any_of_a_page_went_out_is_nobodys_leaving() -> None:
    stage = Stage([b"a" * 60], length=200, breaks=True, held_up_seconds=HELD_UP_SECONDS)
    assert sell(stage) is SaleEnd.BROKEN_OFF
    assert stage.events == ["hold", "start 200", "cut", "void", "release"]


@pytest.mark.parametrize("outcome", [Lost("voided by recovery"), LedgerUnavailable("down")])
def test_the_tail_never_leaves_unsettled(outcome: object) -> None:
    stage = Stage([b"a" * 60, b"b" * 60, b"c" * 60], settle=outcome)
    assert sell(stage) is SaleEnd.BROKEN_OFF
    assert len(stage.body) == 120
    assert "cut" in stage.events
    assert not any(event.endswith("last") for event in stage.events)


def test_a_large_retry_of_a_live_charge_needs_no_new_hold() -> None:
    stage = Stage([b"a" * 60, b"b" * 60], hold=replace(POSTED, fresh=False))
    stage.settle = replace(POSTED, fresh=False)
    assert sell(stage) is SaleEnd.COLLECTED
    assert stage.events.count("hold") == 1
    assert stage.events[-3:] == ["settle", "body 60 last", "release"]


def test_a_large_retry_is_charged_again_when_its_charge_was_reversed_on_the_way() -> None:
    stage = Stage([b"a" * 60, b"b" * 60], hold=replace(POSTED, fresh=False), settle=replace(POSTED, fresh=True))
    assert sell(stage) is SaleEnd.CHARGED


def test_a_large_retry_whose_charge_is_gone_and_cannot_be_replaced_is_cut() -> None:
    stage = Stage([b"a" * 60, b"b" * 60], hold=replace(POSTED, fresh=False), settle=Lost("no money left"))
    assert sell(stage) is SaleEnd.BROKEN_OFF
    assert "body 60 last" not in stage.events
    assert "cut" in stage.events


def test_the_order_says_all_that_the_ledger_must_know() -> None:
    stage = Stage([b"x"])
    sell(stage)
    order = stage.order
    assert order is not None
    assert (order.price, order.crawler_account, order.publisher_account) == (PRICE, 10, 20)
    assert (order.rule, order.rule_version, order.target, order.offer) == ("pages", 3, "/a", "max USD 0.05")
    assert (order.request_id, order.status, order.redelivery_only) == ("id-1", 200, False)


def test_an_order_that_may_only_collect_is_refused_before_the_origin_is_asked() -> None:
    demand = DemandPayment(RefusalCode.MAX_PRICE_TOO_LOW, PRICE, SITE, CHARGE.identity, CHARGE.match)
    collecting = replace(CHARGE, otherwise=demand)

    async def refusals(charge: Charge, answer: bool) -> Refusal | None:
        async def has_right(key: bytes) -> bool:
            return answer

        ledger = FakeLedger(Stage([]))
        sale = Sale(ledger, OpenDeliveries(ledger, lambda what, error: None), LIMIT, "tcp", has_right)
        return await sale.refusal_before(charge, REQUEST)

    assert asyncio.run(refusals(collecting, False)) is demand
    assert asyncio.run(refusals(collecting, True)) is None
    assert asyncio.run(refusals(CHARGE, False)) is None


def test_the_ledgers_outage_gives_nothing_to_an_order_that_may_only_collect() -> None:
    rule = replace(RULE, on_ledger_error=LedgerErrorChoice.SERVE_UNBILLED)
    demand = DemandPayment(RefusalCode.MAX_PRICE_TOO_LOW, PRICE, SITE, CHARGE.identity, CHARGE.match)
    stage = Stage([b"x" * 60], post=LedgerUnavailable("down"))
    refusal = sell(stage, replace(CHARGE, match=Match(0, rule), otherwise=demand))
    assert isinstance(refusal, Refuse)
    assert stage.body == b""


@pytest.mark.parametrize("pieces", [[b"x" * 60], [b"a" * 60, b"b" * 60]])
def test_what_a_fault_of_ours_keeps_back_is_reversed(pieces: list[bytes]) -> None:
    stage = Stage(pieces)

    class Failing(FakeExchange):
        async def body(self, data: bytes, *, last: bool) -> None:
            if last:
                raise RuntimeError("planted")
            await super().body(data, last=last)

    async def sell_and_fail() -> None:
        ledger = FakeLedger(stage)
        deliveries = OpenDeliveries(ledger, lambda what, error: None, grace_seconds=0)
        with pytest.raises(RuntimeError, match="planted"):
            await Sale(ledger, deliveries, LIMIT, "tcp", nothing_to_collect).sell(
                CHARGE, stage.origin(), Failing(stage)
            )
        await deliveries.finish()

    asyncio.run(sell_and_fail())
    assert stage.events[-1] == "reverse"
    assert "confirm" not in stage.events

"""Crawlers' requests are noted as they were answered, people's never, and no more of them than there is room for."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from edge.core.addresses import AddressForm, kept_address
from edge.core.decision import Admit, AdmitReason, DemandPayment, Refuse
from edge.core.identity import (
    ClaimedCrawler,
    CrawlerKind,
    Identity,
    RegisteredCrawler,
    Rung,
    TokenCrawler,
    Visitor,
)
from edge.core.refusals import RefusalCode
from edge.core.request import CrawlRequest
from edge.core.target import read_target
from edge.proxy.activity import QUEUE_ROWS_MAX, SAVED_SECONDS, ActivityParts, ActivityRecorder
from edge.proxy.traffic import counted_as
from edge.store.activity import Activity
from edge.store.deletion import ROWS_AT_ONCE
from tests.support.edge_under_test import HOST, NOW, PRICE, RICH, EdgeUnderTest, Setting, policy_for
from tests.support.scripted_origin import page
from tests.support.signing_crawler import browsed, claimed

SITE = policy_for(Setting(), "http://127.0.0.1:1").sites[HOST]
BOT = ClaimedCrawler("GPTBot", "OpenAI", CrawlerKind.TRAINING)


def request(path: str = "/a", peer: str = "203.0.113.77", **fields: str) -> CrawlRequest:
    values = {name.replace("_", "-"): value for name, value in fields.items()}
    return CrawlRequest(
        "GET", "http", HOST, HOST, path, path, None, values, {}, read_target(path), False, peer, "request-1"
    )


@dataclass
class Log:
    """Where rows end up, unless it is down."""

    rows: list[Activity] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    fault: Exception | None = None
    reports: list[str] = field(default_factory=list)
    now: float = NOW
    form: AddressForm = AddressForm.TRUNCATE

    def write(self, rows: Sequence[Activity]) -> None:
        if self.fault is not None:
            raise self.fault
        self.batches.append(len(rows))
        self.rows.extend(rows)

    def recorder(self, rows_per_second: int = 10) -> ActivityRecorder:
        parts = ActivityParts(
            self.write,
            lambda: self.now,
            lambda address, at_micros: kept_address(address, self.form, b"key"),
            lambda what, error: self.reports.append(f"{what}: {error}"),
            random.Random(7).random,
        )
        return ActivityRecorder(parts, rows_per_second)


def note(recorder: ActivityRecorder, count: int = 1, identity: Identity | None = BOT, **changes: str) -> None:
    for _ in range(count):
        decision = Admit(SITE, AdmitReason.ALLOWED, identity)
        recorder.note(request(**changes), decision, decision.reason.value, 200)


def flush(recorder: ActivityRecorder) -> None:
    asyncio.run(recorder.flush())


def test_a_crawlers_request_is_noted_with_how_it_was_answered(edge: EdgeUnderTest) -> None:
    edge.origin.script["/gone"] = [page(b"no", status="404 Not Found")]
    for data in (
        claimed("/a?x=1"), claimed("/free/a"), claimed("/blocked/a"), claimed("/watched/a"), RICH.paying("/a"),
        RICH.paying("/gone"),
    ):  # fmt: skip
        edge.ask(data)
    edge.do(edge.gate.activity.flush)
    asked = PRICE.amount_micros
    assert [(row.crawler, row.rung, row.target, row.rule, row.outcome, row.status, row.price_micros)
            for row in edge.noted] == [
        ("GPTBot", "claimed", "/a?x=1", "everything else", "payment_required", 402, asked),
        ("GPTBot", "claimed", "/free/a", "free", "allowed", 200, None),
        ("GPTBot", "claimed", "/blocked/a", "blocked", "crawler_blocked", 403, None),
        ("GPTBot", "claimed", "/watched/a", "watched", "monitored", 200, asked),
        ("bot1", "signed", "/a", "everything else", "charged", 200, asked),
        ("bot1", "signed", "/gone", "everything else", "not_billable", 404, asked),
    ]  # fmt: skip
    first, paid = edge.noted[0], edge.noted[4]
    assert (first.site_id, first.kind, first.method, first.requests) == (7, "training", "GET", 1)
    assert first.at_micros == NOW * 1_000_000
    assert "GPTBot" in first.user_agent
    assert (first.offer, paid.offer) == (None, "max USD 1.00")
    assert first.address == "127.0.0.1"


def test_people_and_what_is_nobodys_request_are_not_noted(edge: EdgeUnderTest) -> None:
    edge.origin.script["/broken"] = []
    for data in (
        browsed("/a"), claimed("/robots.txt"), claimed("/a", host="evil.example"), b"nonsense\r\n\r\n",
        claimed("/.well-known/farebox/jwks.json"),
    ):  # fmt: skip
        edge.ask(data)
    edge.do(edge.gate.activity.flush)
    assert edge.noted == []
    assert sum(edge.gate.traffic.totals.values()) >= 4, "they are counted"


def test_every_kind_of_crawler_is_noted_as_it_is_counted() -> None:
    log = Log()
    recorder = log.recorder()
    known = RegisteredCrawler(1, "bot1", "Example", CrawlerKind.SEARCH, "https://bot1.example")
    impostor = replace(BOT, rung=Rung.IMPOSTOR)
    for identity in (BOT, impostor, TokenCrawler(known, 1, b"x"), TokenCrawler(known, 2, b"y")):
        note(recorder, identity=identity)
    flush(recorder)
    assert log.reports == []
    assert [(row.crawler, row.rung, row.kind) for row in log.rows] == [
        (*counted_as(BOT), "training"), (*counted_as(impostor), "training"),
        ("bot1", Rung.TOKEN.label, "search"), ("bot1", Rung.TOKEN.label, "search"),
    ]  # fmt: skip


def test_every_kind_of_decision_says_what_it_would_have_cost() -> None:
    log = Log()
    recorder = log.recorder()
    match = SITE.rules.match("/a", None, BOT, NOW)
    for decision in (
        DemandPayment(RefusalCode.PAYMENT_REQUIRED, PRICE, SITE, BOT, match),
        Refuse(RefusalCode.SIGNATURE_REQUIRED, "", SITE, BOT, match),
        Refuse(RefusalCode.AMBIGUOUS_TARGET, "", SITE, BOT),
        Admit(SITE, AdmitReason.MONITORED, BOT, match, PRICE),
        Admit(SITE, AdmitReason.ALLOWED, BOT, match),
    ):
        recorder.note(request(crawler_exact_price="USD 0.02"), decision, "x", 200)
    flush(recorder)
    asked = PRICE.amount_micros
    assert [row.price_micros for row in log.rows] == [asked, asked, None, asked, None]
    assert {row.offer for row in log.rows} == {"exact USD 0.02"}
    assert [row.rule for row in log.rows] == ["everything else"] * 2 + ["", *["everything else"] * 2]


@pytest.mark.parametrize("identity", [Visitor(), None])
def test_a_person_never_takes_the_place_of_a_crawler(identity: Identity | None) -> None:
    log = Log()
    recorder = log.recorder()
    note(recorder, 50, identity)
    note(recorder)
    flush(recorder)
    assert [row.requests for row in log.rows] == [1]


@pytest.mark.parametrize(
    ("form", "kept"), [(AddressForm.TRUNCATE, "203.0.113.0/24"), (AddressForm.FULL, "203.0.113.77")]
)
def test_of_an_address_is_written_what_may_be_kept(form: AddressForm, kept: str) -> None:
    log = Log(form=form)
    recorder = log.recorder()
    note(recorder)
    note(recorder, peer="::ffff:203.0.113.77")
    note(recorder, peer="")
    flush(recorder)
    assert [row.address for row in log.rows] == [kept, kept, ""]


def test_a_burst_is_noted_whole_and_in_small_transactions() -> None:
    log = Log()
    recorder = log.recorder(10)
    note(recorder, 10 * SAVED_SECONDS)
    flush(recorder)
    assert [row.requests for row in log.rows] == [1] * 1000
    assert log.batches == [ROWS_AT_ONCE] * 5
    assert len({row.number for row in log.rows}) == 1000


def test_of_a_flood_a_sample_is_noted_that_stands_for_all_of_it() -> None:
    log = Log()
    recorder = log.recorder(10)
    for _ in range(4):
        note(recorder, 2500)
        log.now += 1
        flush(recorder)
    assert len(log.rows) == 1000 + 3 * 10
    assert sum(row.requests for row in log.rows) == 10_000


def test_room_is_saved_up_again_and_never_more_than_it_was() -> None:
    log = Log()
    recorder = log.recorder(10)
    for pause, written in ((0.0, 1000), (5.0, 50), (10_000.0, 1000)):
        log.now += pause
        flush(recorder)
        log.rows.clear()
        note(recorder, 3000)
        flush(recorder)
        assert len(log.rows) == written


def test_a_clock_that_is_set_back_gives_no_room() -> None:
    log = Log()
    recorder = log.recorder(10)
    note(recorder, 3000)
    flush(recorder)
    log.now -= 3600
    flush(recorder)
    note(recorder)
    flush(recorder)
    assert len(log.rows) == 1000
    log.now += 1
    flush(recorder)
    note(recorder)
    flush(recorder)
    assert len(log.rows) == 1001


def test_with_no_rows_a_second_none_is_written() -> None:
    log = Log()
    recorder = log.recorder(0)
    note(recorder, 100)
    flush(recorder)
    assert log.batches == []


def test_what_cannot_be_written_waits_and_keeps_its_order() -> None:
    log = Log(fault=OSError("down"))
    recorder = log.recorder()
    note(recorder, path="/first")
    flush(recorder)
    note(recorder, path="/second")
    flush(recorder)
    assert log.reports == ["activity: down"] * 2
    log.fault = None
    flush(recorder)
    assert [row.target for row in log.rows] == ["/first", "/second"]
    assert recorder.totals["written"] == 2


def test_what_waits_is_bounded_and_what_had_no_room_is_counted() -> None:
    log = Log(fault=OSError("down"))
    recorder = log.recorder(1000)
    note(recorder, QUEUE_ROWS_MAX, path="/old")
    flush(recorder)
    note(recorder, 7, path="/new")
    flush(recorder)
    log.fault = None
    flush(recorder)
    assert len(log.rows) == QUEUE_ROWS_MAX
    assert [row.target for row in log.rows[-8:]] == ["/old", *["/new"] * 7]
    assert recorder.totals == {"dropped": 7, "written": QUEUE_ROWS_MAX}

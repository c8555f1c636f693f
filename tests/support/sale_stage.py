"""A stage for selling one page: ledger, origin and client as hand-written fakes that note what happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from edge.core.decision import Charge
from edge.core.identity import CrawlerKind, RegisteredCrawler, SignedCrawler
from edge.core.ledger import (
    ChargeOrder,
    Held,
    Posted,
)
from edge.core.money import parse_price
from edge.core.policy import Account, SitePolicy
from edge.core.refusals import RefusalCode
from edge.core.request import CrawlRequest
from edge.core.rule_index import Match, compile_rules
from edge.core.rules import Action, Rule, RuleSet, Who, everything_else
from edge.core.target import read_target
from edge.core.terms import Offer, OfferKind
from edge.core.web_bot_auth import Verified
from edge.proxy.deliveries import OpenDeliveries
from edge.proxy.relay import Exchange
from edge.proxy.sale import Refusal, Sale, SaleEnd
from edge.proxy.upstream import OriginAnswer, OriginFault

PRICE = parse_price("USD 0.01")
RULE = Rule(name="pages", who=Who(), where="/*", action=Action.CHARGE, price=PRICE)
SITE = SitePolicy(
    1, 1, 20, "news.example", "http://origin", "USD", None, True, False, True, None,
    compile_rules(RuleSet((RULE,), everything_else(Action.ALLOW))), 3,
)  # fmt: skip
CRAWLER = RegisteredCrawler(1, "bot", "Bot Inc", CrawlerKind.TRAINING, "https://bot.example/keys")
PROOF = Verified("https://bot.example/keys", "t", "sig1", frozenset(), 1, 2, None, b"s" * 64)
CHARGE = Charge(
    PRICE, Offer(OfferKind.MAX, parse_price("USD 0.05")), Account(10, "USD", False), SignedCrawler(CRAWLER, PROOF),
    SITE, Match(0, RULE),
)  # fmt: skip
REQUEST = CrawlRequest(
    "GET", "http", "news.example", "news.example", "/a", "/a", None, {"host": "news.example"}, {}, read_target("/a"),
    False, "192.0.2.1", "id-1",
)  # fmt: skip
POSTED = Posted("ch_1", PRICE, 1, 7, True)
LIMIT = 100


@dataclass
class Stage:
    """Everything that happened, in its order, and what each party will do."""

    chunks: list[bytes]
    status: int = 200
    length: int | None = None
    breaks: bool = False
    post: Any = POSTED
    hold: Any = "held"
    settle: Any = POSTED
    order: ChargeOrder | None = None
    events: list[str] = field(default_factory=list)
    headers: dict[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""
    gone_after: int | None = None
    held_up_seconds: float = 0.0
    gone_when_broken: bool = False
    broken: bool = False

    # The origin

    def origin(self) -> OriginAnswer:
        stage = self

        class Answer(OriginAnswer):
            def __init__(self) -> None:
                self.status = stage.status
                self.headers = ((b"content-type", b"text/plain"),)
                self.length = stage.length

            async def read(self) -> bytes:
                return b"".join([chunk async for chunk in self.chunks()])

            async def chunks(self) -> AsyncIterator[bytes]:
                while stage.chunks:
                    yield stage.chunks.pop(0)
                if stage.breaks:
                    stage.broken = True
                    raise OriginFault(RefusalCode.ORIGIN_MALFORMED, "the origin's body ended early")

            def release(self) -> None:
                stage.events.append("release")

        return Answer()

    # The ledger

    async def _outcome(self, name: str, outcome: Any) -> Any:
        self.events.append(name)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    # The client

    async def send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.events.append(f"start {message['status']}")
            self.headers = dict(message["headers"])
            return
        self.body += message["body"]
        self.events.append(f"body {len(message['body'])}{'' if message['more_body'] else ' last'}")


class FakeLedger:
    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    async def post(self, order: ChargeOrder) -> Any:
        self.stage.order = order
        return await self.stage._outcome("post", self.stage.post)

    async def hold(self, order: ChargeOrder) -> Any:
        self.stage.order = order
        held = Held("ch_1", PRICE, order, 1, True)
        return await self.stage._outcome("hold", held if self.stage.hold == "held" else self.stage.hold)

    async def settle(self, held: Held) -> Any:
        return await self.stage._outcome("settle", self.stage.settle)

    async def void(self, held: Held, reason: str) -> None:
        await self.stage._outcome("void", None)

    async def break_off(self, held: Held) -> None:
        await self.stage._outcome(f"break off {held.attempt}", None)

    def confirm_delivery(self, position: tuple[int, int]) -> None:
        self.stage.events.append("confirm")

    async def reverse(self, key: bytes, reason: str, *, position: tuple[int, int]) -> None:
        self.stage.events.append("reverse")

    async def suspend(self, key: bytes, reason: str, *, position: tuple[int, int]) -> None:
        self.stage.events.append("suspend")


class FakeExchange(Exchange):
    def __init__(self, stage: Stage) -> None:
        super().__init__(REQUEST, None, stage.send)
        self.stage = stage

    async def body(self, data: bytes, *, last: bool) -> None:
        await super().body(data, last=last)
        self.held_up_seconds = self.stage.held_up_seconds

    @property
    def client_gone(self) -> bool:
        if self.stage.gone_when_broken and self.stage.broken:
            return True
        bodies = sum(1 for event in self.stage.events if event.startswith("body"))
        return self.stage.gone_after is not None and bodies >= self.stage.gone_after

    def cut(self) -> None:
        self.stage.events.append("cut")


async def nothing_to_collect(key: bytes) -> bool:
    return False


def sell(stage: Stage, charge: Charge = CHARGE) -> Refusal | SaleEnd:
    ledger = FakeLedger(stage)
    sale = Sale(ledger, OpenDeliveries(ledger, lambda what, error: None), LIMIT, "tcp", nothing_to_collect)
    return asyncio.run(sale.sell(charge, stage.origin(), FakeExchange(stage)))

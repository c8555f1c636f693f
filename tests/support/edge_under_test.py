"""A small real edge: the gate on uvicorn with our protocol on a loopback socket, an origin on another, a fake ledger.

Everything between the client's socket and the origin's is the code that serves in production; only settings,
database and clocks are replaced. Time stands still: no limit is met because the machine is slow, only because a test
says ``let_pass``. An origin that hangs is waited for in no time at all.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, TypeVar

from fastapi import APIRouter

from edge.core.api_token import ApiToken
from edge.core.catalogue import Catalogue
from edge.core.grants import Subscription
from edge.core.identity import ClaimedCrawler, RegisteredCrawler, Rung
from edge.core.keys import new_private_key, public_half
from edge.core.money import Money
from edge.core.policy import Account, Knowledge, Policy, SitePolicy, nobodys, nothing_proved
from edge.core.refusal_texts import RefusalTexts
from edge.core.rule_index import compile_rules
from edge.core.rules import Action, Rule, RuleSet, everything_else
from edge.core.signals.published import Signal, published_paths
from edge.proxy.activity import ActivityParts, ActivityRecorder
from edge.proxy.connection_limits import ConnectionLimits, ConnectionRoom
from edge.proxy.control import public_app
from edge.proxy.deliveries import OpenDeliveries
from edge.proxy.directory_fetch import Fetched
from edge.proxy.gate import Gate
from edge.proxy.key_directories import KeyDirectories
from edge.proxy.live_policy import LivePolicy
from edge.proxy.messages import Refusals
from edge.proxy.protocol import EdgeProtocol, protocol_factory
from edge.proxy.published import Publishing, published_routes
from edge.proxy.read_request import RequestReader
from edge.proxy.sale import Sale
from edge.proxy.server import listen
from edge.proxy.traffic import TrafficRecorder
from edge.proxy.transfer_rates import TransferLimits
from edge.proxy.upstream import OriginAnswer, Upstream, UpstreamLimits
from edge.proxy.watchman import LimitCounts, Watchman
from edge.setting_values import Bind, Network
from edge.store.activity import Activity
from edge.store.traffic import TrafficKey
from tests.support.fake_fetch import FakeFetch
from tests.support.memory_ledger import RICH_MICROS, MemoryLedger
from tests.support.prompt_server import PromptServer, edge_config
from tests.support.scripted_origin import ScriptedOrigin
from tests.support.signing_crawler import SigningCrawler
from tests.support.still_clock import StillClock
from tests.support.wire import PATIENCE_SECONDS, Received, Wire

NOW = 1_800_000_000
HOST = "news.example"
PRICE = Money(10_000, "USD")
PUBLISHER_ACCOUNT = 20
ROUNDS_SECONDS = 0.01
GRACE_SECONDS = 0.02
PATIENT = UpstreamLimits(connect_seconds=60.0, answer_seconds=1e9, stall_seconds=1e9)
"""For tests in which time passes and the origin may take as long as it likes."""
T = TypeVar("T")

RICH = SigningCrawler(1, NOW)
POOR = SigningCrawler(2, NOW)
SUSPENDED = SigningCrawler(3, NOW)
WITHOUT_ACCOUNT = SigningCrawler(4, NOW)
CRAWLERS = (RICH, POOR, SUSPENDED, WITHOUT_ACCOUNT)
BALANCES = {11: RICH_MICROS, 12: 1, 13: RICH_MICROS}

PAID_RULES = RuleSet(
    (
        Rule("free", where="/free/*", action=Action.ALLOW),
        Rule("blocked", where="/blocked/*", action=Action.BLOCK),
        Rule("watched", where="/watched/*", action=Action.MONITOR, price=PRICE),
    ),
    everything_else(Action.CHARGE, PRICE),
)


@dataclass(frozen=True)
class Setting:
    """How an edge under test differs from the usual one."""

    rules: RuleSet = PAID_RULES
    in_band_pricing: bool = False
    strict: bool = False
    case_sensitive: bool = False
    header_deadline_seconds: float = 30.0
    keep_alive_seconds: int = 75
    stall_seconds: float = 30.0
    bytes_per_second: int = 500
    answer_seconds: float = 900.0
    per_address: int = 512
    connections: int = 10_000
    trusted: tuple[Network, ...] = ()
    limits: UpstreamLimits = field(default_factory=lambda: UpstreamLimits(connect_seconds=60.0, answer_seconds=20.0))
    buffer_bytes: int = 256 * 1024
    request_body_bytes: int = 1024 * 1024
    receipts: Mapping[str, str] = field(default_factory=dict)
    receipt_fault: Exception | None = None
    origin_url: str | None = None
    activity_rows_per_second: int = 100
    subscriptions: tuple[Subscription, ...] = ()
    tokens: Mapping[str, ApiToken] = field(default_factory=dict)
    prove: Callable[[str, str], Rung] = nothing_proved
    owner: Callable[[str], ClaimedCrawler | None] = nobodys
    discover: bool = False
    published: Mapping[str, Fetched] = field(default_factory=dict)
    routes: tuple[APIRouter, ...] = ()
    signals: frozenset[Signal] = frozenset()


def policy_for(setting: Setting, origin_url: str, version: int = 1) -> Policy:
    """One site with every kind of crawler known to it."""
    site = SitePolicy(
        site_id=7,
        publisher_id=1,
        publisher_account=PUBLISHER_ACCOUNT,
        host=HOST,
        origin=setting.origin_url or origin_url,
        currency="USD",
        scheme=None,
        strict=setting.strict,
        in_band_pricing=setting.in_band_pricing,
        error_detail=True,
        contact=None,
        rules=compile_rules(setting.rules, case_sensitive=setting.case_sensitive),
        rule_version=version,
        signals=setting.signals,
        published=published_paths(setting.signals),
        adds_fields=Signal.HEADERS in setting.signals,
    )
    registered: dict[str, RegisteredCrawler] = {crawler.agent_url: crawler.registered() for crawler in CRAWLERS}
    subscribed = {RICH.number: setting.subscriptions}
    accounts = {
        (number - 10, "USD"): Account(number, "USD", number == 13, subscribed.get(number - 10, ()))
        for number in BALANCES
    }
    keys = {(crawler.agent_url, crawler.public_key.thumbprint): crawler.public_key for crawler in CRAWLERS}
    return Policy(version, {HOST: site}, registered, accounts, keys, setting.tokens)


class RecordingUpstream(Upstream):
    """Writes down method and target of every request that the gate lets through."""

    def __init__(self, limits: UpstreamLimits, authorised: list[tuple[str, str]]) -> None:
        super().__init__(limits)
        self._authorised = authorised

    async def ask(self, origin: str, method: str, target: str, *more: Any, sold: bool = False) -> OriginAnswer:
        self._authorised.append((method, target))
        return await super().ask(origin, method, target, *more, sold=sold)


class EdgeUnderTest:
    """Runs in a thread of its own while the ``with`` block lasts. ``authorised`` is what the gate let through.

    ``reports`` are the faults that the edge reported about itself; a test that expects none should say so.
    """

    def __init__(self, setting: Setting | None = None, catalogue: Catalogue | None = None) -> None:
        self.setting = setting or Setting()
        self.authorised: list[tuple[str, str]] = []
        self.ledger = MemoryLedger(BALANCES, PUBLISHER_ACCOUNT)
        self.reports: list[tuple[str, BaseException]] = []
        self.flushed: list[Mapping[TrafficKey, int]] = []
        self.noted: list[Activity] = []
        self.now = float(NOW)
        self.judging_fault: Exception | None = None
        self.spent: set[bytes] = set()
        self.port = 0
        self.gate: Gate
        self.watchman: Watchman[EdgeProtocol]
        self.limit_counts = LimitCounts()
        self.key = new_private_key()
        self.origin: ScriptedOrigin
        self._stored: Policy
        self._catalogue = catalogue or Catalogue.load()
        self._ready = threading.Event()
        self._stop: asyncio.Event
        self._loop: StillClock
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="edge under test", daemon=True)

    def __enter__(self) -> EdgeUnderTest:
        self._thread.start()
        assert self._ready.wait(PATIENCE_SECONDS)
        if self._failure is not None:
            raise self._failure
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive()

    # What a test does

    def connect(self, *, buffer_bytes: int | None = None) -> Wire:
        """A new connection to the edge."""
        return Wire(self.port, buffer_bytes=buffer_bytes)

    def ask(self, data: bytes, method: str = "GET") -> Received:
        """One request on a connection of its own."""
        with self.connect() as wire:
            return wire.ask(data, method)

    def publish(self, rules: RuleSet) -> None:
        """Put other rules in force as a publisher does: the stored policy changes, the edge finds out by itself."""
        self.setting = replace(self.setting, rules=rules)
        self._stored = policy_for(self.setting, self.origin.url, self._stored.version + 1)

    def do(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine on the edge's loop."""
        return asyncio.run_coroutine_threadsafe(work(), self._loop).result(PATIENCE_SECONDS)

    def let_pass(self, seconds: float) -> None:
        """Let time pass for the edge, when it has read what was sent by now; it sees to its connections after it."""
        self.do(lambda: self._let_pass(seconds))

    def let_pass_until(self, holds: Callable[[], bool], seconds: float) -> None:
        """Let time pass, so many seconds at a time, until it ``holds()``; fails the test when it never does."""

        def holds_later() -> bool:
            if not holds():
                self.let_pass(seconds)
            return holds()

        self.wait_until(holds_later)

    def wait_until(self, holds: Callable[[], bool]) -> None:
        """Return as soon as ``holds()``; fails the test when it never does."""
        patience = time.monotonic() + PATIENCE_SECONDS
        while not holds():
            assert time.monotonic() < patience
            time.sleep(0.002)

    def wait_until_asked(self) -> None:
        """Return when the origin has seen a request."""
        self.wait_until(lambda: bool(self.origin.seen))

    def wait_until_a_head_is_owed(self) -> None:
        """Return when the edge waits for the rest of a head."""
        self.wait_until(
            lambda: any(
                connection.waiting_for_head_since is not None for connection in tuple(self.watchman.connections)
            )
        )

    def wait_until_alone(self) -> None:
        """Return when the edge knows that every client has gone."""
        self.wait_until(lambda: not self.watchman.connections)

    def late_answer(self, wire: Wire, seconds: float) -> Received:
        """Let time pass, so many seconds at a time, until the edge says or ends something; what it says."""
        self.let_pass_until(wire.has_more, seconds)
        return wire.answer()

    # Its life

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=StillClock) as runner:
            try:
                runner.run(self._live())
            except BaseException as error:
                self._failure = error
                self._ready.set()

    async def _live(self) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, StillClock)
        self._loop = loop
        self._stop = asyncio.Event()
        self.origin = ScriptedOrigin()
        await self.origin.start()
        self._stored = policy_for(self.setting, self.origin.url)
        self._wire_up()
        sock = listen(Bind("127.0.0.1", 0), "the test")
        self.port = sock.getsockname()[1]
        protocol = protocol_factory(self.watchman, self.gate.answer_at_once, self.gate.answer_bad)
        server = PromptServer(edge_config(self.gate, protocol, self.setting.keep_alive_seconds), self._stop)
        await self.gate.upstream.open()
        work = [
            asyncio.create_task(job) for job in (server.serve(sockets=[sock]), self._rounds(), self.gate.live.run())
        ]
        self._ready.set()  # the socket listens already, so a client that is early waits in its backlog
        await self._stop.wait()
        for connection in tuple(self.watchman.connections):
            connection.abort()
        await work[0]
        for task in work[1:]:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        await self.gate.upstream.close()
        await self.origin.stop()

    async def _rounds(self) -> None:
        """The watchman's rounds, more often than in production, so that tests need not wait."""
        while True:
            await asyncio.sleep(ROUNDS_SECONDS)
            self.watchman.look(self._loop.time())
            await self._loop.settle()
            if self.origin.hanging:  # and not only until its end is read, which is so by now
                self._pass_at_once(max(self.setting.limits.answer_seconds, self.setting.limits.stall_seconds) + 1)

    async def _let_pass(self, seconds: float) -> None:
        await self._loop.settle()
        self._pass_at_once(seconds)

    def _pass_at_once(self, seconds: float) -> None:
        self._loop.pass_at_once(seconds, self.gate.upstream.look, self.watchman.look)

    async def let_pass_when_taken(self, seconds: float) -> None:
        """On the edge's loop: let time pass when every client's system has all that was sent to it."""
        await self._loop.settle()
        while not all(_has_taken_all(connection) for connection in self.watchman.connections):
            await asyncio.sleep(ROUNDS_SECONDS)
            await self._loop.settle()
        self._pass_at_once(seconds)

    def _wire_up(self) -> None:
        setting = self.setting
        live = LivePolicy(lambda: self._stored, lambda: self._stored.version, 0.02, self._report)
        directories = KeyDirectories(
            FakeFetch(setting.published), lambda: live.policy.crawlers, discover=setting.discover
        )

        def find_key(agent_url: str, thumbprint: str) -> Any:
            key = live.policy.registered_keys.get((agent_url, thumbprint))
            return key if key is not None else directories.find(agent_url, thumbprint)

        deliveries = OpenDeliveries(self.ledger, self._report, GRACE_SECONDS)
        knowledge = Knowledge(find_key, self._classify, prove=setting.prove, owner=setting.owner)
        upstream = RecordingUpstream(setting.limits, self.authorised)
        publishing = Publishing(
            "tests", lambda: live.policy, knowledge, self._catalogue, upstream, lambda: self.key, lambda: self.now,
            lambda: {public_half(self.key).thumbprint: public_half(self.key)}, self._receipt, "ops@edge.example",
        )  # fmt: skip
        self.gate = Gate(
            live=live,
            knowledge=knowledge,
            directories=directories,
            reader=RequestReader("test", [str(network) for network in setting.trusted]),
            refusals=Refusals("tests", RefusalTexts.load()),
            upstream=upstream,
            sale=Sale(
                self.ledger,
                deliveries,
                setting.buffer_bytes,
                "tcp",
                self.ledger.has_right,
                is_spent=self._is_spent,
            ),
            traffic=TrafficRecorder(self.flushed.append, lambda: self.now, self._report),
            signal_fields=publishing.documents.fields,
            control=public_app(lambda: b'{"keys":[]}', self._receipt, [*setting.routes, *published_routes(publishing)]),
            clock=lambda: self.now,
            request_body_bytes=setting.request_body_bytes,
            report=self._report,
            activity=ActivityRecorder(
                ActivityParts(self.noted.extend, lambda: self.now, lambda address, at: address, self._report),
                setting.activity_rows_per_second,
            ),
        )
        limits = TransferLimits(
            setting.header_deadline_seconds, setting.stall_seconds, setting.bytes_per_second, setting.answer_seconds
        )
        places = ConnectionLimits(setting.per_address, setting.connections, setting.trusted)
        self.watchman = Watchman(limits, ConnectionRoom(places, self.gate.turn_away, self.limit_counts.at("edge")))

    async def _is_spent(self, key: bytes) -> bool:
        return key in self.spent

    def _receipt(self, charge_id: str) -> str | None:
        if self.setting.receipt_fault is not None:
            raise self.setting.receipt_fault
        return self.setting.receipts.get(charge_id)

    def _classify(self, user_agent: str) -> ClaimedCrawler | None:
        if self.judging_fault is not None:
            raise self.judging_fault
        return self._catalogue.classify(user_agent)

    def _report(self, what: str, error: BaseException) -> None:
        self.reports.append((what, error))


def _has_taken_all(connection: EdgeProtocol) -> bool:
    return not connection.unsent() and connection.deliveries.acknowledged() in (None, connection.deliveries.written)

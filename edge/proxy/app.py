"""Put one edge together: the only place that reads settings and knows every part by name.

``build_edge`` wires, ``Edge.running`` is its life. Nothing here decides anything about a request.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog
from fastapi import APIRouter, FastAPI

from edge.core.api_token import IDEMPOTENCY_SECONDS
from edge.core.decision import Charge
from edge.core.policy import Knowledge, Policy
from edge.core.refusal_texts import RefusalTexts
from edge.core.web_bot_auth import KeyAnswer, KeyLookup
from edge.proxy.activity import ActivityRecorder
from edge.proxy.activity_store import activity_parts
from edge.proxy.addresses import Addresses, build_addresses
from edge.proxy.checkpoint_rounds import CheckpointRounds
from edge.proxy.connection_limits import ConnectionLimits, ConnectionRoom
from edge.proxy.control import Metrics, admin_app, public_app
from edge.proxy.deliveries import OpenDeliveries
from edge.proxy.directory_fetch import AddressGuardedFetcher
from edge.proxy.directory_shelf import DatabaseShelf
from edge.proxy.gate import Gate
from edge.proxy.housekeeper import Housekeeper
from edge.proxy.key_directories import KeyDirectories
from edge.proxy.live_policy import LivePolicy
from edge.proxy.messages import Refusals
from edge.proxy.operator_api import operator_routes
from edge.proxy.own_catalogue import load_own_catalogue
from edge.proxy.payment_desk import PaymentDesk
from edge.proxy.payment_routes import payment_routes
from edge.proxy.payment_secrets import read_payment_secrets
from edge.proxy.protocol import EdgeProtocol, protocol_factory
from edge.proxy.publication_rounds import PublicationRounds
from edge.proxy.published import Publishing, published_routes
from edge.proxy.read_request import RequestReader
from edge.proxy.registrar import Registrar
from edge.proxy.registration_routes import RegistrationOffice, registration_routes
from edge.proxy.robots_rounds import RobotsRounds, robots_rounds
from edge.proxy.sale import HasRight, MayBeFree, Sale
from edge.proxy.signature_routes import CheckDesk, key_budget, signature_routes
from edge.proxy.traffic import Flush, TrafficRecorder
from edge.proxy.transfer_rates import TransferLimits
from edge.proxy.upstream import Upstream, UpstreamLimits
from edge.proxy.watchman import LimitCounts, Watchman
from edge.proxy.webhook_sources import LedgerAlarms
from edge.proxy.webhooks import Webhooks, build_webhooks
from edge.settings import Settings
from edge.store.address_keys import AddressKeys
from edge.store.charges import Ledger
from edge.store.checkpoint_keeper import CheckpointKeeper
from edge.store.database import Database, now_micros
from edge.store.earned_days import sum_next_day
from edge.store.entries import was_charged, was_had_before
from edge.store.grant_advice import may_be_free as may_be_free_in
from edge.store.housekeeping import Retention, chores
from edge.store.policy import current_version, load_policy
from edge.store.receipts import receipt_of
from edge.store.robots import RobotsJudge
from edge.store.service_keys import ServiceKeys
from edge.store.sightings import Sighting, note_sightings, signed_sightings
from edge.store.traffic import TrafficKey, flush_traffic

log = structlog.get_logger("farebox.edge")


@dataclass(frozen=True, slots=True)
class Edge:
    """One edge process, wired: the application and protocol for uvicorn, the admin application, and its life."""

    gate: Gate
    protocol: type[EdgeProtocol]
    admin: FastAPI
    ledger: Ledger
    live: LivePolicy
    traffic: TrafficRecorder
    activity: ActivityRecorder
    directories: KeyDirectories
    fetcher: AddressGuardedFetcher
    addresses: Addresses
    upstream: Upstream
    watchman: Watchman[EdgeProtocol]
    limit_counts: LimitCounts
    deliveries: OpenDeliveries
    webhooks: Webhooks
    readiness: Readiness
    checkpoints: CheckpointRounds
    housekeeper: Housekeeper
    publications: PublicationRounds
    robots: RobotsRounds

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Open what needs the event loop, keep the background work going, and finish it in order."""
        await self.upstream.open()
        work = [
            asyncio.create_task(job, name=name)
            for name, job in (
                ("policy", self.live.run()),
                ("traffic", self.traffic.run()),
                ("activity", self.activity.run()),
                ("watchman", self.watchman.run()),
                ("checkpoints", self.checkpoints.run()),
                ("webhooks", self.webhooks.run()),
                ("housekeeping", self.housekeeper.run()),
                ("publications", self.publications.run()),
                ("robots.txt", self.robots.run()),
                ("address feeds", self.addresses.feeds.run()),
            )
        ]
        try:
            yield
        finally:
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)
            await self.deliveries.finish()
            await self.traffic.flush()
            await self.activity.flush()
            await self.webhooks.finish()
            await self.directories.close()
            await self.fetcher.close()
            await self.addresses.close()
            await self.upstream.close()


@dataclass(slots=True)
class Readiness:
    """Whether this process should get traffic; draining comes first, so that a balancer looks elsewhere in time."""

    ledger: Ledger
    draining: bool = False

    def reason_against(self) -> str | None:
        """None when ready, else the reason why not."""
        if self.draining:
            return "draining"
        failure = self.ledger.failure
        return None if failure is None else f"the ledger has stopped: {failure}"


def build_edge(
    settings: Settings, database: Database, ledger: Ledger, keys: ServiceKeys, alarms: LedgerAlarms | None = None
) -> Edge:
    """Wire one edge process over an open database and a started ledger; ``alarms`` is what the ledger reports to."""
    live = _live_policy(settings, database)
    fetcher = AddressGuardedFetcher(allow_loopback_http=settings.dev)
    own = load_own_catalogue(settings.catalogue_file)
    catalogue = own.catalogue()
    addresses = build_addresses(settings, own.sources(), database, _report, catalogue.named)
    directories = KeyDirectories(
        fetcher,
        lambda: live.policy.crawlers,
        shelf=DatabaseShelf(database),
        allow_test_keys=settings.dev,
        discover=settings.directories == "discover",
    )
    traffic = TrafficRecorder(_flusher(database), time.time, _report)
    judge = RobotsJudge()
    activity = ActivityRecorder(activity_parts(settings, database, judge, _report), settings.activity_rows_per_second)
    upstream = Upstream(
        UpstreamLimits(
            connections=settings.origin_connections,
            connect_seconds=settings.origin_connect_seconds,
            answer_seconds=settings.origin_timeout_seconds,
            stall_seconds=settings.origin_timeout_seconds,
        )
    )
    deliveries = OpenDeliveries(ledger, _report)
    evidence = addresses.evidence
    keys_of = _key_finder(live, directories)
    knowledge = Knowledge(keys_of, catalogue.classify, settings.dev, evidence.prove, evidence.owner)
    receipts = _receipt_finder(settings, database, keys)
    publishing = Publishing(
        settings.operator, lambda: live.policy, knowledge, catalogue, upstream, lambda: keys.current.private, time.time,
        lambda: keys.by_thumbprint, receipts, settings.contact,
    )  # fmt: skip
    gate = Gate(
        live=live,
        knowledge=knowledge,
        directories=directories,
        reader=RequestReader(secrets.token_hex(4), [str(network) for network in settings.trusted_proxies]),
        refusals=Refusals(settings.operator, RefusalTexts.load(), settings.contact),
        upstream=upstream,
        sale=_sale(settings, database, ledger, deliveries),
        traffic=traffic,
        control=public_app(
            keys.jwks,
            receipts,
            [
                _payments(settings, database, ledger),
                registration_routes(_registrations(settings, database, live, directories, fetcher)),
                signature_routes(_check_desk(settings, live, directories, fetcher)),
                *published_routes(publishing),
            ],
        ),
        clock=time.time,
        request_body_bytes=settings.request_body_bytes,
        report=_report,
        activity=activity,
        signal_fields=publishing.documents.fields,
    )
    limit_counts = LimitCounts()
    room = ConnectionRoom(connection_limits(settings), gate.turn_away, limit_counts.at("edge"))
    watchman: Watchman[EdgeProtocol] = Watchman(transfer_limits(settings), room)
    readiness = Readiness(ledger)
    webhooks = build_webhooks(settings, database, alarms, _report)
    return Edge(
        gate=gate,
        protocol=protocol_factory(watchman, gate.answer_at_once, gate.answer_bad),
        admin=admin_app(
            readiness.reason_against,
            lambda: _metrics(traffic, activity, live, watchman, limit_counts, webhooks),
            [operator_routes(database, ledger)],
        ),
        ledger=ledger,
        live=live,
        traffic=traffic,
        activity=activity,
        directories=directories,
        fetcher=fetcher,
        addresses=addresses,
        upstream=upstream,
        watchman=watchman,
        limit_counts=limit_counts,
        deliveries=deliveries,
        webhooks=webhooks,
        readiness=readiness,
        checkpoints=CheckpointRounds(
            checkpoint_keeper(settings, database), ledger, settings.checkpoint_seconds, _report
        ),
        housekeeper=housekeeper(settings, database, _report),
        robots=robots_rounds(database, judge, lambda: live.policy, upstream, _report),
        publications=PublicationRounds(database, now_micros, _report),
    )


def transfer_limits(settings: Settings) -> TransferLimits:
    """What every port asks of its clients."""
    return TransferLimits(
        header_seconds=settings.header_deadline_seconds,
        stall_seconds=settings.client_stall_seconds,
        bytes_per_second=settings.client_bytes_per_second,
        answer_seconds=settings.answer_seconds,
    )


def connection_limits(settings: Settings) -> ConnectionLimits:
    """How many connections each port takes."""
    return ConnectionLimits(settings.connections_per_address, settings.connections, settings.trusted_proxies)


def housekeeper(settings: Settings, database: Database, report: Callable[[str, BaseException], None]) -> Housekeeper:
    """Who deletes what is over its time."""
    retention = Retention(
        traffic_months=settings.traffic_months,
        traffic_minute_days=settings.traffic_minute_days,
        activity_days=settings.activity_days,
        webhook_days=settings.webhook_retention_days,
    )
    keys = AddressKeys(settings.data_dir)
    return Housekeeper(
        database,
        chores(retention),
        clock=now_micros,
        report=report,
        tidy=keys.sweep,
        sum_next=lambda at_micros: sum_next_day(database, at_micros),
    )


def checkpoint_keeper(settings: Settings, database: Database) -> CheckpointKeeper:
    """Who makes this installation's checkpoints, and where they are kept."""
    node = settings.node or socket.gethostname()
    return CheckpointKeeper(database, settings.data_dir, settings.operator, settings.kept_checkpoints, node=node)


def _payments(settings: Settings, database: Database, ledger: Ledger) -> APIRouter:
    node = settings.node or socket.gethostname()
    desk = PaymentDesk(database, ledger, node, now_micros, allow_dev=settings.dev)
    return payment_routes(desk, read_payment_secrets(settings), time.time, allow_test_mode=settings.dev)


def _registrations(
    settings: Settings, database: Database, live: LivePolicy, directories: KeyDirectories, fetch: AddressGuardedFetcher
) -> RegistrationOffice:
    find = _key_finder(live, directories)
    registrar = Registrar(lambda: live.policy, find, directories.ensure, fetch, time.time, settings.dev)
    return RegistrationOffice(
        database, registrar, lambda: live.policy, settings.operator, settings.contact, settings.registration
    )


def _check_desk(
    settings: Settings, live: LivePolicy, directories: KeyDirectories, fetch: AddressGuardedFetcher
) -> CheckDesk:
    """Who tells authors how their signatures are read; the keys of strangers are fetched on a budget of its own."""
    find = _key_finder(live, directories)
    known = (lambda: live.policy, find, directories.ensure, fetch, time.time, settings.dev)
    return CheckDesk(Registrar(*known, by_address=key_budget()), lambda: live.policy, time.time)


def _live_policy(settings: Settings, database: Database) -> LivePolicy:
    loaded: Policy | None = None

    def load() -> Policy:
        nonlocal loaded
        loaded = load_policy(database, loaded, allow_test_keys=settings.dev)
        return loaded

    return LivePolicy(load, lambda: current_version(database), settings.policy_poll_seconds, _report)


def _key_finder(live: LivePolicy, directories: KeyDirectories) -> KeyLookup:
    def find_key(agent_url: str, thumbprint: str) -> KeyAnswer:
        """A key given in a file at registration, else the agent's own directory."""
        key = live.policy.registered_keys.get((agent_url, thumbprint))
        return key if key is not None else directories.find(agent_url, thumbprint)

    return find_key


def _sale(settings: Settings, database: Database, ledger: Ledger, deliveries: OpenDeliveries) -> Sale:
    evidence = "hop" if settings.trusted_proxies else "tcp"
    asked = (_right_finder(database), _free_finder(database), _spent_finder(database))
    return Sale(ledger, deliveries, settings.body_buffer_bytes, evidence, *asked)


def _right_finder(database: Database) -> HasRight:
    async def has_right(key: bytes) -> bool:
        """Whether this request was charged before; read outside the ledger's queue, because most were not."""
        return await asyncio.to_thread(was_charged, database, key)

    return has_right


def _free_finder(database: Database) -> MayBeFree:
    async def may_be_free(charge: Charge, target: str) -> bool:
        """Whether a page may be free; read outside the ledger's queue, so that most refusals cost it nothing."""
        place = (charge.account, charge.site.site_id, target, charge.grants)
        return await asyncio.to_thread(may_be_free_in, database, *place, now_micros())

    return may_be_free


def _receipt_finder(settings: Settings, database: Database, keys: ServiceKeys) -> Callable[[str], str | None]:
    return lambda charge_id: receipt_of(database, keys, settings.operator, charge_id)


def _spent_finder(database: Database) -> HasRight:
    async def is_spent(key: bytes) -> bool:
        """Whether what this key names was bought, and had, more than a day ago."""
        before_micros = now_micros() - IDEMPOTENCY_SECONDS * 1_000_000
        return await asyncio.to_thread(was_had_before, database, key, before_micros)

    return is_spent


def _flusher(database: Database) -> Flush:
    seen: set[Sighting] = set()

    def flush(counts: Mapping[TrafficKey, int]) -> None:
        """Write the counts, and who came for the first time as far as this process knows."""
        new = signed_sightings(counts) - seen
        with database.write() as connection:
            flush_traffic(connection, counts)
            note_sightings(connection, new, now_micros())
        seen.update(new)

    return flush


def _metrics(
    traffic: TrafficRecorder,
    activity: ActivityRecorder,
    live: LivePolicy,
    watchman: Watchman[EdgeProtocol],
    limit_counts: LimitCounts,
    webhooks: Webhooks,
) -> Metrics:
    gauges = {
        "policy_version": live.policy.version,
        "sites": len(live.policy.sites),
        "connections": len(watchman.connections),
    }
    return Metrics(traffic.totals, limit_counts.totals, gauges, webhooks.worker.totals, activity.totals)


def _report(what: str, error: BaseException) -> None:
    log.warning("background work failed", what=what, error=str(error), kind=type(error).__name__)

"""``farebox serve``: the edge, the dashboard and the admin pages, in one process or several."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

import structlog

from edge.cli.directory_checks import key_checks
from edge.cli.estimate_process import estimate_apart
from edge.cli.logs import configure_logs
from edge.cli.origin_documents import read_origin
from edge.cli.site_checks import RealSiteChecks
from edge.cli.terminal import note
from edge.cli.workplace import settings_here
from edge.core.errors import EdgeError
from edge.proxy.app import build_edge, checkpoint_keeper
from edge.proxy.own_catalogue import load_own_catalogue
from edge.proxy.server import Listener, listen, run_listeners, run_workers
from edge.proxy.webhook_sources import LedgerAlarms
from edge.setting_values import Bind
from edge.settings import Settings, load_settings
from edge.store import schema
from edge.store.address_keys import AddressKeys
from edge.store.charges import Ledger
from edge.store.checkpoint_keeper import CheckpointKeeper
from edge.store.database import Database, now_micros
from edge.store.people import create_setup_link, has_people
from edge.store.service_keys import known_public_keys, load_service_keys
from publisher_dashboard.app import create_app as create_dashboard
from publisher_dashboard.books_work import Books

SETUP_PATH = "/set-up/"


class Part(StrEnum):
    """What one process can serve alone."""

    EDGE = "edge"
    DASHBOARD = "dashboard"


def serve(workers: int | None, only: Part | None) -> None:
    """Serve until a signal comes; ``workers`` None means as the settings say, ``only`` None everything."""
    settings = settings_here()
    if workers is not None:
        settings = load_settings({**os.environ, "FAREBOX_WORKERS": str(workers)}, Path.cwd())
    prepare_database(settings)
    sockets = _open_sockets(settings, only)
    _announce(settings, sockets)
    if settings.workers == 1:
        _run(settings, sockets)
        return
    run_workers(_work, sockets, settings.workers)


def prepare_database(settings: Settings) -> None:
    """Bring an embedded database up to date, and refuse to serve from any other shape than this version's."""
    database = Database.open(settings.database_url)
    try:
        if settings.is_embedded:
            schema.upgrade(database)
        schema.check(database)
    finally:
        database.close()


def _open_sockets(settings: Settings, only: Part | None) -> dict[str, socket.socket]:
    sockets: dict[str, socket.socket] = {}
    if only is not Part.DASHBOARD:
        sockets["edge"] = listen(settings.edge_bind, "FAREBOX_EDGE_BIND")
        sockets["admin"] = listen(settings.admin_bind, "FAREBOX_ADMIN_BIND")
    if only is not Part.EDGE:
        sockets["dashboard"] = listen(settings.dashboard_bind, "FAREBOX_DASHBOARD_BIND")
    return sockets


def _announce(settings: Settings, sockets: dict[str, socket.socket]) -> None:
    for part, sock in sockets.items():
        host, port = sock.getsockname()[:2]
        note(f"{part:9}  http://{Bind(host, port)}")
    if "dashboard" not in sockets:
        return
    database = Database.open(settings.database_url)
    try:
        with database.write() as connection:
            if has_people(connection):
                return
            token = create_setup_link(connection, now_micros())
    finally:
        database.close()
    host, port = sockets["dashboard"].getsockname()[:2]
    address = settings.dashboard_url or f"http://{Bind(host, port)}"
    note(f"Nobody can sign in yet. Make the first account here, once, within 24 hours: {address}{SETUP_PATH}{token}")


def _work(index: int, sockets: dict[str, socket.socket]) -> None:
    """One worker's life: every worker is an edge, the first one also answers operators and publishers."""
    mine = sockets if index == 0 else {"edge": sockets["edge"]}
    _run(settings_here(), mine)


def _run(settings: Settings, sockets: dict[str, socket.socket]) -> None:
    """Serve on these sockets until a signal comes."""
    configure_logs(settings)
    database = Database.open(settings.database_url, serving="edge" in sockets)
    try:
        if "edge" not in sockets:
            run_listeners(_dashboard(settings, database, sockets), None, settings)
            return
        node = settings.node or socket.gethostname()
        alarms = LedgerAlarms(node, now_micros)
        report = _reporter(alarms)
        keeper = checkpoint_keeper(settings, database)
        broken = keeper.check()
        if broken is not None:
            report(broken)
        ledger = Ledger.open(database, node=node, report=report, broken=broken)
        try:
            edge = build_edge(settings, database, ledger, load_service_keys(settings.data_dir), alarms)
            listeners = [Listener("edge", edge.gate, sockets["edge"], edge.protocol)]
            if "admin" in sockets:
                listeners.append(Listener("admin", edge.admin, sockets["admin"]))
            run_listeners([*listeners, *_dashboard(settings, database, sockets)], edge, settings)
        finally:
            ledger.close()
            _keep_the_end(keeper, ledger)
    finally:
        database.close()


def _keep_the_end(keeper: CheckpointKeeper, ledger: Ledger) -> None:
    """Sign where the chains end now that this process has written its last; the next start would do it too."""
    if ledger.failure is not None:
        return
    try:
        keeper.keep()
    except Exception as error:
        structlog.get_logger("farebox.ledger").error("no checkpoint was made at the end", error=str(error))


def _dashboard(settings: Settings, database: Database, sockets: dict[str, socket.socket]) -> list[Listener]:
    if "dashboard" not in sockets:
        return []
    catalogue = load_own_catalogue(settings.catalogue_file).catalogue()
    app = create_dashboard(
        database,
        catalogue.classify,
        public_url=settings.dashboard_url,
        operator=settings.operator,
        contact=settings.contact or "",
        edge_bind=(settings.edge_bind.host, settings.edge_bind.port),
        address_key=AddressKeys(settings.data_dir).at,
        books=Books(settings.data_dir, settings.kept_checkpoints),
        run_estimate=estimate_apart(settings.catalogue_file),
        estimate_log_bytes=settings.estimate_log_bytes,
        crawlers=catalogue.crawlers,
        read_origin=read_origin,
        key_checks=key_checks(settings, database, time.time),
        checks=RealSiteChecks(frozenset(known_public_keys(settings.data_dir))),
    )
    return [Listener("dashboard", app, sockets["dashboard"])]


def _reporter(alarms: LedgerAlarms) -> Callable[[EdgeError], None]:
    def report(error: EdgeError) -> None:
        structlog.get_logger("farebox.ledger").error("the ledger is not selling", error=str(error))
        alarms.note(error)

    return report

"""Run edge, dashboard and admin pages as processes: sockets, signals, a graceful stop, and workers on PostgreSQL.

In the embedded default one process serves all three on their own ports. With several workers each runs an edge; they
share the listening sockets and meet in the database.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import multiprocessing
import resource
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import structlog
import uvicorn
import uvloop

from edge.core.errors import EdgeError
from edge.proxy.app import Edge, connection_limits, transfer_limits
from edge.proxy.connection_limits import ConnectionRoom
from edge.proxy.guarded_protocol import TOO_MANY, GuardedProtocol, guarded_protocol
from edge.proxy.watchman import LimitCounts, Watchman
from edge.setting_values import Bind
from edge.settings import Settings

log = structlog.get_logger("farebox.server")

KEEP_ALIVE_SECONDS = 75
RESTART_PAUSE_SECONDS = 1.0
CUT_OFF_SECONDS = 5.0
BACKLOG = 4096
DESCRIPTORS_WANTED = 65_536
OWN_DESCRIPTORS = 256
"""What a process opens beside the connections of clients and to origins: database, files, the other ports."""
GARBAGE_THRESHOLD = 20_000
"""Young objects before a collection: requests leave no cycles behind, so looking every 700 is work for nothing."""


Worker = Callable[[int, dict[str, socket.socket]], None]


class AddressInUse(EdgeError):
    """A port that we cannot listen on; the message says which setting to change."""


class QuietServer(uvicorn.Server):
    """A uvicorn server among others in one process: signals belong to whoever runs them all."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass(frozen=True, slots=True)
class Listener:
    """One application and the socket that it answers on; ``name`` is the port's in metrics and logs.

    Without a ``protocol`` of its own it gets uvicorn's with the edge's limits.
    """

    name: str
    app: Callable[..., object]
    socket: socket.socket
    protocol: type[asyncio.Protocol] | None = None


def listen(bind: Bind, setting: str) -> socket.socket:
    """Open a listening socket; raises ``AddressInUse`` naming the setting."""
    family = socket.AF_INET6 if ":" in bind.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        sock.bind((bind.host, bind.port))
    except OSError as error:
        sock.close()
        raise AddressInUse(f"cannot listen on {bind} ({error.strerror}); set {setting} to another address") from error
    sock.listen(BACKLOG)
    return sock


def run_listeners(listeners: Sequence[Listener], edge: Edge | None, settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is under way within ``drain_seconds``."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(listeners, edge, settings))


async def _serve(listeners: Sequence[Listener], edge: Edge | None, settings: Settings) -> None:
    _raise_descriptor_limit(settings)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    counts = edge.limit_counts if edge else LimitCounts()
    work = [asyncio.create_task(counts.run(), name="limits")]
    servers = []
    for listener in listeners:
        protocol = listener.protocol
        if protocol is None:
            watchman = _watchman(listener.name, settings, counts)
            work.append(asyncio.create_task(watchman.run(), name=f"{listener.name} watchman"))
            protocol = guarded_protocol(watchman)
        servers.append(QuietServer(_config(listener.app, protocol, settings)))
    # What lives from here on is garbage seldom; freezing spares every later collection the walk over it.
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD, 20, 20)
    async with edge.running() if edge else contextlib.nullcontext():
        tasks = [
            asyncio.create_task(server.serve(sockets=[listener.socket]))
            for server, listener in zip(servers, listeners, strict=True)
        ]
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
        if edge is not None:
            edge.readiness.draining = True
        stopping.cancel()
        for server in servers:
            server.should_exit = True
        await asyncio.gather(*tasks)
        # Answers that were cut off at the deadline still give back what they held.
        cut_off = [task for server in servers for task in server.server_state.tasks]
        if cut_off:
            await asyncio.wait(cut_off, timeout=CUT_OFF_SECONDS)
    for task in work:
        task.cancel()
    await asyncio.gather(*work, return_exceptions=True)


def _watchman(name: str, settings: Settings, counts: LimitCounts) -> Watchman[GuardedProtocol]:
    room = ConnectionRoom(connection_limits(settings), lambda: TOO_MANY, counts.at(name))
    return Watchman(transfer_limits(settings), room)


def _raise_descriptor_limit(settings: Settings) -> None:
    """Use as many descriptors as the system lets us: idle strangers must not use up those of payers."""
    needed = settings.connections + settings.origin_connections + OWN_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(needed, DESCRIPTORS_WANTED)
    if hard != resource.RLIM_INFINITY:
        wanted = min(hard, wanted)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    if soft != resource.RLIM_INFINITY and soft < needed:
        log.warning("fewer file descriptors than connections may need", descriptors=soft, needed=needed)


def _config(app: Callable[..., object], protocol: type[asyncio.Protocol], settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=protocol,
        loop="uvloop",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=int(settings.drain_seconds),
        backlog=BACKLOG,
    )


def run_workers(target: Worker, sockets: dict[str, socket.socket], count: int) -> None:
    """Run ``target(index, sockets)`` in ``count`` processes until a signal; a worker that dies is started again."""
    context = multiprocessing.get_context("spawn")
    stopping = False

    def stop(number: int, frame: object) -> None:
        nonlocal stopping
        stopping = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    workers = {index: context.Process(target=target, args=(index, sockets)) for index in range(count)}
    for worker in workers.values():
        worker.start()
    while not stopping:
        for index, worker in workers.items():
            worker.join(RESTART_PAUSE_SECONDS / count)
            if worker.exitcode is not None and not stopping:
                log.warning("worker ended, starting it again", worker=index, exit_code=worker.exitcode)
                workers[index] = context.Process(target=target, args=(index, sockets))
                workers[index].start()
    for worker in workers.values():
        worker.terminate()
    for worker in workers.values():
        worker.join()

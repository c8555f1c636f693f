"""Slow clients and many connections against the whole program: every port has limits, and nobody pays for a cut."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.support.crawler_line import Attempt, Purchase, buy
from tests.support.edge_process import READY_SECONDS, ReservedPort
from tests.support.system_stage import Stage, until
from tests.support.transcript_judge import wrongs
from tests.support.wire import Wire

pytestmark = pytest.mark.system

FAREBOX = Path(sys.executable).with_name("farebox")
PORTS = ("edge", "dashboard", "admin")
SIP_SECONDS = 0.05


@pytest.mark.parametrize("path", ["/medium/1", "/large/1"])
def test_a_slow_reader_of_a_sold_page_is_cut_pays_nothing_and_may_ask_again(stage: Stage, path: str) -> None:
    edge = stage.edge(client_stall_seconds="3", client_bytes_per_second="1000000")
    purchase = stage.market.purchase(path)

    async def sip_and_ask_again() -> None:
        purchase.attempts.append(await asyncio.to_thread(sip, edge.port, purchase.request))
        await until(lambda: is_taken_back(stage, purchase))
        await buy(edge.port, purchase)

    stage.do(sip_and_ask_again())
    cut, again = purchase.attempts
    assert (cut.status, cut.is_complete) == (200, False)
    assert (again.status, again.is_complete) == (200, True)
    assert wrongs(stage.market.database, [purchase]) == []
    assert stage.faults() == []


def sip(port: int, request: bytes) -> Attempt:
    """Take a little at a time, never still for long and far too slow, until the line breaks or the page is there."""
    with Wire(port, buffer_bytes=4096) as wire:
        wire.send(request)
        status, fields = wire.head()
        attempt = Attempt(status, fields)
        while attempt.body_bytes < int(fields["content-length"]):
            try:
                attempt.body_bytes += len(wire.socket.recv(1000))
            except ConnectionError:
                return attempt
            time.sleep(SIP_SECONDS)
    attempt.is_complete = True
    return attempt


def is_taken_back(stage: Stage, purchase: Purchase) -> bool:
    """Whether something was charged or held, and nothing is any more."""
    [charges] = stage.charges(purchase)
    return bool(charges.ids) and (charges.live, charges.open_holds) == (0, 0)


class Served:
    """`farebox serve` with all its ports, running."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self._reserved = {name: ReservedPort() for name in PORTS}
        self.ports = {name: port.number for name, port in self._reserved.items()}
        self._log = folder / "serve.log"
        binds = {f"FAREBOX_{name.upper()}_BIND": f"127.0.0.1:{number}" for name, number in self.ports.items()}
        chosen = {f"FAREBOX_{name.upper()}": value for name, value in settings.items()}
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FAREBOX_")}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [FAREBOX, "serve"], cwd=folder, env=kept | binds | chosen,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    def wait_until(self, holds: Callable[[], bool]) -> None:
        """Return as soon as ``holds()``; a port that does not answer yet is waited for."""
        deadline = time.monotonic() + READY_SECONDS
        while True:
            with suppress(ConnectionError):
                if holds():
                    return
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.02)

    def asked(self, path: str, port: str = "admin") -> str:
        """What a port says to one request."""
        with Wire(self.ports[port]) as wire:
            wire.send(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.ports[port]}\r\n\r\n".encode())
            return wire.answer().body.decode()

    def stop(self) -> int:
        """Tell it to stop; its exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(120)

    def log(self) -> str:
        """What it wrote."""
        return self._log.read_text()

    def close(self) -> None:
        """End whatever is left."""
        self._process.kill()
        self._process.wait()
        for port in self._reserved.values():
            port.close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    served = Served(tmp_path, header_deadline_seconds="3", connections_per_address="2", log_format="json")
    yield served
    served.close()


def test_every_port_refuses_a_slow_head_and_a_connection_too_many(served: Served) -> None:
    served.wait_until(lambda: served.asked("/readyz") == "ok\n" and bool(served.asked("/sign-in", "dashboard")))
    with ExitStack() as stack:
        slow = {port: stack.enter_context(Wire(served.ports[port])) for port in PORTS}
        for wire in slow.values():
            wire.send(b"GET / HT")
        for port, wire in slow.items():
            answer = wire.answer()
            assert (port, answer.status, answer.closes) == (port, 408, True)
    for port in PORTS:
        with ExitStack() as stack:
            wires = [stack.enter_context(Wire(served.ports[port])) for _ in range(3)]
            answers = [wire.ask(b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").status for wire in wires]
            assert 503 not in answers[:2], port
            assert answers[2] == 503, port
    served.wait_until(lambda: "farebox_" in served.asked("/metrics"))
    counted = set(re.findall(r"farebox_limited_connections_total{(.*)} [1-9]", served.asked("/metrics")))
    expected = {f'limit="{limit}",port="{port}"' for limit in ("slow_head", "address_limit") for port in PORTS}
    assert expected - counted == set()
    assert served.stop() == 0
    assert '"dashboard_slow_head": 1' in served.log().replace('":1', '": 1')

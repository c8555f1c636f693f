"""Measure every page of the dashboard over a large database: `make bench-pages`, or `python -m benchmarks.pages`.

Ten million single requests and a million charges are written once (SQLite, kept under ``build/``). A dashboard in a
process of its own serves them, and each page that answers GET is asked for over HTTP, one request after the other: a
publisher's and the operator's pages by an owner who operates, the portal's by somebody of a crawler's team. The
target is 300 ms for 95 of 100 requests of each page.

Rules of this file: one round over all pages goes before, and is not measured; what is no page (files, streams) is not
measured either. Times are by the clock: other work on the machine is in them, and the load is written beside them. What
the server itself took of a processor is beside each: on a machine that does nothing else the clock shows hardly more.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import shutil
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import uvicorn

from benchmarks import machine
from benchmarks.contenders import ROOT
from benchmarks.large_newsroom import make
from edge.core.catalogue import Catalogue
from edge.store import schema
from edge.store.database import Database
from edge.store.entries import ChargeFilter, list_charges
from publisher_dashboard.app import create_app
from publisher_dashboard.routes import ROUTES
from tests.support.newsroom import NOW, PASSWORD, micros, quick_passwords
from tests.support.screens import CRAWLER_TEAM, OWNER, SCREENS, Screen, is_page

REQUESTS, CHARGES = 10_000_000, 1_000_000
ROUNDS = 20
TARGET_MILLISECONDS = 300.0
KEPT = ROOT / "build" / "benchmarks" / "pages"
RESULT = ROOT / "benchmarks" / "results" / "pages.md"
_HERE = "/sites/harbour.example"
NARROWED = (
    # What a person narrows lists to: by what is frequent, by what is rare, and by what is not there.
    f"{_HERE}/activity?crawler=PerplexityBot",
    f"{_HERE}/activity?crawler=nobody",
    f"{_HERE}/activity?outcome=sold&from=2026-11-10&to=2026-11-12",
    f"{_HERE}/activity?path=/archive/",
    f"{_HERE}/activity?path=/nowhere/",
    f"{_HERE}/content?under=/articles/",
    f"{_HERE}/content?days=90&sort=earned",
    "/publishers/1/charges?from=2026-11-01&to=2026-11-15",
    "/publishers/1/charges?rule=Archive&crawler=ExampleBot",
)
_NARROWED_BY_A_TEAM = ("/portal/1/charges?from=2026-11-01&to=2026-11-15", "/portal/1/charges?rule=Archive")


@dataclass(frozen=True, slots=True)
class Measured:
    """One page's times by the clock, sorted, and the processor time of one request, all in milliseconds."""

    address: str
    status: int
    times: tuple[float, ...]
    processor: float

    @property
    def middle(self) -> float:
        """Half of the requests took no longer."""
        return self.times[len(self.times) // 2]

    @property
    def late(self) -> float:
        """95 of 100 took no longer."""
        return self.times[min(len(self.times) - 1, round(0.95 * len(self.times)))]


def serve(path: Path, listening: socket.socket) -> None:
    """A dashboard over the file, at the newsroom's time, until the process is ended."""
    database = Database.open(f"sqlite:///{path}")
    app = create_app(
        database, Catalogue.load().classify, operator="harbour", clock=NOW.timestamp, passwords=quick_passwords()
    )
    uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off")).run(sockets=[listening])


def addresses(path: Path) -> dict[str, list[str]]:
    """Every page to ask for, by who asks: those of the list of screens, and narrowed ones. A route without is named."""
    database = Database.open(f"sqlite:///{path}")
    with database.read() as connection:
        charge = list_charges(connection, ChargeFilter(frozenset({1})), limit=1).charges[0].charge_id
    database.close()
    screens = [one for one in SCREENS if one.status == 200 and "look=1" not in one.address]
    missing = {route.path for route in ROUTES if route.method == "GET" and is_page(route.path)}
    for lost in sorted(missing - {one.route for one in screens}):
        print(f"no address of {lost}", file=sys.stderr)
    more = {OWNER: NARROWED, CRAWLER_TEAM: _NARROWED_BY_A_TEAM}
    return {who: [*(_filled(one, charge) for one in screens if one.who == who), *more[who]] for who in more}


def _filled(screen: Screen, charge: str) -> str:
    return screen.address.replace("{charge}", charge).replace("{now}", str(micros(NOW)))


def measure(path: Path, rounds: int) -> list[Measured]:
    """Ask for every page so many times."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    process = multiprocessing.get_context("fork").Process(target=serve, args=(path, listening), daemon=True)
    process.start()
    try:
        assert process.pid is not None, "it was started"
        found = []
        for who, every in addresses(path).items():
            with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=120, follow_redirects=False) as client:
                _sign_in(client, who)
                for address in every:
                    client.get(address)
                found += [_measured(client, address, rounds, process.pid) for address in every]
        return found
    finally:
        process.terminate()
        process.join()
        listening.close()


def _sign_in(client: httpx2.Client, who: str) -> None:
    for _ in range(200):
        try:
            client.get("/sign-in")
            break
        except httpx2.TransportError:
            time.sleep(0.1)
    form = {"email": who, "password": PASSWORD}
    answer = client.post("/sign-in", data=form, headers={"sec-fetch-site": "same-origin"})
    assert answer.status_code == 303, "nobody is let in"


def _measured(client: httpx2.Client, address: str, rounds: int, server: int) -> Measured:
    times, status = [], 0
    before = _processor_seconds(server)
    for _ in range(rounds):
        began = time.perf_counter()
        status = client.get(address).status_code
        times.append(1000 * (time.perf_counter() - began))
    took = 1000 * (_processor_seconds(server) - before) / rounds
    return Measured(address, status, tuple(sorted(times)), took)


def _processor_seconds(process: int) -> float:
    """What a process took of the processors so far (proc(5), fields 14 and 15; a tick is ten milliseconds)."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def page(found: Sequence[Measured], requests: int, charges: int, rounds: int, now: datetime) -> str:
    """The table, the slowest first."""
    slow = [one for one in found if one.late > TARGET_MILLISECONDS]
    heavy = [one for one in found if one.processor > TARGET_MILLISECONDS]
    lines = [
        "# Pages of the dashboard over a large database",
        "",
        f"Taken {now.isoformat(timespec='seconds')} at commit `{machine.commit(ROOT)}` by `make bench-pages`:"
        f" {requests:,} single requests and {charges:,} charges, SQLite, {rounds} requests of each page one after the"
        f" other, by the clock."
        f" Load of the machine while it ran: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores.",
        "",
        f"The target is {TARGET_MILLISECONDS:.0f} ms for 95 of 100:"
        f" {len(found) - len(slow)} of {len(found)} addresses meet it by the clock, {len(found) - len(heavy)} by the"
        " processor time of the server.",
        "",
        "| address | status | half | 95 of 100 | processor | |",
        "|---|--:|--:|--:|--:|---|",
    ]
    for one in sorted(found, key=lambda each: -each.late):
        address = one.address.replace("|", "%7C")
        late = "**over**" if one.late > TARGET_MILLISECONDS else ""
        times = f"{one.middle:.0f} ms | {one.late:.0f} ms | {one.processor:.0f} ms"
        lines.append(f"| `{address[:110]}` | {one.status} | {times} | {late} |")
    return "\n".join([*lines, ""])


def main(words: list[str]) -> int:
    """Write the database if it is not there, measure, and write the table down."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--requests", type=int, default=REQUESTS)
    parser.add_argument("--charges", type=int, default=CHARGES)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--out", type=Path, help="a full run goes to benchmarks/results, any other to build/")
    given = parser.parse_args(words)
    # Another version's shape is another file.
    folder = KEPT / f"{given.requests}-{given.charges}-{schema.wanted()}"
    path = folder / "farebox.db"
    if not (folder / "whole").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        make(path, given.requests, given.charges)
        (folder / "whole").touch()
    found = measure(path, given.rounds)
    whole = (given.requests, given.charges) == (REQUESTS, CHARGES) and given.rounds >= ROUNDS
    out = given.out or (RESULT if whole else KEPT / "pages.md")
    out.write_text(page(found, given.requests, given.charges, given.rounds, datetime.now(UTC)), encoding="utf-8")
    print(out.read_text(encoding="utf-8"))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""A dashboard on a real socket over a newsroom with a past: closed months, webhooks, registrations, a team."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import BinaryIO

import uvicorn

from edge.core.catalogue import Catalogue
from edge.core.log_result import LogEstimate
from edge.store.database import Database
from publisher_dashboard.app import create_app
from publisher_dashboard.backtest_jobs import BacktestJobs
from publisher_dashboard.books_work import Books
from publisher_dashboard.estimates import Progress, RunEstimate, Task, estimate_here
from publisher_dashboard.key_checks import KeyChecks, KeysAnswer
from publisher_dashboard.site_checks import Answer
from tests.support.browser_window import Pace, Served, close_autumn, name_writers, operate
from tests.support.newsroom import Newsroom, quick_passwords
from tests.support.own_server import OwnServers

KEY = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
"""The thumbprint of RFC 8037, appendix A.3."""


class _World:
    """What DNS, servers and public names say of the newsroom's sites."""

    def addresses(self, host: str) -> Sequence[str]:
        return ("203.0.113.80",)

    def records(self, name: str) -> Sequence[str]:
        return ()

    def page(self, url: str) -> str | None:
        return None

    def origin(self, origin: str, host: str) -> Answer:
        return Answer(True, f"{origin} answers for {host}.")

    def front(self, host: str) -> Answer:
        return Answer(False, f"https://{host} answers, but not with this edge’s keys: visitors do not come here yet.")


def _look_at(agent: str) -> KeysAnswer:
    if "broken" in agent:
        return KeysAnswer(agent, (), "it answered 404, and no key set")
    return KeysAnswer(agent, (KEY,), None, ("the answer bears no signature",), 3600)


def _paced(run: RunEstimate, pace: Pace) -> RunEstimate:
    """Read a log as ``run`` does, when the pace lets it."""

    def read(task: Task, log: BinaryIO, progress: Progress) -> LogEstimate:
        pace.wait()
        return run(task, log, progress)

    return read


@contextmanager
def serving(
    database: Database, newsroom: Newsroom, keys: Path, catalogue: Catalogue, clock: Callable[[], float]
) -> Iterator[Served]:
    """Give the newsroom its past and serve it on loopback until the block ends; ``keys`` is a folder for keys."""
    passwords, pace = quick_passwords(), Pace()
    close_autumn(database, keys)
    operate(database, keys)
    name_writers(database)
    app = create_app(
        database,
        catalogue.classify,
        operator="harbour",
        clock=clock,
        passwords=passwords,
        books=Books(keys, keys / "checkpoints.jsonl"),
        crawlers=catalogue.crawlers,
        read_origin=OwnServers(),
        # Done before the page is: a picture, or axe, must not meet a page that loads itself again.
        backtests=BacktestJobs(pace.do),
        run_estimate=_paced(estimate_here(catalogue.classify), pace),
        key_checks=KeyChecks(_look_at, lambda agent: None),
        checks=_World(),
    )
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    thread = Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield Served(f"http://127.0.0.1:{listening.getsockname()[1]}", database, newsroom, clock, pace)
    finally:
        pace.let_go()
        server.should_exit = True
        thread.join()
        listening.close()
        passwords.close()

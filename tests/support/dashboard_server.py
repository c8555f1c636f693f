"""A dashboard on a real socket over a newsroom with a past: closed months, webhooks, registrations, a team."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import uvicorn

from edge.core.catalogue import Catalogue
from edge.store.database import Database
from publisher_dashboard.app import create_app
from publisher_dashboard.backtest_jobs import BacktestJobs
from publisher_dashboard.books_work import Books
from publisher_dashboard.key_checks import KeyChecks, KeysAnswer
from tests.support.browser_window import Served, close_autumn, name_writers, operate
from tests.support.newsroom import Newsroom, quick_passwords
from tests.support.own_server import OwnServers


@contextmanager
def serving(
    database: Database, newsroom: Newsroom, keys: Path, catalogue: Catalogue, clock: Callable[[], float]
) -> Iterator[Served]:
    """Give the newsroom its past and serve it on loopback until the block ends; ``keys`` is a folder for keys."""
    passwords = quick_passwords()
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
        backtests=BacktestJobs(lambda work: work()),
        key_checks=KeyChecks(lambda agent: KeysAnswer(agent, (), None), lambda agent: None),
    )
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    thread = Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield Served(f"http://127.0.0.1:{listening.getsockname()[1]}", database, newsroom, clock)
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
        passwords.close()

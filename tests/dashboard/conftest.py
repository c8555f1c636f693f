"""A newsroom on each database, and browsers that are signed in to it without being browsers."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from httpx2 import Response
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import sync_playwright
from starlette.testclient import TestClient

from edge.core.catalogue import Catalogue
from edge.store import schema
from edge.store.database import Database
from publisher_dashboard.app import create_app
from publisher_dashboard.books_work import Books, Later
from publisher_dashboard.key_checks import KeyChecks
from publisher_dashboard.site_checks import SiteChecks
from publisher_dashboard.tails import Tails
from tests.support.browser_window import ARGUMENTS, BROWSERS, Served
from tests.support.dashboard_server import serving
from tests.support.newsroom import NOW, PASSWORD, Newsroom, build, quick_passwords
from tests.support.own_server import OwnServers
from tests.support.postgres import PostgresServer

ORIGIN = "http://127.0.0.1:8403"
FROM_HERE = {"sec-fetch-site": "same-origin", "origin": ORIGIN}


@dataclass(slots=True)
class Clock:
    """A clock that stands still until it is told otherwise; seconds since the epoch."""

    now: float = NOW.timestamp()

    def __call__(self) -> float:
        return self.now

    def pass_minutes(self, minutes: float) -> None:
        self.now += 60 * minutes


@dataclass(slots=True)
class Browser:
    """One person's way to the dashboard: keeps cookies, sends forms as a page of ours would."""

    client: TestClient
    csrf: str = ""

    def get(self, path: str, **options: object) -> Response:
        return self.client.get(path, follow_redirects=False, **options)  # type: ignore[arg-type]

    def post(self, path: str, form: Mapping[str, object] | None = None, **headers: str) -> Response:
        values = {"token": self.csrf, **(form or {})}
        return self.client.post(path, data=values, headers={**FROM_HERE, **headers}, follow_redirects=False)

    def sign_in(self, email: str, password: str = PASSWORD) -> Response:
        answer = self.post("/sign-in", {"email": email, "password": password})
        if answer.status_code == 303:
            self.csrf = token_in(self.get("/account").text)
        return answer

    def edition(self, host: str = "harbour.example") -> str:
        return hidden_in(self.get(f"/sites/{host}/rules/new").text, "edition")


def hidden_in(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found is not None, f"no field {name} in the page"
    return found[1]


def token_in(page: str) -> str:
    return hidden_in(page, "token")


@dataclass(slots=True)
class House:
    """A running dashboard over a newsroom."""

    database: Database
    newsroom: Newsroom
    clock: Clock
    new_browser: Callable[..., Browser]
    servers: OwnServers = field(default_factory=OwnServers)

    def signed_in(self, email: str = "owner@harbour.example") -> Browser:
        browser = self.new_browser()
        assert browser.sign_in(email).status_code == 303
        return browser


def prepare(url: str) -> None:
    database = Database.open(url)
    schema.upgrade(database)
    build(database)
    database.close()


def migrate(url: str) -> None:
    database = Database.open(url)
    schema.upgrade(database)
    database.close()


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return Catalogue.load()


@pytest.fixture(scope="session")
def newsroom_file(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Newsroom]:
    path = tmp_path_factory.mktemp("newsroom") / "farebox.db"
    database = Database.open(f"sqlite:///{path}")
    schema.upgrade(database)
    newsroom = build(database)
    database.close()
    return path, newsroom


@pytest.fixture
def sqlite_newsroom_url(newsroom_file: tuple[Path, Newsroom], tmp_path: Path) -> str:
    path = tmp_path / "newsroom.db"
    shutil.copyfile(newsroom_file[0], path)
    return f"sqlite:///{path}"


@pytest.fixture
def postgres_newsroom_url(postgres_server: PostgresServer) -> Iterator[str]:
    name = postgres_server.create_database(template=postgres_server.template("newsroom", prepare))
    yield postgres_server.url(name)
    postgres_server.drop_database(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def newsroom_url(request: pytest.FixtureRequest) -> str:
    fixture = {"sqlite": "sqlite_newsroom_url", "postgresql": "postgres_newsroom_url"}[request.param]
    url: str = request.getfixturevalue(fixture)
    return url


@pytest.fixture
def house(
    newsroom_url: str, newsroom_file: tuple[Path, Newsroom], catalogue: Catalogue, tmp_path: Path
) -> Iterator[House]:
    # The seed makes the same newsroom on both databases, so that the ids of one are those of the other.
    yield from open_house(newsroom_url, newsroom_file[1], catalogue, folder=tmp_path)


@pytest.fixture
def quick_house(
    sqlite_newsroom_url: str, newsroom_file: tuple[Path, Newsroom], catalogue: Catalogue, tmp_path: Path
) -> Iterator[House]:
    """On SQLite alone, for what does not touch the store's dialect."""
    yield from open_house(sqlite_newsroom_url, newsroom_file[1], catalogue, folder=tmp_path)


def open_house(
    url: str,
    newsroom: Newsroom,
    catalogue: Catalogue,
    public_url: str | None = None,
    folder: Path | None = None,
    key_checks: KeyChecks | None = None,
    later: Later = lambda work: work(),
    checks: SiteChecks | None = None,
) -> Generator[House, None, None]:
    database, clock, passwords = Database.open(url), Clock(), quick_passwords()
    app = create_app(
        database,
        catalogue.classify,
        public_url=public_url,
        operator="harbour",
        clock=clock,
        passwords=passwords,
        address_key=lambda _: b"the key of that day",
        tails=Tails(life_seconds=0.01, look_seconds=0.01),
        books=None if folder is None else Books(folder, folder / "checkpoints.jsonl"),
        later=later,
        key_checks=key_checks,
        checks=checks,
        crawlers=catalogue.crawlers,
        read_origin=(servers := OwnServers()),
    )

    def new_browser(address: str = "203.0.113.7") -> Browser:
        return Browser(TestClient(app, base_url=public_url or ORIGIN, client=(address, 50_000)))

    yield House(database, newsroom, clock, new_browser, servers)
    passwords.close()
    database.close()


@pytest.fixture
def served(newsroom_file: tuple[Path, Newsroom], tmp_path: Path, catalogue: Catalogue) -> Iterator[Served]:
    path = tmp_path / "served.db"
    shutil.copyfile(newsroom_file[0], path)
    database = Database.open(f"sqlite:///{path}")
    with serving(database, newsroom_file[1], tmp_path, catalogue, Clock()) as there:
        yield there
    database.close()


# For one module: while it is open, the driver's event loop runs in this thread, and no other test could run one.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    assert program is not None, "no Chromium on this machine: run scripts/ensure_programs chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        yield browser
        browser.close()

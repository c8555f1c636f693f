"""The first run in a real browser, without JavaScript: from the set-up link to the first request, by labels."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest
import uvicorn
from playwright.sync_api import Browser, Page

from edge.core.catalogue import Catalogue
from edge.store import schema
from edge.store.database import Database
from edge.store.people import create_setup_link
from edge.store.sites import find_site
from edge.store.traffic import TrafficKey, flush_traffic
from publisher_dashboard.app import create_app
from tests.dashboard.conftest import Clock
from tests.support.browser_window import PATIENCE_MILLISECONDS
from tests.support.looking import STATE_LOOKS, TURNS, judge
from tests.support.newsroom import PASSWORD, quick_passwords

pytestmark = [pytest.mark.browser, pytest.mark.lengthy]

LOG = "".join(
    f'192.0.2.1 - - [20/Nov/2026:{hour:02}:00:00 +0000] "GET /articles/{hour} HTTP/1.1" 200 1 "-" "GPTBot/1.2"\n'
    for hour in range(24)
)

EMPTY = (
    *(
        f"/publishers/1{path}"
        for path in ("", "/charges", "/months", "/audit", "/tokens", "/webhooks", "/sites/waiting")
    ),
    *(
        f"/sites/www.harbour.example/{path}"
        for path in ("rules", "review", "activity", "crawlers", "content", "history", "signals", "estimate")
    ),
    *(
        f"/operator/{path}"
        for path in ("crawlers", "registrations", "months", "publishers/1", "adjustments", "audit", "health", "charges")
    ),
)


@pytest.fixture
def fresh(tmp_path: Path, catalogue: Catalogue) -> Iterator[tuple[str, Database, Clock]]:
    """A dashboard on a socket, over an empty database."""
    database, clock, passwords = Database.open(f"sqlite:///{tmp_path / 'fresh.db'}"), Clock(), quick_passwords()
    schema.upgrade(database)
    app = create_app(database, catalogue.classify, clock=clock, passwords=passwords)
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    thread = Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}", database, clock
    server.should_exit = True
    thread.join()
    listening.close()
    passwords.close()
    database.close()


def test_somebody_who_has_read_nothing_gets_from_the_link_to_the_first_request(
    chromium: Browser, fresh: tuple[str, Database, Clock]
) -> None:
    address, database, clock = fresh
    context = chromium.new_context(base_url=address, java_script_enabled=False)
    context.set_default_timeout(PATIENCE_MILLISECONDS)
    page = context.new_page()
    set_up(page, database, clock)
    step(page, "Add a site")
    page.get_by_label("Domain").fill("www.harbour.example")
    page.get_by_label("Server behind it").fill("http://127.0.0.1:8000")
    page.get_by_role("button", name="Add the site").click()
    step(page, "Read a log")
    page.get_by_label("Charge training crawlers").check()
    page.get_by_label("Access log").set_input_files(
        {"name": "access.log", "mimeType": "text/plain", "buffer": LOG.encode()}
    )
    page.get_by_role("button", name="Estimate", exact=True).click()
    page.get_by_text("A month at this pace").wait_for()
    page.get_by_role("button", name="Keep this result").click()
    home(page)
    step(page, "Choose")
    page.get_by_label("Watch only").check()
    page.get_by_role("button", name="Put into the draft").click()
    home(page)
    step(page, "Review and publish")
    page.get_by_role("button", name="Publish now").click()
    home(page)
    step(page, "Connect")
    assert page.get_by_role("heading", name="Waiting for the first request").is_visible()
    page.get_by_role("link", name="Caddy").click()
    assert "reverse_proxy" in page.get_by_role("region", name="Caddy: /etc/caddy/Caddyfile").inner_text()
    page.get_by_role("link", name="keep looking").click()
    with database.write() as connection:
        site_id = find_site(connection, "www.harbour.example").site_id
        flush_traffic(connection, {TrafficKey(int(clock() * 1_000_000), site_id, "", "", "", "visitor"): 1})
    page.get_by_role("heading", name="Requests arrive").wait_for()
    home(page)
    assert page.get_by_role("heading", name="First steps").count() == 0
    context.close()


def test_a_sample_is_looked_around_in_and_removed(chromium: Browser, fresh: tuple[str, Database, Clock]) -> None:
    address, database, clock = fresh
    context = chromium.new_context(base_url=address, reduced_motion="reduce")
    context.set_default_timeout(PATIENCE_MILLISECONDS)
    page = context.new_page()
    wrong: list[str] = []
    set_up(page, database, clock, lambda: wrong.extend(judge(page, "set-up", STATE_LOOKS)))
    wrong += judge(page, "first steps", STATE_LOOKS)
    page.get_by_role("button", name="Look around with sample data").click()
    for where in ("/sites/publisher-1.sample.invalid/rules", "/sites/publisher-1.sample.invalid/connect", "/"):
        page.goto(where)
        assert page.get_by_text("Sample data.").is_visible()
        wrong += judge(page, f"the sample's {where}", STATE_LOOKS)
    page.get_by_role("button", name="Remove the sample").click()
    assert page.get_by_text("Sample data.").count() == 0
    context.close()
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("places", [EMPTY[::2], EMPTY[1::2]], ids=["some", "others"])
def test_where_nothing_is_yet_every_page_says_so_accessibly(
    chromium: Browser, fresh: tuple[str, Database, Clock], places: tuple[str, ...]
) -> None:
    address, database, clock = fresh
    context = chromium.new_context(base_url=address, reduced_motion="reduce")
    context.set_default_timeout(PATIENCE_MILLISECONDS)
    page = context.new_page()
    wrong: list[str] = []
    set_up(page, database, clock)
    page.goto("/publishers/1/sites/new")
    page.get_by_label("Domain").fill("www.harbour.example")
    page.get_by_label("Server behind it").fill("http://127.0.0.1:8000")
    page.get_by_role("button", name="Add the site").click()
    for number, place in enumerate(places):
        answer = page.goto(place)
        assert answer is not None
        assert answer.status == 200, place
        wrong += judge(page, f"nothing at {place}", TURNS[number % 3])
    context.close()
    assert not wrong, "\n".join(wrong)


def set_up(page: Page, database: Database, clock: Clock, look: Callable[[], None] = lambda: None) -> None:
    """Make the first account; ``look`` is called where its form is."""
    with database.write() as connection:
        link = create_setup_link(connection, int(clock() * 1_000_000))
    page.goto(f"/set-up/{link}")
    look()
    page.get_by_label("Name of the publisher").fill("Harbour Press")
    page.get_by_label("Your email").fill("me@harbour.example")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password again").fill(PASSWORD)
    page.get_by_role("button", name="Make my account").click()
    page.get_by_role("heading", name="First steps").wait_for()


def home(page: Page) -> None:
    page.goto("/")


def step(page: Page, words: str) -> None:
    """Press the button of a first step."""
    steps = page.get_by_role("region", name="First steps")
    steps.get_by_role("link", name=words, exact=True).click()

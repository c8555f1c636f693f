"""The dashboard in a real browser: accessible in both themes and four widths, without scripts, by keyboard alone.

Every page is looked at by axe (WCAG 2.2 A and AA and its best practices): 0 violations.
"""

from __future__ import annotations

import re
import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Locator, Page, sync_playwright
from sqlalchemy import update

from edge.core.budgets import Per
from edge.core.catalogue import Catalogue
from edge.core.money import Money
from edge.core.month import Month
from edge.store import outbox
from edge.store.budgets import BudgetPlace, set_budget
from edge.store.database import Database
from edge.store.month_close import close_month
from edge.store.people import create_setup_link, find_person, set_operates
from edge.store.publishers import set_share
from edge.store.rulesets import live_version
from edge.store.service_keys import load_service_keys
from edge.store.tables import webhook_delivery
from edge.store.webhook_endpoints import NewEndpoint, add_endpoint
from publisher_dashboard.app import create_app
from tests.dashboard.conftest import Clock
from tests.support.closing import closer
from tests.support.newsroom import NOW, PASSWORD, Newsroom, quick_passwords

pytestmark = pytest.mark.browser

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
WIDTHS = (360, 768, 1100, 1280)
THEMES = ("light", "dark")
SITE = "/sites/harbour.example"
OURS = "/publishers/1"
# axe's own name for each rule set; what is best practice but no criterion counts here too.
AXE = {"resultTypes": ["violations"]}


@dataclass(frozen=True, slots=True)
class Served:
    """A dashboard on a real socket."""

    address: str
    database: Database
    newsroom: Newsroom
    clock: Clock

    def paths(self) -> list[str]:
        """An address of every page that somebody who is signed in can look at, empty and wrong ones too."""
        return [
            OURS,
            f"{OURS}/sites",
            f"{OURS}/charges",
            f"{OURS}/charges?crawler=nobody",
            f"{OURS}/charges?from=never",
            f"{OURS}/charges/{self.newsroom.charge_ids[-1]}",
            f"{OURS}/months",
            f"{OURS}/months/2026-11",
            f"{OURS}/months/2026-10",
            f"{OURS}/months/2026-01",
            f"{OURS}/webhooks",
            "/publishers/2/webhooks",
            "/operator/crawlers",
            "/operator/crawlers/4",
            "/operator/webhooks",
            f"{SITE}/rules",
            f"{SITE}/rules/new",
            f"{SITE}/rules/edit?rule=Night+recipes",
            f"{SITE}/rules/everything-else",
            f"{SITE}/rules/delete?rule=Archive",
            f"{SITE}/discard",
            f"{OURS}/sites?for=test",
            f"{SITE}/presets",
            f"{SITE}/review",
            "/sites/kitchen.harbour.example/review",
            f"{SITE}/history",
            f"{SITE}/history/3",
            f"{SITE}/test",
            f"{SITE}/test?url=/articles/x&crawler=ExampleBot&offer=max&price=0.006",
            f"{SITE}/test?url=/members/x&agent=CCBot/2.0",
            f"{SITE}/test?url=ftp://x&offer=max",
            "/account",
            "/nothing",
        ]


@pytest.fixture
def served(newsroom_file: tuple[Path, Newsroom], tmp_path: Path, catalogue: Catalogue) -> Iterator[Served]:
    path = tmp_path / "served.db"
    shutil.copyfile(newsroom_file[0], path)
    database, clock, passwords = Database.open(f"sqlite:///{path}"), Clock(), quick_passwords()
    close_autumn(database, tmp_path)
    operate(database, tmp_path)
    app = create_app(database, catalogue.classify, operator="harbour", clock=clock, passwords=passwords)
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    thread = Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    yield Served(f"http://127.0.0.1:{listening.getsockname()[1]}", database, newsroom_file[1], clock)
    server.should_exit = True
    thread.join()
    listening.close()
    passwords.close()
    database.close()


def close_autumn(database: Database, keys: Path) -> None:
    """September and October are closed, with the operator's share."""
    with database.write() as connection:
        set_share(connection, "Harbour Press", 125_000)
    for month in (Month(2026, 9), Month(2026, 10)):
        close_month(database, month, closer(keys, month))


def operate(database: Database, keys: Path) -> None:
    """The owner is the operator, too; webhooks of both have told something, and a crawler has a budget."""
    now = int(NOW.timestamp()) * 1_000_000
    with database.write() as connection:
        owner = find_person(connection, "owner@harbour.example")
        assert owner is not None
        set_operates(connection, owner.person_id, True)
        for number, publisher_id in enumerate((None, 1)):
            new = NewEndpoint(f"https://hooks-{number}.harbour.example/in", publisher_id=publisher_id)
            add_endpoint(connection, new, load_service_keys(keys), now)
        for state in ("failed", "delivered", "pending"):
            data = {"site": "harbour.example"}
            event = outbox.add(connection, "rules.published", "harbour.example", data, publisher_id=1, at_micros=now)
            ended = update(webhook_delivery).where(webhook_delivery.c.event_id == event)
            connection.execute(ended.values(state=state, trouble="it answered 500" if state == "failed" else None))
    set_budget(database, BudgetPlace(4, "USD", Per.DAY), Money(5_000_000, "USD"), author="ann", now=now)


# For this module only: while it is open, the driver's event loop runs in this thread, and no other test could run one.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    assert program is not None, "no Chromium on this machine: run scripts/ensure_programs chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        yield browser
        browser.close()


PATIENCE_MILLISECONDS = 120_000


@dataclass(slots=True)
class Window:
    """A page that keeps book of what it asked for and complained about."""

    page: Page
    requests: list[str]
    complaints: list[str]


def open_window(browser: Browser, served: Served, **options: Any) -> tuple[BrowserContext, Window]:
    context = browser.new_context(base_url=served.address, **options)
    context.set_default_timeout(PATIENCE_MILLISECONDS)
    page = context.new_page()
    window = Window(page, [], [])
    context.on("request", lambda request: window.requests.append(request.url))
    page.on("console", lambda message: window.complaints.append(message.text) if message.type == "error" else None)
    page.on("dialog", lambda dialog: window.complaints.append(f"dialog: {dialog.message}"))
    return context, window


def sign_in(page: Page, email: str = "owner@harbour.example") -> None:
    page.goto("/sign-in")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"**{OURS}")


def violations(page: Page) -> list[str]:
    found = Axe().run(page, options=AXE).response["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html'][:160]}" for one in found]


@pytest.mark.parametrize("theme", THEMES)
def test_every_page_is_accessible_and_fits_its_width(chromium: Browser, served: Served, theme: Any) -> None:
    context, window = open_window(chromium, served, color_scheme=theme)
    page, wrong = window.page, []
    with served.database.write() as connection:
        link = create_setup_link(connection, int(served.clock() * 1_000_000))
    for path in ("/sign-in", f"/set-up/{link}", "/set-up/used"):
        page.goto(path)
        wrong += look(page, path)
    sign_in(page)
    for path in served.paths():
        page.goto(path)
        wrong += look(page, path)
    context.close()
    assert not wrong, "\n".join(wrong)


def look(page: Page, path: str) -> list[str]:
    """What is wrong with the page at each width, its disclosures open in the widest."""
    wrong = []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        if width == WIDTHS[-1]:
            page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = !one.matches('.tools') })")
        wrong += [f"{path} at {width}: {one}" for one in violations(page)]
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            wrong.append(f"{path} at {width}: is wider than the window")
        if page.evaluate(
            "[...document.querySelectorAll('.fits, figure')].some(one => one.scrollWidth > one.clientWidth)"
        ):
            wrong.append(f"{path} at {width}: something is cut off or has to be scrolled to")
    return wrong


def test_long_unbroken_names_break_no_page(chromium: Browser, served: Served) -> None:
    name = "W" * 100
    with served.database.write() as connection:
        connection.exec_driver_sql("UPDATE rule_set SET document = replace(document, 'Archive', ?)", (name,))
        connection.exec_driver_sql("UPDATE rule_draft SET document = replace(document, 'Archive', ?)", (name,))
        connection.exec_driver_sql("UPDATE publisher SET name = ? || id", (name,))
        connection.exec_driver_sql("UPDATE crawler SET name = ? || id, operator = ?", (name, name))
        connection.exec_driver_sql("UPDATE traffic SET crawler = ? || crawler, rule = ? || rule", (name, name))
    context, window = open_window(chromium, served)
    page, wrong = window.page, []
    sign_in(page)
    for path in served.paths():
        page.goto(path)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                wrong.append(f"{path} at {width}")
    context.close()
    assert not wrong, "\n".join(wrong)


def test_the_rules_fit_on_a_sheet_of_paper(chromium: Browser, served: Served) -> None:
    context, window = open_window(chromium, served, viewport={"width": 718, "height": 1000})
    page = window.page
    sign_in(page)
    page.goto(f"{SITE}/rules")
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("[...document.querySelectorAll('.fits')].every(one => one.scrollWidth <= one.clientWidth)")
    context.close()


def test_forms_with_mistakes_and_the_conflict_page_are_accessible(chromium: Browser, served: Served) -> None:
    context, window = open_window(chromium, served)
    page, wrong = window.page, []
    sign_in(page)
    page.goto(f"{SITE}/rules/new")
    page.evaluate("document.querySelectorAll('form').forEach(one => { one.noValidate = true })")
    page.get_by_label("Address", exact=True).fill("no slash")
    page.get_by_label("Price in USD").fill("much")
    page.get_by_role("button", name="Add to draft").click()
    assert page.get_by_role("alert").inner_text().startswith("3 things to put right")
    wrong += look(page, "a form with mistakes")
    page.goto(f"{SITE}/rules/edit?rule=Archive")
    other = context.new_page()
    other.goto(f"{SITE}/rules")
    other.get_by_role("button", name="Move Archive up").click()
    page.get_by_label("Name", exact=True).fill("Old papers")
    page.get_by_role("button", name="Save to draft").click()
    assert page.get_by_role("heading", level=1).inner_text() == "Somebody was faster"
    wrong += look(page, "the conflict page")
    context.close()
    assert not wrong, "\n".join(wrong)


def test_nothing_is_asked_of_another_host_and_the_policy_stops_nothing_of_ours(
    chromium: Browser, served: Served
) -> None:
    context, window = open_window(chromium, served)
    sign_in(window.page)
    for path in served.paths():
        window.page.goto(path)
    context.close()
    hosts = {urlsplit(url).netloc for url in window.requests}
    assert hosts == {urlsplit(served.address).netloc}
    assert len(window.requests) > len(served.paths())
    assert [one for one in window.complaints if "status of 4" not in one] == []


def test_everything_works_without_javascript(chromium: Browser, served: Served) -> None:
    context, window = open_window(chromium, served, java_script_enabled=False, accept_downloads=True)
    page = window.page
    with served.database.write() as connection:
        link = create_setup_link(connection, int(served.clock() * 1_000_000))
    page.goto(f"/set-up/{link}")
    page.get_by_label("Your email").fill("new@harbour.example")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password again").fill(PASSWORD)
    page.get_by_role("button", name="Make my account").click()
    page.wait_for_url(f"**{OURS}?said=welcome")
    for path in served.paths():
        page.goto(path)
        assert page.get_by_role("heading", level=1).count() == 1
    page.goto(f"{SITE}/rules")
    page.get_by_label("More for Archive").click()
    page.get_by_role("link", name="Edit", exact=True).locator("visible=true").first.click()
    page.get_by_label("Price in USD").fill("4")
    page.get_by_label("For", exact=True).select_option("1,000 pages")
    page.get_by_role("button", name="Save to draft").click()
    page.get_by_role("button", name="Move Archive up").click()
    page.get_by_role("link", name="Review and publish").click()
    page.get_by_label("Why").fill("by hand")
    page.get_by_role("button", name="Publish now").click()
    assert "Published" in page.get_by_role("status").inner_text()
    page.goto(f"{OURS}/charges")
    page.get_by_label("Crawler").select_option("ExampleBot")
    page.get_by_role("button", name="Filter").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download CSV").click()
    assert download.value.suggested_filename == "charges.csv"
    assert "ExampleBot" in Path(download.value.path()).read_text(encoding="utf-8")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in?why=signed-out")
    context.close()


def test_a_draft_is_published_by_keyboard_alone(chromium: Browser, served: Served) -> None:
    context, window = open_window(chromium, served)
    page = window.page
    sign_in(page)
    page.goto(f"{SITE}/rules")
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to the page"
    page.keyboard.press("Enter")
    walk_to(page, "Review and publish")
    page.keyboard.press("Enter")
    page.wait_for_url("**/review")
    walk_to(page, "note")
    page.keyboard.type("without a mouse")
    walk_to(page, "Publish now")
    page.keyboard.press("Enter")
    page.wait_for_url("**/rules?said=published")
    context.close()
    with served.database.read() as connection:
        live = live_version(connection, served.newsroom.site.site_id)
    assert live is not None
    assert (live.version, live.note) == (5, "without a mouse")


def walk_to(page: Page, wanted: str) -> None:
    """Press Tab until the wanted thing has the focus; on the way each stop must be seen."""
    for _ in range(80):
        page.keyboard.press("Tab")
        assert shows_focus(page.locator(":focus")), f"{focused(page)!r} does not show that it has the focus"
        if focused(page) == wanted:
            return
    raise AssertionError(f"Tab does not lead to {wanted!r}")


def focused(page: Page) -> str:
    text = page.evaluate("document.activeElement.innerText || document.activeElement.id")
    return re.sub(r"\s+", " ", str(text)).strip()


def shows_focus(stop: Locator) -> bool:
    style = stop.evaluate("one => { const s = getComputedStyle(one); return [s.outlineStyle, s.outlineWidth] }")
    return bool(style[0] != "none" and float(style[1].removesuffix("px")) >= 1)


def test_what_a_crawler_or_a_person_wrote_runs_nowhere(chromium: Browser, served: Served) -> None:
    evil = "<img src=x onerror=alert(1)><script>alert(1)</script>"
    with served.database.write() as connection:
        for name in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").scalars().all():
            connection.exec_driver_sql(f'DROP TRIGGER "{name}"')
        connection.exec_driver_sql("UPDATE entry SET target = '/' || ?, rule = ?, request_id = ?", (evil, evil, evil))
        connection.exec_driver_sql("UPDATE crawler SET name = ? || id, operator = ?", (evil, evil))
        connection.exec_driver_sql("UPDATE traffic SET crawler = ? || crawler", (evil,))
    context, window = open_window(chromium, served, user_agent=f"{evil} Chrome")
    sign_in(window.page)
    for path in served.paths():
        window.page.goto(path)
    context.close()
    assert {urlsplit(url).path for url in window.requests if url.endswith("/x")} <= {f"{SITE}/test"}
    assert [one for one in window.complaints if "status of 4" not in one] == []

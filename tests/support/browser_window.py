"""The dashboard in a real browser: what is served, and a window that keeps book."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page
from sqlalchemy import update

from edge.core.budgets import Per
from edge.core.identity import CrawlerKind
from edge.core.money import Money
from edge.core.month import Month
from edge.core.registration import Wish
from edge.store import outbox
from edge.store.budgets import BudgetPlace, set_budget
from edge.store.database import Database
from edge.store.month_close import close_month
from edge.store.people import find_person, set_operates
from edge.store.publishers import set_share
from edge.store.registrations import ask, reject
from edge.store.service_keys import load_service_keys
from edge.store.tables import webhook_delivery
from edge.store.webhook_endpoints import NewEndpoint, add_endpoint
from tests.support.closing import closer
from tests.support.newsroom import NOW, PASSWORD, Newsroom, micros

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
WIDTHS = (360, 768, 1100, 1280)
SITE = "/sites/harbour.example"
OURS = "/publishers/1"
PATIENCE_MILLISECONDS = 120_000
# axe's own name for each rule set; what is best practice but no criterion counts here too.
AXE = {"resultTypes": ["violations"]}


@dataclass(frozen=True, slots=True)
class Served:
    """A dashboard on a real socket."""

    address: str
    database: Database
    newsroom: Newsroom
    clock: Callable[[], float]

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
            f"{OURS}/team",
            f"{OURS}/team/members/3",
            f"{OURS}/tokens",
            f"{OURS}/tokens/1",
            "/publishers/2/webhooks",
            "/operator/crawlers",
            "/operator/crawlers/4",
            "/operator/registrations",
            "/operator/registrations/1",
            "/operator/registrations/2",
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
            f"{SITE}/activity",
            f"{SITE}/activity?outcome=asked&crawler=ExampleBot&from=2026-11-19",
            f"{SITE}/activity?crawler=nobody",
            f"{SITE}/activity?status=none&from=never",
            f"{SITE}/activity/{micros(NOW)}-1",
            "/account",
            "/nothing",
        ]


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
        for number, name in enumerate(("NewBot", "GPTBot")):
            wish = Wish(name, "New Inc.", CrawlerKind.TRAINING, "team@new.example")
            ask(connection, f"https://agent-{number}.example/{'path' * 60}", "t" * 43, "harbour.example", wish, now)
        reject(connection, 2, author="owner@harbour.example", reason="not theirs", now_micros=now)
    set_budget(database, BudgetPlace(4, "USD", Per.DAY), Money(5_000_000, "USD"), author="ann", now=now)


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

"""The dashboard in a real browser: what is served, and a window that keeps book."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, BrowserContext, Page
from sqlalchemy import func, select, update

from edge.core.budgets import Per
from edge.core.identity import CrawlerKind
from edge.core.money import Money
from edge.core.month import Month
from edge.core.payments import Payment, PaymentSource
from edge.core.registration import Wish
from edge.store import outbox
from edge.store.budgets import BudgetPlace, set_budget
from edge.store.crawler_people import TeamRole, invite, join_team
from edge.store.crawler_tokens import NewToken, add_token
from edge.store.database import Database
from edge.store.entries import ChargeFilter, list_charges
from edge.store.month_close import close_month
from edge.store.people import add_person, create_setup_link, find_person, set_operates
from edge.store.publishers import set_share
from edge.store.registrations import ask, reject
from edge.store.service_keys import load_service_keys
from edge.store.tables import batch, policy_version, webhook_delivery, writer
from edge.store.unmatched import Unmatched, keep_payment
from edge.store.webhook_endpoints import NewEndpoint, add_endpoint
from tests.support.closing import closer
from tests.support.newsroom import NOW, PASSWORD, Newsroom, micros, quick_passwords
from tests.support.screens import CRAWLER_TEAM, OWNER, SCREENS, Screen

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
WIDTHS = (360, 768, 1100, 1280)
SITE = "/sites/harbour.example"
OURS = "/publishers/1"
PATIENCE_MILLISECONDS = 120_000
_NEVER = micros(NOW) * 2
LOOKS_MAX, BETWEEN_LOOKS_MILLISECONDS = 600, 200
# All that axe has on by itself, best practice too; and the size of targets, WCAG 2.2's, which it has off.
AXE = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}


@dataclass(slots=True)
class Pace:
    """Work that a dashboard does beside its pages: at once, or, while it is held, not at all."""

    _free: Event = field(default_factory=Event)

    def __post_init__(self) -> None:
        self._free.set()

    def hold(self) -> None:
        """Begin nothing more."""
        self._free.clear()

    def let_go(self) -> None:
        """Go on."""
        self._free.set()

    def wait(self) -> None:
        """Stand still while it is held."""
        self._free.wait()

    def do(self, work: Callable[[], None]) -> None:
        """Do something now, or never: what is held here is not taken up again."""
        if self._free.is_set():
            work()


@dataclass(frozen=True, slots=True)
class Served:
    """A dashboard on a real socket."""

    address: str
    database: Database
    newsroom: Newsroom
    clock: Callable[[], float]
    pace: Pace = field(default_factory=Pace)

    def paths(self) -> list[str]:
        """An address of every page that the owner can look at, empty and wrong ones too."""
        return [self.address_of(one) for one in SCREENS if one.who == OWNER]

    def address_of(self, screen: Screen) -> str:
        """The screen's address here."""
        link = self.set_up_link() if "{link}" in screen.address else ""
        address = screen.address.replace("{charge}", self.newsroom.charge_ids[-2]).replace("{link}", link)
        address = address.replace("{bot_charge}", self.charge_of_the_first_crawler())
        address = address.replace("{sold}", self.newsroom.charge_ids[-2])
        return address.replace("{now}", str(micros(NOW)))

    def charge_of_the_first_crawler(self) -> str:
        """The latest charge that the portal's crawler paid."""
        with self.database.read() as connection:
            return list_charges(connection, ChargeFilter(crawler_id=1), limit=1).charges[0].charge_id

    def set_up_link(self) -> str:
        """A new one-time link for the first account."""
        with self.database.write() as connection:
            return create_setup_link(connection, int(self.clock() * 1_000_000))


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
            told = now - 40 * 60_000_000
            event = outbox.add(connection, "rules.published", "harbour.example", data, publisher_id=1, at_micros=told)
            ended = update(webhook_delivery).where(webhook_delivery.c.event_id == event)
            connection.execute(ended.values(state=state, trouble="it answered 500" if state == "failed" else None))
        for number, name in enumerate(("NewBot", "GPTBot")):
            wish = Wish(name, "New Inc.", CrawlerKind.TRAINING, "team@new.example")
            ask(connection, f"https://agent-{number}.example/{'path' * 60}", "t" * 43, "harbour.example", wish, now)
        reject(connection, 2, author="owner@harbour.example", reason="not theirs", now_micros=now)
        paid = Payment(PaymentSource.STRIPE, "pi_unknown", "Nobody", Money(5_000_000, "USD"), "USD 5.00", now)
        keep_payment(connection, paid, Unmatched.UNKNOWN_CRAWLER, now)
        member = add_person(connection, CRAWLER_TEAM, quick_passwords().hash(PASSWORD), now)
        join_team(connection, member.person_id, 1, TeamRole.OWNER)
        invite(connection, 1, "next@bot.example", TeamRole.VIEWER, author=CRAWLER_TEAM, now_micros=now)
        add_token(connection, NewToken("ExampleBot", note="the night crawl"), now)
    budgets = ((1, Per.MONTH, 50), (4, Per.MONTH, 50), (4, Per.DAY, 5))
    for number, (crawler_id, per, dollars) in enumerate(budgets):
        then = now - (5 - number) * 3_600_000_000
        place, limit = BudgetPlace(crawler_id, "USD", per), Money(dollars * 1_000_000, "USD")
        set_budget(database, place, limit, author="ann", now=then, clock=partial(int, then))


def name_writers(database: Database) -> None:
    """Give the processes that wrote, and the policy, fixed names and times; the one that sold most is alive."""
    with database.write() as connection:
        connection.execute(update(policy_version).values(changed_at_micros=micros(NOW) - 3 * 3_600_000_000))
        first = select(batch.c.writer_id, func.min(batch.c.committed_at_micros)).group_by(batch.c.writer_id)
        began = {int(row[0]): int(row[1]) for row in connection.execute(first)}
        rows = connection.execute(select(writer.c.id, writer.c.node, writer.c.head_entry)).all()
        seller = max(rows, key=lambda row: row.head_entry).id
        for row in rows:
            node = "edge-1" if row.node == "newsroom" else f"office {row.node.partition(' ')[2]}"
            # Each began before it wrote; what never wrote, some days ago.
            start = began.get(row.id, micros(NOW) - (40 - row.id) * 10**11) - 1_000_000
            values: dict[str, Any] = {"node": node, "started_at_micros": start}
            if row.id == seller:
                values |= {"closed_at_micros": None, "lease_until_micros": _NEVER}
            connection.execute(update(writer).where(writer.c.id == row.id).values(values))


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
    page.wait_for_url(lambda url: "/sign-in" not in url)


def violations(page: Page, rules: Sequence[str] = (), within: str = ":root") -> list[str]:
    """What axe finds on the page as it is, by all of its rules or by these alone; it is brought into a page once."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    options = {**AXE, "runOnly": {"type": "rule", "values": list(rules)}} if rules else AXE
    found = page.evaluate(
        "([w, options]) => axe.run(w, options).then(results => results.violations)", [within, options]
    )
    return [f"{one['id']}: {one['nodes'][0]['html'][:160]}" for one in found]


def widths_wrong(page: Page) -> list[str]:
    """What does not fit into the window as it is."""
    wrong = []
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        wrong.append("is wider than the window")
    if page.evaluate("[...document.querySelectorAll('.fits, figure')].some(one => one.scrollWidth > one.clientWidth)"):
        wrong.append("something is cut off or has to be scrolled to")
    return wrong


def wait_for_work(page: Page) -> None:
    """Look again until nothing on the page is under way any more."""
    for _ in range(LOOKS_MAX):
        if page.locator("main progress").count() == 0:
            return
        page.wait_for_timeout(BETWEEN_LOOKS_MILLISECONDS)
        page.reload()
    raise AssertionError(f"the work on {page.url} does not end")


def open_disclosures(page: Page) -> None:
    """All but lists that lie over something else: what is half covered is too small to be hit."""
    page.evaluate(
        "document.querySelectorAll('details').forEach(one => { one.open = !one.matches('.tools, .switcher') })"
    )


def look(page: Page, path: str) -> list[str]:
    """What is wrong with the page at each width, its disclosures open in the widest."""
    wrong = []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        if width == WIDTHS[-1]:
            open_disclosures(page)
        wrong += [f"{path} at {width}: {one}" for one in [*violations(page), *widths_wrong(page)]]
    return wrong

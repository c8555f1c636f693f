"""``farebox-crawl run``: the pages of a list, bought within caps into a folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Annotated

import httpx2
import typer

from edge.client.advice import DONE, FAILED, PARTLY_DONE
from edge.client.amounts_shown import amounts, say_json, sums
from edge.client.crawl_options import (
    DEFAULT_STORE,
    AgentOption,
    AllowOption,
    DenyOption,
    JsonFlag,
    KeyOption,
    MaxEachOption,
    PerDayOption,
    PerDomainOption,
    RobotsFlag,
    StoreOption,
    TokenFileOption,
    TokenHostOption,
    TotalOption,
    UserAgentOption,
    bar_of,
    client_of,
    identity_of,
    name_of,
    policy_of,
    step,
    urls_in,
    wallet_at,
)
from edge.client.errors import CapReached, CrawlRefused, SpendingStopped
from edge.client.host_signals import ROBOTS_KEEP, Signals
from edge.client.paid_client import Page, PaidClient
from edge.client.plan_command import FileArgument
from edge.client.run_folder import Folder
from edge.client.site_cache import site_of
from edge.core.errors import EdgeError
from edge.core.money import Money

LISTED_FROM_PAGES = 3


def run(
    file: FileArgument,
    out: Annotated[Path, typer.Option("--out", help="A folder for the pages and their index.jsonl.")],
    max_each: MaxEachOption,
    key: KeyOption = None,
    agent: AgentOption = None,
    token_file: TokenFileOption = None,
    token_host: TokenHostOption = None,
    total: TotalOption = None,
    per_day: PerDayOption = None,
    per_domain_day: PerDomainOption = None,
    allow: AllowOption = None,
    deny: DenyOption = None,
    store: StoreOption = DEFAULT_STORE,
    at_once: Annotated[int, typer.Option("--at-once", min=1, max=64, help="How many pages at the same time.")] = 4,
    only_changed: Annotated[
        bool, typer.Option("--only-changed", help="Ask again for pages in the index, and pay where they changed.")
    ] = False,
    user_agent: UserAgentOption = None,
    ignore_robots: RobotsFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Buy the pages of a list into a folder; started again, it goes on. Exit code 3 when not all are had."""
    who = identity_of(key, agent, token_file, token_host)
    urls = urls_in(file)
    policy = policy_of(max_each, total, per_day, per_domain_day, allow, deny)
    with (
        Folder(out) as folder,
        wallet_at(store, who, policy) as wallet,
        client_of(wallet, user_agent) as client,
        bar_of("buying pages", len(urls)) as bar,
    ):
        client.resolve()  # what an earlier run left behind
        _read_lists(client, urls)
        work = _Work(client, folder, Signals(client, name_of(user_agent), is_ignored=ignore_robots), only_changed)
        with ThreadPoolExecutor(at_once) as pool:
            for _ in pool.map(work.get, urls):
                step(bar)
        problems = client.collect_receipts()
        spent = wallet.spent()
    for problem in problems:
        typer.echo(f"farebox-crawl: receipt of {problem.url}: {problem.says}", err=True)
    _tell_run(work, spent, as_json=as_json)
    is_all = not problems and not work.failed
    raise typer.Exit(DONE if is_all else PARTLY_DONE if work.counts else FAILED)


def _read_lists(client: PaidClient, urls: Sequence[str]) -> None:
    """Read the price list of each site that several pages are of: two requests, and one less for each page."""
    pages = Counter(map(site_of, urls))
    for site, number in pages.items():
        if number >= LISTED_FROM_PAGES and site:
            client.read_price_list(site)


@dataclass
class _Work:
    """One run: what was had, what was not and why. A full total ends the asking, not what is under way."""

    client: PaidClient
    folder: Folder
    signals: Signals
    only_changed: bool
    counts: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    paid: Counter[str] = field(default_factory=Counter)
    is_over: bool = False
    _turn: Lock = field(default_factory=Lock)

    def get(self, url: str) -> None:
        """Get one page, unless the folder has it."""
        is_had = url in self.folder.had
        if is_had and not self.only_changed:
            self._count(self.counts, "had before")
            return
        try:
            if self.is_over:
                self._count(self.failed, "cap_reached")
            elif not self.signals.allow(url):
                self._lost(url, "robots", ROBOTS_KEEP)
            else:
                self._got(url, is_had)
        except CapReached as why:
            self.is_over = self.is_over or why.scope == "total"
            self._lost(url, why.reason, str(why))
        except (EdgeError, httpx2.HTTPError, httpx2.InvalidURL) as why:
            self._lost(url, _reason(why), str(why))

    def _got(self, url: str, is_had: bool) -> None:
        page = self.client.get(url, only_if_changed=is_had)
        if page.is_unchanged:
            self._count(self.counts, "unchanged")
        elif not 200 <= page.status < 300:
            self._lost(url, f"status {page.status}", f"the site answered with status {page.status}")
        else:
            self.folder.keep(url, page.content, page.charged, page.charge_id)
            self._count(self.counts, _how(page))
            if page.charged is not None and not page.is_repeat:
                self._count(self.paid, page.charged.currency, page.charged.amount_micros)

    def _lost(self, url: str, reason: str, says: str) -> None:
        self._count(self.failed, reason)
        self.folder.note({"url": url, "error": reason, "says": says})

    def _count(self, counter: Counter[str], name: str, number: int = 1) -> None:
        with self._turn:
            counter[name] += number


def _how(page: Page) -> str:
    """How a page was had; what was bought a moment ago comes again for nothing."""
    if page.charged is None:
        return "free"
    return "bought before" if page.is_repeat else "bought"


def _tell_run(work: _Work, spent: dict[str, Money], *, as_json: bool) -> None:
    paid = {currency: Money(micros, currency) for currency, micros in work.paid.items()}
    if as_json:
        say_json(
            {"had": dict(work.counts), "not_had": dict(work.failed), "paid": amounts(paid), "spent": amounts(spent)}
        )
        return
    had = ", ".join(f"{number} {name}" for name, number in sorted(work.counts.items())) or "nothing had"
    typer.echo(f"{had}; paid {sums(paid)}; this store has spent {sums(spent)}")
    for reason, number in sorted(work.failed.items()):
        typer.echo(f"{number} not had: {reason}", err=True)


def _reason(why: Exception) -> str:
    match why:
        case SpendingStopped():
            return why.reason
        case CrawlRefused():
            return why.error.value
        case _:
            return type(why).__name__

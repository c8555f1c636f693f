"""A real Scrapy project at a real edge: 200 pages of mixed prices, a budget that ends half way, and `kill -9`."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from edge.client import Identity, PaidClient, SpendPolicy, Wallet
from edge.client.reconciling import differences
from edge.client.spend_log import log_lines
from edge.core.keys import private_key_to_pem
from edge.core.money import parse_price
from edge.core.reconcile import BookRow, Period, Reconciliation
from edge.core.rules import Action, Rule, RuleSet, everything_else
from edge.store.crawler_charges import crawler_entries, finder
from edge.store.database import now_micros
from edge.store.publishers import list_publishers
from edge.store.rulesets import publish_rules
from edge.store.site_values import EdgeAddresses
from edge.store.sites import SiteOptions, add_site
from tests.support.market import AGENT, crawler_key
from tests.support.scrapy_project import ScrapyProject
from tests.support.system_stage import Stage

pytestmark = pytest.mark.system

PAGES = 200
PRICES = {"cheap": "USD 0.001", "usual": "USD 0.005", "dear": "USD 0.02"}
KINDS = ("free", *PRICES)
ALL_OF_IT = 50 * (1_000 + 5_000 + 20_000)
HALF = "USD 0.65"
BEFORE_THE_KILL = 40
PATIENCE_SECONDS = 120


@pytest.fixture
def stage(sqlite_stage: Stage) -> Stage:
    """A second site by the name of this machine, so that a crawler reaches it without a resolver of its own."""
    market = sqlite_stage.market
    priced = tuple(
        Rule(name, where=f"/small/{name}/*", action=Action.CHARGE, price=parse_price(price))
        for name, price in PRICES.items()
    )
    now = now_micros()
    with market.database.write() as connection:
        [publisher] = list_publishers(connection)
        origin = SiteOptions(origin=f"http://127.0.0.1:{sqlite_stage.origin.port}")
        site = add_site(connection, "localhost", publisher.publisher_id, origin, EdgeAddresses(), now)
        rules = RuleSet(priced, everything_else(Action.ALLOW))
        publish_rules(connection, site.site_id, rules, 0, None, "owner@news.example", now)
    return sqlite_stage


def project_of(stage: Stage, folder: Path, **settings: object) -> ScrapyProject:
    port = stage.edge().port
    urls = [f"http://localhost:{port}/small/{KINDS[number % 4]}/{number}" for number in range(PAGES)]
    project = ScrapyProject(folder, urls, **{"PAY_TOTAL": HALF, **settings})
    (folder / "bot.pem").write_bytes(private_key_to_pem(crawler_key()))
    return project


def wallet_of(folder: Path) -> Wallet:
    return Wallet(Identity.load(folder / "bot.pem", AGENT), SpendPolicy(per_request="USD 0.05"), folder / "spend.db")


def book_rows(stage: Stage) -> list[BookRow]:
    with stage.market.database.read() as connection:
        return list(crawler_entries(connection, stage.market.crawler_id, None))


async def settled_up(folder: Path) -> list[str]:
    """Resolve what is in doubt and fetch the receipts; what is wrong with either."""

    def work() -> list[str]:
        wallet = wallet_of(folder)
        with PaidClient(wallet, timeout=PATIENCE_SECONDS) as client:
            client.resolve()
            wrong = [problem.says for problem in client.collect_receipts()]
        wrong += wallet.store.faults()
        wrong += [f"in doubt: {purchase.url}" for purchase in wallet.in_doubt()]
        unproved = list(wallet.store.purchases("state = 'settled' AND charged_micros > 0 AND receipt IS NULL"))
        wallet.close()
        return wrong + [f"without a receipt: {purchase.url}" for purchase in unproved]

    return await asyncio.to_thread(work)


def wrongs(stage: Stage, folder: Path) -> list[str]:
    """What the crawler's log and the ledger do not agree about, page by page."""
    wallet = wallet_of(folder)
    log = folder / "receipts.jsonl"
    log.write_bytes(b"".join(log_lines(wallet.store)))
    spent = wallet.spent()["USD"].amount_micros
    wallet.close()
    with stage.market.database.read() as connection:
        work = Reconciliation(Period(), finder(connection, stage.market.crawler_id))
        found = [str(difference) for difference in differences(work, log, {}, book_rows(stage))]
    taken = stage.market.credit.amount_micros - stage.market.balance_micros()
    if spent != taken:
        found.append(f"the crawler counts {spent}, its account lost {taken}")
    return found


def sold_pages(stage: Stage) -> list[str]:
    """The address of each charge that still counts, one for each time it was sold."""
    counts: dict[str, int] = {}
    where: dict[str, str] = {}
    for row in book_rows(stage):
        counts[row.charge_id] = counts.get(row.charge_id, 0) + row.amount_micros
        where[row.charge_id] = row.where
    return [where[charge] for charge, micros in counts.items() if micros]


def test_a_budget_that_ends_half_way_is_never_exceeded_and_every_charge_is_proved(stage: Stage, tmp_path: Path) -> None:
    project = project_of(stage, tmp_path / "project")
    stats = stage.do(project.crawl())
    assert stats["reason"] == "pay_total", project.log()
    assert stage.do(settled_up(project.folder)) == []
    assert wrongs(stage, project.folder) == []
    spent = stage.market.credit.amount_micros - stage.market.balance_micros()
    assert stats["pay/spent_micros/USD"] == spent
    # What closed the spider is a page that no longer fitted, and none costs more than this.
    assert 650_000 - 20_000 < spent <= 650_000 < ALL_OF_IT
    sold = sold_pages(stage)
    assert len(sold) == len(set(sold)) == stats["pay/bought"]


def test_a_crawl_that_was_killed_goes_on_and_pays_for_nothing_twice(stage: Stage, tmp_path: Path) -> None:
    # The hours are for a machine so slow that five minutes pass: then what was bought is not asked for at all.
    project = project_of(
        stage, tmp_path / "project", PAY_TOTAL="USD 5", PAY_BUY_AGAIN_AFTER_HOURS=1, DOWNLOAD_DELAY=0.01
    )

    async def killed_under_way() -> None:
        process = await project.start()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(book_rows(stage)) < BEFORE_THE_KILL:
            assert process.returncode is None, project.log()
            assert time.monotonic() < deadline, project.log()
            await asyncio.sleep(0.01)
        process.kill()
        await process.wait()

    stage.do(killed_under_way())
    assert not (project.folder / "stats.json").exists(), "the crawl was over before it was killed"
    before = len(sold_pages(stage))
    stats = stage.do(project.crawl())
    assert stats["reason"] == "finished", project.log()
    assert stage.do(settled_up(project.folder)) == []
    assert wrongs(stage, project.folder) == []
    sold = sold_pages(stage)
    assert len(sold) == len(set(sold)) > before
    assert stage.market.credit.amount_micros - stage.market.balance_micros() <= ALL_OF_IT
    assert stage.faults() == []

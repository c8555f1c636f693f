"""A real Scrapy project at a real edge: 200 pages of mixed prices, a budget that ends half way, and `kill -9`."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from edge.client import PaidClient
from tests.support.local_site import LocalSite, local_wallet, write_key
from tests.support.scrapy_project import ScrapyProject
from tests.support.system_stage import Stage

pytestmark = pytest.mark.system

PAGES = 200
PRICES = {"/small/cheap/*": "USD 0.001", "/small/usual/*": "USD 0.005", "/small/dear/*": "USD 0.02"}
KINDS = ("free", "cheap", "usual", "dear")
ALL_OF_IT = 50 * (1_000 + 5_000 + 20_000)
HALF = "USD 0.65"
BEFORE_THE_KILL = 40
PATIENCE_SECONDS = 120


@pytest.fixture
def site(sqlite_stage: Stage) -> LocalSite:
    site = LocalSite(sqlite_stage, PRICES)
    sqlite_stage.edge()
    return site


def project_of(site: LocalSite, folder: Path, **settings: object) -> ScrapyProject:
    urls = [site.url(f"/small/{KINDS[number % 4]}/{number}") for number in range(PAGES)]
    project = ScrapyProject(folder, urls, **{"PAY_TOTAL": HALF, **settings})
    write_key(folder)
    return project


async def settled_up(folder: Path) -> list[str]:
    """Resolve what is in doubt and fetch the receipts; what is wrong with either."""

    def work() -> list[str]:
        wallet = local_wallet(folder)
        with PaidClient(wallet, timeout=PATIENCE_SECONDS) as client:
            client.resolve()
            wrong = [problem.says for problem in client.collect_receipts()]
        wrong += wallet.store.faults()
        wrong += [f"in doubt: {purchase.url}" for purchase in wallet.in_doubt()]
        unproved = list(wallet.store.purchases("state = 'settled' AND charged_micros > 0 AND receipt IS NULL"))
        wallet.close()
        return wrong + [f"without a receipt: {purchase.url}" for purchase in unproved]

    return await asyncio.to_thread(work)


def test_a_budget_that_ends_half_way_is_never_exceeded_and_every_charge_is_proved(
    site: LocalSite, tmp_path: Path
) -> None:
    project = project_of(site, tmp_path / "project")
    stats = site.stage.do(project.crawl())
    assert stats["reason"] == "pay_total", project.log()
    assert site.stage.do(settled_up(project.folder)) == []
    assert site.wrongs(local_wallet(project.folder), project.folder) == []
    assert stats["pay/spent_micros/USD"] == site.taken_micros()
    # What closed the spider is a page that no longer fitted, and none costs more than this.
    assert 650_000 - 20_000 < site.taken_micros() <= 650_000 < ALL_OF_IT
    sold = site.sold_pages()
    assert len(sold) == len(set(sold)) == stats["pay/bought"]


def test_a_crawl_that_was_killed_goes_on_and_pays_for_nothing_twice(site: LocalSite, tmp_path: Path) -> None:
    # The hours are for a machine so slow that five minutes pass: then what was bought is not asked for at all.
    again = {"PAY_TOTAL": "USD 5", "PAY_BUY_AGAIN_AFTER_HOURS": 1, "DOWNLOAD_DELAY": 0.01}
    project = project_of(site, tmp_path / "project", **again)

    async def killed_under_way() -> None:
        process = await project.start()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(site.book_rows()) < BEFORE_THE_KILL:
            assert process.returncode is None, project.log()
            assert time.monotonic() < deadline, project.log()
            await asyncio.sleep(0.01)
        process.kill()
        await process.wait()

    site.stage.do(killed_under_way())
    assert not (project.folder / "stats.json").exists(), "the crawl was over before it was killed"
    before = len(site.sold_pages())
    stats = site.stage.do(project.crawl())
    assert stats["reason"] == "finished", project.log()
    assert site.stage.do(settled_up(project.folder)) == []
    assert site.wrongs(local_wallet(project.folder), project.folder) == []
    sold = site.sold_pages()
    assert len(sold) == len(set(sold)) > before
    assert site.taken_micros() <= ALL_OF_IT
    assert site.stage.faults() == []

"""A site of a stage by the name of this machine, that HTTP libraries reach without a resolver of their own."""

from __future__ import annotations

from pathlib import Path

from edge.client import Identity, SpendPolicy, Wallet
from edge.client.reconciling import differences
from edge.client.spend_log import log_lines
from edge.core.keys import private_key_to_pem
from edge.core.money import parse_price
from edge.core.reconcile import BookRow, Period, Reconciliation
from edge.core.rules import Action, Rule, RuleSet, everything_else
from edge.store.crawler_charges import crawler_entries, finder
from edge.store.database import now_micros
from edge.store.publishers import list_publishers
from edge.store.rulesets import live_version, publish_rules
from edge.store.site_values import EdgeAddresses
from edge.store.sites import SiteOptions, add_site
from tests.support.market import AGENT, crawler_key
from tests.support.system_stage import Stage

HOST = "localhost"


class LocalSite:
    """Sells the pages of a stage's origin at prices by path; everything else is free."""

    def __init__(self, stage: Stage, prices: dict[str, str]) -> None:
        self.stage = stage
        now = now_micros()
        with stage.market.database.write() as connection:
            [publisher] = list_publishers(connection)
            options = SiteOptions(origin=f"http://127.0.0.1:{stage.origin.port}")
            site = add_site(connection, HOST, publisher.publisher_id, options, EdgeAddresses(), now)
        self._site_id = site.site_id
        self.publish(prices)

    def publish(self, prices: dict[str, str], free_pages: int = 0) -> None:
        """Set the prices, by path, each with so many free pages a month."""
        priced = tuple(
            Rule(path, where=path, action=Action.CHARGE, price=parse_price(price), free_pages=free_pages)
            for path, price in prices.items()
        )
        with self.stage.market.database.write() as connection:
            live = live_version(connection, self._site_id)
            seen = 0 if live is None else live.version
            rules = RuleSet(priced, everything_else(Action.ALLOW))
            publish_rules(connection, self._site_id, rules, seen, None, "owner@news.example", now_micros())

    def url(self, path: str) -> str:
        """A page's address at the stage's first edge."""
        return f"http://{HOST}:{self.stage.edges[0].port}{path}"

    def taken_micros(self) -> int:
        """What the ledger has taken from the crawler's account."""
        return self.stage.market.credit.amount_micros - self.stage.market.balance_micros()

    def book_rows(self) -> list[BookRow]:
        """The entries of the crawler's charges."""
        with self.stage.market.database.read() as connection:
            return list(crawler_entries(connection, self.stage.market.crawler_id, None))

    def sold_pages(self) -> list[str]:
        """The address of each charge that still counts, one for each time it was sold."""
        counts: dict[str, int] = {}
        where: dict[str, str] = {}
        for row in self.book_rows():
            counts[row.charge_id] = counts.get(row.charge_id, 0) + row.amount_micros
            where[row.charge_id] = row.where
        return [where[charge] for charge, micros in counts.items() if micros]

    def wrongs(self, wallet: Wallet, folder: Path) -> list[str]:
        """What the crawler's books and the ledger do not agree about, page by page and in sum."""
        log = folder / "receipts.jsonl"
        log.write_bytes(b"".join(log_lines(wallet.store)))
        spent = wallet.store.spent().get("USD", 0)
        with self.stage.market.database.read() as connection:
            work = Reconciliation(Period(), finder(connection, self.stage.market.crawler_id))
            found = [str(difference) for difference in differences(work, log, {}, self.book_rows())]
        if spent != self.taken_micros():
            found.append(f"the crawler counts {spent}, its account lost {self.taken_micros()}")
        return found


def write_key(folder: Path) -> Path:
    """The key file of the stage's crawler."""
    path = folder / "bot.pem"
    path.write_bytes(private_key_to_pem(crawler_key()))
    path.chmod(0o600)
    return path


def local_wallet(folder: Path, **policy: str) -> Wallet:
    """A wallet of the stage's crawler, over ``spend.db`` in a folder."""
    given = {"per_request": "USD 0.05", **policy}
    return Wallet(Identity(crawler_key(), AGENT), SpendPolicy(**given), folder / "spend.db")  # type: ignore[arg-type]

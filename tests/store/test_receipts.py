"""A receipt says what the ledger says of a charge, and nothing has one that was not paid."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert

from edge.core.ledger import Entry, EntryKind, charge_id
from edge.core.ledger_state import STEP_OF
from edge.core.money import Money
from edge.core.receipts import Receipt, ReceiptState, verify_receipt
from edge.store.account_rows import holds_account, open_account, publisher_account
from edge.store.crawlers import NewCrawler, add_crawler
from edge.store.database import Database
from edge.store.publishers import add_publisher
from edge.store.receipts import receipt_of
from edge.store.service_keys import load_service_keys, rotate_service_keys
from edge.store.site_values import EdgeAddresses
from edge.store.sites import SiteOptions, add_site
from edge.store.tables import entry

NOW = 1_795_000_000_000_000
KEY = bytes(range(16))
TABLE_COLUMNS = [column.name for column in entry.columns]


class Books:
    """One crawler, one site, and entries as they come; each kind moves the money where it belongs."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.publisher_id = add_publisher(connection, "News", "owner@news.example", NOW).publisher_id
        options = SiteOptions(origin="http://127.0.0.1:9000")
        self.site = add_site(connection, "news.example", self.publisher_id, options, EdgeAddresses(), NOW)
        self.crawler = add_crawler(connection, NewCrawler("ExampleBot", "https://bot.example"), NOW)
        self.pays = open_account(connection, "crawler:1:USD", "USD")
        self.earns = publisher_account(connection, self.publisher_id, "USD")
        self.holds = holds_account(connection, "USD")
        self.number = 0

    def write(self, kind: EntryKind, attempt: int = 1) -> None:
        ways = {
            EntryKind.POST: (self.pays, self.earns),
            EntryKind.HOLD: (self.pays, self.holds),
            EntryKind.SETTLE: (self.holds, self.earns),
            EntryKind.VOID: (self.holds, self.pays),
            EntryKind.REVERSE: (self.earns, self.pays),
        }
        self.number += 1
        debit, credit = ways[kind]
        row = Entry(
            writer=1,
            number=self.number,
            key=KEY,
            attempt=attempt,
            step=STEP_OF[kind],
            kind=kind.value,
            debit_account=debit,
            credit_account=credit,
            amount_micros=10_000,
            currency="USD",
            recorded_at_micros=NOW + self.number,
            crawler_id=self.crawler.crawler_id,
            publisher_id=self.publisher_id,
            site_id=self.site.site_id,
            rule="long reads",
            rule_version=3,
            licence="ai-train",
            target="/articles/one",
            offer="max USD 0.05",
            request_id="r1",
            status=200,
            evidence=None,
            reason=None,
            reference=None,
            author=None,
        )
        self.connection.execute(insert(entry).values(dict(zip(TABLE_COLUMNS, row, strict=True))))


def receipt(database: Database, data_dir: Path, charge: str = charge_id(KEY)) -> Receipt | None:
    keys = load_service_keys(data_dir)
    text = receipt_of(database, keys, "example", charge)
    if text is None:
        return None
    checked = verify_receipt(text, keys.by_thumbprint)
    assert isinstance(checked, Receipt)
    return checked


def write(database: Database, *kinds: EntryKind) -> None:
    with database.write() as connection:
        books = Books(connection)
        for kind in kinds:
            books.write(kind)


def test_a_receipt_states_the_charge_and_its_place_in_the_chain(database: Database, tmp_path: Path) -> None:
    write(database, EntryKind.POST)
    assert receipt(database, tmp_path) == Receipt(
        charge_id="ch_000102030405060708090a0b0c0d0e0f",
        charged_at_micros=NOW + 1,
        issuer="example",
        crawler="ExampleBot",
        agent_url="https://bot.example/.well-known/http-message-signatures-directory",
        site="news.example",
        target="/articles/one",
        rule="long reads",
        rule_version=3,
        licence="ai-train",
        offer="max USD 0.05",
        price=Money(10_000, "USD"),
        writer=1,
        entry=1,
    )


def test_a_settled_hold_is_charged_when_it_settled(database: Database, tmp_path: Path) -> None:
    write(database, EntryKind.HOLD, EntryKind.SETTLE)
    found = receipt(database, tmp_path)
    assert found is not None
    assert (found.charged_at_micros, found.entry, found.state) == (NOW + 2, 2, ReceiptState.CHARGED)


@pytest.mark.parametrize("kinds", [(EntryKind.HOLD,), (EntryKind.HOLD, EntryKind.VOID), ()], ids=str)
def test_what_was_not_paid_has_no_receipt(database: Database, tmp_path: Path, kinds: tuple[EntryKind, ...]) -> None:
    write(database, *kinds)
    assert receipt(database, tmp_path) is None


def test_a_reversed_charge_says_so_in_its_receipt(database: Database, tmp_path: Path) -> None:
    write(database, EntryKind.POST, EntryKind.REVERSE)
    found = receipt(database, tmp_path)
    assert found is not None
    assert found.state is ReceiptState.REVERSED


@pytest.mark.parametrize("charge", ["", "ch_", "ch_zz", charge_id(b"x" * 16), charge_id(KEY).upper()])
def test_an_unknown_id_has_no_receipt(database: Database, tmp_path: Path, charge: str) -> None:
    write(database, EntryKind.POST)
    assert receipt(database, tmp_path, charge) is None


def test_a_receipt_of_before_a_rotation_still_verifies(database: Database, tmp_path: Path) -> None:
    write(database, EntryKind.POST)
    old = receipt_of(database, load_service_keys(tmp_path), "example", charge_id(KEY))
    keys = rotate_service_keys(tmp_path, datetime(2026, 11, 20, tzinfo=UTC))
    assert old is not None
    assert isinstance(verify_receipt(old, keys.by_thumbprint), Receipt)
    assert receipt_of(database, keys, "example", charge_id(KEY)) != old

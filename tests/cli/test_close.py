"""``farebox close``: what it says, what it refuses, and that it says the same again."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge.core.month import Month
from tests.cli.conftest import Farebox
from tests.cli.ledger import sell

OCTOBER = Month(2026, 10)


@pytest.fixture
def sold(shop: Farebox, workplace: Path) -> Farebox:
    """A shop whose crawler bought two pages in October 2026; the top-up is of today."""
    shop("publisher", "set", "Example News", "--share", "12.5%")
    sell(workplace, 400_000, 600_001, at_micros=OCTOBER.start_micros)
    return shop


def test_a_closed_month_says_what_it_came_to_and_says_the_same_again(sold: Farebox) -> None:
    assert "is not closed: this is a draft" in sold("report", "2026-10").err
    first = sold("close", "2026-10", "--json")
    assert first.code == 0, first.err
    total = first.json["manifest"]["totals"]["USD"]
    assert (total["amount_micros"], total["fee_micros"], total["payable_micros"]) == (1_000_001, 125_000, 875_001)
    again = sold("close", "2026-10", "--json").json
    assert again == {**first.json, "fresh": False}
    said = sold("close", "2026-10")
    assert "spent USD 1.000001, fees USD 0.125, payable USD 0.875001: 2 pages, 0 reversed" in said.out
    assert "was closed before" in said.err
    assert sold("report", "2026-10").err == ""


def test_counts_of_one_say_one(shop: Farebox) -> None:
    said = shop("close", "2026-10")
    assert "\n1 statement of 0 entries\n" in said.out, said.err


def test_verify_holds_a_closed_month_against_its_entries(sold: Farebox, workplace: Path) -> None:
    sold("close", "2026-10")
    checked = sold("verify", "--month", "2026-10")
    assert "1 closed month is what was signed, and comes to what the entries do" in sold("verify").out
    assert (checked.code, "2026-10: USD 1.000001, equal to the entries" in checked.out) == (0, True)
    with sqlite3.connect(workplace / "farebox.db") as connection:
        connection.execute("DROP TRIGGER month_line_no_update")
        connection.execute("UPDATE month_line SET pages = 1")
    connection.close()
    failed = sold("verify", "--month", "2026-10")
    assert failed.code == 1
    assert "I5: month 2026-10, line 0: is not what its entries come to" in failed.out


def test_a_month_that_is_not_over_says_when_it_can_be_closed(sold: Farebox) -> None:
    this = Month.of(int(datetime.now(UTC).timestamp()) * 1_000_000)
    refused = sold("close", this.label)
    assert refused.code == 1
    assert f"close it from {this.following.label}-01 00:01 UTC on" in refused.err
    assert sold("close", "october").code == 2


def test_a_closed_months_files_are_the_same_for_ever(sold: Farebox, workplace: Path) -> None:
    sold("close", "2026-10")
    formats = ("--format", "csv,jsonl,xlsx,parquet,pdf,focus,beancount", "--out")
    sold("report", "2026-10", *formats, "first")
    sold("publisher", "set", "Example News", "--share", "99%")
    sold("account", "credit", "ExampleBot", "USD 1", "--reference", "INV-9")
    sell(workplace, 5_000, first=7, at_micros=OCTOBER.start_micros)
    assert sold("report", "2026-10", *formats, "again").code == 0
    first = {path.name: path.read_bytes() for path in (workplace / "first").iterdir()}
    assert {path.name: path.read_bytes() for path in (workplace / "again").iterdir()} == first
    assert len(first) == 10
    assert b'"draft":false' in first["manifest-2026-10.json"]


def test_each_reader_is_told_what_is_its_own(sold: Farebox) -> None:
    sold("close", "2026-10")
    publisher = sold("report", "2026-10", "--publisher", "Example News").out
    assert "operator's fee USD 0.125, payable USD 0.875001" in publisher
    crawler = sold("report", "2026-10", "--crawler", "ExampleBot").out
    assert "fee" not in crawler
    # The top-up was recorded today, long after October: the account paid in advance for tests.
    assert (
        "balance at the beginning USD 0.00, paid in USD 0.00, spent in the month USD -1.000001, "
        "balance at the end USD -1.000001"
    ) in crawler
    assert "2 receipts" in crawler
    read = sold("report", "2026-10", "--crawler", "ExampleBot", "--json").json
    assert (read["statement"], read["receipts"], read["draft"]) == ("2026-10-C1", 2, False)


def test_a_late_refund_is_named_in_the_month_in_which_it_happens(sold: Farebox, workplace: Path) -> None:
    sold("close", "2026-10")
    charge = f"ch_{1:032x}"
    assert sold("refund", charge, "--reason", "wrong page").code == 0
    this = Month.of(int(datetime.now(UTC).timestamp()) * 1_000_000).label
    [late] = sold("report", this, "--publisher", "Example News", "--json").json["corrections"]
    assert (late["charge"], late["month"], late["given_back_micros"]) == (charge, "2026-10", 400_000)
    assert f"corrects 2026-10: {charge} gives back USD 0.40 (wrong page)" in sold("report", this).out
    assert sold("report", "2026-10", "--json").json["corrections"] == []

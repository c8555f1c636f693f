"""The months and their reports."""

from __future__ import annotations

import csv
import hashlib
import io
import re
import zipfile
from pathlib import Path

import orjson
import pytest
from sqlalchemy import insert, update

from edge.core.grants import FreePages, FreePeriod
from edge.core.ledger import ChargeOrder
from edge.core.ledger_operations import Post
from edge.core.money import Money
from edge.core.month import Month
from edge.core.report import fold
from edge.core.statement import Party
from edge.store.account_rows import find_account, publisher_account
from edge.store.accounts import publisher_balances
from edge.store.batch_writer import BatchWriter
from edge.store.books_tasks import find_task
from edge.store.month_close import Closer, close_month
from edge.store.publishers import set_share
from edge.store.service_keys import load_service_keys
from edge.store.tables import publisher
from publisher_dashboard.rendering import money
from tests.dashboard.conftest import House
from tests.support.month_entries import stream_month
from tests.support.newsroom import sell_a_free_page

BASE = "/publishers/1/months"
FREE = FreePages(100, FreePeriod.MONTH)


def test_the_months_since_the_first_charge_are_listed_newest_first(house: House) -> None:
    page = house.signed_in().get(BASE).text
    places = [page.index(name) for name in ("November 2026", "October 2026", "September 2026")]
    assert places == sorted(places)
    assert page.count(">under way<") == 1
    assert "August 2026" not in page


@pytest.mark.parametrize("label", ["2026-10", "2026-11"])
def test_page_and_files_of_a_month_say_the_same(house: House, label: str) -> None:
    owner, month = house.signed_in(), Month.parse(label)
    with house.database.read() as connection:
        report = fold(month, stream_month(connection, month, publisher_ids=frozenset({1})))
    [total] = report.totals
    page = owner.get(f"{BASE}/{label}").text
    assert money(total.amount_micros, "USD") in page
    assert page.count('class="amount n strong"') == len(report.lines)
    rows = list(csv.DictReader(io.StringIO(owner.get(f"{BASE}/{label}/report.csv").text, newline="")))
    lines = [orjson.loads(line) for line in owner.get(f"{BASE}/{label}/report.jsonl").text.splitlines()]
    assert len(rows) == len(lines) == len(report.lines)
    for found in (rows, lines):
        assert sum(int(row["amount_micros"]) for row in found) == total.amount_micros
        assert sum(int(row["pages"]) for row in found) == total.pages
        assert {row["publisher"] for row in found} == {"Harbour Press"}


def test_a_months_files_are_named_and_a_draft_until_it_is_closed(quick_house: House) -> None:
    owner = quick_house.signed_in()
    names = {
        f"{label}/report.{ending}": f"farebox-{label}-draft.{ending}"
        for label in ("2026-10", "2026-11")
        for ending in ("csv", "jsonl", "xlsx", "parquet", "pdf")
    }
    for path, name in names.items():
        assert owner.get(f"{BASE}/{path}").headers["content-disposition"] == f'attachment; filename="{name}"'


@pytest.mark.parametrize("label", ["2026-12", "2027-01", "2026-13", "11-2026", "now", "0000-01"])
def test_a_month_that_is_none_or_has_not_begun_does_not_exist(quick_house: House, label: str) -> None:
    owner = quick_house.signed_in()
    for ending in ("", "/report.csv", "/report.jsonl", "/report.xlsx", "/report.parquet", "/report.pdf"):
        assert owner.get(f"{BASE}/{label}{ending}").status_code == 404


def test_the_files_of_a_month_are_what_they_are_called(house: House) -> None:
    owner = house.signed_in()
    page = owner.get(f"{BASE}/2026-10").text
    for ending, media_type, start in (
        ("pdf", "application/pdf", b"%PDF-"),
        ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", b"PK"),
        ("parquet", "application/vnd.apache.parquet", b"PAR1"),
    ):
        assert f"/publishers/1/months/2026-10/report.{ending}" in page
        answer = owner.get(f"{BASE}/2026-10/report.{ending}")
        assert answer.headers["content-type"] == media_type
        assert answer.content.startswith(start)
        assert len(answer.content) == int(answer.headers["content-length"])


def test_a_month_without_charges_says_so(quick_house: House) -> None:
    assert "Nothing was sold" in quick_house.signed_in().get(f"{BASE}/2026-01").text


def test_a_publisher_without_charges_has_no_months_yet(quick_house: House) -> None:
    quick_house.clock.now -= 80 * 86_400
    with quick_house.database.write() as connection:
        new = insert(publisher).values(id=3, name="New", name_key="new", email="n@x.example", created_at_micros=1)
        connection.execute(new)
        connection.exec_driver_sql("UPDATE membership SET publisher_id = 3 WHERE role = 'owner' AND publisher_id = 1")
    assert "No month yet" in quick_house.signed_in().get("/publishers/3/months").text


def test_a_closed_month_says_so_with_the_share_and_what_is_payable(quick_house: House, tmp_path: Path) -> None:
    owner = quick_house.signed_in()
    assert ">not closed yet<" in owner.get(f"{BASE}/2026-10").text
    with quick_house.database.write() as connection:
        connection.execute(update(publisher).where(publisher.c.id == 1).values(share_ppm=100_000))
    for label in ("2026-09", "2026-10"):
        month = Month.parse(label)
        maker = Closer(Party("Example Edge"), "ann", load_service_keys(tmp_path), month.end_micros + 86_400_000_000)
        assert close_month(quick_house.database, month, maker)[1]
    page = owner.get(f"{BASE}/2026-10").text
    assert ">closed<" in page
    assert "Operator&#39;s share" in page
    assert '<tr class="subtotal"><th scope="row">Payable</th>' in page
    assert "signed, and never changed again" in page
    assert owner.get(BASE).text.count(">closed<") >= 1
    answer = owner.get(f"{BASE}/2026-10/report.csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="farebox-2026-10.csv"'
    with quick_house.database.write() as connection:
        connection.execute(update(publisher).where(publisher.c.id == 1).values(share_ppm=0, name="Renamed"))
    assert owner.get(f"{BASE}/2026-10/report.csv").content == answer.content


def test_what_is_payable_of_an_open_month_is_called_before_the_fee_where_there_will_be_one(quick_house: House) -> None:
    owner = quick_house.signed_in()
    page = owner.get(BASE).text
    assert "at the close" not in page
    assert "before the fee" not in page
    with quick_house.database.write() as connection:
        set_share(connection, "Harbour Press", 125_000)
    page = owner.get(BASE).text
    assert page.count("at the close") == page.count("before the fee") == 3


def test_free_pages_of_a_month_are_in_its_lines(quick_house: House) -> None:
    owner = quick_house.signed_in()
    assert 'data-label="free"' not in owner.get(f"{BASE}/2026-11").text
    sell_a_free_page(quick_house.database, quick_house.newsroom)
    counts = re.findall(r'data-label="free">(\d+)<', owner.get(f"{BASE}/2026-11").text)
    assert counts[-1] == "1"
    assert sum(map(int, counts[:-1])) == 1


def test_a_month_of_free_pages_alone_is_listed(quick_house: House) -> None:
    owner = quick_house.signed_in()
    give_pages(quick_house, 3)
    with quick_house.database.write() as connection:
        connection.exec_driver_sql("UPDATE membership SET publisher_id = 3 WHERE role = 'owner' AND publisher_id = 1")
    assert "October 2026" in owner.get("/publishers/3/months").text


def give_pages(house: House, number: int) -> None:
    """Give pages of a new publisher, the third, for nothing in October 2026."""
    site_id = house.newsroom.site.site_id
    with house.database.write() as connection:
        new = insert(publisher).values(id=3, name="New", name_key="new", email="n@x.example", created_at_micros=1)
        connection.execute(new)
        earns, pays = publisher_account(connection, 3, "USD"), find_account(connection, "crawler:1:USD")
        assert pays is not None
    about = ("everything else", 1, None, "/", None, "request", 200)
    orders = [
        ChargeOrder(bytes([of] * 16), Money(1, "USD"), pays, earns, 1, 3, site_id, *about, grants=(FREE,))
        for of in range(number)
    ]
    hand = BatchWriter(house.database, "test", clock=lambda: Month.parse("2026-10").start_micros)
    hand.write([Post(order) for order in orders])
    hand.close()


def close_september(house: House, folder: Path) -> None:
    month = Month(2026, 9)
    who = Closer(Party("harbour", None, ()), "tests", load_service_keys(folder), month.end_micros + 86_400_000_000)
    close_month(house.database, month, who)


def test_a_publisher_verifies_a_closed_month_and_hears_nothing_of_others(quick_house: House, tmp_path: Path) -> None:
    close_september(quick_house, tmp_path)
    billing = quick_house.signed_in("billing@harbour.example")
    assert "Verify September 2026" in billing.get(f"{BASE}/2026-09").text
    assert billing.post(f"{BASE}/2026-09/verify").headers["location"] == f"{BASE}/2026-09"
    assert "It holds." in billing.get(f"{BASE}/2026-09").text
    with quick_house.database.write() as connection:
        connection.exec_driver_sql("DROP TRIGGER month_fee_no_update")
        connection.exec_driver_sql("DROP TRIGGER month_close_no_update")
        connection.exec_driver_sql("UPDATE month_close SET manifest = replace(manifest, 'P1', 'P9')")
    quick_house.clock.pass_minutes(11)
    billing.sign_in("billing@harbour.example")
    billing.post(f"{BASE}/2026-09/verify")
    page = billing.get(f"{BASE}/2026-09").text
    assert "It could not be confirmed." in page
    assert "manifest" not in page.replace("All, with manifest", "").replace("stands in its manifest", "")
    viewer = quick_house.signed_in("viewer@harbour.example")
    assert viewer.post(f"{BASE}/2026-09/verify").status_code == 403
    assert "Verify September" not in viewer.get(f"{BASE}/2026-09").text


def test_an_open_month_is_not_verified(quick_house: House) -> None:
    owner = quick_house.signed_in()
    owner.post(f"{BASE}/2026-10/verify")
    with quick_house.database.read() as connection:
        assert find_task(connection, "verify 2026-10") is None


def test_all_files_of_a_month_come_with_the_manifest_that_pins_them(quick_house: House) -> None:
    answer = quick_house.signed_in().get(f"{BASE}/2026-10/report.zip")
    assert answer.headers["content-disposition"] == 'attachment; filename="farebox-2026-10-draft.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        names = set(archive.namelist())
        [stated] = [name for name in names if name.startswith("manifest")]
        files = orjson.loads(archive.read(stated))["files"]
        assert set(files) == names - {stated}
        for name, file in files.items():
            assert hashlib.sha256(archive.read(name)).hexdigest() == file["sha256"]


def test_what_is_owed_now_is_the_balance_of_the_account(house: House) -> None:
    with house.database.read() as connection:
        [owed] = publisher_balances(connection, 1)
    assert money(owed.balance_micros, "USD") in house.signed_in().get(BASE).text

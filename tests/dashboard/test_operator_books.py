"""The operator's charges, adjustments, log, publishers and health."""

from __future__ import annotations

import csv
import io

import pytest

from edge.core.ledger_state import Phase
from edge.core.money import Money
from edge.core.payments import Payment, PaymentSource
from edge.store.account_corrections import take_back
from edge.store.accounts import credit, publisher_balances
from edge.store.accounts import show as accounts_of
from edge.store.audit import audit_rows, newest_audit_rows
from edge.store.crawlers import find_crawler
from edge.store.credit_notes import credit_note
from edge.store.database import Database
from edge.store.entries import ChargeFilter, charge_by_id, list_charges
from edge.store.health import read_health
from edge.store.publishers import publisher_by_id
from edge.store.unmatched import Unmatched, find_unmatched, keep_payment
from publisher_dashboard.rendering import money, size
from tests.dashboard.conftest import Browser, House
from tests.dashboard.test_operating import operate

BOOKS = "/operator/adjustments"


def operator(house: House) -> Browser:
    operate(house)
    return house.signed_in("viewer@harbour.example")


def live_charge(house: House, publisher_id: int) -> str:
    with house.database.read() as connection:
        found = list_charges(connection, ChargeFilter(frozenset({publisher_id}))).charges
    return next(one.charge_id for one in found if one.state is Phase.LIVE)


def keep(house: House, reference: str = "pi_1") -> None:
    now = int(house.clock() * 1_000_000)
    paid = Payment(PaymentSource.STRIPE, reference, "Nobody", Money(5_000_000, "USD"), "USD 5.00", now)
    with house.database.write() as connection:
        assert keep_payment(connection, paid, Unmatched.UNKNOWN_CRAWLER, now)


def top_up(database: Database, reference: str) -> None:
    credit(database, 4, Money(1_000_000, "USD"), reference=reference, author="ann", reason=None)


def test_the_operator_gives_any_charge_back(house: House) -> None:
    browser = operator(house)
    for publisher_id in (1, 2):
        charge = live_charge(house, publisher_id)
        found = browser.get(f"{BOOKS}?charge={charge}")
        assert found.headers["location"] == f"/operator/charges/{charge}"
        assert "Give it back" in browser.get(f"/operator/charges/{charge}").text
        form = {"how": "whole", "amount": "", "reason": "the operator's mistake", "sure": "yes"}
        done = browser.post(f"/operator/charges/{charge}/refund", form)
        assert done.headers["location"] == f"/operator/charges/{charge}?said=given-back"
        with house.database.read() as connection:
            now = charge_by_id(connection, charge)
        assert now is not None
        assert (now.state, now.author) == (Phase.REVERSED, "viewer@harbour.example")
    page = browser.get(BOOKS).text
    assert page.count("the operator&#39;s mistake") == 2
    assert browser.get(f"{BOOKS}?charge=ch_none").status_code == 404


def test_everybodys_charges_are_listed_and_summed(quick_house: House) -> None:
    browser = operator(quick_house)
    page = browser.get("/operator/charges").text
    assert "harbour.example" in page
    assert "zanzibar.example" in page
    assert "that stand" in page
    rows = list(csv.DictReader(io.StringIO(browser.get("/operator/charges.csv").text, newline="")))
    assert {row["site"] for row in rows} >= {"harbour.example", "zanzibar.example"}


def test_a_payment_that_nobody_could_take_is_assigned_once(house: House) -> None:
    keep(house)
    browser = operator(house)
    assert "pi_1" in browser.get(BOOKS).text
    path = "/operator/payments/1/assign"
    assert browser.post(path, {"crawler": ""}).status_code == 422
    assert "Credit USD 5.00 to Deep Archive?" in browser.post(path, {"crawler": "Deep Archive"}).text
    with house.database.read() as connection:
        known = find_crawler(connection, "Deep Archive")
        before = accounts_of(connection, known.crawler_id)[0].balance_micros
    form = {"crawler": "Deep Archive", "sure": "yes"}
    said = [browser.post(path, form).headers["location"].rpartition("=")[2] for _ in range(2)]
    assert said == ["credited", "credited-before"]
    with house.database.read() as connection:
        assert accounts_of(connection, known.crawler_id)[0].balance_micros == before + 5_000_000
    assert "pi_1" not in browser.get(BOOKS).text
    assert browser.get("/operator/payments/4711/assign").status_code == 404


def test_a_payment_is_closed_with_a_reason(quick_house: House) -> None:
    keep(quick_house)
    browser = operator(quick_house)
    path = "/operator/payments/1/close"
    assert browser.post(path, {"reason": " "}).status_code == 422
    assert browser.post(path, {"reason": "paid back"}).headers["location"] == f"{BOOKS}?said=payment-closed"
    assert browser.post(path, {"reason": "paid back"}).status_code == 422
    with quick_house.database.read() as connection:
        found = find_unmatched(connection, 1)
    assert (found.state, found.closing_reason, found.closed_by) == ("closed", "paid back", "viewer@harbour.example")


def test_the_log_tells_the_newest_first_and_is_paged_without_gaps(house: House) -> None:
    for number in range(5):
        top_up(house.database, f"INV-{number}")
    with house.database.read() as connection:
        whole = [one.position for one in audit_rows(connection)]
        found, before = [], None
        while True:
            page = newest_audit_rows(connection, 2, before=before)
            found += [one.position for one in page.rows]
            before = page.next_before
            if before is None:
                break
        assert newest_audit_rows(connection, 50, author="ann").rows[0].author == "ann"
        assert newest_audit_rows(connection, 50, author="nobody").rows == ()
    assert found == whole[::-1]
    browser = operator(house)
    shown = browser.get("/operator/audit").text
    assert shown.index("INV-4") < shown.index("INV-0")
    assert "Nothing fits this filter" in browser.get("/operator/audit?kind=fee").text
    assert browser.get("/operator/audit?from=never").status_code == 422
    rows = list(csv.DictReader(io.StringIO(browser.get("/operator/audit.csv").text, newline="")))
    assert [row["reference"] for row in rows if row["reference"].startswith("INV")] == [f"INV-{n}" for n in range(5)]


def test_the_operators_log_has_what_is_no_money_as_well(quick_house: House) -> None:
    browser = operator(quick_house)
    keep(quick_house)
    browser.post("/operator/payments/1/close", {"reason": "paid back"})
    quick_house.signed_in().post("/publishers/1/tokens", {"name": "night job", "scopes": "read", "expires": "30"})
    page = browser.get("/operator/audit").text
    for words in ("Closed a payment", "payment 1", "Made an API token", "night job", "Harbour Press"):
        assert words in page
    assert "Signed in" not in page
    narrowed = browser.get("/operator/audit?kind=payment").text
    assert ("Closed a payment" in narrowed, "night job" in narrowed) == (True, False)
    rows = list(csv.DictReader(io.StringIO(browser.get("/operator/audit.csv").text, newline="")))
    [made] = [row for row in rows if row["kind"] == "token.made" and row["reference"] == "night job"]
    assert (made["publisher"], made["author"]) == ("Harbour Press", "owner@harbour.example")


def test_corrections_say_which_way_the_money_went(quick_house: House) -> None:
    charge = live_charge(quick_house, 1)
    credit_note(quick_house.database, charge, Money(1, "USD"), reason="slow", author="ann")
    taken = take_back(quick_house.database, 1, Money(10_000, "USD"), reason="booked twice", author="ann")
    with quick_house.database.read() as connection:
        [debit, credited] = newest_audit_rows(connection, 2).rows
    browser = operator(quick_house)
    ways = (
        f"from <bdi>{debit.crawler}</bdi> to <bdi>the operator</bdi>",
        f"from <bdi>{credited.publisher}</bdi> to <bdi>{credited.crawler}</bdi>",
    )
    listed = browser.get(BOOKS).text.split("Latest corrections", 1)[1]
    assert f"Debit note <bdi>{taken.reference}</bdi>" in listed
    assert f"Credit note <bdi>{credited.reference}</bdi>" in listed
    log = browser.get("/operator/audit?kind=adjust").text
    assert log.index("Wrote a debit note") < log.index(taken.reference) < log.index("Wrote a credit note")
    assert [page.index(ways[0]) < page.index(ways[1]) for page in (listed, log)] == [True, True]
    rows = list(csv.DictReader(io.StringIO(browser.get("/operator/audit.csv").text, newline="")))
    told = {row["reference"]: (row["from"], row["to"]) for row in rows if row["kind"] == "adjust"}
    assert told[taken.reference] == ("crawler", "adjustments")
    assert told[credited.reference or ""] == ("publisher", "crawler")


def test_publishers_show_what_is_owed_and_the_share_is_set_with_its_reason(house: House) -> None:
    browser = operator(house)
    with house.database.read() as connection:
        [owed] = publisher_balances(connection, 1)
    for path in ("/operator/publishers", "/operator/publishers/1"):
        page = browser.get(path).text
        assert "Harbour Press" in page
        assert money(owed.balance_micros, "USD") in page
    path = "/operator/publishers/1/share"
    assert browser.post(path, {"share": "a lot", "reason": "x"}).status_code == 422
    assert browser.post(path, {"share": "12.5%", "reason": ""}).status_code == 422
    done = browser.post(path, {"share": "12.5%", "reason": "the contract of 2026"})
    assert done.headers["location"] == "/operator/publishers/1?said=share"
    with house.database.read() as connection:
        known = publisher_by_id(connection, 1)
        assert known is not None
        assert known.share_ppm == 125_000
        assert newest_audit_rows(connection, 1).rows[0].reason == "the contract of 2026"
    assert "share: 12.5%" in browser.get("/operator/audit").text
    assert browser.get("/operator/publishers/4711").status_code == 404


def test_health_tells_what_processes_wrote_and_what_waits(house: House) -> None:
    keep(house)
    top_up(house.database, "INV-9")
    with house.database.read() as connection:
        found = read_health(connection)
    assert found.writers
    assert {one.state_at(found.clock_micros) for one in found.writers} <= {"alive", "ended", "silent"}
    assert found.policy > 0
    assert found.database_bytes is not None
    page = operator(house).get("/operator/health").text
    assert size(found.database_bytes).split()[-1] in page
    assert 'href="/operator/adjustments">1</a>' in page
    assert "newsroom" in page


@pytest.mark.parametrize(
    ("number", "words"),
    [(None, "–"), (999, "999 B"), (1000, "1.0 KB"), (1_950_000, "1.9 MB"), (12_000_000_000, "12.0 GB")],
)
def test_sizes_are_written_as_people_do(number: int | None, words: str) -> None:
    assert size(number) == words

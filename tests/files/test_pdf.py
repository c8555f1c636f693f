"""What stands on the PDF statement: all that a reader must look up or add up, whole."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pypdf import PdfReader

from edge.core.fees import FeeBasis
from edge.core.ledger import EntryKind
from edge.core.month import Month
from edge.core.particulars import Correction, Listed, Particulars, ShareTaken, TopUp
from edge.core.report import Pocket
from edge.core.statement import AccountMonth, Reader, Statement
from edge.files.formats import FORMATS
from tests.support.statements import entries, sources, statement

CHARGES = tuple(f"ch_{'d' * 31}{digit}" for digit in "0e")
REFERENCE = "wire-" + "0123456789" * 19 + "-last"
ROWS = (entries(EntryKind.POST, 5_000),)
LONG_NAME = "The Very Old and Honourable Morning Newspaper Company of the North"


def words_of(of: Statement, place: Path) -> str:
    """All words of the document, in their order, without spaces: where a line ends does not matter."""
    path = place / "made.pdf"
    with path.open("wb") as sink:
        FORMATS["pdf"].write(sources(of), sink, place)
    return "".join("".join(page.extract_text() for page in PdfReader(path).pages).split())


def told(of: Statement, particulars: Particulars) -> Statement:
    return replace(of, particulars=particulars)


def correction(charge: str) -> Correction:
    return Correction(charge, Month(2026, 10), EntryKind.ADJUST, "USD", 5_000, "CN-2026-0001", "wrong page", "op")


def test_a_charge_that_is_corrected_stands_there_with_its_whole_number(tmp_path: Path) -> None:
    found = Listed(tuple(map(correction, CHARGES)), 2, (("USD", 10_000),))
    for reader in Reader:
        text = words_of(told(statement(ROWS, reader=reader), Particulars(corrections=found)), tmp_path)
        assert all(text.count(charge) == 1 for charge in CHARGES), reader


def test_a_payment_stands_there_with_its_whole_reference(tmp_path: Path) -> None:
    paid = TopUp(Month(2026, 11).start_micros, "ExampleBot", "USD", 5_000, REFERENCE)
    found = Listed((paid,), 1, (("USD", 5_000),))
    for reader in (Reader.CRAWLER, Reader.OPERATOR):
        text = words_of(told(statement(ROWS, reader=reader), Particulars(top_ups=found)), tmp_path)
        assert REFERENCE in text, reader


def test_an_account_of_a_long_name_says_its_currency(tmp_path: Path) -> None:
    account = AccountMonth("publisher:1:CHF", Pocket.PUBLISHER, LONG_NAME, "CHF", 0, 7_000, 0)
    assert "CHF0.0000.007" in words_of(statement(ROWS, reader=Reader.OPERATOR, accounts=(account,)), tmp_path)


def test_the_sentence_below_a_table_is_not_cut(tmp_path: Path) -> None:
    shares = (ShareTaken("Example News", FeeBasis(1, "USD", 125_000, 2_010_000, -990_000)),)
    text = words_of(told(statement(ROWS, draft=True), Particulars(shares=shares)), tmp_path)
    assert "isnotinthesumsabove." in text


def test_what_a_draft_leaves_says_that_a_fee_will_come_off(tmp_path: Path) -> None:
    expected = Particulars(shares=(ShareTaken("Example News", FeeBasis(1, "USD", 125_000, 2_010_000, 0)),))
    assert "Payable,beforethefee" in words_of(told(statement(ROWS, draft=True), expected), tmp_path)
    assert "beforethefee" not in words_of(statement(ROWS, draft=True), tmp_path)


def test_pages_that_were_free_stand_with_their_line_and_with_the_total(tmp_path: Path) -> None:
    rows = [entries(EntryKind.POST, 5_000), entries(EntryKind.GRANT, 0, rule="friends", count=37)]
    assert words_of(statement(rows), tmp_path).count("37free") == 3


def test_a_sum_that_suspense_made_smaller_or_larger_says_so(tmp_path: Path) -> None:
    sold, into = entries(EntryKind.POST, 5_000), entries(EntryKind.SUSPEND, 7_000, count=2)
    out = entries(EntryKind.RELEASE, 7_000)
    assert "Paidforpages,lessthoseputintosuspense(-1pages)" in words_of(statement([sold, into]), tmp_path)
    assert "Paidforpages,withthoseoutofsuspense(2pages)" in words_of(statement([sold, out]), tmp_path)
    assert "Paidforpages(1page)" in words_of(statement([sold]), tmp_path)

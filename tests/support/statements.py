"""Statements for tests of files: two currencies, corrections, a fee, and names as strangers choose them."""

from __future__ import annotations

from collections.abc import Iterable

from edge.core.ledger import EntryKind
from edge.core.month import Month
from edge.core.month_rows import DayCharges, DayTransfers
from edge.core.report import EntryRow, MonthReport, fold
from edge.core.report_files import jsonl_digest
from edge.core.statement import AccountMonth, Party, Reader, Statement
from edge.files.formats import Sources

MONTH = Month(2026, 11)
OPERATOR = Party("Example Edge Ltd", None, ("billing@edge.example",))
PUBLISHER = Party("Example News", 1, ("owner@news.example",))
CRAWLER = Party("ExampleBot", 3, ("Example Inc.", "https://bot.example"))

FORMULA = '=HYPERLINK("http://x.example","y")'
TURNED = "evil\u202egnp.exe"
ENDLESS = "x" * 10_000
NAMES = (
    *(FORMULA, "+1", "-1", "@x", TURNED, ENDLESS, "two\nlines", "tab\there", "nul\x00bell\x07", 'quote " and \\'),
    *(
        "Поисковый робот",
        "بوت الأرشيف",
        "בוט חיפוש",
        "新闻爬虫",
        "ボット",
        "한국어 봇",
        "क्रॉलर",
        "บอท",
        "😀",
        "'apostrophe",
    ),
)


def entries(
    kind: EntryKind,
    amount_micros: int,
    currency: str = "USD",
    *,
    crawler: str = "ExampleBot",
    rule: str = "long reads",
    count: int = 1,
    debits: str = "publisher",
) -> EntryRow:
    """Entries of one kind at Example News."""
    start = MONTH.start_micros
    about = ("Example News", "news.example", crawler, rule, "ai-train", 1, start)
    return EntryRow(kind, amount_micros, currency, *about, debits, count)


def usual_rows() -> list[EntryRow]:
    """A month with sales in two currencies, pages given back and hostile names."""
    rows = [
        entries(EntryKind.POST, 61_725_000, count=12_345),
        entries(EntryKind.REVERSE, 85_000, count=17),
        entries(EntryKind.SETTLE, 1, "EUR", rule="everything else"),
        entries(EntryKind.POST, 123_456_789_123_456, "EUR", crawler="BigBot", count=7),
    ]
    return rows + [
        entries(EntryKind.POST, 1_000 + number, crawler=name, rule=name) for number, name in enumerate(NAMES)
    ]


def statement(
    rows: Iterable[EntryRow] | None = None,
    *,
    reader: Reader = Reader.PUBLISHER,
    draft: bool = False,
    accounts: tuple[AccountMonth, ...] = (),
) -> Statement:
    """A statement of these rows."""
    report: MonthReport = fold(MONTH, usual_rows() if rows is None else rows, draft=draft)
    party = {Reader.PUBLISHER: PUBLISHER, Reader.CRAWLER: CRAWLER, Reader.OPERATOR: None}[reader]
    suspended = (("USD", 30_000),)
    address = "https://news.example/.well-known/receipts/"
    return Statement(report, OPERATOR, reader, party, accounts, suspended, jsonl_digest(report), address)


def sources(made: Statement, charges: Iterable[DayCharges] = (), transfers: Iterable[DayTransfers] = ()) -> Sources:
    """The sources of a statement whose days are given."""
    return Sources(made, lambda: charges, lambda: transfers)

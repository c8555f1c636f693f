"""A closed month says the same everywhere: in every file, on the screen, and in the accounts. Stock programs read it.

The month is generated: refunds, credit notes, fees, suspense, holds, two currencies, three publishers, two crawlers.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from html import unescape
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pytest
import typer
from beancount import loader
from beancount.core import data
from pypdf import PdfReader
from starlette.testclient import TestClient

from edge.cli.main import app, run
from edge.core.catalogue import Catalogue
from edge.core.statement import Reader, Statement
from edge.files.folder import write_folder
from edge.files.formats import Sources
from edge.store.database import Database
from edge.store.month_close import close_month
from edge.store.month_reading import WHOLE, Names, Part, charges_by_day, transfers_by_day
from edge.store.people import Role, add_person, grant
from edge.store.statements import read_statement
from edge.store.verify import verify
from publisher_dashboard.app import create_app
from publisher_dashboard.rendering import money
from tests.support.books import migrate
from tests.support.closing import OPERATOR, closer
from tests.support.generated_month import CURRENCIES, EARLIER, GENERATED, generated_month
from tests.support.newsroom import PASSWORD, quick_passwords
from tests.support.postgres import PostgresServer

LABEL = GENERATED.label
PUBLISHERS, CRAWLERS = (1, 2, 3), (1, 2)
PARTS = (WHOLE, *(Part(publisher_id=each) for each in PUBLISHERS), *(Part(crawler_id=each) for each in CRAWLERS))
FORMATS = ["csv", "jsonl", "xlsx", "parquet", "pdf"]
NAMES = ("net", "fee", "payable")
Sums = dict[str, dict[str, Decimal]]
"""By currency, in units: what a file or a page says."""


@dataclass(frozen=True)
class Books:
    """A closed month in two databases, its files, and one statement for each reader."""

    databases: list[Database]
    folders: list[Path]
    statements: dict[Part, Statement]

    def file(self, part: Part, ending: str, stem: str = "report") -> Path:
        return self.folders[0] / f"{stem}-{self.statements[part].label}.{ending}"


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory, postgres_server: PostgresServer) -> Iterator[Books]:
    place = tmp_path_factory.mktemp("truth")
    file = f"sqlite:///{place / 'farebox.db'}"
    migrate(file)
    server = postgres_server.url(postgres_server.create_database(template=postgres_server.template("store", migrate)))
    databases = [Database.open(file), Database.open(server)]
    folders: list[Path] = []
    for database in databases:
        generated_month(database, seed=4)
        for month in (EARLIER, GENERATED):
            close_month(database, month, closer(place, month))
        folders.append(place / f"files-{len(folders)}")
        _write(database, folders[-1])
    yield Books(databases, folders, dict(_statements(databases[0])))
    for database in databases:
        database.close()


def _statements(database: Database) -> Iterator[tuple[Part, Statement]]:
    with database.read() as connection:
        for part in PARTS:
            yield part, read_statement(connection, GENERATED, part, operator=OPERATOR)


def _write(database: Database, folder: Path) -> None:
    with database.read() as connection:
        names = Names.read(connection)

        def sources(part: Part) -> Sources:
            made = read_statement(connection, GENERATED, part, operator=OPERATOR)
            return Sources(
                made,
                lambda: charges_by_day(connection, names, GENERATED, part),
                lambda: transfers_by_day(connection, names, GENERATED),
            )

        for part in PARTS:
            more = ["beancount", "focus"] if part == WHOLE else []
            write_folder(folder, sources(part), [*FORMATS, *more])


def said(statement: Statement) -> Sums:
    return {
        total.currency: {
            "net": Decimal(total.amount_micros) / 1_000_000,
            "fee": Decimal(total.fee_micros) / 1_000_000,
            "payable": Decimal(total.payable_micros) / 1_000_000,
        }
        for total in statement.report.totals
    }


def from_csv(path: Path) -> Sums:
    rows = csv.DictReader(io.StringIO(path.read_text("utf-8"), newline=""))
    return _summed((row["currency"], (row["amount"], row["fee"], row["payable"])) for row in rows)


def from_jsonl(path: Path) -> Sums:
    rows = map(json.loads, path.read_text("utf-8").splitlines())
    names = ("amount_micros", "fee_micros", "payable_micros")
    return _summed((row["currency"], [Decimal(row[name]) / 1_000_000 for name in names]) for row in rows)


def from_parquet(path: Path) -> Sums:
    with duckdb.connect() as connection:
        return _summed(
            (row[0], row[1:])
            for row in connection.execute(f"SELECT currency, amount, fee, payable FROM '{path}'").fetchall()
        )


def from_xlsx(path: Path) -> Sums:
    """The sums of the lines, which must also be the totals below them."""
    head, *rows = openpyxl.load_workbook(path, data_only=True)["Lines"].iter_rows(values_only=True)
    places = [head.index(name) for name in ("Net", "Fee", "Payable")]

    def values(row: tuple[Any, ...]) -> list[Decimal]:
        return [round(Decimal(str(row[place])), 6) for place in places]

    lines = _summed((str(row[0]), values(row)) for row in rows if row[1] != "Total")
    assert lines == _summed((str(row[0]), values(row)) for row in rows if row[1] == "Total")
    return lines


def from_pdf(path: Path) -> Sums:
    """The figures of each summary, as a person reads them."""
    text = "\n".join(page.extract_text() for page in PdfReader(path).pages).replace("\x00", "")
    sums: Sums = {}
    for currency in re.findall(r"Summary in ([A-Z]{3})", text):
        part = text.split(f"Summary in {currency}", 1)[1].split("Summary in", 1)[0].split("Lines in", 1)[0]

        def figure(*words: str, part: str = part, currency: str = currency) -> Decimal | None:
            found = re.search(rf"(?:{'|'.join(words)})\s*{currency} (\S+)", part)
            return None if found is None else Decimal(found[1].replace(",", "").replace("−", "-"))

        net = figure("Earned", "Spent")
        assert net is not None, part
        fee = -(figure("Operator's fee") or Decimal(0))
        payable = figure("Payable", "Payable to publishers")
        sums[currency] = {"net": net, "fee": fee, "payable": net if payable is None else payable}
    return sums


def _summed(rows: Any) -> Sums:
    sums: Sums = {}
    for currency, values in rows:
        so_far = sums.setdefault(currency, dict.fromkeys(NAMES, Decimal(0)))
        for name, value in zip(NAMES, values, strict=True):
            so_far[name] += Decimal(value)
    return sums


READERS: dict[str, Callable[[Path], Sums]] = {
    "csv": from_csv,
    "jsonl": from_jsonl,
    "parquet": from_parquet,
    "xlsx": from_xlsx,
    "pdf": from_pdf,
}


def test_the_month_has_everything_that_could_differ(books: Books) -> None:
    whole = books.statements[WHOLE]
    assert whole.currencies == tuple(sorted(CURRENCIES))
    for total in whole.report.totals:
        assert all((total.pages, total.reversed_micros, total.adjusted_micros, total.fee_micros)), total
    assert all(micros for _, micros in whole.suspended_micros)
    assert whole.particulars.corrections.count >= 4
    assert not any(statement.draft for statement in books.statements.values())


@pytest.mark.parametrize("part", PARTS, ids=str)
def test_every_file_of_a_reader_has_the_totals_of_its_statement(books: Books, part: Part) -> None:
    statement = books.statements[part]
    for name, read in READERS.items():
        assert read(books.file(part, name)) == said(statement), name
    assert statement.report.totals


def test_publishers_and_fees_are_what_crawlers_spent_in_every_currency(books: Books) -> None:
    for read in READERS.values():
        publishers = [read(books.file(Part(publisher_id=each), _ending(read))) for each in PUBLISHERS]
        crawlers = [read(books.file(Part(crawler_id=each), _ending(read))) for each in CRAWLERS]
        for currency in CURRENCIES:
            nothing = dict.fromkeys(NAMES, Decimal(0))
            kept = [each.get(currency, nothing) for each in publishers]
            left = sum(sums["payable"] + sums["fee"] for sums in kept)
            assert left == sum(each.get(currency, nothing)["net"] for each in crawlers) != 0


def _ending(read: Callable[[Path], Sums]) -> str:
    return next(name for name, known in READERS.items() if known is read)


def test_the_screen_shows_what_the_files_say(books: Books) -> None:
    database, passwords = books.databases[0], quick_passwords()
    with database.write() as connection:
        person = add_person(connection, "accountant@x.example", passwords.hash(PASSWORD), 0)
        for publisher_id in PUBLISHERS:
            grant(connection, person.person_id, publisher_id, Role.BILLING)
    now = GENERATED.end_micros / 1_000_000 + 86_400 * 3
    screen = create_app(database, Catalogue.load().classify, clock=lambda: now, passwords=passwords)
    client = TestClient(screen, base_url="http://127.0.0.1:8403")
    from_here = {"sec-fetch-site": "same-origin", "origin": "http://127.0.0.1:8403"}
    client.post("/sign-in", data={"email": "accountant@x.example", "password": PASSWORD}, headers=from_here)
    for publisher_id in PUBLISHERS:
        listed = _cells(client.get(f"/publishers/{publisher_id}/months").text)
        page = client.get(f"/publishers/{publisher_id}/months/{LABEL}").text
        for currency, sums in from_pdf(books.file(Part(publisher_id=publisher_id), "pdf")).items():
            shown = [money(int(sums[name] * 1_000_000), currency) for name in NAMES]
            assert any(shown == row[-3:] for row in listed), (shown, listed)
            summary = _cells(page.split(f"Summary in {currency}</h2>", 1)[1].split("</section>", 1)[0])
            figures = dict(zip([row[0] for row in summary], [row[-1] for row in summary], strict=True))
            fee = money(-int(sums["fee"] * 1_000_000), currency)
            assert (figures["Earned"], figures["Operator's fee"], figures["Payable"]) == (shown[0], fee, shown[2])
    client.close()
    passwords.close()


def _cells(page: str) -> list[list[str]]:
    """The rows of a page's tables, as a person reads them."""
    rows = re.findall(r"<tr.*?</tr>", page, re.DOTALL)
    seen = [re.sub(r'<span class="unseen".*?</span>', "", row) for row in rows]
    return [
        [unescape(re.sub(r"<[^>]+>", "", cell)).strip() for cell in re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL)]
        for row in seen
    ]


def test_accounts_beancount_and_crawlers_statements_hold_the_same(
    books: Books, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A crawler's accounts move no more after the month: what the command shows is what every paper closes with."""
    entries, errors, _ = loader.load_file(str(books.file(WHOLE, "beancount")))
    assert errors == []
    held = {entry.account: entry.amount for entry in entries if isinstance(entry, data.Balance)}
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FAREBOX_DATABASE_URL", str(books.databases[0].url))
    for number in CRAWLERS:
        assert run(("account", "show", f"Bot{number}", "--json"), typer.main.get_command(app).main) == 0
        accounts = json.loads(capsys.readouterr().out)
        statement = books.statements[Part(crawler_id=number)]
        closing = {each.currency: each.closing_micros for each in statement.accounts}
        assert {each["currency"]: each["balance_micros"] for each in accounts} == closing
        said_last = _last_balances(books.file(Part(crawler_id=number), "csv", "summary"))
        assert {currency: int(amount * 1_000_000) for currency, amount in said_last.items()} == closing
        for currency, micros in closing.items():
            amount = held[f"Liabilities:Crawlers:C{number}:{currency}"]
            assert amount.number is not None
            assert (int(-amount.number * 1_000_000), amount.currency) == (micros, currency)


def _last_balances(path: Path) -> dict[str, Decimal]:
    rows = csv.DictReader(io.StringIO(path.read_text("utf-8"), newline=""))
    return {row["currency"]: Decimal(row["amount"]) for row in rows if row["item"] == "Balance at the end"}


def test_fees_in_beancount_are_those_of_the_month_before(books: Books) -> None:
    """October's fees are taken when it is closed, in November: its books have September's."""
    whole = books.statements[WHOLE]
    fees = {each.currency: each.credited_micros for each in whole.accounts if each.code.startswith("fees:")}
    with books.databases[0].read() as connection:
        earlier = read_statement(connection, EARLIER, WHOLE, operator=OPERATOR)
    assert fees == {total.currency: total.fee_micros for total in earlier.report.totals}


def test_both_databases_make_the_same_bytes_and_hold(books: Books) -> None:
    one, other = ({path.name: path.read_bytes() for path in sorted(folder.iterdir())} for folder in books.folders)
    assert [name for name in one if one[name] != other[name]] == []
    assert one.keys() == other.keys()
    assert len(one) == len(PARTS) * (len(FORMATS) + 2 + 1) + 2
    for database in books.databases:
        found = verify(database)
        assert (found.faults, found.closed_months) == ((), 2)


def test_a_reader_is_named_on_its_paper(books: Books) -> None:
    for part, statement in books.statements.items():
        text = "".join(page.extract_text() for page in PdfReader(books.file(part, "pdf")).pages).replace("\x00", "")
        assert statement.number in text
        assert statement.reader is Reader.OPERATOR or (statement.party is not None and statement.party.name in text)

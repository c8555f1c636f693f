"""Money to the last micro-unit, times in UTC, names that browsers can keep."""

from __future__ import annotations

import re
import shutil
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.money import Money
from edge.files.tables import Table, TableColumn, TableRow
from publisher_dashboard.browser_names import browser_name
from publisher_dashboard.rendering import (
    Rendering,
    ago,
    amount_cell,
    amount_text,
    breakable,
    count,
    decimals,
    moment,
    money,
    money_cell,
    ordinal,
    per_thousand,
    plural,
    price,
    row_currency,
    sentence,
    table_decimals,
)
from publisher_dashboard.taste import Taste


@pytest.mark.parametrize(
    ("micros", "currency", "text"),
    [
        (2_500, "USD", "$0.0025"),
        (1, "USD", "$0.000001"),
        (0, "USD", "$0.00"),
        (5_000_000, "USD", "$5.00"),
        (1_234_567_890_000, "USD", "$1,234,567.89"),
        (-3_500_000, "USD", "-$3.50"),
        (2_500, "EUR", "€0.0025"),
        (100_000_000, "JPY", "¥100"),
        (500_000, "JPY", "¥0.5"),
        (-1_234_567_000_000, "JPY", "-¥1,234,567"),
        (0, "KRW", "₩0"),
        (1_500_000, "KWD", "KWD 1.500"),
        (1_000, "CHF", "CHF 0.001"),
    ],
)
def test_money_keeps_what_is_below_a_cent(micros: int, currency: str, text: str) -> None:
    assert money(micros, currency).replace("\xa0", " ") == text


@given(st.integers(-(10**15), 10**15), st.sampled_from("$¥"))
def test_money_on_a_page_is_exactly_the_amount(micros: int, symbol: str) -> None:
    text = money(micros, {"$": "USD", "¥": "JPY"}[symbol]).replace(symbol, "").replace(",", "")
    assert Decimal(text) * 1_000_000 == micros


WHOLE = st.integers(0, 10**6).map(lambda number: number * 10**6)
AMOUNTS = st.tuples(WHOLE | st.integers(0, 10**12), st.sampled_from(["USD", "JPY"]))


@given(st.lists(AMOUNTS, min_size=1, max_size=8))
def test_points_stand_under_each_other_in_a_column(amounts: list[tuple[int, str]]) -> None:
    places = decimals([amount for amount, _ in amounts], [currency for _, currency in amounts])
    seen = [re.sub("<[^>]*>", "", money_cell(*amount, places)) for amount in amounts]
    assert {len(text.partition(".")[2]) for text in seen} == {places}
    assert {"." in text for text in seen} == {places > 0}


def test_a_table_of_a_statement_is_set_by_its_currency() -> None:
    columns = (TableColumn("Publisher", 0.5), TableColumn("Currency", 0.1), TableColumn("Fee", 0.4, True))
    yen = Table("Share", "Share", columns, (TableRow(("USD", "JPY", 5_000_000)), TableRow(("b", "JPY", 500_000))))
    cells = [amount_cell(row.cells[2], row_currency(yen, row), table_decimals(yen)) for row in yen.rows]  # type: ignore[arg-type]
    assert [re.sub("<[^>]*>", "", cell) for cell in cells] == ["5.0", "0.5"]
    assert cells[0].startswith("5<")
    heads = (TableColumn("Account publisher:1:JPY", 0.7), TableColumn("JPY", 0.3, True))
    balance = Table("Balances", "JPY", heads, (TableRow(("Earned", 5_000_000)),))
    assert amount_cell(5_000_000, row_currency(balance, balance.rows[0]), table_decimals(balance)) == "5"


def test_a_price_stands_in_a_field_as_it_would_be_typed() -> None:
    typed = [amount_text(one) for one in (Money(5_000, "USD"), Money(2_000_000, "USD"), Money(3_000_000, "JPY"), None)]
    assert typed == ["0.005", "2.00", "3", ""]


def test_what_only_fills_a_column_is_not_read_aloud() -> None:
    assert money_cell(2_000_000, "USD", 4) == '$2.00<span class="unseen" aria-hidden="true">00</span>'
    assert money_cell(2_500, "USD", 4) == "$0.0025"
    assert money_cell(2_000_000, "JPY", 1) == '¥2<span class="unseen" aria-hidden="true">.0</span>'
    assert decimals([]) == 0


def test_a_price_stands_per_page_and_per_thousand() -> None:
    assert (price(Money(2_500, "USD")), per_thousand(Money(2_500, "USD"))) == ("$0.0025", "$2.50")
    assert (price(None), per_thousand(None)) == ("–", "–")


def test_a_sentence_begins_with_a_capital_and_keeps_those_of_its_words() -> None:
    assert sentence("reverse DNS agrees") == "Reverse DNS agrees"
    assert sentence("") == ""


def test_a_path_may_be_broken_after_its_slashes_and_what_it_says_is_escaped() -> None:
    assert breakable("/articles/<b>/*") == "/<wbr>articles/<wbr>&lt;b&gt;/<wbr>*"


def test_times_say_that_they_are_utc_and_can_be_read_by_machines() -> None:
    assert (
        moment(1_795_183_320_999_999) == '<time datetime="2026-11-20T14:02:00+00:00">20 Nov 2026, 14:02:00 UTC</time>'
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "just now"),
        (59, "just now"),
        (60, "1 minute ago"),
        (7_200, "2 hours ago"),
        (86_400, "1 day ago"),
        (-5, "just now"),
    ],
)
def test_how_long_ago_is_said_roughly(seconds: int, text: str) -> None:
    assert ago(10**15 - seconds * 1_000_000, 10**15) == text


def test_counts_are_grouped_and_words_agree() -> None:
    assert count(1_234_567) == "1,234,567"
    assert [plural(number, "change") for number in (0, 1, 1_200)] == ["0 changes", "1 change", "1,200 changes"]
    assert plural(2, "entry", "entries") == "2 entries"
    assert [ordinal(day) for day in (1, 2, 3, 4, 11, 12, 13, 21, 22, 31)] == [
        "1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "22nd", "31st",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Safari/604.1", "Safari on iPhone"),
        ("Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 Chrome/140.0 Safari/537.36", "Chrome on Android"),
        ("curl/8.0", "curl"),
        ("", "Unknown browser"),
        (None, "Unknown browser"),
    ],
)
def test_a_browser_is_named_as_its_owner_would(user_agent: str | None, name: str) -> None:
    assert browser_name(user_agent) == name


def test_a_page_loads_a_library_that_the_build_put_there_and_does_without_one_that_is_not(tmp_path: Path) -> None:
    static = tmp_path / "static"
    shutil.copytree(Path("publisher_dashboard/static"), static, ignore=shutil.ignore_patterns("vendor"))
    context = {
        "taste": Taste(),
        "form": {},
        "errors": {},
        "why": "",
        "nobody_yet": False,
        "operator": "harbour",
        "session": None,
    }
    assert "htmx" not in re.sub("<meta[^>]*>", "", Rendering(static).page("sign_in.html", context))
    (static / "vendor").mkdir()
    (static / "vendor" / "htmx.js").write_text("// a library")
    rendering = Rendering(static)
    [name] = [name for name in rendering.static_files if name.startswith("htmx.")]
    assert f'<script src="/static/{name}" defer></script>' in rendering.page("sign_in.html", context)
    assert rendering.static_files[name].content == b"// a library"

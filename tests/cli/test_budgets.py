"""``farebox account budget``, and what ``farebox account show`` says of budgets."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.store.database import now_micros
from tests.cli.conftest import Farebox
from tests.cli.ledger import sell

DAY = ("account", "budget", "ExampleBot", "--per", "day")
SITE = ("account", "budget", "ExampleBot", "--per", "site", "--site", "news.example")


def test_a_budget_is_set_shown_changed_and_removed(shop: Farebox, workplace: Path) -> None:
    first = shop(*DAY, "--amount", "USD 5")
    assert (first.code, first.err) == (0, "")
    assert first.out.startswith("ExampleBot may spend USD 5.00 a day: USD 0.00 is spent, it resets at ")
    sell(workplace, 20_000, at_micros=now_micros())
    changed = shop(*DAY, "--amount", "USD 0.01", "--json").json
    assert changed["removed"] is False
    assert (changed["budget"]["limit"], changed["budget"]["spent"], changed["budget"]["left_micros"]) == (
        "USD 0.01",
        "USD 0.02",
        0,
    )
    (account,) = shop("account", "show", "ExampleBot", "--json").json
    assert [budget["name"] for budget in account["budgets"]] == ["USD 0.01 a day"]
    removed = shop(*DAY, "--remove")
    assert removed.out == "ExampleBot has no budget of USD 0.01 a day any more\n"
    assert shop("account", "show", "ExampleBot", "--json").json[0]["budgets"] == []


def test_a_budget_of_a_site_names_it(shop: Farebox) -> None:
    row = shop(*SITE, "--amount", "USD 20", "--json").json["budget"]
    assert (row["per"], row["site"], row["name"]) == ("site", "news.example", "USD 20.00 a month at news.example")
    assert shop(*SITE, "--remove", "--json").json["removed"] is True


def test_the_accounts_table_is_followed_by_the_budgets(shop: Farebox) -> None:
    assert "BUDGET" not in shop("account", "show", "ExampleBot").out
    shop(*DAY, "--amount", "USD 5")
    accounts, budgets = shop("account", "show", "ExampleBot").out.split("\n\n")
    assert accounts.startswith("ACCOUNT")
    assert budgets.splitlines()[1].startswith("USD 5.00 a day  USD 0.00  USD 5.00  20")


def test_of_several_currencies_the_one_that_is_meant_is_removed(shop: Farebox) -> None:
    shop("account", "credit", "ExampleBot", "EUR 5", "--reference", "INV-9", "--new-currency")
    shop(*DAY, "--amount", "USD 5")
    shop(*DAY, "--amount", "EUR 4")
    unclear = shop(*DAY, "--remove")
    assert (unclear.code, "one in EUR and one in USD" in unclear.err) == (2, True)
    assert shop(*DAY, "--remove", "--currency", "EUR").out == "ExampleBot has no budget of EUR 4.00 a day any more\n"
    assert "USD 5.00" in shop(*DAY, "--remove").out


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        ((*DAY,), 2, "--amount"),
        ((*DAY, "--amount", "USD 5", "--remove"), 2, "--remove"),
        ((*DAY, "--amount", "5"), 2, "not a price"),
        ((*DAY, "--amount", "USD 0"), 1, "suspend"),
        ((*DAY, "--amount", "EUR 5"), 1, "no EUR account"),
        ((*DAY, "--remove"), 1, "no such budget"),
        ((*DAY, "--amount", "USD 5", "--site", "news.example"), 2, "go together"),
        ((*SITE[:-2], "--amount", "USD 5"), 2, "go together"),
        ((*SITE[:-1], "elsewhere.example", "--amount", "USD 5"), 1, "elsewhere.example"),
        (("account", "budget", "Nobody", "--per", "day", "--amount", "USD 5"), 1, "Nobody"),
        (("account", "budget", "ExampleBot", "--per", "week", "--amount", "USD 5"), 2, "week"),
        ((*DAY, "--amount", "USD 5", "--currency", "USD"), 2, "--currency"),
    ],
)
def test_what_makes_no_sense_is_said(shop: Farebox, words: tuple[str, ...], code: int, complaint: str) -> None:
    result = shop(*words)
    assert result.code == code
    assert complaint in result.err
    assert result.out == ""


def test_a_rehearsal_says_what_the_budgets_have_left_and_whether_the_page_fits(shop: Farebox, workplace: Path) -> None:
    (workplace / "rules.toml").write_text('[default]\naction = "charge"\nprice = "USD 0.005"\n')
    assert shop("rules", "apply", "rules.toml", "--site", "news.example", "--publish").code == 0
    shop(*DAY, "--amount", "USD 5")
    shop(*SITE, "--amount", "USD 0.02")
    sell(workplace, 16_000, at_micros=now_micros())
    asked = ("rules", "test", "/articles/one", "--site", "news.example", "--crawler", "ExampleBot", "--offer", "USD 1")
    answer = shop(*asked, "--json").json
    assert answer["decision"] == "charge"
    assert [(budget["name"], budget["fits"]) for budget in answer["budgets"]] == [
        ("USD 5.00 a day", True),
        ("USD 0.02 a month at news.example", False),
    ]
    assert "USD 0.02 a month at news.example: USD 0.004 left, the page does not fit until" in shop(*asked).out
    shop(*DAY, "--amount", "USD 0.004")
    assert "USD 0.004 a day: USD 0.00 left, the page costs more than the whole budget" in shop(*asked).out
    assert shop(*asked[:-2], "--json").json["budgets"] == []

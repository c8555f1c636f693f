"""``farebox reconcile`` as it is typed: what it prints, and with which code it exits."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.client.cli import run as crawl
from edge.core.money import Money
from edge.core.receipt_log import log_line
from tests.cli.conftest import Farebox
from tests.cli.ledger import NOVEMBER, break_delivery, sell

COMMAND = ("reconcile", "log.jsonl", "--crawler", "examplebot")


def write_log(workplace: Path, *charges: tuple[str, int]) -> None:
    lines = [log_line(charge, NOVEMBER, "https://news.example/a", Money(price, "USD")) for charge, price in charges]
    (workplace / "log.jsonl").write_bytes(b"".join(lines))


def test_a_log_that_agrees_ends_with_0(shop: Farebox, workplace: Path) -> None:
    first, second = sell(workplace, 5000, 7500)
    write_log(workplace, (second, 7500), (first, 5000))
    result = shop(*COMMAND)
    assert (result.code, result.err) == (0, "")
    assert result.out == (
        "USD: 2 matched; the books count 2 charges, USD 0.0125; the log 2, USD 0.0125; difference USD 0.00\n"
        "everything agrees\n"
    )


def test_differences_are_named_and_end_with_3(shop: Farebox, workplace: Path) -> None:
    right, back, forgotten = sell(workplace, 5000, 7500, 10)
    break_delivery(workplace, back)
    write_log(workplace, (right, 5001), (back, 7500), (back, 7500), ("ch_\x1b[2J", 1))
    result = shop(*COMMAND)
    assert result.code == 3
    assert "differ in 5 places" in result.err
    assert f"different_amount  {right}  line 1  books USD 0.005  log USD 0.005001  https://" in result.out
    assert f"reversed  {back}  line 2  books USD 0.00  log USD 0.0075" in result.out
    assert f"duplicate  {back}  line 3  log USD 0.0075" in result.out
    assert f"missing_there  {forgotten}  books USD 0.00001  news.example/articles/one" in result.out
    assert "missing_here  ch_\\x1b[2J  line 4" in result.out
    assert "difference USD 0.014992" in result.out
    assert len(shop(*COMMAND, "--limit", "1").out.splitlines()) == 4


def test_differences_for_programs_are_all_of_them(shop: Farebox, workplace: Path) -> None:
    (charge,) = sell(workplace, 5000)
    write_log(workplace)
    result = shop(*COMMAND, "--json", "--limit", "0")
    assert result.code == 3
    (found,) = result.json["differences"]
    assert (found["kind"], found["charge_id"], found["there"], found["line"]) == ("missing_there", charge, None, None)
    assert found["here"]["amount_micros"] == 5000
    assert (result.json["agrees"], result.json["kinds"]) == (False, {"missing_there": 1})
    assert result.json["totals"][0]["here_micros"] == 5000
    write_log(workplace, (charge, 5000))
    assert shop(*COMMAND, "--json").json["differences"] == []


def test_a_period_narrows_both_sides(shop: Farebox, workplace: Path) -> None:
    (charge,) = sell(workplace, 5000)
    write_log(workplace, (charge, 1))
    for words in (("--month", "2026-10"), ("--since", "2026-11-17"), ("--until", "2026-11-16")):
        result = shop(*COMMAND, *words)
        assert (result.code, "1 lines of the log are outside" in result.out) == (0, True), words
    assert shop(*COMMAND, "--month", "2026-11").code == 3


def test_signed_receipts_are_a_log(shop: Farebox, workplace: Path) -> None:
    charges = sell(workplace, 5000, 7500)
    receipts = [shop("receipt", "show", charge, "--token").out.strip() for charge in charges]
    log = workplace / "log.jsonl"
    log.write_text("\n".join(receipts), encoding="ascii")
    assert shop(*COMMAND).code == 0
    start, _, signature = receipts[0].rpartition(".")
    log.write_text(f"{start}.{signature[::-1]}\n{receipts[1]}\n", encoding="ascii")
    result = shop(*COMMAND)
    assert result.code == 3
    assert "unreadable  line 1" in result.out
    assert f"missing_there  {charges[0]}" in result.out
    (workplace / "keys.json").write_text(shop("keys", "show", "--json").out, encoding="utf-8")
    log.write_text("\n".join(receipts), encoding="ascii")
    assert shop(*COMMAND, "--keys", "keys.json").code == 0


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_both_sides_agree_on_what_the_other_one_writes(shop: Farebox, workplace: Path, form: str) -> None:
    """The ledger's statement, read by the crawler's program, differs from the log where the ledger itself does."""
    right, back = sell(workplace, 5000, 7500)
    break_delivery(workplace, back)
    written = shop("report", "2026-11", "--crawler", "ExampleBot", "--format", form, "--out", "out", "--detail")
    assert written.code == 0
    (statement,) = (workplace / "out").glob(f"charges-*.{form}")
    write_log(workplace, (right, 5000))
    assert crawl(["reconcile", str(statement), "--log", "log.jsonl"]) == 0
    write_log(workplace, (right, 5000), (back, 7500))
    assert crawl(["reconcile", str(statement), "--log", "log.jsonl"]) == 3
    assert shop(*COMMAND).code == 3


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("--crawler", "Nobody"), 1, "farebox crawler list"),
        (("--month", "2026-11", "--since", "7d"), 2, "not both"),
        (("--month", "november"), 2, "2026-11"),
        (("--until", "yesterday"), 2, "--until"),
        (("--keys", "none.json"), 1, "none.json"),
    ],
)
def test_what_does_not_fit_says_so(
    shop: Farebox, workplace: Path, words: tuple[str, ...], code: int, sentence: str
) -> None:
    write_log(workplace)
    result = shop(*COMMAND, *words)
    assert (result.code, result.out) == (code, "")
    assert sentence in result.err


def test_a_command_typed_in_the_wrong_directory_leaves_nothing_there(
    farebox_anywhere: Farebox, workplace: Path
) -> None:
    write_log(workplace)
    assert farebox_anywhere(*COMMAND).code == 1
    assert [path.name for path in workplace.iterdir()] == ["log.jsonl"]


@pytest.mark.parametrize("content", [None, "time,status\n1,2\n", '{"a": 1}\n' * 2_000])
def test_another_file_is_no_log(shop: Farebox, workplace: Path, content: str | None) -> None:
    if content is not None:
        (workplace / "log.jsonl").write_text(content, encoding="utf-8")
    result = shop(*COMMAND)
    assert (result.code, result.out) == (1, "")
    assert "log" in result.err

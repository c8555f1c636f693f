"""``farebox charges``, ``refund``, ``receipt``, ``report`` and ``verify``: the ledger as operators read it."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from hashlib import sha256
from pathlib import Path

import orjson
import pytest

from edge.core.keys import new_private_key
from edge.core.receipts import sign_receipt
from tests.cli.conftest import Farebox
from tests.cli.ledger import NOVEMBER, break_delivery, sell
from tests.core.test_receipts import RECEIPT

DAY = 86_400_000_000


def test_charges_are_listed_newest_first(shop: Farebox, workplace: Path) -> None:
    (first,) = sell(workplace, 5000)
    (second,) = sell(workplace, 7500, first=2, at_micros=NOVEMBER + DAY)
    rows = shop("charges", "--json").json
    assert [row["charge_id"] for row in rows] == [second, first]
    assert (rows[1]["price"], rows[1]["site"], rows[1]["crawler"], rows[1]["state"]) == (
        *("USD 0.005", "news.example", "ExampleBot"),
        "live",
    )
    lines = shop("charges").out.splitlines()
    assert lines[0].split() == ["TIME", "CHARGE", "STATE", "CRAWLER", "SITE", "TARGET", "RULE", "AMOUNT", "DELIVERY"]
    assert lines[1].startswith("2026-11-17T12:00:00Z  " + second)


@pytest.mark.parametrize(
    ("words", "count"),
    [
        (("--site", "news.example"), 3),
        (("--crawler", "examplebot"), 3),
        (("--crawler", "Other"), 0),
        (("--since", "2026-11-17"), 2),
        (("--since", "2026-11-16T12:00:01Z", "--until", "2026-11-17T13:00+01:00"), 0),
        (("--until", "2026-11-17T12:00"), 1),
        (("--limit", "2"), 2),
    ],
)
def test_filters_narrow_what_is_listed(shop: Farebox, workplace: Path, words: tuple[str, ...], count: int) -> None:
    assert shop("crawler", "add", "Other", "--agent", "https://other.example").code == 0
    for number in range(3):
        sell(workplace, 5000, first=number + 1, at_micros=NOVEMBER + number * DAY)
    assert len(shop("charges", *words, "--json").json) == count


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("--since", "yesterday"), 2, "write 2026-11-20"),
        (("--site", "other.example"), 1, "farebox site list"),
        (("--crawler", "Nobody"), 1, "farebox crawler list"),
        (("--format", "xml"), 2, "jsonl"),
    ],
)
def test_a_filter_that_fits_nothing_says_so(shop: Farebox, words: tuple[str, ...], code: int, sentence: str) -> None:
    result = shop("charges", *words)
    assert (result.code, result.out) == (code, "")
    assert sentence in result.err


def test_exports_hold_everything_and_no_formula(shop: Farebox, workplace: Path) -> None:
    sell(workplace, *[5000] * 1200, rule="=SUM(A1)")
    rows = list(csv.DictReader(io.StringIO(shop("charges", "--format", "csv").out, newline="")))
    assert len(rows) == 1200
    assert sum(int(row["amount_micros"]) for row in rows) == 1200 * 5000
    assert rows[0]["rule"] == "'=SUM(A1)"
    assert rows[0]["amount"] == "0.005"
    lines = [json.loads(line) for line in shop("charges", "--format", "jsonl").out.splitlines()]
    assert [line["charge_id"] for line in lines] == [row["charge_id"] for row in rows]
    assert lines[0]["rule"] == "=SUM(A1)"


def test_what_was_earned_and_when_can_be_read_off_an_export(shop: Farebox, workplace: Path) -> None:
    """A reversed charge has an amount and earned nothing: a column to sum up for whoever pays a publisher."""
    back, kept = sell(workplace, 5000, 7500, at_micros=NOVEMBER + 42)
    break_delivery(workplace, back)
    rows = list(csv.DictReader(io.StringIO(shop("charges", "--format", "csv").out, newline="")))
    assert [(row["charge_id"], row["earned_micros"]) for row in rows] == [(back, "0"), (kept, "7500")]
    assert rows[1]["paid_at"] == "2026-11-16T12:00:00.000042Z"
    lines = [json.loads(line) for line in shop("charges", "--format", "jsonl").out.splitlines()]
    assert [line["earned_micros"] for line in lines] == [0, 7500]
    assert lines[1]["opened_at"] == "2026-11-16T12:00:00.000042Z"


def test_an_export_has_one_format(shop: Farebox) -> None:
    result = shop("charges", "--format", "csv", "--json")
    assert (result.code, result.out) == (2, "")
    assert "not both" in result.err


def test_an_offer_cannot_become_a_formula(shop: Farebox, workplace: Path) -> None:
    sell(workplace, 5000)
    tamper(workplace, "UPDATE entry SET offer = '=1+1'")
    (row,) = csv.DictReader(io.StringIO(shop("charges", "--format", "csv").out, newline=""))
    assert row["offer"] == "'=1+1"


def test_what_a_stranger_asked_for_cannot_drive_the_terminal(shop: Farebox, workplace: Path) -> None:
    sell(workplace, 5000, target="/\x1b[2Jgone")
    assert "\x1b" not in shop("charges").out


def test_a_refund_gives_the_money_back_once(shop: Farebox, workplace: Path) -> None:
    (charge,) = sell(workplace, 5000)
    assert "gave USD 0.005 back" in shop("refund", charge, "--reason", "wrong page").out
    assert "nothing was done" in shop("refund", charge, "--reason", "wrong page").out
    (row,) = shop("charges", "--json").json
    assert (row["state"], row["reason"]) == ("reversed", "wrong page")
    assert shop("account", "show", "ExampleBot", "--json").json[0]["balance"] == "USD 10.00"
    for words in (["refund", "x", "--reason", "y"], ["refund", "ch_1", "--amount", "USD 1", "--reason", "y"]):
        assert (shop(*words).code, "ch_" in shop(*words).err) == (2, True)
    assert shop("receipt", "show", "x").code == 2
    assert shop("refund", "ch_" + "0" * 32, "--reason", "y").code == 1


# Receipts


def test_a_receipt_is_shown_and_verifies_against_keys_and_ledger(shop: Farebox, workplace: Path) -> None:
    (charge,) = sell(workplace, 5000)
    shown = shop("receipt", "show", charge, "--json").json
    assert (shown["claims"]["jti"], shown["claims"]["price"]) == (charge, "USD 0.005")
    (workplace / "receipt.jws").write_text(shop("receipt", "show", charge, "--token").out)
    assert "the ledger says the same" in shop("receipt", "verify", "receipt.jws").out
    assert "the ledger holds this charge" in shop("receipt", "verify", charge).out
    assert charge in shop("receipt", "show", charge).out


def test_a_receipt_verifies_with_the_published_keys_alone(
    shop: Farebox, workplace: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    (charge,) = sell(workplace, 5000)
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "receipt.jws").write_text(shop("receipt", "show", charge, "--token").out)
    (elsewhere / "jwks.json").write_text(shop("keys", "show", "--json").out)
    monkeypatch.chdir(elsewhere)
    checked = shop("receipt", "verify", "receipt.jws", "--keys", "jwks.json", "--json")
    assert checked.code == 0, checked.err
    assert checked.json["claims"]["jti"] == charge


def test_a_reversed_charge_is_told_to_whoever_holds_its_receipt(shop: Farebox, workplace: Path) -> None:
    (charge,) = sell(workplace, 5000)
    (workplace / "receipt.jws").write_text(shop("receipt", "show", charge, "--token").out)
    break_delivery(workplace, charge)
    assert "was reversed since" in shop("receipt", "verify", "receipt.jws").out


def test_a_receipt_of_a_purchase_before_the_last_is_no_alarm(shop: Farebox, workplace: Path) -> None:
    """A refund frees the key: the same signed request buys again, and both receipts are true."""
    (charge,) = sell(workplace, 5000)
    (workplace / "first.jws").write_text(shop("receipt", "show", charge, "--token").out)
    assert shop("refund", charge, "--reason", "wrong page").code == 0
    (workplace / "back.jws").write_text(shop("receipt", "show", charge, "--token").out)
    assert sell(workplace, 5000) == [charge]
    (workplace / "second.jws").write_text(shop("receipt", "show", charge, "--token").out)
    first = shop("receipt", "verify", "first.jws")
    assert first.code == 0, first.err
    assert "was reversed since, and bought again" in first.out
    assert "the ledger says the same, and bought again" in shop("receipt", "verify", "back.jws").out
    assert shop("receipt", "verify", "second.jws").out.endswith("the ledger says the same\n")


def test_a_good_signature_over_another_price_is_told_from_a_reversal(shop: Farebox, workplace: Path) -> None:
    (charge,) = sell(workplace, 5000)
    (workplace / "receipt.jws").write_text(shop("receipt", "show", charge, "--token").out)
    tamper(workplace, "UPDATE entry SET amount_micros = 4000 WHERE kind = 'post'")
    break_delivery(workplace, charge)
    result = shop("receipt", "verify", "receipt.jws")
    assert (result.code, result.out) == (1, "")
    assert "the ledger says otherwise" in result.err


def test_a_receipt_that_is_not_ours_is_refused(shop: Farebox, workplace: Path) -> None:
    sell(workplace, 5000)
    (workplace / "forged.jws").write_text(sign_receipt(RECEIPT, new_private_key()))
    result = shop("receipt", "verify", "forged.jws")
    assert (result.code, result.out) == (1, "")
    assert "do not accept it unless the newest key set of its site verifies it" in result.err
    assert shop("receipt", "verify", "nowhere.jws").code == 1
    assert "farebox charges" in shop("receipt", "show", "ch_" + "0" * 32).err


# The month


def test_a_month_is_reported_per_publisher_crawler_and_rule(shop: Farebox, workplace: Path) -> None:
    charges = sell(workplace, 5000, 5000, 7500)
    break_delivery(workplace, charges[2])
    sell(workplace, 1000, first=9, at_micros=NOVEMBER + 20 * DAY)
    report = shop("report", "2026-11", "--json").json
    (line,) = report["lines"]
    assert (line["publisher"], line["site"], line["crawler"], line["rule"], line["licence"]) == (
        *("Example News", "news.example", "ExampleBot", "long reads"),
        "ai-train",
    )
    assert (line["pages"], line["reversed_pages"], line["amount"]) == (3, 1, "USD 0.01")
    assert "total USD 0.01: 3 pages, 1 reversed" in shop("report", "2026-11").out
    assert shop("report", "2026-12", "--json").json["totals"][0]["amount_micros"] == 1000


def test_a_month_that_is_not_closed_is_a_draft(shop: Farebox) -> None:
    result = shop("report", "9000-01")
    assert result.code == 0
    assert "this is a draft" in result.err
    assert shop("report", "2020-01", "--json").json["draft"] is True


def test_one_reader_sees_only_what_is_theirs(shop: Farebox, workplace: Path) -> None:
    sell(workplace, 5000)
    assert shop("publisher", "add", "Other", "--email", "o@other.example").code == 0
    assert shop("crawler", "add", "Rival", "--agent", "https://rival.example").code == 0
    assert shop("report", "2026-11", "--publisher", "Other", "--json").json["lines"] == []
    assert len(shop("report", "2026-11", "--publisher", "example news", "--json").json["lines"]) == 1
    assert shop("report", "2026-11", "--crawler", "Rival", "--json").json["lines"] == []
    assert len(shop("report", "2026-11", "--crawler", "examplebot", "--json").json["lines"]) == 1


def test_files_are_written_with_a_manifest_and_the_same_bytes_again(shop: Farebox, workplace: Path) -> None:
    sell(workplace, 5000, 7500)
    assert shop("report", "2026-11", "--out", "reports").code == 0
    written = {path.name: path.read_bytes() for path in (workplace / "reports").iterdir()}
    lines = {f"{name}-2026-11.{end}" for name in ("report", "summary") for end in ("csv", "jsonl")}
    assert set(written) == {*lines, "manifest-2026-11.json"}
    manifest = orjson.loads(written["manifest-2026-11.json"])
    for name, described in manifest["files"].items():
        assert described["sha256"] == sha256(written[name]).hexdigest()
    assert manifest["totals"]["USD"]["amount_micros"] == 12_500
    assert shop("report", "2026-11", "--out", "reports").code == 0
    assert {path.name: path.read_bytes() for path in (workplace / "reports").iterdir()} == written


def test_files_and_manifest_say_whose_part_of_the_month_they_are(shop: Farebox, workplace: Path) -> None:
    sell(workplace, 5000, 7500)
    for words in ((), ("--publisher", "Example News"), ("--crawler", "ExampleBot")):
        assert shop("report", "2026-11", "--out", "reports", "--format", "csv", *words).code == 0
    parts = ("", "-publisher-1-example-news", "-crawler-1-examplebot")
    files = (("report", "csv"), ("summary", "csv"), ("manifest", "json"))
    names = {f"{name}-2026-11{part}.{end}" for part in parts for name, end in files}
    assert {path.name for path in (workplace / "reports").iterdir()} == names
    read = [orjson.loads((workplace / "reports" / f"manifest-2026-11{part}.json").read_bytes()) for part in parts]
    assert [(one["publisher"], one["crawler"]) for one in read] == [
        (None, None),
        ("Example News", None),
        (None, "ExampleBot"),
    ]
    told = [[f"{name}-2026-11{part}.csv" for name in ("report", "summary")] for part in parts]
    assert [sorted(one["files"]) for one in read] == told


def test_a_manifest_does_not_outlive_files_that_could_not_be_replaced(shop: Farebox, workplace: Path) -> None:
    sell(workplace, 5000)
    assert shop("report", "2026-11", "--out", "reports").code == 0
    (workplace / "reports" / "report-2026-11.csv").unlink()
    (workplace / "reports" / "report-2026-11.csv").mkdir()
    assert shop("report", "2026-11", "--out", "reports").code == 1
    assert not (workplace / "reports" / "manifest-2026-11.json").exists()


@pytest.mark.parametrize("words", [(), ("--publisher", "Example News"), ("--publisher", "Other")])
def test_an_entry_that_names_another_publisher_than_it_paid_is_in_no_report(
    shop: Farebox, workplace: Path, words: tuple[str, ...]
) -> None:
    sell(workplace, 5000)
    assert shop("publisher", "add", "Other", "--email", "o@other.example").code == 0
    tamper(workplace, "UPDATE entry SET publisher_id = 2 WHERE kind = 'post'")
    result = shop("report", "2026-11", *words)
    assert (result.code, result.out) == (1, "")


def test_one_format_can_go_to_a_pipe(shop: Farebox, workplace: Path) -> None:
    sell(workplace, 5000)
    assert shop("report", "2026-11", "--format", "csv").out.startswith("month,publisher,site,crawler")
    assert json.loads(shop("report", "2026-11", "--format", "jsonl").out)["amount_micros"] == 5000


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("November",), 2, "write it like 2026-11"),
        (("2026-11", "--format", "ods"), 2, "choose from csv, jsonl"),
        (("2026-11", "--detail"), 2, "farebox charges"),
        (("2026-11", "--publisher", "Example News", "--format", "focus"), 2, "--crawler"),
        (("2026-11", "--crawler", "ExampleBot", "--format", "beancount", "--out", "x"), 2, "whole double entry"),
        (("2026-11", "--format", "pdf", "--out", "x", "--detail"), 2, "csv, jsonl, parquet"),
        (("2026-11", "--format", "csv,jsonl"), 2, "--out"),
        (("2026-11", "--publisher", "Example News", "--crawler", "ExampleBot"), 2, "not both"),
        (("2026-11", "--publisher", "Nobody"), 1, "farebox publisher add"),
        (("2026-11", "--out", "farebox.db"), 1, "choose another --out"),
    ],
)
def test_a_report_that_cannot_be_made_says_why(shop: Farebox, words: tuple[str, ...], code: int, sentence: str) -> None:
    result = shop("report", *words)
    assert (result.code, result.out) == (code, "")
    assert sentence in result.err


def test_verify_says_that_the_books_hold(shop: Farebox, workplace: Path) -> None:
    sell(workplace, 5000, 7500)
    result = shop("verify", "--month", "2026-11")
    assert result.code == 0
    assert "the books hold: 3 entries" in result.out
    assert "2026-11: USD 0.0125" in result.out
    assert shop("verify", "--json").json["ok"] is True


def test_verify_fails_and_names_what_was_changed(shop: Farebox, workplace: Path) -> None:
    sell(workplace, 5000)
    connection = sqlite3.connect(workplace / "farebox.db")
    connection.execute("UPDATE account SET balance_micros = balance_micros + 1 WHERE code LIKE 'publisher:%'")
    connection.commit()
    connection.close()
    result = shop("verify")
    assert result.code == 1
    assert "I5: account publisher:1:USD" in result.err
    assert shop("verify", "--json").json["ok"] is False


def tamper(workplace: Path, *changes: str) -> None:
    """Change the file by hand, with its locks taken away."""
    connection = sqlite3.connect(workplace / "farebox.db")
    connection.execute("PRAGMA ignore_check_constraints = ON")
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    for change in changes:
        connection.execute(change)
    connection.commit()
    connection.close()


def test_verify_prints_every_fault_and_complains_of_the_first(shop: Farebox, workplace: Path) -> None:
    sell(workplace, 5000)
    tamper(workplace, "UPDATE entry SET kind = 'bogus' WHERE kind = 'post'")
    result = shop("verify", "--month", "2026-11")
    lines = result.out.splitlines()
    assert result.code == 1
    assert lines[0].startswith("I4: trigger entry_no_update")
    assert lines[-1].startswith("2026-11: has no report")
    assert f"and {len(lines) - 1} more" in result.err, result.out


def test_a_text_that_is_none_does_not_hide_what_is_wrong(shop: Farebox, workplace: Path) -> None:
    sell(workplace, 5000)
    tamper(workplace, "UPDATE entry SET rule = CAST(x'ff41' AS TEXT) WHERE kind = 'post'")
    result = shop("verify", "--month", "2026-11")
    assert result.code == 1
    assert "I6: entry 2/1" in result.out
    assert "2026-11: has no report" in result.out


def test_heads_that_were_kept_show_an_end_that_was_cut_off(shop: Farebox, workplace: Path) -> None:
    sell(workplace, 5000)
    (workplace / "kept.json").write_text(shop("verify", "--json").out)
    backup = (workplace / "farebox.db").read_bytes()
    sell(workplace, 7500, first=2)
    grown = shop("verify", "--since", "kept.json")
    assert grown.code == 0
    assert "kept still lie on the chains" in grown.out
    (workplace / "kept.json").write_text(shop("verify", "--json").out)
    for path in workplace.glob("farebox.db*"):
        path.unlink()
    (workplace / "farebox.db").write_bytes(backup)
    assert shop("verify").code == 0, "an old copy agrees with itself"
    cut = shop("verify", "--since", "kept.json")
    assert cut.code == 1
    assert "I6: writer 3: is missing" in cut.out


def test_the_line_of_heads_changes_with_every_entry(shop: Farebox, workplace: Path) -> None:
    before = shop("verify").out.splitlines()[-1]
    assert before == f"heads {shop('verify', '--json').json['digest']}"
    sell(workplace, 5000)
    assert shop("verify").out.splitlines()[-1] != before


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"heads": [1]}', '{"heads": [{"writer": "1"}]}'])
def test_a_kept_result_that_is_none_is_refused(shop: Farebox, workplace: Path, content: str) -> None:
    (workplace / "kept.json").write_text(content)
    result = shop("verify", "--since", "kept.json")
    assert (result.code, result.out) == (1, "")
    assert "not a result of `farebox verify --json`" in result.err
    assert "cannot be read" in shop("verify", "--since", "nowhere.json").err

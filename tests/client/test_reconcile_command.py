"""The crawler's own log: what ``get`` writes into it, and how a statement is held against it."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from edge.client.cli import run
from edge.client.fake_edge import FakeEdge as Shop
from edge.client.fake_edge import Reply
from edge.client.identity import load_key
from edge.client.outcomes import Free, Incomplete, Overcharged, Unreachable
from edge.client.receipt_file import line_of
from edge.core.keys import public_half, public_keys_to_jwks
from edge.core.money import Money
from edge.core.receipt_log import log_line
from edge.core.receipts import sign_receipt
from tests.core.test_receipts import KEY, RECEIPT

AGENT = "https://bot.example"
NOVEMBER = 1_794_830_400_000_000
"""2026-11-16T12:00:00Z in microseconds."""
FIRST_OF_NOVEMBER = 1_793_491_200_000_000


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FAREBOX_CRAWL_LOG", raising=False)
    return tmp_path


def buy(shop: Shop, path: str, *words: str) -> int:
    if not Path("bot.pem").exists():
        assert run(["keygen", "--out", "bot.pem"]) == 0
    shop.register(AGENT, public_half(load_key(Path("bot.pem"))))
    paying = ["--key", "bot.pem", "--agent", AGENT, "--max", "USD 0.02", "--out", "page"]
    return run(["get", shop.url(path), *paying, *words])


def logged(path: str = "log.jsonl") -> list[dict[str, object]]:
    return [orjson.loads(line) for line in Path(path).read_bytes().splitlines()]


def test_each_charge_is_a_line_and_what_was_free_is_none(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Shop() as shop:
        assert buy(shop, "/1", "--log", "log.jsonl") == 0
        monkeypatch.setenv("FAREBOX_CRAWL_LOG", "log.jsonl")
        assert buy(shop, "/2") == 0
        shop.twist = lambda number, request, honest: Reply(200, (), b"free")
        assert buy(shop, "/3") == 0
        assert run(["get", shop.url("/4")]) == 0
        first, second = logged()
        assert (first["charge_id"], second["charge_id"], first["state"]) == ("ch_1", "ch_2", "charged")
        assert (first["amount_micros"], first["currency"], first["url"]) == (10_000, "USD", shop.url("/1"))


def test_a_wrong_charge_counts_and_a_broken_page_does_not() -> None:
    wrong = Overcharged("https://x/", 200, "EUR 9", None, "ch_1", 5)
    assert line_of(wrong, NOVEMBER) == log_line("ch_1", NOVEMBER, "https://x/", Money(9_000_000, "EUR"))
    broken = Incomplete("https://x/", "USD 0.01", "ch_2", "cut")
    assert line_of(broken, NOVEMBER) == log_line("ch_2", NOVEMBER, "https://x/", Money(10_000, "USD"), "incomplete")
    for silent in (
        Incomplete("https://x/", None, None, "cut"),
        Overcharged("https://x/", 200, "gratis", None, "ch_1", 5),
        Free("https://x/", 200, 5),
        Unreachable("https://x/", "refused"),
    ):
        assert line_of(silent, NOVEMBER) is None


def test_a_line_after_one_that_was_cut_off_stands_on_its_own(place: Path) -> None:
    Path("log.jsonl").write_bytes(b'{"charge_id":"ch_9","amo')
    with Shop() as shop:
        assert buy(shop, "/1", "--log", "log.jsonl") == 0
    lines = Path("log.jsonl").read_bytes().splitlines()
    assert lines[0] == b'{"charge_id":"ch_9","amo'
    assert orjson.loads(lines[1])["charge_id"] == "ch_1"


def test_a_log_that_cannot_be_written_costs_nothing(place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with Shop() as shop:
        assert buy(shop, "/1", "--log", "missing/log.jsonl") == 1
        assert shop.seen == []
    assert "--log" in capfd.readouterr().err


HEADER = "recorded_at,kind,charge_id,site,target,currency,amount_micros\r\n"


def state(*rows: tuple[str, str, int]) -> None:
    """A statement's list of charges, as far as it is read."""
    lines = [
        f"2026-11-16T12:00:00.000000Z,{kind},{charge},news.example,/a,USD,{micros}" for charge, kind, micros in rows
    ]
    Path("charges-2026-11.csv").write_text(HEADER + "\r\n".join(lines), encoding="utf-8")


def keep(*charges: tuple[str, int], at: int = NOVEMBER) -> None:
    lines = [log_line(charge, at, "https://news.example/a", Money(micros, "USD")) for charge, micros in charges]
    with Path("log.jsonl").open("ab") as file:
        file.writelines(lines)


GOOD_ROW = (
    '{"recorded_at_micros":1,"kind":"post","charge_id":"ch_1","site":"","target":"","currency":"USD",'
    '"amount_micros":1}\n'
)
COMMAND = ["reconcile", "charges-2026-11.csv", "--log", "log.jsonl"]


def test_a_statement_that_agrees_ends_with_0(place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    state(("ch_1", "post", 5000), ("ch_2", "post", 7), ("ch_2", "reverse", -7), ("ch_0", "reverse", -9))
    keep(("ch_1", 5000))
    keep(("ch_7", 5), at=NOVEMBER - 40 * 86_400_000_000)
    keep(("ch_8", 5), at=FIRST_OF_NOVEMBER + 599_000_000)
    assert run(COMMAND) == 0
    said = capfd.readouterr()
    assert "everything agrees" in said.out
    assert "2 lines of the log are outside" in said.out
    assert said.err == ""


def test_differences_are_named_and_end_with_3(
    place: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    state(("ch_1", "post", 5001), ("ch_2", "post", 7), ("ch_2", "reverse", -7), ("ch_3", "post", 3))
    keep(("ch_1", 5000), ("ch_2", 7))
    keep(("ch_8", 5), at=FIRST_OF_NOVEMBER + 600_000_000)
    monkeypatch.setenv("FAREBOX_CRAWL_LOG", "log.jsonl")
    assert run([*COMMAND[:2], "--json"]) == 3
    said = capfd.readouterr()
    values = orjson.loads(said.out)
    assert {one["charge_id"]: one["kind"] for one in values["differences"]} == {
        "ch_1": "different_amount",
        "ch_2": "reversed",
        "ch_3": "missing_there",
        "ch_8": "missing_here",
    }
    assert "differ in 4 places" in said.err


def test_an_empty_statement_has_the_month_that_it_is_given(place: Path) -> None:
    state()
    keep(("ch_1", 5000))
    assert run(COMMAND) == 3
    assert run([*COMMAND, "--month", "2026-11"]) == 3
    assert run([*COMMAND, "--month", "2026-10"]) == 0
    assert run([*COMMAND, "--month", "october"]) == 2


def test_an_empty_file_of_json_lines_is_a_month_without_charges(place: Path) -> None:
    Path("charges-2026-11.jsonl").touch()
    keep(("ch_1", 5000))
    assert run(["reconcile", "charges-2026-11.jsonl", "--log", "log.jsonl", "--month", "2026-11"]) == 3


def test_signed_receipts_need_the_operators_keys(place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    row = {"recorded_at_micros": RECEIPT.charged_at_micros, "kind": "post", "charge_id": RECEIPT.charge_id}
    row |= {"site": "news.example", "target": "/", "currency": "USD", "amount_micros": 10_000}
    Path("charges.jsonl").write_bytes(orjson.dumps(row))
    Path("log.jws").write_text(sign_receipt(RECEIPT, KEY), encoding="ascii")
    Path("keys.json").write_bytes(public_keys_to_jwks([public_half(KEY)]))
    command = ["reconcile", "charges.jsonl", "--log", "log.jws"]
    assert run([*command, "--keys", "keys.json"]) == 0
    assert run(command) == 3
    assert "unreadable  line 1" in capfd.readouterr().out
    assert run([*command, "--keys", "log.jws"]) == 1


@pytest.mark.parametrize(
    "content", [None, "publisher,site\nNews,news.example\n", "{oops\n", "[]\n", "", GOOD_ROW + "[]\n"]
)
def test_another_file_is_no_statement(place: Path, content: str | None, capfd: pytest.CaptureFixture[str]) -> None:
    keep(("ch_1", 5000))
    if content is not None:
        Path("charges-2026-11.csv").write_text(content, encoding="utf-8")
    assert run(COMMAND) == 1
    said = capfd.readouterr()
    assert said.out == ""
    assert "charges-2026-11" in said.err

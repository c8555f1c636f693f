"""``farebox-crawl`` for whole lists: quote, plan, run, spent, receipts, resolve, reconcile; as they are typed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from edge.client import Identity, SpendPolicy, Wallet
from edge.client.cli import run
from edge.client.fake_edge import PAGE, FakeEdge, Reply
from edge.client.identity import load_key, make_key_file
from edge.client.spend_store import SpendStore
from edge.core.api_token import make_token
from edge.core.keys import new_private_key, public_half
from edge.core.money import parse_price
from edge.core.reconcile import DifferenceKind
from tests.support.source_tree import ROOT

AGENT = "https://bot.example"
WHO = ["--key", "bot.pem", "--agent", AGENT]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    make_key_file(tmp_path / "bot.pem")
    return tmp_path


@pytest.fixture
def edge(place: Path) -> Iterator[FakeEdge]:
    with FakeEdge(prices={"/free": parse_price("USD 0"), "/dear": parse_price("USD 0.05")}) as opened:
        opened.register(AGENT, public_half(load_key(place / "bot.pem")))
        opened.twist = with_robots
        yield opened


def with_robots(number: int, request: object, honest: Reply) -> Reply:
    if getattr(request, "path", "") == "/robots.txt":
        body = b"User-agent: *\nDisallow: /private/*.html\nLicense: /license.xml\nContent-Signal: ai-train=no\n"
        return Reply(200, (("content-type", "text/plain"),), body)
    return honest


def listed(edge: FakeEdge, *paths: str) -> None:
    Path("urls.txt").write_text("# pages\n" + "\n".join(edge.url(path) for path in paths) + "\n")


def test_quote_says_what_pages_cost(edge: FakeEdge, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["quote", edge.url("/1"), edge.url("/free"), *WHO]) == 0
    said = capfd.readouterr().out
    assert f"USD 0.01  {edge.url('/1')}" in said
    assert f"free  {edge.url('/free')}" in said
    assert edge.charges == {}
    assert not Path("spend.db").exists()


def test_a_page_that_is_not_there_is_not_called_free(edge: FakeEdge, capfd: pytest.CaptureFixture[str]) -> None:
    missing = {"/gone": 404, "/elsewhere": 421}
    edge.publishes = False
    edge.twist = lambda number, request, honest: Reply(missing[request.path]) if request.path in missing else honest
    assert run(["quote", edge.url("/1"), edge.url("/gone"), edge.url("/elsewhere"), *WHO]) == 3
    said = capfd.readouterr().out
    assert "free" not in said
    assert f"{edge.url('/gone')}: the site answered with status 404\n" in said
    assert f"{edge.url('/elsewhere')}: the site answered with status 421: that host is not served there\n" in said
    listed(edge, "/1", "/gone")
    assert run(["plan", "urls.txt", *WHO, "--max-each", "USD 0.02"]) == 3
    said = capfd.readouterr().out
    assert f"{edge.url('/gone')}  NOT: the site answered with status 404" in said
    assert "1 page would not be had" in said


def test_plan_says_what_the_caps_and_robots_keep(edge: FakeEdge, capfd: pytest.CaptureFixture[str]) -> None:
    listed(edge, "/1", "/free", "/dear", "/private/a.html", "/2")
    words = ["plan", "urls.txt", *WHO, "--max-each", "USD 0.02", "--total", "USD 0.015"]
    assert run(words) == 3
    said = capfd.readouterr().out
    assert "NOT: the page costs USD 0.05, your cap for one request is USD 0.02" in said
    assert "NOT: robots.txt does not allow it" in said
    assert "NOT: your total, USD 0.015, is used up" in said
    assert f"127.0.0.1: USD 0.01; it says: {edge.url('/license.xml')}, ai-train=no" in said
    assert "to buy: USD 0.01; all of it would be USD 0.07; 3 pages would not be had" in said
    assert not Path("spend.db").exists()
    assert run([*words, "--json", "--ignore-robots"]) == 3
    document = orjson.loads(capfd.readouterr().out)
    assert [page["buys"] for page in document["pages"]] == [True, True, False, False, False]
    assert document["wanted"][0]["amount_micros"] == 80_000


def test_run_buys_a_list_and_goes_on_where_it_was(edge: FakeEdge, capfd: pytest.CaptureFixture[str]) -> None:
    listed(edge, "/1", "/free", "/dear", "/private/a.html", "/2")
    words = ["run", "urls.txt", "--out", "pages", *WHO, "--max-each", "USD 0.02"]
    assert run(words) == 3
    said = capfd.readouterr()
    assert "2 bought, 1 free; paid USD 0.02; this store has spent USD 0.02" in said.out
    assert "1 not had: above_cap" in said.err
    assert "1 not had: robots" in said.err
    lines = [orjson.loads(line) for line in Path("pages/index.jsonl").read_bytes().splitlines()]
    files = {line["url"]: line["file"] for line in lines if "file" in line}
    assert files.keys() == {edge.url(path) for path in ("/1", "/free", "/2")}
    assert all(Path("pages", name).read_bytes() == PAGE for name in files.values())
    assert run([*words, "--json"]) == 3
    document = orjson.loads(capfd.readouterr().out)
    assert (document["had"], document["paid"]) == ({"had before": 3}, [])
    assert edge.spent() == 20_000


def test_a_total_ends_a_run_and_is_never_exceeded(edge: FakeEdge, capfd: pytest.CaptureFixture[str]) -> None:
    listed(edge, *(f"/{number}" for number in range(12)))
    words = ["run", "urls.txt", "--out", "pages", *WHO, "--max-each", "USD 0.02", "--at-once", "8"]
    assert run([*words, "--total", "USD 0.055"]) == 3
    assert edge.spent() == 50_000
    assert "7 not had: cap_reached" in capfd.readouterr().err
    assert run(words) == 0
    assert edge.spent() == 120_000


def test_a_crawler_with_a_token_plans_and_buys_a_list(edge: FakeEdge, capfd: pytest.CaptureFixture[str]) -> None:
    token = make_token(b"\x05" * 32)
    edge.tokens[token] = AGENT
    Path("token.txt").write_text(token)
    listed(edge, "/1", "/2")
    who = ["--token-file", "token.txt", "--token-host", f"127.0.0.1:{edge.port}"]
    assert run(["quote", edge.url("/1"), *who]) == 0
    assert run(["plan", "urls.txt", *who, "--max-each", "USD 0.02"]) == 0
    assert run(["run", "urls.txt", *who, "--max-each", "USD 0.02", "--out", "pages"]) == 0
    assert "2 bought; paid USD 0.02" in capfd.readouterr().out
    assert run(["receipts", *who]) == 0
    assert run(["resolve", *who]) == 0
    assert token.encode() not in Path("spend.db").read_bytes()
    for words in (who[:2], [*who, *WHO], who[2:], [], WHO[:2]):
        assert run(["quote", edge.url("/1"), *words]) == 2


KILL = """
import os, signal, sys
from edge.client.run_folder import Folder
from edge.client.cli import run
kept, keep = [], Folder.keep
def die_at_the_third(self, *page):
    kept.append(page)
    if len(kept) == 3:
        os.kill(os.getpid(), signal.SIGKILL)  # bought, and not yet in the folder
    keep(self, *page)
Folder.keep = die_at_the_third
run(sys.argv[1:])
"""


def test_a_run_that_was_killed_pays_for_nothing_twice(edge: FakeEdge, capfd: pytest.CaptureFixture[str]) -> None:
    listed(edge, *(f"/{number}" for number in range(6)))
    words = ["run", "urls.txt", "--out", "pages", *WHO, "--max-each", "USD 0.02", "--at-once", "1"]
    killed = subprocess.run([sys.executable, "-c", KILL, *words], env={"PYTHONPATH": str(ROOT)})
    assert killed.returncode == -9
    assert edge.spent() == 30_000
    assert run(words) == 0
    said = "3 bought, 1 bought before, 2 had before; paid USD 0.03; this store has spent USD 0.06"
    assert said in capfd.readouterr().out
    assert edge.spent() == 60_000
    assert SpendStore(Path("spend.db")).spent() == {"USD": 60_000}
    assert len({line["url"] for line in map(orjson.loads, Path("pages/index.jsonl").read_bytes().splitlines())}) == 6


def test_only_what_changed_is_paid_for_again(edge: FakeEdge) -> None:
    def validated(number: int, request: object, honest: Reply) -> Reply:
        fields = getattr(request, "fields", {})
        if fields.get("if-none-match") == '"v1"' and honest.status == 200:
            return Reply(304)
        return Reply(honest.status, (*honest.headers, ("etag", '"v1"')), honest.body)

    edge.twist = validated
    listed(edge, "/1")
    words = ["run", "urls.txt", "--out", "pages", *WHO, "--max-each", "USD 0.02", "--ignore-robots"]
    assert run(words) == 0
    assert run([*words, "--only-changed"]) == 0
    assert SpendStore(Path("spend.db")).spent() == {"USD": 10_000}


def test_a_receipt_that_does_not_hold_is_reported(edge: FakeEdge, capfd: pytest.CaptureFixture[str]) -> None:
    listed(edge, "/1")
    edge.twist = lambda number, request, honest: Reply(404) if "receipts" in request.path else honest
    words = ["run", "urls.txt", "--out", "pages", *WHO, "--max-each", "USD 0.02", "--ignore-robots"]
    assert run(words) == 3
    assert "the receipt is not to be had" in capfd.readouterr().err
    edge.twist = lambda number, request, honest: honest
    good, edge.signing_key = edge.signing_key, new_private_key()
    kept = list(edge.charges)
    assert good is not edge.signing_key
    assert kept
    assert run(["receipts", *WHO]) == 0
    assert "1 receipts hold, 0 do not" in capfd.readouterr().out


def test_spent_is_a_table_and_a_log_that_reconciles(edge: FakeEdge, capfd: pytest.CaptureFixture[str]) -> None:
    listed(edge, "/1", "/2", "/free")
    run(["run", "urls.txt", "--out", "pages", *WHO, "--max-each", "USD 0.02"])
    capfd.readouterr()
    assert run(["spent", "--since", "1h"]) == 0
    said = capfd.readouterr().out
    assert said.count("settled ") == 2
    assert "settled: USD 0.02" in said
    assert run(["spent", "--format", "jsonl"]) == 0
    lines = [orjson.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert {line["charge_id"] for line in lines} == {"ch_1", "ch_2"}
    assert run(["spent", "--format", "csv"]) == 0
    table = capfd.readouterr().out
    assert table.startswith("charge_id,charged_at,url,amount_micros,currency,state\n") or "\r\n" in table
    rows = "".join(
        f"{line['charged_at']},post,{line['charge_id']},127.0.0.1,/x,USD,{line['amount_micros']}\n" for line in lines
    )
    statement = Path("charges.csv")
    statement.write_text("recorded_at,kind,charge_id,site,target,currency,amount_micros\n" + rows)
    assert run(["reconcile", "charges.csv"]) == 0
    assert "everything agrees" in capfd.readouterr().out
    statement.write_text(statement.read_text().replace("10000", "20000"))
    assert run(["reconcile", "charges.csv", "--store", "spend.db"]) == 3
    with Wallet(Identity.load("bot.pem", AGENT), SpendPolicy(per_request="USD 1"), "spend.db") as wallet:
        found = wallet.reconcile("charges.csv")
        assert {difference.kind for difference in found} == {DifferenceKind.DIFFERENT_AMOUNT}
        assert len(found) == 2
        elsewhere = wallet.reconcile("charges.csv", domains=["other.example"])
        assert {difference.kind for difference in elsewhere} == {DifferenceKind.MISSING_THERE}
    assert run(["reconcile", "charges.csv", "--domain", "other.example"]) == 3


def test_resolve_finds_out_what_was_charged(edge: FakeEdge, capfd: pytest.CaptureFixture[str]) -> None:
    listed(edge, "/1")
    edge.twist = lambda number, request, honest: (
        Reply(honest.status, honest.headers, honest.body, cut_after=9) if honest.status == 200 else honest
    )
    words = ["run", "urls.txt", "--out", "pages", *WHO, "--max-each", "USD 0.02", "--ignore-robots"]
    assert run(words) == 1
    assert "PaymentInDoubt" in capfd.readouterr().err
    assert run(["resolve", *WHO]) == 3
    edge.twist = lambda number, request, honest: honest
    assert run(["resolve", *WHO]) == 0
    assert "it was charged USD 0.01" in capfd.readouterr().out
    assert len(edge.charges) == 1
    assert run(["resolve", *WHO, "--release", "1"]) == 2


@pytest.mark.parametrize(
    "words",
    [
        ["spent"],
        ["receipts", *WHO],
        ["resolve", *WHO],
        ["plan", "missing.txt", *WHO, "--max-each", "USD 1"],
        ["run", "urls.txt", "--out", "pages", *WHO, "--max-each", "1 dollar"],
        ["plan", "urls.txt", *WHO],
        ["spent", "--format", "xml"],
    ],
)
def test_words_that_do_not_fit_are_wrong_usage(words: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    Path("urls.txt").write_text("https://news.example/\n")
    assert run(words) == 2
    assert capfd.readouterr().err.startswith("farebox-crawl: ")

"""``farebox estimate``: logs and a rules file in, what they would have earned out; no database needed."""

from __future__ import annotations

import gzip
import io
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.cli.conftest import Farebox

RULES = """
[[rule]]
name = "training"
who = { kind = "training" }
action = "charge"
price = "USD 0.005"

[default]
action = "allow"
"""
PERSON = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"


def entry(hour: int, agent: str, path: str = "/a") -> str:
    return f'192.0.2.1 - - [10/Oct/2026:{hour:02}:00:00 +0000] "GET {path} HTTP/1.1" 200 1 "-" "{agent}"\n'


LOG = entry(0, PERSON) + entry(1, "GPTBot/1.2") * 3 + entry(10, "Googlebot/2.1")


@pytest.fixture
def place(workplace: Path) -> Path:
    (workplace / "rules.toml").write_text(RULES)
    (workplace / "access.log").write_text(LOG)
    return workplace


def test_a_log_says_what_it_would_have_earned(farebox_anywhere: Farebox, place: Path) -> None:
    result = farebox_anywhere("estimate", "access.log", "--rules", "rules.toml")
    assert (result.code, result.err) == (0, "")
    assert "5 requests from 2026-10-10T00:00:00Z to 2026-10-10T10:00:00Z, read as combined" in result.out
    assert "1 of people, 4 of bots" in result.out
    assert "if all were paid: USD 0.015\n" in result.out
    assert "in 30 days: USD 1.08\n" in result.out
    assert "holds no offers and no signatures" in result.out
    assert not (place / "farebox.db").exists()


def test_several_logs_are_one_and_json_holds_the_sums(farebox_anywhere: Farebox, place: Path) -> None:
    (place / "older.gz").write_bytes(gzip.compress(LOG.replace("10/Oct", "09/Oct").encode()))
    found = farebox_anywhere("estimate", "access.log", "older.gz", "--rules", "rules.toml", "--json").json
    assert (found["requests"], found["people"], found["whole"]["amount_micros"]) == (10, 2, 30_000)
    assert [row["name"] for row in found["crawlers"]] == ["GPTBot", "Googlebot"]
    assert found["worth_month_micros"] == 30_000 * 30 * 24 // 34


def test_a_log_comes_from_standard_input_too(
    farebox_anywhere: Farebox, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(LOG.encode())))
    assert "5 requests" in farebox_anywhere("estimate", "-", "--rules", "rules.toml").out


def test_only_one_hosts_lines_count_where_that_is_asked(farebox_anywhere: Farebox, place: Path) -> None:
    lines = [f"{host}:443 {one}" for host in ("news.example", "other.example") for one in LOG.splitlines(keepends=True)]
    (place / "access.log").write_text("".join(lines))
    found = farebox_anywhere("estimate", "access.log", "--rules", "rules.toml", "--host", "news.example", "--json").json
    assert (found["requests"], found["other_hosts"], found["format"]) == (5, 5, "vhost")


def test_lines_that_cannot_be_read_are_counted_and_shown(farebox_anywhere: Farebox, place: Path) -> None:
    (place / "access.log").write_text("\x1b[2Jnonsense\n" + LOG)
    result = farebox_anywhere("estimate", "access.log", "--rules", "rules.toml")
    assert result.code == 0
    assert "1 line could not be read" in result.err
    assert "\x1b" not in result.err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("missing.log", "--rules", "rules.toml"), "cannot be read"),
        (("rules.toml", "--rules", "rules.toml"), "no line of this can be read as an access log"),
        (("access.log", "--rules", "missing.toml"), "check its path"),
        (("access.log", "--rules", "rules.toml", "--currency", "dollars"), "dollars"),
    ],
)
def test_what_cannot_be_estimated_is_said_in_one_sentence(
    farebox_anywhere: Farebox, place: Path, words: tuple[str, ...], sentence: str
) -> None:
    result = farebox_anywhere("estimate", *words)
    assert result.code == 1
    assert sentence in result.err

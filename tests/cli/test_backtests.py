"""``farebox backtest``: a rules file against what was recorded, as words and as values."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.settings import load_settings
from edge.store.activity import Activity, UserAgents, write_activity
from edge.store.database import Database, now_micros
from edge.store.sites import find_site
from tests.cli.conftest import Farebox

RULES = """
[[rule]]
name = "long reads"
where = "/articles/*"
action = "charge"
price = "USD 0.005"

[default]
action = "allow"
"""


@pytest.fixture
def file(workplace: Path) -> str:
    (workplace / "rules.toml").write_text(RULES)
    return "rules.toml"


def record(workplace: Path, **parts: object) -> None:
    database = Database.open(load_settings({}, workplace).database_url)
    now = now_micros()
    with database.write() as connection:
        site_id = find_site(connection, "news.example").site_id
        row = Activity(
            site_id, now - 60_000_000, 1, "GPTBot", "claimed", "training", "everything else", "allowed", None, None,
            "GET", "/articles/1", 200, "GPTBot/1.3", "", 3,
        )  # fmt: skip
        write_activity(connection, UserAgents(), [row], now)
    database.close()


def test_what_changes_is_told_in_words_and_as_values(news: Farebox, file: str, workplace: Path) -> None:
    record(workplace)
    told = news("backtest", "--site", "news.example", "--rules", file)
    assert told.code == 0, told.err
    assert "3 requests decided again (1 recorded, a sample of about 1 in 3); 3 change" in told.out
    assert "USD 0.015" in told.out
    values = news("backtest", "--site", "news.example", "--rules", file, "--json").json
    assert values["draft"]["unable"] == {"requests": 3, "amount_micros": 15_000}
    assert values["live"]["unable"]["requests"] == 0
    [change] = values["changes"]
    assert (change["from"]["fate"], change["to"]["fate"], change["requests"]) == ("free", "unpaid", 3)


def test_without_recorded_requests_it_says_so(news: Farebox, file: str, workplace: Path) -> None:
    record(workplace)
    told = news("backtest", "--site", "news.example", "--rules", file, "--since", "2020-01-01", "--until", "2020-02-01")
    assert (told.code, told.out) == (0, "no request of a crawler was recorded in that time\n")


def test_a_wrong_file_or_site_is_said(news: Farebox, file: str) -> None:
    assert news("backtest", "--site", "news.example", "--rules", "nothing.toml").code == 1
    assert news("backtest", "--site", "else.example", "--rules", file).code != 0

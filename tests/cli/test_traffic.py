"""``farebox traffic`` and ``farebox activity`` show what came, as sums and one by one."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.store.activity import Activity, UserAgents, write_activity
from edge.store.database import Database, now_micros
from edge.store.sites import find_site
from edge.store.traffic import HOUR_MICROS, TrafficKey, flush_traffic
from tests.cli.conftest import Farebox


@pytest.fixture
def busy(news: Farebox, workplace: Path) -> Farebox:
    """A site where GPTBot asked for a page now, OtherBot three days ago, and people came."""
    database = Database.open(f"sqlite:///{workplace / 'farebox.db'}")
    now = now_micros()
    old = now - 72 * HOUR_MICROS
    with database.write() as connection:
        site = find_site(connection, "news.example").site_id
        counts = {
            TrafficKey(now, site, "GPTBot", "claimed", "all", "payment_required"): 3,
            TrafficKey(now, site, "", "", "", "visitor"): 40,
            TrafficKey(old, site, "OtherBot", "signed", "all", "charged"): 2,
            TrafficKey(now, 0, "", "", "", "unknown_site"): 1,
        }
        flush_traffic(connection, counts)
        rows = [
            Activity(
                site_id=site, at_micros=at, number=1, crawler=name, rung="claimed", kind="training", rule="all",
                outcome=outcome, price_micros=5000, offer=None, method="GET", target="/a\x1b[31m", status=402,
                user_agent=f"{name}/1", address="203.0.113.0/24", requests=3,
            )
            for at, name, outcome in ((now, "GPTBot", "payment_required"), (old, "OtherBot", "charged"))
        ]  # fmt: skip
        write_activity(connection, UserAgents(), rows, now)
    database.close()
    return news


def test_sums_of_a_day_are_shown_unless_told_otherwise(busy: Farebox) -> None:
    found = busy("traffic", "--json").json
    assert sum(row["requests"] for row in found) == 44
    assert {(row["site"], row["crawler"], row["outcome"]) for row in found} == {
        ("news.example", "GPTBot", "payment_required"), ("news.example", "", "visitor"), (None, "", "unknown_site"),
    }  # fmt: skip


@pytest.mark.parametrize("span", ["minute", "hour", "day"])
def test_each_span_holds_the_same_requests(busy: Farebox, span: str) -> None:
    found = busy("traffic", "--per", span, "--since", "7d", "--site", "news.example", "--json").json
    assert sum(row["requests"] for row in found) == 45
    narrowed = busy("traffic", "--per", span, "--since", "7d", "--crawler", "OtherBot", "--json").json
    assert [row["requests"] for row in narrowed] == [2]


def test_single_requests_are_shown_newest_first(busy: Farebox) -> None:
    found = busy("activity", "--json").json
    assert [(row["crawler"], row["price"], row["requests"]) for row in found] == [
        ("GPTBot", "USD 0.005", 3), ("OtherBot", "USD 0.005", 3),
    ]  # fmt: skip
    assert [row["crawler"] for row in busy("activity", "--since", "1h", "--json").json] == ["GPTBot"]
    assert [row["crawler"] for row in busy("activity", "--outcome", "charged", "--json").json] == ["OtherBot"]
    assert busy("activity", "--crawler", "NoBot", "--json").json == []


def test_the_newest_of_more_are_shown_and_it_is_said(busy: Farebox) -> None:
    result = busy("activity", "--limit", "1")
    assert "OtherBot" not in result.out
    assert "--limit" in result.err


def test_what_a_stranger_wrote_does_not_reach_the_terminal_as_it_is(busy: Farebox) -> None:
    assert "\x1b" not in busy("activity").out


def test_a_site_that_is_not_served_is_said(busy: Farebox) -> None:
    for command in ("traffic", "activity"):
        result = busy(command, "--site", "nowhere.example")
        assert result.code == 1
        assert "farebox site list" in result.err

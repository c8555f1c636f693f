"""``farebox publisher`` and ``farebox site``."""

from __future__ import annotations

import pytest

from edge.store.database import Database, now_micros
from edge.store.publishers import find_publisher
from edge.store.site_claims import claim_site
from edge.store.site_values import EdgeAddresses
from edge.store.sites import SiteOptions
from tests.cli.conftest import Farebox


def test_a_publisher_is_added_and_listed(farebox: Farebox) -> None:
    added = farebox("publisher", "add", "Example News", "--email", "owner@news.example")
    assert added.code == 0
    assert "farebox site add" in added.out
    (row,) = farebox("publisher", "list", "--json").json
    assert (row["name"], row["email"]) == ("Example News", "owner@news.example")
    assert farebox("publisher", "list").out.splitlines()[0].split() == ["NAME", "EMAIL", "SHARE", "SINCE"]


def test_an_empty_list_says_how_to_fill_it(farebox: Farebox) -> None:
    result = farebox("publisher", "list")
    assert (result.code, result.out) == (0, "")
    assert "farebox publisher add" in result.err
    assert farebox("site", "list", "--json").json == []


def test_a_site_is_added_changed_and_removed(news: Farebox) -> None:
    (row,) = news("site", "list", "--publisher", "example news", "--json").json
    assert (row["host"], row["origin"], row["currency"], row["active"]) == (
        *("news.example", "http://127.0.0.1:9000", "USD"),
        True,
    )
    changed = news("site", "set", "news.example", "--strict", "--scheme", "https", "--case-sensitive", "--json").json
    assert (changed["strict"], changed["scheme"], changed["case_sensitive_paths"]) == (True, "https", True)
    assert "no longer served" in news("site", "remove", "news.example").out
    assert news("site", "list", "--json").json == []
    assert len(news("site", "list", "--removed", "--json").json) == 1


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("add", "x.example", "--publisher", "Nobody", "--origin", "http://a"), 1, "farebox publisher add"),
        (("add", "news.example", "--publisher", "Example News", "--origin", "http://a"), 1, "farebox site set"),
        (("add", "x_y", "--publisher", "Example News", "--origin", "http://a"), 1, "write it like news.example"),
        (
            ("add", "x.example", "--publisher", "Example News", "--origin", "a"),
            1,
            "write it like http://127.0.0.1:8000",
        ),
        (("set", "news.example", "--origin", "http://127.0.0.1:8402"), 1, "is this edge itself"),
        (("set", "news.example", "--origin", "http://news.example"), 1, "is this edge itself"),
        (("set", "news.example"), 2, "farebox site set --help"),
        (("set", "other.example", "--strict"), 1, "farebox site list"),
        (("remove", "other.example"), 1, "farebox site list"),
    ],
)
def test_a_refusal_says_what_to_do(news: Farebox, words: tuple[str, ...], code: int, sentence: str) -> None:
    result = news("site", *words)
    assert (result.code, result.out) == (code, "")
    assert sentence in result.err


def test_where_the_edge_listens_decides_what_is_a_loop(news: Farebox, monkeypatch: pytest.MonkeyPatch) -> None:
    assert news("site", "set", "news.example", "--origin", "http://127.0.0.1:8000").code == 0
    monkeypatch.setenv("FAREBOX_EDGE_BIND", "0.0.0.0:8000")
    assert "is this edge itself" in news("site", "set", "news.example", "--origin", "http://127.0.0.1:8000").err


def test_a_site_that_waits_is_listed_and_served(news: Farebox) -> None:
    assert news("site", "waiting", "--json").json == []
    wait_for("shop.example", "Example News")
    (row,) = news("site", "waiting", "--json").json
    assert (row["host"], row["origin"], row["proved"]) == ("shop.example", "http://10.0.0.9", None)
    assert "shop.example" not in [one["host"] for one in news("site", "list", "--json").json]
    assert "its domain was not proved" in news("site", "verify", "shop.example").out
    assert "shop.example" in [one["host"] for one in news("site", "list", "--json").json]
    assert news("site", "verify", "shop.example").code == 1


def test_of_two_who_want_one_host_it_is_said_whose(news: Farebox) -> None:
    news("publisher", "add", "Other News", "--email", "owner@other.example")
    for publisher in ("Example News", "Other News"):
        wait_for("shop.example", publisher)
    assert news("site", "verify", "shop.example").code == 2
    served = news("site", "verify", "shop.example", "--publisher", "Other News", "--json").json
    assert served["publisher"] == "Other News"
    assert news("site", "verify", "shop.example").code == 1


def wait_for(host: str, publisher: str) -> None:
    database = Database.open("sqlite:///farebox.db")
    with database.write() as connection:
        wants = find_publisher(connection, publisher).publisher_id
        options = SiteOptions(origin="http://10.0.0.9")
        claim_site(connection, wants, host, options, EdgeAddresses(), "owner@news.example", now_micros())
    database.close()


def test_what_a_site_publishes_is_chosen_by_names(news: Farebox) -> None:
    assert news("site", "list", "--json").json[0]["signals"] == "prices"
    change = ("site", "set", "news.example", "--signals")
    assert news(*change, "rsl, prices", "--json").json["signals"] == "prices rsl"
    assert news(*change, "", "--json").json["signals"] == ""
    wrong = news(*change, "prices ads")
    assert wrong.code == 2
    assert "--signals takes any of prices, rsl, tdmrep, robots, headers" in wrong.err

"""Lists of addresses on the command line: what is held, how old it is, and what an address proves."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Farebox

GPTBOT_LIST = "https://openai.com/gptbot.json"


def test_a_new_installation_has_the_shipped_lists(farebox: Farebox) -> None:
    rows = {row["url"]: row for row in farebox("feed", "list", "--json").json}
    assert rows[GPTBOT_LIST]["crawlers"] == ["GPTBot"]
    assert rows[GPTBOT_LIST]["ranges"] > 0
    assert rows[GPTBOT_LIST]["copy_of"].endswith(", shipped")
    assert not any(row["accuses"] for row in rows.values())
    assert "GPTBot" in farebox("feed", "list").out


def test_a_list_that_nobody_knows_is_not_fetched(farebox: Farebox) -> None:
    result = farebox("feed", "refresh", "https://evil.example/ips.json")
    assert result.code == 2
    assert "`farebox feed list`" in result.err


@pytest.mark.parametrize(
    ("address", "who"),
    [("20.171.206.7", "GPTBot, address"), ("9.9.9.9", "GPTBot, claimed"), ("127.0.0.1", "GPTBot, claimed")],
)
def test_a_rehearsal_can_say_where_the_crawler_comes_from(news: Farebox, address: str, who: str) -> None:
    words = ("rules", "test", "/a", "--site", "news.example", "--user-agent", "GPTBot/1.1", "--address", address)
    assert news(*words, "--json").json["who"] == who


def test_an_address_that_is_none_is_refused(news: Farebox) -> None:
    result = news("rules", "test", "/a", "--site", "news.example", "--address", "here")
    assert result.code == 2
    assert "is not an address" in result.err

"""``farebox subscription``: begun, listed and ended by people."""

from __future__ import annotations

import re

import pytest

from tests.cli.conftest import Farebox

ADD = ("subscription", "add", "ExampleBot", "--pages", "1000")


def test_a_subscription_is_begun_listed_and_ended(shop: Farebox) -> None:
    begun = shop(*ADD, "--site", "news.example", "--reference", "INV-7")
    assert begun.out == "subscription 1: ExampleBot has 1000 pages a month for news.example, from now on\n"
    (row,) = shop("subscription", "list", "--crawler", "ExampleBot", "--json").json
    assert (row["pages"], row["used"], row["reference"], row["until"]) == (1000, 0, "INV-7", None)
    ended = shop("subscription", "end", "1")
    assert ended.out == "subscription 1 of ExampleBot has ended; its pages have their price again\n"
    (row,) = shop("subscription", "list", "--json").json
    assert row["until"] is not None


def test_a_subscription_of_a_licence_covers_all_sites_of_its_publisher(shop: Farebox) -> None:
    (publisher,) = {one["name"] for one in shop("publisher", "list", "--json").json}
    made = shop(*ADD, "--licence", "ai-train", "--publisher", publisher, "--json").json
    assert made["covers"] == f"all sites of {publisher}, licence ai-train"


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        ((*ADD,), 2, "--site"),
        ((*ADD, "--publisher", "Example News"), 2, "--licence"),
        ((*ADD, "--site", "news.example", "--publisher", "Example News"), 2, "--publisher"),
        ((*ADD[:-1], "0", "--site", "news.example"), 1, "from 1"),
        (("subscription", "end", "7"), 1, "no subscription 7"),
    ],
)
def test_a_mistake_says_what_to_do(shop: Farebox, words: tuple[str, ...], code: int, complaint: str) -> None:
    answer = shop(*words)
    assert (answer.code, complaint in answer.err) == (code, True)


def test_the_list_shows_times_to_the_second_as_every_table_does(shop: Farebox) -> None:
    shop("subscription", "add", "ExampleBot", "--pages", "3", "--site", "news.example")
    shop("subscription", "end", "1")
    times = re.findall(r"\S+T\S+Z", shop("subscription", "list").out)
    assert len(times) == 2
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", one) for one in times)

"""The tree of a site's content: each level adds up, leads to the next, and its money is the ledger's."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from edge.store.content import ContentCounter
from edge.store.earned_days import sum_next_day
from edge.store.earnings import Period, earned_by_rule
from edge.store.entries import ChargeFilter, stream_charges
from publisher_dashboard.views.content import list_content
from tests.dashboard.conftest import House
from tests.dashboard.test_activity import rows_of
from tests.support.newsroom import CANARY, NOW, micros

PATH = "/sites/harbour.example/content"
END = micros(NOW) // 86_400_000_000 * 86_400_000_000 + 86_400_000_000
QUARTER = Period(END - 90 * 86_400_000_000, END)


def names(page: str) -> list[str]:
    return re.findall(r'class="name">(?:<a class="path" href="[^"]*">|<span class="path">)([^<]+)<', page)


def test_a_level_shows_its_parts_and_leads_to_each(house: House) -> None:
    browser = house.signed_in("viewer@harbour.example")
    page = browser.get(f"{PATH}?sort=name").text
    assert names(page) == ["archive/", "articles/", "recipes/"]
    assert CANARY not in page.casefold()
    below = re.search(r'href="([^"]*under=%2Farchive%2F[^"]*)"', page)
    assert below is not None
    assert names(browser.get(below[1].replace("&amp;", "&")).text) == ["2019/", "2021/", "2024/"]


def sold_below(house: House, prefix: str) -> int:
    newsroom = house.newsroom
    own = ChargeFilter(frozenset({newsroom.publisher_id}))
    with house.database.read() as connection:
        charges = [one for one in stream_charges(connection, own) if one.site_id == newsroom.site.site_id]
    return sum(one.earned_micros for one in charges if one.target.startswith(prefix))


def test_what_a_site_earned_is_the_ledgers_whether_summed_by_the_day_or_not(house: House) -> None:
    site = house.newsroom.site
    for _ in range(2):
        with house.database.read() as connection:
            tree = list_content(connection, site, "/", QUARTER, "earned")
            ledger = earned_by_rule(connection, site.site_id, "USD", QUARTER)
            below = list_content(connection, site, "/articles/", QUARTER, "name", limit=1)
        assert tree.total.earned_micros == sum(one.amount_micros for one in ledger.values()) > 0
        assert sum(line.earned_micros for line in tree.lines) == tree.total.earned_micros
        [articles] = [line for line in tree.lines if line.step == "articles/"]
        assert below.total.earned_micros == articles.earned_micros == sold_below(house, "/articles/") > 0
        while sum_next_day(house.database, micros(NOW)):
            pass


def test_the_lines_and_the_others_add_up_to_the_total(quick_house: House) -> None:
    site = quick_house.newsroom.site
    with quick_house.database.read() as connection:
        whole = list_content(connection, site, "/articles/", QUARTER, "requests")
        cut = list_content(connection, site, "/articles/", QUARTER, "requests", limit=2)
    assert whole.others is None
    assert cut.others is not None
    assert cut.others.stands_for == len(whole.lines) - 2
    assert sum(line.requests for line in cut.lines) + cut.others.requests == whole.total.requests
    assert cut.total == whole.total
    assert [line.requests for line in whole.lines] == sorted((line.requests for line in whole.lines), reverse=True)


def test_an_acceptance_is_of_those_that_were_asked(quick_house: House) -> None:
    with quick_house.database.read() as connection:
        total = list_content(connection, quick_house.newsroom.site, "/", QUARTER, "requests").total
    assert total.requests == sum(row.requests for row in rows_of(quick_house))
    assert total.acceptance == total.sold / (total.sold + total.asked)


@pytest.mark.parametrize("under", ["articles", "/articles", "//", "/a/b/c/d/"])
def test_what_is_no_part_of_a_site_is_not_found(quick_house: House, under: str) -> None:
    assert quick_house.signed_in().get(f"{PATH}?under={under}").status_code == 404


def test_a_part_that_nobody_asked_for_says_so(quick_house: House) -> None:
    page = quick_house.signed_in().get(f"{PATH}?under=/nowhere/&days=7").text
    assert "Nothing was asked for here" in page


def test_what_a_path_says_does_not_run(quick_house: House) -> None:
    row = rows_of(quick_house)[0]
    evil = "/<script>alert(1)<.script>/x"
    with quick_house.database.write() as connection:
        ContentCounter().add(connection, [replace(row, target=evil)])
    page = quick_house.signed_in().get(PATH).text
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page

"""The table of charges, its sum, its file and one charge."""

from __future__ import annotations

import csv
import io
import re

import pytest
from sqlalchemy import update

from edge.core.money import format_micros
from edge.store.charge_sums import sum_charges
from edge.store.entries import ChargeFilter, list_charges
from edge.store.tables import crawler
from publisher_dashboard.charge_pages import STATES
from publisher_dashboard.rendering import money
from tests.dashboard.conftest import Browser, House
from tests.support.newsroom import sell_a_free_page

FILTERS = (
    "",
    "site=harbour.example",
    "site=kitchen.harbour.example",
    "crawler=ExampleBot",
    "rule=Archive",
    "from=2026-11-01&to=2026-11-15",
    "crawler=Corpusworks&rule=Long+reads&from=2026-10-01",
    "crawler=nobody",
)


@pytest.fixture
def owner(house: House) -> Browser:
    return house.signed_in()


def path(house: House, ending: str = "") -> str:
    return f"/publishers/{house.newsroom.publisher_id}/charges{ending}"


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.mark.parametrize("narrowed", FILTERS)
def test_the_file_of_a_filter_sums_to_what_the_screen_says(quick_house: House, narrowed: str) -> None:
    owner = quick_house.signed_in()
    page = owner.get(f"{path(quick_house)}?{narrowed}").text
    rows = rows_of(owner.get(f"{path(quick_house, '.csv')}?{narrowed}").text)
    total = sum(int(row["earned_micros"]) for row in rows)
    paid = sum(row["state"] == "paid" for row in rows)
    if rows:
        assert f"<b>{money(total, 'USD')}</b> from {paid} paid page" in page
        assert sum(float(row["earned"]) for row in rows) == pytest.approx(total / 1e6)
    else:
        assert "No charge fits this filter" in page
    assert page.count('class="crawler"') == min(len(rows), 50)


def test_the_rules_to_choose_from_are_those_that_are_live(quick_house: House) -> None:
    page = quick_house.signed_in().get(path(quick_house)).text
    offered = re.findall(r'<option value="([^"]+)"></option>', page.split('<datalist id="rules">')[1])
    assert offered[:3] == ["Archive", "everything else", "Long reads"]
    assert 'list="rules"' in page


def test_the_file_names_each_state_as_the_screen_does(quick_house: House) -> None:
    owner = quick_house.signed_in()
    states = {row["state"] for row in rows_of(owner.get(path(quick_house, ".csv")).text)}
    assert {"paid", "not completed", "given back"} <= states <= set(STATES.values())


def test_a_charge_that_was_not_completed_is_not_called_one(quick_house: House) -> None:
    owner = quick_house.signed_in()
    rows = rows_of(owner.get(path(quick_house, ".csv")).text)
    voided = next(row["charge_id"] for row in rows if row["state"] == "not completed")
    paid = next(row["charge_id"] for row in rows if row["state"] == "paid")
    page = owner.get(f"{path(quick_house)}/{voided}").text
    assert "<h1>Not charged: $" in page
    assert "<dt>Charged</dt>" not in page
    page = owner.get(f"{path(quick_house)}/{paid}").text
    assert "Not charged" not in page
    assert "<dt>Charged</dt>" in page


def test_a_free_page_is_no_paid_one_in_the_file_either(quick_house: House) -> None:
    owner = quick_house.signed_in()
    before = [row["state"] for row in rows_of(owner.get(path(quick_house, ".csv")).text)]
    sell_a_free_page(quick_house.database, quick_house.newsroom)
    after = [row["state"] for row in rows_of(owner.get(path(quick_house, ".csv")).text)]
    assert sorted(after) == sorted([*before, "free"])


def test_a_free_page_is_given_not_charged(quick_house: House) -> None:
    sell_a_free_page(quick_house.database, quick_house.newsroom)
    owner = quick_house.signed_in()
    free = next(
        row["charge_id"] for row in rows_of(owner.get(path(quick_house, ".csv")).text) if row["state"] == "free"
    )
    page = owner.get(f"{path(quick_house)}/{free}").text
    assert "<dt>Given</dt>" in page
    assert "<dt>Charged</dt>" not in page


def test_the_sums_are_those_of_the_list_on_either_database(house: House) -> None:
    mine = ChargeFilter(frozenset({house.newsroom.publisher_id}))
    with house.database.read() as connection:
        [summed] = sum_charges(connection, mine)
        charges = list_charges(connection, mine, limit=1000).charges
        assert sum_charges(connection, ChargeFilter(frozenset({99}))) == []
    live = [one for one in charges if one.state.value == "live"]
    assert summed.amount_micros == sum(one.amount.amount_micros for one in live)
    assert summed.pages == len(live)
    assert summed.given_back == sum(one.reversed_at_micros is not None for one in charges) > 0
    assert len(charges) > summed.pages + summed.given_back, "one that was not completed is neither"


def test_every_charge_is_on_exactly_one_page(house: House, owner: Browser) -> None:
    with house.database.read() as connection:
        everything = {one.charge_id for one in list_charges(connection, ChargeFilter(), limit=1000).charges}
    seen: list[str] = []
    following: str | None = path(house) + "?site=harbour.example"
    while following:
        page = owner.get(following).text
        seen += re.findall(r'class="path" href="[^"]*/(ch_[0-9a-f]{32})"', page)
        found = re.search(r'href="([^"]+)" rel="next"', page)
        following = found[1].replace("&amp;", "&") if found else None
    assert len(seen) == len(set(seen))
    assert set(seen) == everything - set(house.newsroom.other_charge_ids)


@pytest.mark.parametrize("wrong", ["from=yesterday", "to=2026-13-01", "from=2026-11-02&to=2026-11-01", "to=0001-01-01"])
def test_a_day_that_is_none_is_said_at_its_field_and_kept(quick_house: House, wrong: str) -> None:
    owner = quick_house.signed_in()
    answer = owner.get(f"{path(quick_house)}?{wrong}")
    assert answer.status_code == 422
    assert 'class="error"' in answer.text
    assert "Nothing is listed or summed until the days are right" in answer.text
    assert "paid page" not in answer.text
    assert wrong.rsplit("=", 1)[1] in answer.text
    assert owner.get(f"{path(quick_house, '.csv')}?{wrong}").status_code == 422


@pytest.mark.parametrize("cursor", ["x", "1-2", "-1-2-3", "1-2-3-4", "9" * 40 + "-1-1", "1'--"])
def test_a_cursor_that_is_none_counts_as_none(quick_house: House, cursor: str) -> None:
    assert quick_house.signed_in().get(f"{path(quick_house)}?after={cursor}").status_code == 200


def test_an_empty_list_says_what_to_do_next(quick_house: House) -> None:
    with quick_house.database.write() as connection:
        connection.exec_driver_sql("UPDATE membership SET publisher_id = 2 WHERE publisher_id = 1 AND role = 'owner'")
    # The other publisher's charges are in September to November; none is before.
    page = quick_house.signed_in().get("/publishers/2/charges?to=2020-01-01").text
    assert "Clear the filter" in page


def test_a_name_that_a_spreadsheet_would_run_is_made_text(quick_house: House) -> None:
    with quick_house.database.write() as connection:
        connection.execute(update(crawler).where(crawler.c.name == "ExampleBot").values(name='=cmd|"/c calc"!A1'))
    text = quick_house.signed_in().get(path(quick_house, ".csv")).text
    names = {row["crawler"] for row in rows_of(text)}
    assert '\'=cmd|"/c calc"!A1' in names
    assert not [cell for row in rows_of(text) for cell in row.values() if cell[:1] in ("=", "+", "-", "@")]


def test_the_file_is_an_attachment_of_crlf_lines(quick_house: House) -> None:
    answer = quick_house.signed_in().get(path(quick_house, ".csv"))
    assert answer.headers["content-disposition"] == 'attachment; filename="charges.csv"'
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.text.count("\r\n") == answer.text.count("\n") == len(quick_house.newsroom.charge_ids) + 1


def test_a_charge_shows_what_was_sold_and_its_entries(house: House, owner: Browser) -> None:
    with house.database.read() as connection:
        mine = ChargeFilter(frozenset({house.newsroom.publisher_id}))
        charges = list_charges(connection, mine, limit=1000).charges
    kinds = {"live": ["post"], "reversed": ["post", "reverse"], "voided": ["hold", "void"]}
    assert {one.state.value for one in charges} == set(kinds)
    for state, steps in kinds.items():
        charge = next(one for one in charges if one.state.value == state)
        page = owner.get(f"{path(house)}/{charge.charge_id}").text
        assert charge.charge_id in page
        assert charge.target.replace("&", "&amp;") in page
        assert format_micros(charge.amount.amount_micros) in page
        assert re.findall(r"<td><b>(\w+)</b></td>", page) == steps
        assert "Harbour Press" in page if state != "voided" else "holds" in page


@pytest.mark.parametrize("charge", ["ch_" + "0" * 32, "ch_x", "x", "ch_" + "A" * 32])
def test_a_charge_that_is_none_does_not_exist(quick_house: House, charge: str) -> None:
    assert quick_house.signed_in().get(f"{path(quick_house)}/{charge}").status_code == 404


def test_a_page_address_from_a_crawler_cannot_write_into_pages(quick_house: House) -> None:
    evil = "/<script>alert(1)</script>\"'"
    with quick_house.database.write() as connection:
        triggers = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").scalars().all()
        for name in triggers:
            connection.exec_driver_sql(f'DROP TRIGGER "{name}"')
        connection.exec_driver_sql("UPDATE entry SET target = ?, rule = ?, request_id = ?", (evil, evil, evil))
    owner = quick_house.signed_in()
    first = quick_house.newsroom.charge_ids[0]
    for one in (path(quick_house), f"{path(quick_house)}/{first}", "/publishers/1", "/publishers/1/months/2026-11"):
        page = owner.get(one).text
        assert "<script>" not in page
    assert "&lt;script&gt;" in owner.get(f"{path(quick_house)}/{first}").text

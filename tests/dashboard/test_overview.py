"""The month so far."""

from __future__ import annotations

import re

import pytest

from edge.core.month import Month
from edge.store.earnings import Period, earned_by_currency
from publisher_dashboard.rendering import money
from tests.dashboard.conftest import House


def test_the_figures_are_those_of_the_month_so_far(house: House) -> None:
    page = house.signed_in().get("/publishers/1").text
    month = Month(2026, 11)
    with house.database.read() as connection:
        earned = earned_by_currency(connection, 1, Period(month.start_micros, month.end_micros))["USD"]
    assert f"<dd>{money(earned.amount_micros, 'USD')}</dd>" in page
    assert f"<dd>{earned.pages}</dd>" in page
    assert "1 to 20 November 2026" in page
    bars = re.findall(r"<th scope=\"row\">\d+ November 2026</th><td class=\"n\">(\d+)</td>", page)
    assert len(bars) == 20
    assert sum(map(int, bars)) == earned.pages


def test_refusals_come_from_the_traffic_and_paid_pages_are_none(quick_house: House) -> None:
    page = quick_house.signed_in().get("/publishers/1").text
    assert "2,202" in page
    assert "Signature required<small>signature_required</small>" in page
    assert "<small>charged</small>" not in page
    assert "<small>admitted</small>" not in page


def test_what_is_not_live_yet_is_said(quick_house: House) -> None:
    assert "harbour.example has changes that are not live yet" in quick_house.signed_in().get("/publishers/1").text


def test_a_publisher_without_charges_is_told_what_to_do_next(quick_house: House) -> None:
    with quick_house.database.write() as connection:
        connection.exec_driver_sql("INSERT INTO publisher VALUES (3, 'New', 'new', 'n@x.example', 1)")
        connection.exec_driver_sql("UPDATE membership SET publisher_id = 3 WHERE role = 'owner' AND publisher_id = 1")
        connection.exec_driver_sql("UPDATE site SET publisher_id = 3 WHERE host = 'kitchen.harbour.example'")
    owner = quick_house.signed_in()
    page = owner.get("/publishers/3").text
    assert "No crawler has paid yet" in page
    assert "/sites/kitchen.harbour.example/rules" in page
    assert "$0.00" in page
    assert "No charges yet" in owner.get("/publishers/3/charges").text


def test_sites_are_listed_with_what_is_live(quick_house: House) -> None:
    page = quick_house.signed_in().get("/publishers/1/sites").text
    assert "version 4 live" in page
    assert "version 1 live" in page
    assert page.count(">draft<") == 1


@pytest.mark.parametrize("currency", ["EUR", "nonsense", ""])
def test_a_currency_that_there_is_none_of_shows_the_one_there_is(quick_house: House, currency: str) -> None:
    page = quick_house.signed_in().get(f"/publishers/1?currency={currency}").text
    assert "USD, days in UTC" in page

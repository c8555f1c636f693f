"""The month so far."""

from __future__ import annotations

import re

import pytest

from edge.core.month import Month
from edge.store.earnings import Period, earned_by_currency
from publisher_dashboard.rendering import money
from tests.dashboard.conftest import House
from tests.support.newsroom import sell_a_free_page


def test_the_figures_are_those_of_the_month_so_far(house: House) -> None:
    page = house.signed_in().get("/publishers/1").text
    month = Month(2026, 11)
    with house.database.read() as connection:
        earned = earned_by_currency(connection, 1, Period(month.start_micros, month.end_micros))["USD"]
    assert f"<dd>{money(earned.amount_micros, 'USD')}</dd>" in page
    assert f"<dd>{earned.pages}</dd>" in page
    assert "1 to 20 November 2026" in page
    bars = re.findall(r"<th scope=\"row\"[^>]*>\d+ November 2026</th><td class=\"n\">(\d+)</td>", page)
    assert len(bars) == 20
    assert sum(map(int, bars)) == earned.pages


def test_the_price_of_a_thousand_is_not_the_rounded_average_a_thousand_times(quick_house: House) -> None:
    month = Month(2026, 11)
    with quick_house.database.read() as connection:
        earned = earned_by_currency(connection, 1, Period(month.start_micros, month.end_micros))["USD"]
    kept = earned.pages - earned.reversed_pages
    assert earned.amount_micros % kept, "an average that is exact shows nothing"
    page = quick_house.signed_in().get("/publishers/1").text
    assert f"{money(1000 * earned.amount_micros // kept, 'USD')} per 1,000" in page


def test_a_free_page_among_the_latest_is_called_free(quick_house: House) -> None:
    sell_a_free_page(quick_house.database, quick_house.newsroom)
    page = quick_house.signed_in().get("/publishers/1").text
    latest = page.split('id="latest-title"')[1].split("</section>")[0]
    assert latest.count(">free</span>") == 1


def test_refused_is_only_who_was_turned_away_not_people_served_pages_or_failures(quick_house: House) -> None:
    page = quick_house.signed_in().get("/publishers/1").text
    assert "<dt>Refused</dt><dd>2,202</dd>" in page
    assert "mostly: Signature required" in page
    refusals = page.split('id="refused-title"')[1].split("</section>")[0]
    assert re.findall(r'<td class="n">([0-9,]+)</td>', refusals) == ["1,204", "841", "96", "61"]
    failures = page.split('id="failed-title"')[1].split("</section>")[0]
    assert re.findall(r'<td class="n">([0-9,]+)</td>', failures) == ["12"]
    for word in ("visitor", "charged</", "collected", "free_path", "9,120", "signature_required"):
        assert word not in page


def test_watching_shows_who_would_have_been_asked_and_for_how_much(quick_house: House) -> None:
    page = quick_house.signed_in().get("/publishers/1").text
    card = page.split('id="watched-title"')[1].split("</section>")[0]
    assert "2,120 requests this month, would have earned <b>$10.60</b>" in card
    assert re.search(
        r"GPTBot<small>kitchen.harbour.example</small></th><td[^>]*>Everything else</td>.*1,880.*\$9.40", card
    )
    assert "Bots without a name" in card


def test_watching_is_shown_before_anybody_has_paid(quick_house: House) -> None:
    with quick_house.database.write() as connection:
        connection.exec_driver_sql("INSERT INTO publisher VALUES (3, 'New', 'new', 'n@x.example', 1, 0)")
        connection.exec_driver_sql("UPDATE membership SET publisher_id = 3 WHERE role = 'owner' AND publisher_id = 1")
        connection.exec_driver_sql("UPDATE site SET publisher_id = 3 WHERE host = 'kitchen.harbour.example'")
    page = quick_house.signed_in().get("/publishers/3").text
    assert "No crawler has paid yet" in page
    assert "would have earned <b>$10.60</b>" in page
    assert "nobody was turned away" in page


def test_what_is_not_live_yet_is_said(quick_house: House) -> None:
    assert "harbour.example has changes that are not live yet" in quick_house.signed_in().get("/publishers/1").text


def test_a_publisher_without_charges_is_told_what_to_do_next(quick_house: House) -> None:
    with quick_house.database.write() as connection:
        connection.exec_driver_sql("INSERT INTO publisher VALUES (3, 'New', 'new', 'n@x.example', 1, 0)")
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


def test_with_several_sites_rules_and_tests_begin_with_a_choice_of_site(quick_house: House) -> None:
    owner = quick_house.signed_in()
    page = owner.get("/publishers/1").text
    for word, title in (("rules", "Pricing rules of which site?"), ("test", "Test a URL of which site?")):
        assert f'href="/publishers/1/sites?for={word}"' in page
        chooser = owner.get(f"/publishers/1/sites?for={word}").text
        assert title in chooser
        assert f'<h2><a href="/sites/kitchen.harbour.example/{word}">' in chooser


@pytest.mark.parametrize("currency", ["EUR", "nonsense", ""])
def test_a_currency_that_there_is_none_of_shows_the_one_there_is(quick_house: House, currency: str) -> None:
    page = quick_house.signed_in().get(f"/publishers/1?currency={currency}").text
    assert "USD, days in UTC" in page

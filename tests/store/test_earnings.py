"""Sums for screens are the folds of the entries, of one publisher, in one currency, in one period."""

from __future__ import annotations

import pytest

from edge.core.ledger import charge_id
from edge.core.month import Month
from edge.core.report import fold
from edge.store.charge_story import account_parties, charge_entries
from edge.store.database import Database
from edge.store.earnings import (
    DAY_MICROS,
    Period,
    earned_by_crawler,
    earned_by_currency,
    earned_by_day_and_crawler,
    earned_by_page,
    earned_by_rule,
    first_page_at,
)
from edge.store.entries import ChargeFilter, list_charges
from tests.support.month_entries import stream_month
from tests.support.newsroom import CANARY, Newsroom, build

MONTH = Month(2026, 11)
WHOLE = Period(MONTH.start_micros, MONTH.end_micros)
EVER = Period(0, 2**62)


@pytest.fixture
def newsroom(database: Database) -> Newsroom:
    return build(database)


def test_every_sum_of_a_month_is_the_reports(database: Database, newsroom: Newsroom) -> None:
    for publisher_id in (newsroom.publisher_id, newsroom.other_id):
        with database.read() as connection:
            own = frozenset({publisher_id})
            [total] = fold(MONTH, stream_month(connection, MONTH, publisher_ids=own)).totals
            summed = earned_by_currency(connection, publisher_id, WHOLE)["USD"]
            days = earned_by_day_and_crawler(connection, publisher_id, WHOLE)
            crawlers = earned_by_crawler(connection, publisher_id, "USD", WHOLE, 99)
            pages = earned_by_page(connection, publisher_id, "USD", WHOLE, 99)
        assert (summed.pages, summed.reversed_pages, summed.amount_micros) == (
            total.pages,
            total.reversed_pages,
            total.amount_micros,
        )
        for parts in (days.values(), [one.earned for one in crawlers], [one.earned for one in pages]):
            assert sum(one.amount_micros for one in parts) == total.amount_micros
            assert sum(one.pages for one in parts) == total.pages
        assert {currency for currency, _, _ in days} == {"USD"}
        assert {day for _, day, _ in days} <= set(range(30))
        assert [one.earned.amount_micros for one in crawlers] == sorted(
            (one.earned.amount_micros for one in crawlers), reverse=True
        )


def test_one_publishers_sums_hold_nothing_of_another(database: Database, newsroom: Newsroom) -> None:
    with database.read() as connection:
        pages = earned_by_page(connection, newsroom.publisher_id, "USD", EVER, 99)
        rules = earned_by_rule(connection, newsroom.site.site_id, "USD", EVER)
        theirs = earned_by_rule(connection, newsroom.other_site.site_id, "USD", EVER)
        assert earned_by_rule(connection, newsroom.second_site.site_id, "USD", EVER) == {}
        assert earned_by_currency(connection, 99, EVER) == {}
    assert not [one for one in pages if CANARY in one.path or CANARY in one.host]
    assert set(rules) == {"Long reads", "Archive", "everything else"}
    assert set(theirs) == {f"{CANARY} rule"}


def test_a_page_is_one_page_whatever_its_query(database: Database, newsroom: Newsroom) -> None:
    with database.read() as connection:
        paths = [one.path for one in earned_by_page(connection, newsroom.publisher_id, "USD", EVER, 99)]
        mine = ChargeFilter(frozenset({newsroom.publisher_id}))
        targets = {one.target for one in list_charges(connection, mine, limit=999).charges if one.state.value == "live"}
    assert "/articles/who-owns-the-quay?page=2" in targets
    assert "/articles/who-owns-the-quay" in paths
    assert len(paths) == len(set(paths))
    assert set(paths) >= {target.partition("?")[0] for target in targets}


def test_a_period_begins_with_its_start_and_ends_before_its_end(database: Database, newsroom: Newsroom) -> None:
    mine = ChargeFilter(frozenset({newsroom.publisher_id}))
    with database.read() as connection:
        live = [one for one in list_charges(connection, mine, limit=999).charges if one.state.value == "live"]
        at = live[0].opened_at_micros
        assert sum(one.pages for one in earned_by_currency(connection, 1, Period(at, at + 1)).values()) == 1
        assert earned_by_currency(connection, 1, Period(at + 1, at + 2)) == {}
        day = (at - WHOLE.since_micros) // DAY_MICROS
        begins = WHOLE.since_micros + day * DAY_MICROS
        assert ("USD", day) in {key[:2] for key in earned_by_day_and_crawler(connection, 1, WHOLE)}
        assert {key[1] for key in earned_by_day_and_crawler(connection, 1, Period(begins, at + 1))} == {0}
        first = first_page_at(connection, newsroom.publisher_id)
        assert first == min(one.opened_at_micros for one in live)
        assert first_page_at(connection, 99) is None


def test_a_charges_story_is_all_of_its_entries_and_who_stands_behind_them(
    database: Database, newsroom: Newsroom
) -> None:
    mine = ChargeFilter(frozenset({newsroom.publisher_id}))
    stories = {"live": ["post"], "reversed": ["post", "reverse"], "voided": ["hold", "void"]}
    with database.read() as connection:
        charges = list_charges(connection, mine, limit=999).charges
        for state, kinds in stories.items():
            charge = next(one for one in charges if one.state.value == state)
            entries = charge_entries(connection, charge.charge_id)
            assert [one.kind for one in entries] == kinds
            assert {charge_id(one.key) for one in entries} == {charge.charge_id}
            parties = account_parties(connection, entries)
            assert parties[entries[0].debit_account] == charge.crawler
            earns = parties[entries[0].credit_account]
            assert earns == ("holds" if state == "voided" else "Harbour Press")
        assert charge_entries(connection, "ch_" + "0" * 32) == ()
        assert charge_entries(connection, "no charge id") == ()

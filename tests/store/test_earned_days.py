"""Days that were summed give the same sums as the entries, wherever the summing has come to, on both databases."""

from __future__ import annotations

import random
from typing import Any

from sqlalchemy import func, insert, select

from edge.core.ledger_state import Phase
from edge.store.charge_sums import sum_charges
from edge.store.database import Database
from edge.store.earned_days import DAY_MICROS, MARGIN_MICROS, OTHER_PAGES, PAGES_MAX, sum_next_day
from edge.store.earnings import (
    Period,
    earned_by_crawler,
    earned_by_crawler_on_site,
    earned_by_currency,
    earned_by_day_and_crawler,
    earned_by_page,
    earned_by_path,
    earned_by_rule,
)
from edge.store.entries import ChargeFilter, stream_charges
from edge.store.moved_days import summed_until
from edge.store.tables import entry
from tests.support.generated_month import EARLIER, GENERATED, generated_month

FIRST, END = EARLIER.start_micros, GENERATED.end_micros


def every_sum(database: Database, period: Period) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with database.read() as connection:
        for publisher_id in (1, 2, 3):
            found[f"{publisher_id}"] = earned_by_currency(connection, publisher_id, period)
            if period.since_micros % DAY_MICROS == 0:
                found[f"{publisher_id} days"] = earned_by_day_and_crawler(connection, publisher_id, period)
            for currency in ("USD", "EUR"):
                place = (publisher_id, currency, period)
                found[f"{publisher_id} {currency} crawlers"] = earned_by_crawler(connection, *place, 99)
                found[f"{publisher_id} {currency} pages"] = earned_by_page(connection, *place, 10_000)
        for site_id in (1, 2, 3):
            for currency in ("USD", "EUR"):
                at = (site_id, currency, period)
                found[f"site {site_id} {currency} rules"] = earned_by_rule(connection, *at)
                found[f"site {site_id} {currency} crawlers"] = earned_by_crawler_on_site(connection, *at)
                found[f"site {site_id} {currency} paths"] = earned_by_path(connection, site_id, *at)
    return found


def as_listed(database: Database, narrowed: ChargeFilter) -> dict[str, tuple[int, ...]]:
    """What the list itself adds up to, by currency: pages, given back, amount, in suspense, free, credited."""
    found: dict[str, list[int]] = {}
    with database.read() as connection:
        for one in stream_charges(connection, narrowed):
            total = found.setdefault(one.amount.currency, [0, 0, 0, 0, 0, 0])
            given_back = one.state in (Phase.REVERSED, Phase.REDELIVERED)
            if one.grant is not None:
                total[4] += not given_back
                continue
            live = one.state is Phase.LIVE
            total[0] += live
            total[1] += given_back
            total[2] += one.earned_micros
            total[5] += one.credited_micros
            total[3] += one.state is Phase.SUSPENDED
    return {currency: tuple(numbers) for currency, numbers in found.items()}


def as_summed(database: Database, narrowed: ChargeFilter) -> dict[str, tuple[int, ...]]:
    with database.read() as connection:
        return {
            one.currency: (one.pages, one.given_back, one.amount_micros, one.in_suspense, one.free, one.credited_micros)
            for one in sum_charges(connection, narrowed)
        }


def filters(seed: int) -> list[ChargeFilter]:
    chance = random.Random(seed)
    made = [ChargeFilter(), ChargeFilter(frozenset({1}))]
    for _ in range(25):
        since = chance.choice((None, FIRST, FIRST + 7 * DAY_MICROS, GENERATED.start_micros, END - 12_345))
        made.append(
            ChargeFilter(
                chance.choice((None, frozenset({1}), frozenset({2, 3}), frozenset({99}))),
                chance.choice((None, 1, 2)),
                chance.choice((None, 1, 2)),
                since,
                chance.choice((None, (since or FIRST) + chance.randrange(40) * DAY_MICROS + chance.choice((0, 77)))),
                chance.choice((None, "long reads", "no such rule")),
            )
        )
    return made


def test_the_sum_of_any_filter_is_what_its_list_adds_up_to(database: Database) -> None:
    generated_month(database, 8)
    wanted = {narrowed: as_listed(database, narrowed) for narrowed in filters(9)}
    [usd] = [one for currency, one in wanted[ChargeFilter()].items() if currency == "USD"]
    assert all(number > 0 for number in usd[:3])
    for now_micros in (0, GENERATED.start_micros + 3 * DAY_MICROS + 17, END + 90 * DAY_MICROS):
        sum_days(database, now_micros)
        for narrowed, sums in wanted.items():
            assert as_summed(database, narrowed) == sums, narrowed


def test_the_sum_of_all_charges_is_what_the_overview_says_was_earned(database: Database) -> None:
    """Credit notes take the same from the list of charges as from what was earned."""
    generated_month(database, 8)
    credited = 0
    with database.read() as connection:
        for publisher_id in (1, 2, 3):
            earned = earned_by_currency(connection, publisher_id, Period(0, 2**62))
            sums = {one.currency: one for one in sum_charges(connection, ChargeFilter(frozenset({publisher_id})))}
            assert {code: one.amount_micros for code, one in earned.items()} == {
                code: one.amount_micros for code, one in sums.items()
            }
            credited += sum(one.credited_micros for one in sums.values())
    assert credited > 0


def periods(seed: int) -> list[Period]:
    chance = random.Random(seed)
    made = [Period(FIRST, END), Period(GENERATED.start_micros, END), Period(0, 2**62), Period(FIRST + 5, FIRST + 9)]
    for _ in range(4):
        since = chance.randrange(FIRST, END)
        made.append(Period(since, since + chance.randrange(20 * DAY_MICROS)))
    return made


def sum_days(database: Database, now_micros: int) -> None:
    while sum_next_day(database, now_micros):
        pass


def test_any_sum_is_the_same_however_many_days_were_summed(database: Database) -> None:
    generated_month(database, 3)
    wanted = {period: every_sum(database, period) for period in periods(5)}
    assert any(wanted[Period(FIRST, END)].values())
    for now_micros in (FIRST + DAY_MICROS, GENERATED.start_micros + 3 * DAY_MICROS + 17, END + 90 * DAY_MICROS):
        sum_days(database, now_micros)
        for period, sums in wanted.items():
            assert every_sum(database, period) == sums, period
    with database.read() as connection:
        assert summed_until(connection) == END + 90 * DAY_MICROS - DAY_MICROS


def test_a_day_is_summed_an_hour_after_its_end_and_not_before(database: Database) -> None:
    generated_month(database, 4)
    with database.read() as connection:
        first = connection.execute(select(func.min(entry.c.recorded_at_micros))).scalar_one()
    day = first - first % DAY_MICROS
    assert not sum_next_day(database, day + DAY_MICROS + MARGIN_MICROS - 1)
    assert sum_next_day(database, day + DAY_MICROS + MARGIN_MICROS)
    assert not sum_next_day(database, day + DAY_MICROS + MARGIN_MICROS)
    with database.read() as connection:
        assert summed_until(connection) == day + DAY_MICROS


def test_without_entries_nothing_is_summed(database: Database) -> None:
    assert not sum_next_day(database, END)
    with database.read() as connection:
        assert summed_until(connection) == 0


def test_what_is_beyond_a_days_first_pages_is_counted_together(database: Database) -> None:
    generated_month(database, 6)
    with database.read() as connection:
        model = connection.execute(select(entry).where(entry.c.kind == "post").limit(1)).mappings().one()
    writes = [
        {**model, "writer_id": 999, "number": number, "key": number.to_bytes(16, "big"), "target": f"/p/{number}?x=1",
         "recorded_at_micros": END + 5, "amount_micros": 10 + number}
        for number in range(1, PAGES_MAX + 21)
    ]  # fmt: skip
    with database.write() as connection:
        connection.execute(insert(entry), writes)
    sum_days(database, END + 3 * DAY_MICROS)
    place = (model["publisher_id"], model["site_id"], model["currency"])
    with database.read() as connection:
        sums = earned_by_path(connection, *place, Period(END, END + DAY_MICROS))
        pages = earned_by_page(connection, place[0], place[2], Period(END, END + DAY_MICROS), 5)
    assert len(sums) == PAGES_MAX + 1
    assert sums[OTHER_PAGES].pages == 20
    assert sums[OTHER_PAGES].amount_micros == sum(10 + number for number in range(1, 21))
    assert pages[0].path == f"/p/{PAGES_MAX + 20}"


def test_paths_that_begin_so_are_those_of_all_that_do(database: Database) -> None:
    generated_month(database, 8)
    period = Period(FIRST, END)
    for _ in range(2):
        with database.read() as connection:
            every = earned_by_path(connection, 1, 1, "USD", period)
            letters = {path[:length] for path in every for length in (1, 2, 5)} | {"/%", "/_", "/ARTICLES", ""}
            found = {prefix: earned_by_path(connection, 1, 1, "USD", period, prefix) for prefix in sorted(letters)}
        for prefix, some in found.items():
            assert some == {path: sums for path, sums in every.items() if path.startswith(prefix)}, prefix
        sum_days(database, END + 90 * DAY_MICROS)

"""Traffic sums add up, whoever flushes them and however often."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from edge.store.database import Database
from edge.store.traffic import (
    DAY_MICROS,
    HOUR_MICROS,
    MINUTE_MICROS,
    Span,
    TrafficKey,
    flush_traffic,
    hour_of,
    read_traffic,
    start_of,
    traffic_by,
)

HOUR = hour_of(1_795_000_000_000_000)


def key(crawler: str = "GPTBot", hour: int = HOUR, site: int = 1, outcome: str = "payment_required") -> TrafficKey:
    return TrafficKey(hour, site, crawler, "claimed", "long reads", outcome)


def flush(database: Database, counts: dict[TrafficKey, int]) -> None:
    with database.write() as connection:
        flush_traffic(connection, counts)


def read(database: Database, sites: frozenset[int] | None = None, hours: int = 1) -> dict[TrafficKey, int]:
    with database.read() as connection:
        return {s.key: s.requests for s in read_traffic(connection, HOUR, HOUR + hours * HOUR_MICROS, sites)}


def test_flushes_of_one_hour_add_up(database: Database) -> None:
    flush(database, {key(): 3, key("Other"): 1})
    flush(database, {key(): 4})
    assert read(database) == {key(): 7, key("Other"): 1}


def test_nothing_to_flush_is_fine(database: Database) -> None:
    flush(database, {})
    assert read(database) == {}


def test_a_flush_of_many_keys_loses_none(database: Database) -> None:
    counts = {key(f"bot {number}"): number + 1 for number in range(1201)}
    flush(database, counts)
    assert read(database) == counts


def test_a_period_sums_its_hours_and_ends_before_its_end(database: Database) -> None:
    flush(database, {key(hour=HOUR + hour * HOUR_MICROS): 1 for hour in range(4)})
    assert read(database, hours=3) == {key(): 3}


def test_only_the_sites_asked_for_are_answered(database: Database) -> None:
    flush(database, {key(site=1): 1, key(site=2): 2})
    assert read(database, frozenset({2})) == {key(site=2): 2}
    assert read(database, frozenset()) == {}


def test_processes_that_flush_at_once_wait_for_each_other_and_lose_nothing(database: Database) -> None:
    names = [f"bot {number}" for number in range(20)]
    batches = [{key(name): 1 for name in (names if turn % 2 else reversed(names))} for turn in range(8)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda counts: flush(database, counts), batches))
    assert read(database) == {key(name): 8 for name in names}


def test_the_hour_of_a_time_is_where_it_starts() -> None:
    assert hour_of(HOUR) == hour_of(HOUR + HOUR_MICROS - 1) == HOUR


def by(database: Database, span: Span, **wanted: object) -> dict[TrafficKey, int]:
    with database.read() as connection:
        found = traffic_by(connection, span, 0, 2 * HOUR, **wanted)  # type: ignore[arg-type]
        return {one.key: one.requests for one in found}


def test_minutes_hours_and_days_hold_the_same_requests(database: Database) -> None:
    day = start_of(Span.DAY, HOUR)
    minutes = [day, day + MINUTE_MICROS, day + HOUR_MICROS, day + DAY_MICROS]
    flush(database, {key(hour=minute): 1 for minute in minutes})
    flush(database, {key(hour=minutes[0]): 5})
    assert by(database, Span.MINUTE) == {key(hour=at): 6 if at == day else 1 for at in minutes}
    assert by(database, Span.HOUR) == {
        key(hour=day): 7, key(hour=day + HOUR_MICROS): 1, key(hour=day + DAY_MICROS): 1,
    }  # fmt: skip
    assert by(database, Span.DAY) == {key(hour=day): 8, key(hour=day + DAY_MICROS): 1}


def test_sums_are_found_by_site_and_crawler(database: Database) -> None:
    flush(database, {key(site=1): 1, key(site=2): 2, key("Other", site=2): 3})
    for span in Span:
        assert sum(by(database, span).values()) == 6
        assert list(by(database, span, site_id=2).values()) == [2, 3]
        assert list(by(database, span, site_id=2, crawler="Other").values()) == [3]


def test_a_time_lies_in_one_minute_hour_and_day() -> None:
    for span in Span:
        start = start_of(span, HOUR + 12_345_678)
        assert start % span.micros == 0
        assert start_of(span, start) == start_of(span, start + span.micros - 1) == start

"""Traffic sums add up, whoever flushes them and however often."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from edge.store.database import Database
from edge.store.traffic import HOUR_MICROS, TrafficKey, flush_traffic, hour_of, read_traffic

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

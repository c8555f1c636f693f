"""A publisher with ten million single requests and a million charges, written through the bare driver in SQL alone.

Rules of this file: the newsroom of the tests is built first, through the store's own doors; then its first site gets
rows by the million, of the columns and in the proportions to their sums that the edge writes. The charges have no
chain: this is for measuring what reads them on screens, never for books that matter. The same arguments give the same
file.
"""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

from edge.core.site_tree import OTHERS, steps
from edge.store import schema
from edge.store.content import STEPS_MAX
from edge.store.database import Database
from edge.store.earned_days import sum_next_day
from tests.support.browser_window import close_autumn, operate
from tests.support.newsroom import NOW, Newsroom, build, micros

DAY_MICROS = 86_400_000_000
ACTIVITY_DAYS, CHARGE_DAYS, MINUTE_DAYS = 30, 60, 2
_FAST = ("PRAGMA journal_mode=OFF", "PRAGMA synchronous=OFF", "PRAGMA cache_size=-1000000")
_NUMBERS = "WITH RECURSIVE numbers(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM numbers WHERE i < {last})"
_PATH = (
    "'/' || CASE i % 5 WHEN 0 THEN 'archive' WHEN 1 THEN 'recipes' ELSE 'articles' END || '/' "
    "|| (i * 31 % 97) || '/page-' || (i * 7919 % 53)"
)
_SORTS = (
    # crawler, rung, kind, rule, outcome, price, offer, status, of a hundred
    ("GPTBot", "claimed", "training", "Long reads", "signature_required", 5000, None, 400, 22),
    ("ExampleBot", "signed", "training", "Long reads", "charged", 5000, "max USD 0.01", 200, 18),
    ("Bytespider", "claimed", "training", "everything else", "payment_required", 1000, None, 402, 15),
    ("Googlebot", "address", "search", "Search engines", "allowed", None, None, 200, 12),
    ("ClaudeBot", "claimed", "training", "everything else", "payment_required", 1000, None, 402, 9),
    ("CCBot", "claimed", "training", "Members", "crawler_blocked", None, None, 403, 6),
    ("", "claimed", "other", "Night recipes", "monitored", 1000, None, 200, 6),
    ("AhrefsBot", "claimed", "seo", "everything else", "payment_required", 1000, None, 402, 5),
    ("ExampleBot", "signed", "training", "Long reads", "max_price_too_low", 5000, "max USD 0.002", 402, 4),
    ("Googlebot", "impostor", "search", "everything else", "payment_required", 1000, None, 402, 2),
    ("PerplexityBot", "claimed", "assistant", "everything else", "payment_required", 1000, None, 402, 1),
)


def make(path: Path, requests: int, charges: int) -> Newsroom:
    """Write a new file; some minutes for ten million. Raises ``FileExistsError``."""
    if path.exists():
        raise FileExistsError(path)
    database = Database.open(f"sqlite:///{path}")
    schema.upgrade(database)
    newsroom = build(database)
    close_autumn(database, path.parent)
    operate(database, path.parent)
    database.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        for pragma in _FAST:
            file.execute(pragma)
        for step in (_requests, _sums, _content, _charges):
            began = time.perf_counter()
            file.execute("BEGIN")
            step(file, newsroom, requests, charges)
            file.execute("COMMIT")
            print(f"{step.__name__}: {time.perf_counter() - began:.0f} s", flush=True)
        file.execute("PRAGMA journal_mode=WAL")
    database = Database.open(f"sqlite:///{path}")
    while sum_next_day(database, micros(NOW)):
        pass
    database.close()
    return newsroom


def _requests(file: sqlite3.Connection, newsroom: Newsroom, requests: int, charges: int) -> None:
    """Single requests, evenly over the days before the newsroom's now, in the order of their key."""
    file.execute(
        "CREATE TEMP TABLE sort (k INTEGER PRIMARY KEY, crawler, rung, kind, rule, outcome, price, offer, status)"
    )
    spread = [sort[:8] for sort in _SORTS for _ in range(sort[8])]
    file.executemany(
        "INSERT INTO sort VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", [(k, *sort) for k, sort in enumerate(spread)]
    )
    began = micros(NOW) - ACTIVITY_DAYS * DAY_MICROS
    apart = ACTIVITY_DAYS * DAY_MICROS // requests
    file.execute(
        f"{_NUMBERS.format(last=requests - 1)} INSERT INTO activity (site_id, at_micros, number, crawler, rung, kind,"
        " rule, outcome, price_micros, offer, method, target, status, user_agent_id, address, requests)"
        f" SELECT {newsroom.site.site_id}, {began} + i * {apart}, 5000000 + i, crawler, rung, kind, rule, outcome,"
        f" price, offer, 'GET', {_PATH}, status, 1, '203.0.113.0/24', 1"
        " FROM numbers JOIN sort ON k = (i * 7919 + i / 100) % 100"
    )


def _sums(file: sqlite3.Connection, newsroom: Newsroom, requests: int, charges: int) -> None:
    """What the edge would have added up: of the single requests, and of all traffic with people's."""
    keys = "crawler, kind, rung, rule, outcome, status"
    for table, start, length in (
        ("activity_hour", "hour_micros", 3_600_000_000),
        ("activity_day", "day_micros", DAY_MICROS),
    ):
        file.execute(f"DELETE FROM {table}")
        file.execute(
            f"INSERT INTO {table} (site_id, {start}, {keys}, rows, requests) SELECT site_id,"
            f" at_micros - at_micros % {length}, {keys}, count(*), sum(requests) FROM activity"
            f" GROUP BY site_id, at_micros - at_micros % {length}, {keys}"
        )
    since = micros(NOW) - MINUTE_DAYS * DAY_MICROS
    for table, start, length, where in (
        ("traffic_minute", "minute_micros", 60_000_000, f"WHERE at_micros >= {since}"),
        ("traffic", "hour_micros", 3_600_000_000, ""),
        ("traffic_day", "day_micros", DAY_MICROS, ""),
    ):
        file.execute(f"DELETE FROM {table}")
        file.execute(
            f"INSERT INTO {table} ({start}, site_id, crawler, rung, rule, outcome, requests)"
            f" SELECT at_micros - at_micros % {length}, site_id, crawler, rung, rule, outcome, sum(requests)"
            f" FROM activity {where} GROUP BY 1, 2, 3, 4, 5, 6"
        )
        file.execute(f"INSERT INTO {table} SELECT DISTINCT {start}, site_id, '', '', '', 'visitor', 4000 FROM {table}")


def _content(file: sqlite3.Connection, newsroom: Newsroom, requests: int, charges: int) -> None:
    """The tree of each day, with as many steps as the edge would keep."""
    file.execute("DELETE FROM content_day")
    found = file.execute(
        "SELECT at_micros - at_micros % ?, target, outcome, count(*) FROM activity WHERE site_id = ? GROUP BY 1, 2, 3",
        (DAY_MICROS, newsroom.site.site_id),
    )
    sums, known = Counter[tuple[str, int, str, str]](), Counter[int]()
    for day, target, outcome, number in found:
        what = "sold" if outcome == "charged" else "asked" if "required" in outcome or "low" in outcome else ""
        for parent, step in steps(target):
            if (parent, day, step, "requests") not in sums:
                known[day] += 1
                if known[day] > STEPS_MAX:
                    step = OTHERS
            sums[parent, day, step, "requests"] += number
            if what:
                sums[parent, day, step, what] += number
    site_id = newsroom.site.site_id
    rows = [
        (site_id, parent, day, step, number, sums[parent, day, step, "asked"], sums[parent, day, step, "sold"])
        for (parent, day, step, name), number in sums.items()
        if name == "requests"
    ]
    order = ("site_id", "parent", "day_micros", "step", "requests", "asked", "sold")
    file.executemany(f"INSERT INTO content_day ({', '.join(order)}) VALUES (?, ?, ?, ?, ?, ?, ?)", rows)


def _charges(file: sqlite3.Connection, newsroom: Newsroom, requests: int, charges: int) -> None:
    """Charges over two months, one in a hundred given back; four crawlers, three rules."""
    began = micros(NOW) - CHARGE_DAYS * DAY_MICROS
    apart = CHARGE_DAYS * DAY_MICROS // charges
    payer = "(SELECT id FROM account WHERE owner_kind = 'crawler' AND owner_id = 1 + i % 4 LIMIT 1)"
    earner = f"(SELECT id FROM account WHERE owner_kind = 'publisher' AND owner_id = {newsroom.publisher_id} LIMIT 1)"
    columns = (
        "writer_id, number, key, attempt, step, kind, debit_account, credit_account, amount_micros, currency,"
        " recorded_at_micros, crawler_id, publisher_id, site_id, rule, rule_version, licence, target, offer,"
        " request_id, status, evidence"
    )
    rule = "CASE i % 3 WHEN 0 THEN 'Archive' WHEN 1 THEN 'everything else' ELSE 'Long reads' END"
    same = (
        f"1 + i % 4, {newsroom.publisher_id}, {newsroom.site.site_id}, {rule}, 4, NULL, {_PATH}, 'max USD 0.05',"
        " 'request-' || i, 200, 'acknowledged'"
    )
    for number, step, kind, accounts, late, where in (
        ("i + 1", 1, "post", f"{payer}, {earner}", 0, ""),
        (f"{charges} + i + 1", 5, "reverse", f"{earner}, {payer}", 30_000_000, "WHERE i % 100 = 7"),
    ):
        file.execute(
            f"{_NUMBERS.format(last=charges - 1)} INSERT INTO entry ({columns}) SELECT 900, {number},"
            f" CAST(printf('%016d', i) AS BLOB), 1, {step}, '{kind}', {accounts}, 1000 + i % 3 * 2000, 'USD',"
            f" {began} + i * {apart} + {late}, {same} FROM numbers {where}"
        )

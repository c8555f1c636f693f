"""The bare statement that a month's report is measured against: the driver and nothing else.

``python -m benchmarks.bare_group_by books.db FROM TO`` sums what was recorded in a time (microseconds), by all that a
report tells apart.
"""

from __future__ import annotations

import sys

from pysqlite3 import dbapi2 as sqlite3

GROUP_BY = """
SELECT kind, currency, publisher_id, site_id, crawler_id, rule, licence, count(*), sum(amount_micros)
FROM entry WHERE recorded_at_micros >= ? AND recorded_at_micros < ?
GROUP BY kind, currency, publisher_id, site_id, crawler_id, rule, licence
"""


def main(path: str, since_micros: str, until_micros: str) -> None:
    """Sum, and say what was found."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    rows = connection.execute(GROUP_BY, (int(since_micros), int(until_micros))).fetchall()
    print(f"{len(rows)} groups of {sum(row[-2] for row in rows)} entries")


if __name__ == "__main__":
    main(*sys.argv[1:])

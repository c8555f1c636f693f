"""What a site's versions earned while they were live: plain values for the page that lists them."""

from __future__ import annotations

from collections.abc import Sequence

from edge.store.connection import Connection
from edge.store.earnings import Period, earned_by_rule
from edge.store.rulesets import Version, find_version

EARNED_SHOWN = 5
"""How many of a page's versions say it: each needs the entries of the days on which it began and ended."""


def earned_while_live(
    connection: Connection, site_id: int, currency: str, versions: Sequence[Version], now_micros: int
) -> dict[int, int]:
    """What each version of a list, the newest first, earned from its publication to the next one's, in micro-units.

    Whatever version priced a page: a charge counts when it was recorded.
    """
    if not versions:
        return {}
    following = find_version(connection, site_id, versions[0].version + 1)
    until = now_micros + 1 if following is None else following.published_at_micros
    found = {}
    for one in versions:
        period = Period(one.published_at_micros, max(until, one.published_at_micros))
        sums = earned_by_rule(connection, site_id, currency, period)
        found[one.version] = sum(earned.amount_micros for earned in sums.values())
        until = one.published_at_micros
    return found

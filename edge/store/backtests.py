"""Run a backtest over the store: the policy that is in force, a draft beside it, and a site's recorded requests.

Rules of this file: each page of rows is a short transaction of its own, so a long run keeps nobody waiting; the policy
is read once, so that all rows are judged by the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from edge.core.backtest import Replay
from edge.core.backtest_result import Backtest, Span
from edge.core.rule_index import compile_rules
from edge.core.rules import RuleSet
from edge.store.database import Database
from edge.store.policy import load_policy
from edge.store.recorded import ROWS_AT_ONCE, first_recorded, place_of, read_asker, read_recorded

Progress = Callable[[float], None]
"""Told how much of the span has been read, from 0 to 1."""


def run_backtest(
    database: Database, host: str, draft: RuleSet, span: Span, progress: Progress = lambda part: None
) -> Backtest:
    """What ``draft`` would have done at ``host`` in ``span``, beside the live rules. ``host`` is a site's name."""
    policy = load_policy(database)
    live = policy.sites[host]
    rules = compile_rules(draft, case_sensitive=live.rules.case_sensitive)
    replay = Replay(live, replace(live, rules=rules, rule_version=live.rule_version + 1), policy)
    with database.read() as connection:
        first = first_recorded(connection, live.site_id)
    since = max(span.since_micros, span.until_micros if first is None else first)
    place = since, -1
    while True:
        with database.read() as connection:
            rows = read_recorded(connection, live.site_id, place, span.until_micros)
        replay.add(rows)
        if len(rows) < ROWS_AT_ONCE:
            break
        place = place_of(rows[-1])
        progress((place[0] - since) / max(1, span.until_micros - since))
    return replay.result({text: read_asker(text) for text in replay.askers}, span)

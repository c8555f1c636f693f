"""The backtest of a site's draft over some days, begun if nobody has; pages and programs ask for the same one."""

from __future__ import annotations

from edge.core.backtest_result import Span
from edge.store.backtests import run_backtest
from edge.store.sites import Site
from publisher_dashboard.backtest_jobs import Job, Question
from publisher_dashboard.edition import Edition
from publisher_dashboard.views.review import DAY_MICROS
from publisher_dashboard.visit import Desk

PATIENCE_SECONDS = 0.2
"""How long one waits for a backtest before one is told that it is under way."""


def backtest_draft(desk: Desk, place: Site, edition: Edition, days: int, now_micros: int) -> Job | None:
    """The backtest of the draft over so many days, begun if nobody has; None without a draft."""
    draft, database = edition.draft, desk.database
    if draft is None:
        return None
    question = Question(place.site_id, draft.revision, edition.live_number, days)
    span = Span(now_micros - days * DAY_MICROS, now_micros)
    return desk.backtests.ask(
        question,
        now_micros,
        lambda progress: run_backtest(database, place.host, draft.rules, span, progress),
        PATIENCE_SECONDS,
    )

"""Backtests that run beside the pages: one for each question, found again by whoever asks the same.

Rules of this file
- A question is a site, its draft's revision, the live version and a span; the answer to it is kept for a while, so that
  leaving the page and coming back, or a second person, costs nothing. New traffic is looked at when that is over.
- Bounded: ``KEPT`` answers, the oldest go first; ``AT_ONCE`` run at the same time, the others wait for their turn.
- One process knows its own. Where several serve the dashboard, each would run a backtest for itself; nothing is lost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import BoundedSemaphore, Event, Lock

import structlog

from edge.core.backtest_result import Backtest

KEPT = 32
AT_ONCE = 1
FRESH_MICROS = 600_000_000

Progress = Callable[[float], None]
Run = Callable[[Progress], Backtest]
Later = Callable[[Callable[[], None]], None]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: a site's draft against what was live, over so many days."""

    site_id: int
    revision: int
    live_version: int
    days: int


@dataclass(frozen=True, slots=True)
class Job:
    """A backtest under way or done. ``part`` is how much was read, from 0 to 1; ``failed`` that something broke."""

    begun_at_micros: int
    part: float = 0.0
    result: Backtest | None = None
    failed: bool = False

    @property
    def is_done(self) -> bool:
        """Whether nothing more will come of it."""
        return self.result is not None or self.failed


class BacktestJobs:
    """The backtests of one dashboard."""

    def __init__(self, later: Later) -> None:
        self._later = later
        self._lock = Lock()
        self._turn = BoundedSemaphore(AT_ONCE)
        self._jobs: dict[Question, Job] = {}

    def ask(self, question: Question, now_micros: int, run: Run, patience_seconds: float) -> Job:
        """The job for a question, begun if there is none that is fresh; waited for as long as a page may."""
        done = Event()
        with self._lock:
            job = self._jobs.get(question)
            is_new = job is None or (job.is_done and now_micros - job.begun_at_micros > FRESH_MICROS)
            if is_new:
                self._jobs.pop(question, None)
                self._jobs[question] = Job(now_micros)
                self._forget_old()
        if is_new:
            self._later(lambda: self._work(question, run, done))
            done.wait(patience_seconds)
        with self._lock:
            return self._jobs.get(question, Job(now_micros))

    def forget(self, question: Question) -> None:
        """Have it run again the next time that it is asked."""
        with self._lock:
            job = self._jobs.get(question)
            if job is not None and job.is_done:
                del self._jobs[question]

    def _work(self, question: Question, run: Run, done: Event) -> None:
        try:
            with self._turn:
                result = run(lambda part: self._change(question, part=part))
            self._change(question, part=1.0, result=result)
        except Exception:
            structlog.get_logger("farebox.dashboard").exception("a backtest broke")
            self._change(question, failed=True)
        finally:
            done.set()

    def _change(self, question: Question, **values: object) -> None:
        with self._lock:
            if question in self._jobs:
                self._jobs[question] = replace(self._jobs[question], **values)  # type: ignore[arg-type]

    def _forget_old(self) -> None:
        """Called with the lock: those that are done go, the oldest first."""
        over = len(self._jobs) - KEPT
        for question in [one for one, job in self._jobs.items() if job.is_done][: max(0, over)]:
            del self._jobs[question]

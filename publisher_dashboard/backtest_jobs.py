"""Backtests that run beside the pages: one for each question, found again by whoever asks the same.

Rules of this file
- A question is a site, its draft's revision, the live version and a span; the answer to it is kept for a while, so that
  leaving the page and coming back, or a second person, costs nothing. New traffic is looked at when that is over.
- Whoever asks waits a little for the answer, the first and those who come while it is under way alike.
- Bounded: ``KEPT`` answers, the oldest go first; ``AT_ONCE`` run at the same time, each in a thread that goes on with
  the next; what waits has no thread.
- A newer edition of a site's rules replaces the questions about older ones: those that wait are dropped, one that runs
  ends at its next sign of progress. So there are never more questions than spans for each site.
- One process knows its own. Where several serve the dashboard, each would run a backtest for itself; nothing is lost.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from threading import Event, Lock

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

    def is_older_than(self, other: Question) -> bool:
        """Whether it is about an edition of the same site's rules that the other one's has replaced."""
        mine, theirs = (self.live_version, self.revision), (other.live_version, other.revision)
        return self.site_id == other.site_id and mine < theirs


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


@dataclass(slots=True)
class _Entry:
    """A job with what does it. ``over`` is set when nothing more will come of it, also because it was replaced."""

    job: Job
    run: Run
    over: Event = field(default_factory=Event)
    replaced: bool = False


class _ReplacedByNewer(Exception):
    """Raised inside a run whose question is about an older edition now."""


class BacktestJobs:
    """The backtests of one dashboard."""

    def __init__(self, later: Later) -> None:
        self._later = later
        self._lock = Lock()
        self._entries: dict[Question, _Entry] = {}
        self._waiting: deque[_Entry] = deque()
        self._workers = 0

    def ask(self, question: Question, now_micros: int, run: Run, patience_seconds: float) -> Job:
        """The job for a question, begun if there is none that is fresh; waited for as long as a page may."""
        with self._lock:
            entry = self._entries.get(question)
            needs_worker = False
            if entry is None or (entry.job.is_done and now_micros - entry.job.begun_at_micros > FRESH_MICROS):
                entry = self._begin(question, _Entry(Job(now_micros), run))
                # Decided under the lock that a worker holds when it finds nothing left: none is missed, none too many.
                needs_worker = self._workers < AT_ONCE
                self._workers += needs_worker
        if needs_worker:
            self._later(self._work)
        entry.over.wait(patience_seconds)
        with self._lock:
            return entry.job

    def _begin(self, question: Question, entry: _Entry) -> _Entry:
        """Called with the lock: have it wait for its turn, in place of what is about older editions."""
        for older in [one for one in self._entries if one.is_older_than(question)]:
            replaced = self._entries.pop(older)
            replaced.replaced = True
            replaced.over.set()
        self._entries.pop(question, None)
        self._entries[question] = entry
        self._waiting.append(entry)
        over = len(self._entries) - KEPT
        for done in [one for one, its in self._entries.items() if its.job.is_done][: max(0, over)]:
            del self._entries[done]
        return entry

    def _work(self) -> None:
        """One thread's work: a question after the other, until none waits."""
        while (entry := self._take()) is not None:
            try:
                result = entry.run(partial(self._go_on, entry))
                self._change(entry, part=1.0, result=result)
            except _ReplacedByNewer:
                continue
            except Exception:  # one question broke: whoever asked is told, the next one is answered
                structlog.get_logger("farebox.dashboard").exception("a backtest broke")
                self._change(entry, failed=True)
            finally:
                entry.over.set()

    def _take(self) -> _Entry | None:
        """The next that waits; None ends the worker that asked."""
        with self._lock:
            while self._waiting:
                entry = self._waiting.popleft()
                if not entry.replaced:
                    return entry
            self._workers -= 1
            return None

    def _go_on(self, entry: _Entry, part: float) -> None:
        self._change(entry, part=part)
        if entry.replaced:
            raise _ReplacedByNewer

    def _change(self, entry: _Entry, **values: object) -> None:
        with self._lock:
            entry.job = replace(entry.job, **values)  # type: ignore[arg-type]

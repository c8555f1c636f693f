"""Estimates of access logs, worked on behind the pages: one at a time, a few waiting, the results for an hour.

Rules of this file
- A job belongs to a site and is found by its id and that site alone.
- The log is closed, and so gone, when its job ends; a result holds sums only, and is forgotten after ``KEPT_SECONDS``
  unless somebody has it kept.
- It is bounded: ``PLACES`` logs wait or are read at once, of one publisher ``PUBLISHER_PLACES``, so that nobody who
  sends slowly keeps the others out; ``RESULTS_MAX`` results are remembered. One process knows its
  own jobs; where several serve the dashboard, a job is where its log went.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from threading import Lock, Thread
from typing import BinaryIO

import structlog

from edge.core.address_book import AddressBook, FeedCopy, Sources
from edge.core.identity import ClaimedCrawler
from edge.core.log_estimate import Estimator, estimated_site, owner_of
from edge.core.log_reading import Readings, UnreadableLog, read_log
from edge.core.log_result import LogEstimate, result_of
from edge.core.policy import nobodys
from edge.core.rule_index import compile_rules
from edge.core.rules import RuleSet

PLACES = 4
PUBLISHER_PLACES = 2
RESULTS_MAX = 50
KEPT_SECONDS = 3_600
CHUNK_BYTES = 256 * 1024
UNPACKED_TIMES = 20
"""A packed log unpacks to about ten times its size."""


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be estimated: the site's names and rules, and what addresses say of names."""

    host: str
    currency: str
    case_sensitive: bool
    rules: RuleSet
    copies: tuple[FeedCopy, ...]
    own_host_only: bool
    unpacked_bytes_max: int


Progress = Callable[[int], None]
RunEstimate = Callable[[Task, BinaryIO, Progress], LogEstimate]
"""Reads a log and estimates it, saying how many bytes it has read; raises ``UnreadableLog``."""


@dataclass(frozen=True, slots=True)
class Job:
    """One estimate as it stands. ``problem`` is why it ended without a ``result``; both None while it is worked on."""

    job_id: str
    publisher_id: int
    site_id: int
    log_name: str
    log_bytes: int
    rules_name: str
    begun_at_micros: int
    read_bytes: int = 0
    result: LogEstimate | None = None
    problem: str | None = None

    @property
    def is_done(self) -> bool:
        """Whether nothing more will come of it."""
        return self.result is not None or self.problem is not None


class NoRoom(Exception):
    """Too many logs wait already."""


class Estimates:
    """The jobs of one dashboard; ``clock`` gives seconds since the epoch."""

    def __init__(self, run: RunEstimate, clock: Callable[[], float]) -> None:
        self._run = run
        self._clock = clock
        self._jobs: dict[str, Job] = {}
        self._lock = Lock()
        self._taken = Counter[int]()
        self._turn = Lock()

    def take_place(self, publisher_id: int) -> None:
        """Take room for one log, before it is read; raises ``NoRoom``. ``begin`` or ``give_back`` ends it."""
        with self._lock:
            if self._taken.total() >= PLACES or self._taken[publisher_id] >= PUBLISHER_PLACES:
                raise NoRoom
            self._taken[publisher_id] += 1

    def give_back(self, publisher_id: int) -> None:
        """Nothing came of a place that was taken."""
        with self._lock:
            self._taken[publisher_id] -= 1
            assert self._taken[publisher_id] >= 0, "a place is given back once"

    def begin(self, job: Job, task: Task, log: BinaryIO) -> None:
        """Work on a log whose place was taken; it is closed when that is over."""
        with self._lock:
            self._forget_old()
            self._jobs[job.job_id] = job
        # Nobody waits for it: who stops the server does not want to hear what a log would have earned.
        Thread(target=self._work, args=(job, task, log), name="estimate", daemon=True).start()

    def find(self, job_id: str, site_id: int) -> Job | None:
        """A site's job, as it stands."""
        with self._lock:
            self._forget_old()
            job = self._jobs.get(job_id)
        return job if job is not None and job.site_id == site_id else None

    def of_site(self, site_id: int) -> list[Job]:
        """A site's jobs, the newest first."""
        with self._lock:
            self._forget_old()
            jobs = [job for job in self._jobs.values() if job.site_id == site_id]
        return sorted(jobs, key=lambda job: job.begun_at_micros, reverse=True)

    def forget(self, job_id: str, site_id: int) -> bool:
        """Forget a result at once; whether there was one. A log that is being read is not forgotten."""
        with self._lock:
            job = self._jobs.get(job_id)
            if job is None or job.site_id != site_id or not job.is_done:
                return False
            del self._jobs[job_id]
            return True

    def _work(self, job: Job, task: Task, log: BinaryIO) -> None:
        job_id = job.job_id
        try:
            with self._turn, log:
                result = self._run(task, log, lambda read: self._change(job_id, read_bytes=read))
            self._change(job_id, result=result)
        except UnreadableLog as why:
            text = str(why)
            self._change(job_id, problem=f"{text[:1].upper()}{text[1:]}.")
        except Exception:
            structlog.get_logger("farebox.dashboard").exception("an estimate broke")
            self._change(
                job_id, problem="Something broke while the log was read; it was written down. Nothing was kept."
            )
        finally:
            self.give_back(job.publisher_id)

    def _change(self, job_id: str, **values: object) -> None:
        with self._lock:
            if job_id in self._jobs:
                self._jobs[job_id] = replace(self._jobs[job_id], **values)  # type: ignore[arg-type]

    def _forget_old(self) -> None:
        """Called with the lock. Those that are worked on stay; there are never more than ``PLACES``."""
        before = int((self._clock() - KEPT_SECONDS) * 1_000_000)
        done = [job for job in self._jobs.values() if job.is_done]
        done.sort(key=lambda job: job.begun_at_micros, reverse=True)
        for place, job in enumerate(done):
            if place >= RESULTS_MAX or job.begun_at_micros < before:
                del self._jobs[job.job_id]


def new_job_id() -> str:
    """An id that nobody guesses."""
    return secrets.token_urlsafe(16)


def estimate_here(classify: Callable[[str], ClaimedCrawler | None]) -> RunEstimate:
    """Estimate in this very process, for small logs; ``farebox serve`` gives each log a process of its own."""
    return lambda task, log, progress: estimate_log(task, log, progress, classify, Sources.load())


def estimate_log(
    task: Task,
    log: BinaryIO,
    progress: Progress,
    classify: Callable[[str], ClaimedCrawler | None],
    sources: Sources,
    named: Callable[[str], ClaimedCrawler | None] = nobodys,
) -> LogEstimate:
    """Read a log from where it stands to its end; ``named`` is the catalogue's. Raises ``UnreadableLog``."""
    site = estimated_site(compile_rules(task.rules, case_sensitive=task.case_sensitive), task.currency, task.host)
    book = AddressBook(sources.feeds, task.copies)
    work = Estimator(site, classify, book.weigh, owner_of(book, named), own_host_only=task.own_host_only)
    readings = Readings()
    for block in read_log(_chunks(log, progress), readings, task.unpacked_bytes_max):
        work.read(block)
    return result_of(work.settle(), readings, site)


def _chunks(log: BinaryIO, progress: Progress) -> Iterator[bytes]:
    read = 0
    while chunk := log.read(CHUNK_BYTES):
        yield chunk
        read += len(chunk)
        progress(read)

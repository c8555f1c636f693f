"""The rounds: every contender in every round, each started afresh, warmed up, and loaded in the same way.

Rules of this file
- Rounds are interleaved (all contenders, then all again, each time beginning with another one), so that a machine
  that slows down slows everybody.
- What is sent while warming up is not counted. Payments are signed just before they are sent.
- A round in which a single answer was wrong is not a result but a fault.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.contenders import ROOT, Ask, Contender, Trial
from benchmarks.ledger_target import Books
from benchmarks.load import Load, LoadResult
from benchmarks.processes import BenchmarkFault, Running, measured_json
from benchmarks.request_files import Signer, claimed, framed, people, write_signed, x402_payments
from benchmarks.samples import Sample, Series

FIRST_GUESS_RATE = 15_000.0
"""Payments per second that are prepared for a server whose rate is not known yet."""
LEAST_RATE = 3_000.0
RESERVE = 1.5
TRIES = 4

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Pace:
    """How long and how often; seconds are whole because wrk counts them so."""

    rounds: int
    seconds: int
    warm_up_seconds: int
    connections: int


@dataclass(slots=True)
class Campaign:
    """Runs the trials; ``place`` holds request files while it lasts."""

    pace: Pace
    load: Load
    place: Path
    signer: Signer
    tell: Tell
    books: Sequence[Books] = ()
    _rates: dict[Series, float] = field(default_factory=dict)

    def rounds(self, contenders: Sequence[Contender], wanted: frozenset[Series]) -> Iterator[Sample]:
        """Yield a sample for each wanted series and round, as they are taken."""
        self._write_repeating()
        taking_part = [contender for contender in contenders if wanted & {trial.series for trial in contender.trials}]
        for number in range(1, self.pace.rounds + 1):
            if Series.VERIFY in wanted:
                self.tell(f"round {number}: {Series.VERIFY.value}")
                yield self._verifications(number)
            for books in self.books:
                if wanted & books.series:
                    self.tell(f"round {number}: {books.name}")
                    yield from books.round(number)
            first = (number - 1) % max(1, len(taking_part))
            for contender in taking_part[first:] + taking_part[:first]:
                yield from self._round_of(contender, number, wanted)

    def _round_of(self, contender: Contender, number: int, wanted: frozenset[Series]) -> Iterator[Sample]:
        with contender.start() as server:
            for trial in contender.trials:
                if trial.series in wanted:
                    self.tell(f"round {number}: {trial.series.value}")
                    yield self._trial(contender, server, trial, number)

    def _trial(self, contender: Contender, server: Running, trial: Trial, number: int) -> Sample:
        self._run(contender, server, trial, self.pace.warm_up_seconds)
        for _ in range(TRIES):
            seen = self._run(contender, server, trial, self.pace.seconds)
            if not seen.ran_out:
                break
        else:
            raise BenchmarkFault(f"{contender.name}: the payments ran out {TRIES} times")
        return Sample(
            trial.series, number, seen.rate, seen.duration_seconds, seen.answered, seen.p50_ms, seen.p99_ms, seen.cores
        )

    def _run(self, contender: Contender, server: Running, trial: Trial, seconds: int) -> LoadResult:
        requests = self._requests(trial, seconds)
        seen = self.load.run(server, requests, trial.expected, seconds, repeat=trial.ask.repeats)
        # A rate that the machine's other work held down says little about the next load: never fewer than the least.
        known = self._rates.get(trial.series, FIRST_GUESS_RATE)
        self._rates[trial.series] = 2 * known if seen.ran_out else max(seen.rate, LEAST_RATE)
        if contender.settle is not None:
            contender.settle(trial, seen.answered)
        return seen

    def _requests(self, trial: Trial, seconds: int) -> Path:
        path = self._file(trial.ask)
        count = int(self._rates.get(trial.series, FIRST_GUESS_RATE) * seconds * RESERVE) + self.pace.connections
        if trial.ask is Ask.SIGNED:
            write_signed(path, self.signer, count)
        elif trial.ask is Ask.X402_PAYMENTS:
            path.write_bytes(framed(x402_payments(count)))
        return path

    def _write_repeating(self) -> None:
        self._file(Ask.CLAIMED).write_bytes(framed(claimed()))
        self._file(Ask.PEOPLE).write_bytes(framed(people()))

    def _file(self, ask: Ask) -> Path:
        return self.place / f"{ask.name.lower()}.requests"

    def _verifications(self, number: int) -> Sample:
        words = [sys.executable, "-m", "benchmarks.verification", str(min(2, self.pace.seconds))]
        seen, cores = measured_json(words, self.load.pinning, ROOT)
        count, seconds = int(seen["count"]), seen["seconds"]
        return Sample(Series.VERIFY, number, count / seconds, seconds, count, cores=cores)

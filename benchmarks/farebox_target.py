"""farebox itself as a contender: set up through its own commands, served as an operator serves it, books checked.

Rules of this file: nothing here knows the inside of farebox; only commands, settings and answers. One database lives
through all rounds, so the ledger grows as it would.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.contenders import Ask, Contender, Trial
from benchmarks.load import Expectation
from benchmarks.machine import Pinning
from benchmarks.processes import BenchmarkFault, Running, free_port, running
from benchmarks.request_files import AGENT, HOST, PRICE, Signer
from benchmarks.samples import Series
from edge.core.keys import private_key_from_pem, public_half, public_key_to_jwk
from edge.core.money import parse_price

COMMAND = Path(sys.executable).with_name("farebox")
CRAWLER = "BenchBot"
CREDIT = "USD 10000000"
SETTLE_TIMEOUT_SECONDS = 30.0
"""How long reversals for cut connections may take to show in the account."""

# A price list as publishers have them: the rule that decides is the last of twenty.
RULES = "".join(
    f'[[rule]]\nname = "section {number}"\nwhere = "/section-{number}/*"\naction = "charge"\nprice = "USD 0.01"\n\n'
    for number in range(1, 19)
) + (
    '[[rule]]\nname = "no archive"\nwho = { crawler = "OldBot" }\nwhere = "/*"\naction = "block"\n\n'
    f'[[rule]]\nname = "articles"\nwhere = "/articles/*"\naction = "charge"\nprice = "{PRICE}"\n\n'
    '[default]\naction = "allow"\n'
)


@dataclass(slots=True)
class Farebox:
    """One installation under ``place``, in front of the origin."""

    place: Path
    origin_port: int
    pinning: Pinning
    connections: int
    _answers: int = 0
    _loads: int = 0
    _environment: dict[str, str] = field(default_factory=dict)

    def contender(self) -> Contender:
        """What is tried on it: the same loads as its peers', and a paid one."""
        return Contender(
            "farebox",
            (
                Trial(Series.EDGE_402, Ask.CLAIMED, Expectation(402)),
                Trial(Series.EDGE_PERSON, Ask.PEOPLE, Expectation(200)),
                Trial(Series.EDGE_PAID, Ask.SIGNED, Expectation(200, charged=True)),
            ),
            self.serving,
            self.settle,
        )

    def set_up(self, signer: Signer) -> None:
        """Make the database, the site, its prices, the crawler and its credit."""
        self.place.mkdir(parents=True)
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("FAREBOX_")}
        self._environment |= {
            "FAREBOX_DATABASE_URL": f"sqlite:///{self.place / 'farebox.db'}",
            "FAREBOX_DATA_DIR": str(self.place / "data"),
            "FAREBOX_LOG_LEVEL": "warning",
        }
        (self.place / "rules.toml").write_text(RULES, encoding="utf-8")
        jwk = public_key_to_jwk(public_half(private_key_from_pem(signer.pem)))
        (self.place / "crawler.jwk").write_text(json.dumps(jwk), encoding="utf-8")
        self._command("db", "upgrade")
        self._command("publisher", "add", "Pages", "--email", "owner@pages.example")
        origin = f"http://127.0.0.1:{self.origin_port}"
        self._command("site", "add", HOST, "--publisher", "Pages", "--origin", origin)
        self._command("rules", "apply", "rules.toml", "--site", HOST, "--publish")
        self._command("crawler", "add", CRAWLER, "--agent", AGENT, "--key", "crawler.jwk", "--kind", "training")
        self._command("account", "credit", CRAWLER, CREDIT, "--reference", "benchmark")

    @contextmanager
    def serving(self) -> Iterator[Running]:
        """Run ``farebox serve --only edge`` on the server's core."""
        port, admin_port = free_port(), free_port()
        environment = {
            **self._environment,
            "FAREBOX_EDGE_BIND": f"127.0.0.1:{port}",
            "FAREBOX_ADMIN_BIND": f"127.0.0.1:{admin_port}",
        }
        command = self.pinning.command(self.pinning.server, [str(COMMAND), "serve", "--only", "edge"])
        with running("farebox", command, port, self.place / "serve.log", environment, self.place) as server:
            yield server

    def settle(self, trial: Trial, answers: int) -> None:
        """Hold the account against the answers: one charge for each, and none for what did not arrive.

        wrk cuts its connections at the end of a load. What was under way then may have been delivered without
        having been counted, or is reversed: at most one answer for each connection.
        """
        if trial.ask is not Ask.SIGNED:
            return
        self._answers += answers
        self._loads += 1
        deadline = time.monotonic() + SETTLE_TIMEOUT_SECONDS
        while not self._agrees(charges := self._charges()):
            if time.monotonic() > deadline:
                raise BenchmarkFault(
                    f"farebox: {self._answers} paid answers in {self._loads} loads, but {charges} charges"
                )
            time.sleep(0.5)

    def verify(self) -> None:
        """Let farebox check its own books, from the first entry to the last."""
        self._command("verify")

    def _agrees(self, charges: float) -> bool:
        return self._answers <= charges <= self._answers + self._loads * self.connections

    def _charges(self) -> float:
        """Live charges, by what is gone from the prepaid credit."""
        (account,) = json.loads(self._command("account", "show", CRAWLER, "--json"))
        spent: int = parse_price(CREDIT).amount_micros - account["balance_micros"]
        return spent / parse_price(PRICE).amount_micros

    def _command(self, *words: str) -> str:
        return run_command([str(COMMAND), *words], self._environment, self.place)


def run_command(command: list[str], environment: Mapping[str, str], place: Path) -> str:
    """Run one command and return what it printed; raises ``BenchmarkFault`` with what it complained of."""
    done = subprocess.run(
        command, capture_output=True, text=True, env=dict(environment), cwd=place, stdin=subprocess.DEVNULL
    )
    if done.returncode != 0:
        raise BenchmarkFault(f"`farebox {' '.join(command[1:])}` failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout

"""`farebox serve --workers 2` on PostgreSQL: the real command, its workers sharing one port and one ledger."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.support.crawler_line import Purchase, buy
from tests.support.edge_process import ReservedPort, answers
from tests.support.system_stage import Stage, until
from tests.support.transcript_judge import wrongs

pytestmark = pytest.mark.system

FAREBOX = Path(sys.executable).with_name("farebox")
WORKERS = 2


class Served:
    """`farebox serve --only edge --workers 2`, running."""

    def __init__(self, stage: Stage, folder: Path) -> None:
        self._reserved = ReservedPort()
        self.port = self._reserved.number
        self._log = folder / "serve.log"
        settings = {
            "FAREBOX_DATABASE_URL": stage.market.database.url.render_as_string(hide_password=False),
            "FAREBOX_EDGE_BIND": f"127.0.0.1:{self.port}",
            "FAREBOX_ADMIN_BIND": "127.0.0.1:0",
            "FAREBOX_DATA_DIR": str(folder / "data"),
        }
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FAREBOX_")}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [FAREBOX, "serve", "--only", "edge", "--workers", str(WORKERS)], cwd=folder, env=kept | settings,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    def workers(self) -> list[psutil.Process]:
        """The worker processes that are alive, without Python's own resource tracker."""
        return [one for one in psutil.Process(self._process.pid).children() if _is_worker(one)]

    def stop(self) -> int:
        """Tell it to stop; its exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(120)

    def log(self) -> str:
        """What it wrote."""
        return self._log.read_text()

    def close(self) -> None:
        """End whatever is left."""
        with suppress(psutil.NoSuchProcess):
            for process in (*self.workers(), psutil.Process(self._process.pid)):
                process.kill()
        self._process.wait()
        self._reserved.close()


def _is_worker(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE and any("spawn_main" in word for word in process.cmdline())
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def served(postgres_stage: Stage, tmp_path: Path) -> Iterator[Served]:
    served = Served(postgres_stage, tmp_path)
    yield served
    served.close()


async def all_serve(served: Served) -> None:
    """Both workers have taken up their work; one that has not would leave connections waiting."""
    await until(lambda: len(served.workers()) == WORKERS)
    assert await asyncio.to_thread(answers, served.port)


def test_two_workers_sell_from_one_port_and_survive_the_death_of_one(postgres_stage: Stage, served: Served) -> None:
    market, origin = postgres_stage.market, postgres_stage.origin

    async def play() -> list[Purchase]:
        await all_serve(served)
        calm = [market.purchase("/small/1") for _ in range(40)]
        await asyncio.gather(*(buy(served.port, one) for one in calm))
        hit = [market.purchase("/gated/1") for _ in range(16)]
        fetching = [asyncio.create_task(buy(served.port, one)) for one in hit]
        await until(lambda: all(one.attempts and one.attempts[0].status for one in hit))
        served.workers()[0].kill()
        origin.gate.set()
        await asyncio.gather(*fetching)
        await until(lambda: len(served.workers()) == WORKERS)
        for one in [*calm, *hit]:
            while not one.completed:
                await buy(served.port, one)
        return [*calm, *hit]

    purchases = postgres_stage.do(play())
    assert all(purchase.completed for purchase in purchases)
    assert served.stop() == 0, served.log()
    assert wrongs(market.database, purchases) == []
    assert all(charges.live == 1 and not charges.open_holds for charges in postgres_stage.charges(*purchases))
    assert postgres_stage.faults() == []

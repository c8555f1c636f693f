"""The databases that the suite stands on are what they claim to be."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import psutil
from sqlalchemy import create_engine, text

from tests.support.postgres import PostgresServer, copy_programs, remove_leftovers

ROOT = Path(__file__).resolve().parents[2]

KILLED_SESSION = """
import os, signal
from tests.support.postgres import running_postgres
with running_postgres() as server:
    print(server.directory, server.process.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_each_database_url_opens_an_empty_database(database_url: str) -> None:
    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE fare (amount_micros bigint)"))
        connection.execute(text("INSERT INTO fare VALUES (5000)"))
        assert connection.execute(text("SELECT sum(amount_micros) FROM fare")).scalar_one() == 5000
    engine.dispose()


def test_a_template_is_prepared_once_and_copied(postgres_server: PostgresServer) -> None:
    prepared: list[str] = []

    def prepare(url: str) -> None:
        prepared.append(url)
        engine = create_engine(url)
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE fare AS SELECT 7 AS amount_micros"))
        engine.dispose()

    for _ in range(2):
        copy = postgres_server.create_database(template=postgres_server.template("fare", prepare))
        with postgres_server.connect(copy) as connection:
            assert connection.execute("SELECT amount_micros FROM fare").fetchall() == [(7,)]
            connection.execute("DELETE FROM fare")
        postgres_server.drop_database(copy)
    assert len(prepared) == 1


def test_postgres_writes_to_disk_before_it_answers(postgres_server: PostgresServer) -> None:
    with postgres_server.connect("postgres") as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            row = connection.execute("SELECT current_setting(%s)", [setting]).fetchone()
            assert row == ("on",), setting


def test_postgres_runs_from_a_copy_where_its_user_cannot_read_the_checkout(tmp_path: Path) -> None:
    programs = copy_programs(tmp_path)
    assert programs.is_relative_to(tmp_path)
    for program in ("postgres", "initdb"):
        done = subprocess.run([programs / program, "--version"], capture_output=True, text=True)
        assert "PostgreSQL" in done.stdout, done.stderr


def test_a_killed_session_leaves_nothing_for_the_next_one() -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED_SESSION], cwd=ROOT, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    directory, server_pid = killed.stdout.split()
    assert Path(directory).exists()
    remove_leftovers()
    assert not Path(directory).exists()
    assert not _runs(int(server_pid))


def test_a_living_session_keeps_its_server(postgres_server: PostgresServer) -> None:
    remove_leftovers()
    assert postgres_server.directory.exists()
    with postgres_server.connect("postgres") as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def _runs(pid: int) -> bool:
    """Whether the process still works; one that is dead but not yet collected by its parent does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False

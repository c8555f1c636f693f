"""The origin: a real nginx that answers every path with the same 14 KB page, on the core of the load."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.machine import Pinning
from benchmarks.peers.page import page
from benchmarks.processes import BenchmarkFault, Running, free_port, running

SEARCH = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))

CONFIGURATION = """\
daemon off;
worker_processes 1;
{user}
pid {place}/nginx.pid;
error_log {place}/nginx.log warn;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    open_file_cache max=16 inactive=1h;
    # A connection is not given up while a round is measured; the default ends it after 1,000 requests.
    keepalive_requests 100000000;
    keepalive_timeout 600s;
    client_body_temp_path {place}/body;
    proxy_temp_path {place}/proxy;
    fastcgi_temp_path {place}/fastcgi;
    uwsgi_temp_path {place}/uwsgi;
    scgi_temp_path {place}/scgi;
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        default_type text/html;
        root {place}/pages;
        location / {{ try_files /page.html =404; }}
    }}
}}
"""


def find_program(name: str) -> str:
    """The full path of a program; raises ``BenchmarkFault`` when it is not installed."""
    found = shutil.which(name, path=SEARCH)
    if found is None:
        raise BenchmarkFault(f"{name} is not installed; on Debian or Ubuntu: sudo apt-get install {name}")
    return found


@contextmanager
def origin(place: Path, pinning: Pinning) -> Iterator[Running]:
    """Run nginx with everything of its own under ``place``."""
    port = free_port()
    (place / "pages").mkdir(parents=True)
    (place / "pages" / "page.html").write_bytes(page())
    configuration = place / "nginx.conf"
    # As root, nginx would serve as somebody who may not enter this folder.
    user = "user root;" if os.geteuid() == 0 else ""
    configuration.write_text(CONFIGURATION.format(place=place, port=port, user=user), encoding="utf-8")
    command = [find_program("nginx"), "-p", str(place), "-e", str(place / "nginx.log"), "-c", str(configuration)]
    with running("nginx", pinning.command(pinning.load, command), port, place / "nginx.out") as server:
        yield server

"""How the dashboard asks a site's own server: the right host, one answer, and an end to everything."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from edge.cli import origin_documents
from edge.cli.origin_documents import BYTES_MAX, read_origin
from publisher_dashboard.own_documents import Served


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        match self.path:
            case "/robots.txt":
                self.answer(200, f"# for {self.headers['Host']}\n".encode(), "text/plain; charset=utf-8")
            case "/license.xml":
                self.answer(302, b"", "text/html", ("Location", "http://127.0.0.1:1/secret"))
            case "/large":
                self.answer(200, b"x" * (BYTES_MAX + 70_000), "text/plain")
            case _:
                self.answer(404, b"\xff", "text/html")

    def answer(self, status: int, body: bytes, kind: str, *more: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in (("Content-Type", kind), ("Content-Length", str(len(body))), *more):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Tests keep their output to themselves."""


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_it_is_asked_for_the_site(origin: str) -> None:
    assert read_origin(origin, "news.example", "/robots.txt") == Served(200, "text/plain", "# for news.example\n")


def test_a_redirect_is_not_followed(origin: str) -> None:
    assert read_origin(origin, "news.example", "/license.xml").status == 302


def test_no_more_is_read_than_is_shown(origin: str) -> None:
    assert len(read_origin(origin, "news.example", "/large").text) == BYTES_MAX


def test_what_is_no_text_is_shown_as_far_as_it_is(origin: str) -> None:
    assert read_origin(origin, "news.example", "/nothing") == Served(404, "text/html", "\ufffd")


def test_a_server_that_is_not_there_is_said() -> None:
    served = read_origin("http://127.0.0.1:1", "news.example", "/robots.txt")
    assert served.status is None
    assert served.trouble
    assert origin_documents.SECONDS <= 10

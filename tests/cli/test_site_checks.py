"""What is asked about a site: real sockets and real DNS messages, and nothing inside by a stranger's wish."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import dns.message
import dns.rcode
import dns.resolver
import dns.rrset
import pytest

from edge.cli.site_checks import OWN_KEYS_PATH, TEXT_BYTES_MAX, RealSiteChecks
from edge.store.service_keys import ServiceKeys, load_service_keys
from tests.support.certificate import Certificate
from tests.support.fake_dns import FakeDns

HOST = "shop.example"
NOBODY: frozenset[str] = frozenset()


class Server:
    """Answers by path; ``asked`` are (method, path, host)."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.asked: list[tuple[str, str, str]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append((self.command, self.path, self.headers["host"]))
                status, body = server.answers.get(self.path, (404, b""))
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.send_header("location", "https://elsewhere.example/")
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body)

            do_HEAD = do_GET

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self._http = HTTPServer(("127.0.0.1", 0), Handler)
        if tls is not None:
            self._http.socket = tls.wrap_socket(self._http.socket, server_side=True)
        self.port: int = self._http.server_address[1]
        self._thread = Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


@pytest.fixture
def public(tmp_path: Path) -> Iterator[tuple[Server, RealSiteChecks, ServiceKeys]]:
    """A server that stands for the public name, and checks that reach it there."""
    certificate, keys = Certificate(tmp_path, HOST), load_service_keys(tmp_path)
    made = Server(certificate.server)
    lookup = FakeDns(["127.0.0.1"], port=made.port)
    checks = RealSiteChecks(frozenset(keys.by_thumbprint), lambda address: None, lookup, tls=certificate.client)
    yield made, checks, keys
    made.close()


def test_the_server_behind_a_site_is_asked_for_its_host(server: Server) -> None:
    checks, origin = RealSiteChecks(NOBODY), f"http://127.0.0.1:{server.port}"
    server.answers["/"] = (302, b"")
    assert checks.origin(origin, HOST).good
    assert server.asked == [("HEAD", "/", HOST)]
    server.answers["/"] = (502, b"")
    answer = checks.origin(origin, HOST)
    assert (answer.good, "502" in answer.words) == (False, True)


def test_a_server_that_is_not_there_is_said_to_be_silent() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        answer = RealSiteChecks(NOBODY).origin(f"http://127.0.0.1:{taken.getsockname()[1]}", HOST)
    assert not answer.good
    assert "does not answer" in answer.words


def test_this_edge_is_known_by_its_keys(public: tuple[Server, RealSiteChecks, ServiceKeys], tmp_path: Path) -> None:
    server, checks, keys = public
    assert "does not lead to a farebox edge" in checks.front(HOST).words
    for nothing in (b"<html>", b"[]", b'{"keys": 3}', b'{"keys": [{}]}', b"\xff"):
        server.answers[OWN_KEYS_PATH] = (200, nothing)
        assert "Another edge" in checks.front(HOST).words
    server.answers[OWN_KEYS_PATH] = (200, keys.jwks())
    assert checks.front(HOST).good
    server.answers[OWN_KEYS_PATH] = (200, load_service_keys(tmp_path / "other").jwks())
    assert not checks.front(HOST).good


def test_a_file_is_read_to_a_bound_and_through_no_redirect(public: tuple[Server, RealSiteChecks, ServiceKeys]) -> None:
    server, checks, _ = public
    server.answers["/proof"] = (200, b"x" * (2 * TEXT_BYTES_MAX))
    text = checks.page(f"https://{HOST}/proof")
    assert text is not None
    assert 0 < len(text) <= TEXT_BYTES_MAX
    server.answers["/proof"] = (302, b"moved")
    assert checks.page(f"https://{HOST}/proof") is None


def test_no_strangers_word_has_an_address_inside_asked(tmp_path: Path) -> None:
    certificate = Certificate(tmp_path, HOST)
    server = Server(certificate.server)
    lookup = FakeDns(["127.0.0.1"], port=server.port)
    checks = RealSiteChecks(NOBODY, lookup=lookup, tls=certificate.client)
    assert checks.page(f"https://{HOST}/proof") is None
    assert not checks.front(HOST).good
    assert checks.page(f"http://127.0.0.1:{server.port}/proof") is None
    assert server.asked == []
    server.close()


def test_the_texts_of_a_record_are_joined_and_a_name_without_any_has_none() -> None:
    with name_server({"_farebox.shop.example.": ['"v=other" ', '"farebox-site=" "abc"']}) as resolver:
        checks = RealSiteChecks(NOBODY, resolver=resolver)
        assert set(checks.records("_farebox.shop.example")) == {"v=other", "farebox-site=abc"}
        assert checks.records("_farebox.other.example") == ()
        assert checks.records("..") == ()


def test_addresses_come_from_the_system_once_each() -> None:
    assert "127.0.0.1" in RealSiteChecks(NOBODY).addresses("localhost")
    assert RealSiteChecks(NOBODY).addresses("nowhere.invalid") == ()
    assert RealSiteChecks(NOBODY).addresses("a" * 300) == ()


@contextmanager
def name_server(texts: dict[str, list[str]]) -> Iterator[dns.resolver.Resolver]:
    """A DNS server that knows some TXT records, and a resolver that asks it."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listening.bind(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            packet, sender = listening.recvfrom(4096)
            if not packet:
                return
            question = dns.message.from_wire(packet)
            answer = dns.message.make_response(question)
            name = question.question[0].name
            if records := texts.get(str(name)):
                answer.answer.append(dns.rrset.from_text_list(name, 60, "IN", "TXT", records))
            else:
                answer.set_rcode(dns.rcode.NXDOMAIN)
            listening.sendto(answer.to_wire(), sender)

    thread = Thread(target=serve)
    thread.start()
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = ["127.0.0.1"], listening.getsockname()[1]
    try:
        yield resolver
    finally:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ending:
            ending.sendto(b"", listening.getsockname())
        thread.join()
        listening.close()

"""``farebox-crawl register``: what it sends, and what it makes of the answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from edge.client.cli import run
from edge.core.content_digest import check_content_digest

AGENT = "https://bot.example"
PATH = "/.well-known/farebox/register"


class Desk:
    """A server that answers as it is told, and remembers what it was asked."""

    def __init__(self) -> None:
        self.answer: tuple[int, bytes] = (202, b'{"status":"pending","asked_at":"2026-11-20T14:00:00Z"}')
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        desk = self

        class Handler(BaseHTTPRequestHandler):
            def _take(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                fields = {name.lower(): value for name, value in self.headers.items()}
                desk.asked.append((self.command, self.path, fields, body))
                status, content = desk.answer
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = _take

            def log_message(self, *words: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def say(self, status: int, document: Any) -> None:
        self.answer = (status, json.dumps(document).encode())


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.chdir(tmp_path)
    assert run(["keygen", "--out", "bot.pem"]) == 0
    desk = Desk()
    yield desk
    desk.server.shutdown()
    desk.server.server_close()
    desk.thread.join(10)


def register(url: str, *words: str) -> int:
    return run(["register", url, "--key", "bot.pem", "--agent", AGENT, *words])


def test_the_wish_is_signed_as_a_whole(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    assert register(f"{desk.url}/some/page?x=1", "--contact", "a@bot.example", "--kind", "search") == 0
    assert "a person decides" in capsys.readouterr().out
    ((method, path, fields, body),) = desk.asked
    assert (method, path, json.loads(body)) == ("POST", PATH, {"contact": "a@bot.example", "kind": "search"})
    assert check_content_digest(fields["content-digest"], body) is None
    for covered in ('"@method"', '"@target-uri"', '"content-digest"'):
        assert covered in fields["signature-input"]


def test_the_status_is_asked_without_a_body(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.say(200, {"status": "registered", "name": "ExampleBot"})
    assert register(desk.url, "--status") == 0
    assert "registered as ExampleBot" in capsys.readouterr().out
    assert [(method, body) for method, _, _, body in desk.asked] == [("GET", b"")]


@pytest.mark.parametrize(
    ("status", "document", "said"),
    [
        (404, {"status": "unknown"}, "--contact"),
        (400, {"title": "Key not available", "detail": "the host\u202e does not publish it"}, "does not publish"),
        (429, {"title": "Too many registrations"}, "429"),
        (200, "words", "is it a farebox edge?"),
    ],
)
def test_a_refusal_is_one_sentence(
    desk: Desk, status: int, document: Any, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.say(status, document)
    assert register(desk.url, "--status") == 1
    told = capsys.readouterr().err
    assert said in told
    assert "\u202e" not in told


def test_a_rejection_says_why(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.say(200, {"status": "rejected", "reason": "not yours"})
    assert register(desk.url, "--status") == 1
    assert "rejected: not yours" in capsys.readouterr().out


def test_words_that_do_not_fit_together_and_nobody_there(desk: Desk) -> None:
    assert register(desk.url) == 2
    assert register(desk.url, "--status", "--contact", "a@b.example") == 2
    assert register("http://news.example", "--status") == 1
    assert register("http://127.0.0.1:1", "--status") == 1
    assert desk.asked == []

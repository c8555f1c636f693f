"""A receiver of webhooks as anybody would write one: a process of its own, on a socket, with the stock library.

Run as a module it serves until its standard input ends. It verifies every message with ``standardwebhooks`` and
answers 400 to one that does not verify. The path says how it behaves: ``/ok`` takes everything, ``/flaky`` answers 500
to the first try of each id, ``/gone`` 410, ``/busy`` 503 with Retry-After, ``/moved`` redirects to ``/ok``,
``/hang`` does not answer until ``/release`` is asked for, ``/flood`` answers 200 and then bytes without end,
``/head`` answers with a head that is far too long.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

from tests.support.source_tree import ROOT


@dataclass
class State:
    """What the process remembers."""

    secret: str = "whsec_bm9uZQ=="
    received: list[dict[str, Any]] = field(default_factory=list)
    tries: Counter[str] = field(default_factory=Counter)
    released: threading.Event = field(default_factory=threading.Event)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: State

    def do_PUT(self) -> None:
        self.state.secret = self.body().decode()
        self.answer(204)

    def do_GET(self) -> None:
        if self.path == "/release":
            self.state.released.set()
        self.answer(200, json.dumps(self.state.received).encode())

    def do_POST(self) -> None:
        body, headers = self.body(), dict(self.headers.items())
        document, problem = self.verified(body, headers)
        event_id = headers.get("webhook-id", "")
        named = {"id": event_id, "path": self.path, "headers": headers}
        self.state.received.append({**named, "document": document, "problem": problem, "body": body.decode()})
        if problem is not None:
            self.answer(400)
        else:
            self.behave(event_id)

    def verified(self, body: bytes, headers: dict[str, str]) -> tuple[Any, str | None]:
        try:
            return Webhook(self.state.secret).verify(body, headers), None
        except (WebhookVerificationError, ValueError) as why:
            return None, str(why)

    def behave(self, event_id: str) -> None:
        self.state.tries[event_id] += 1
        match self.path:
            case "/flaky":
                self.answer(500 if self.state.tries[event_id] == 1 else 200)
            case "/gone":
                self.answer(410)
            case "/broken":
                self.answer(500)
            case "/busy":
                self.answer(503, headers={"Retry-After": "900"})
            case "/moved":
                self.answer(302, headers={"Location": "/ok"})
            case "/hang":
                self.state.released.wait()
                self.answer(200)
            case "/flood":
                self.flood()
            case "/head":
                self.answer(200, headers={"X-Long": "a" * 10_000})
            case _:
                self.answer(204)

    def flood(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(1 << 40))
        self.end_headers()
        try:
            while True:
                self.wfile.write(b"a" * 65_536)
        except OSError:
            self.close_connection = True

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if status != 204:
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


class WebhookReceiver:
    """The process, from outside: tell it the secret, point an endpoint at ``url``, ask what it ``received``."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.support.webhook_receiver"]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def __enter__(self) -> WebhookReceiver:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def url(self, path: str = "/ok") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def learn(self, secret: str) -> None:
        """Verify with this secret from now on."""
        self._ask("PUT", "/secret", secret.encode())

    def release(self) -> None:
        """Let ``/hang`` answer."""
        self._ask("GET", "/release")

    def received(self, path: str | None = None) -> list[dict[str, Any]]:
        """What came so far, in order; ``problem`` is why a message did not verify, else None."""
        found: list[dict[str, Any]] = json.loads(self._ask("GET", "/received"))
        return [one for one in found if path in (None, one["path"])]

    def _ask(self, method: str, path: str, body: bytes | None = None) -> bytes:
        with urllib.request.urlopen(urllib.request.Request(self.url(path), body, method=method)) as answer:
            found: bytes = answer.read()
            return found


def main() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"state": State()}))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()

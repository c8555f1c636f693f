"""A registry is imported by its agents' cards and keys; who cannot be read is said, and nobody is registered twice."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from edge.core.directory import MEDIA_TYPE
from edge.core.keys import new_private_key, public_half, public_keys_to_jwks
from tests.cli.conftest import Farebox

KEYS = public_keys_to_jwks([public_half(new_private_key())])


class Agents(BaseHTTPRequestHandler):
    """A host with a card, a key set and nothing else."""

    def do_GET(self) -> None:
        base = f"http://{self.headers['Host']}"
        card = {
            "client_id": f"{base}/card",
            "client_name": "Card Bot",
            "jwks_uri": f"{base}/keys.json",
            "web_bot_auth": {"purpose": "tdm"},
        }
        body = {"/card": json.dumps(card).encode(), "/keys.json": KEYS, "/other.json": KEYS}.get(self.path)
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Type", "application/json" if self.path == "/card" else MEDIA_TYPE)
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def base() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Agents)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_agents_of_a_registry_are_registered_once(farebox: Farebox, workplace: Path, base: str) -> None:
    (workplace / "farebox.toml").write_text("dev = true\n")
    (workplace / "registry.txt").write_text(f"# ours\n{base}/card # primary\n{base}/other.json\n{base}/gone\n")
    looked = farebox("directory", "import", "registry.txt", "--dry-run", "--json")
    assert looked.code == 3
    assert [row["result"].partition(":")[0] for row in looked.json] == ["would be registered"] * 2 + ["failed"]
    assert farebox("crawler", "list", "--json").json == []

    done = farebox("directory", "import", "registry.txt", "--json")
    assert [row["result"].partition(":")[0] for row in done.json] == ["registered", "registered", "failed"]
    assert "status 404" in done.json[2]["result"]
    crawlers = {row["name"]: row for row in farebox("crawler", "list", "--json").json}
    assert crawlers["Card Bot"]["agent_url"] == f"{base}/keys.json"
    assert crawlers["Card Bot"]["kind"] == "training"
    again = farebox("directory", "import", "registry.txt", "--json").json
    assert [row["result"].partition(":")[0] for row in again] == ["left alone", "left alone", "failed"]


def test_a_registry_that_cannot_be_read_is_said(farebox: Farebox) -> None:
    result = farebox("directory", "import", "nowhere.txt")
    assert (result.code, "cannot be read" in result.err) == (1, True)


def test_what_was_fetched_is_listed(farebox: Farebox, workplace: Path, base: str) -> None:
    (workplace / "farebox.toml").write_text("dev = true\n")
    farebox("crawler", "add", "KeysBot", "--agent", f"{base}/keys.json")
    farebox("directory", "refresh", f"{base}/keys.json")
    (row,) = farebox("directory", "list", "--json").json
    assert (row["agent_url"], row["keys"], row["failure"]) == (f"{base}/keys.json", 1, None)

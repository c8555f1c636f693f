"""`farebox receipt verify` needs the receipt and the published key set, from a file or from where it is published."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from edge.store.service_keys import load_service_keys
from tests.cli.conftest import Farebox
from tests.cli.ledger import sell

PATH = "/.well-known/farebox/jwks.json"


class KeysAt(HTTPServer):
    """Serves one key set at its path; nothing elsewhere."""

    jwks = b""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, KeysAt)
        self.send_response(200 if self.path == PATH else 404)
        self.end_headers()
        self.wfile.write(self.server.jwks)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def keys_at() -> Iterator[KeysAt]:
    server = KeysAt(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_rotated_keys_keep_old_receipts_verifiable_offline(
    shop: Farebox, workplace: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    (charge,) = sell(workplace, 5000)
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    for number in range(3):
        (elsewhere / f"{number}.jws").write_text(shop("receipt", "show", charge, "--token").out)
        assert shop("keys", "rotate").code == 0
    (elsewhere / "jwks.json").write_text(shop("keys", "show", "--json").out)
    assert len({(elsewhere / f"{number}.jws").read_text() for number in range(3)}) == 3
    monkeypatch.chdir(elsewhere)
    for number in range(3):
        checked = shop("receipt", "verify", f"{number}.jws", "--keys", "jwks.json", "--json")
        assert checked.code == 0, checked.err
        assert checked.json["claims"]["jti"] == charge


def test_the_key_set_is_fetched_from_where_it_is_published(
    shop: Farebox, workplace: Path, keys_at: KeysAt, tmp_path: Path
) -> None:
    (charge,) = sell(workplace, 5000)
    (tmp_path / "receipt.jws").write_text(shop("receipt", "show", charge, "--token").out)
    keys_at.jwks = load_service_keys(workplace / "farebox-data").jwks()
    found = shop("receipt", "verify", "receipt.jws", "--keys", keys_at.address + PATH)
    assert found.code == 0, found.err
    assert "the signature is good" in found.out
    missing = shop("receipt", "verify", "receipt.jws", "--keys", keys_at.address + "/nowhere")
    assert missing.code == 1
    assert "cannot be fetched" in missing.err


def test_a_key_set_that_anybody_on_the_way_could_change_is_not_fetched(shop: Farebox, workplace: Path) -> None:
    (charge,) = sell(workplace, 5000)
    (workplace / "receipt.jws").write_text(shop("receipt", "show", charge, "--token").out)
    result = shop("receipt", "verify", "receipt.jws", "--keys", "http://news.example" + PATH)
    assert result.code == 1
    assert "is not https" in result.err


@pytest.mark.parametrize("content", [b"", b"[]", b'{"keys": 5}', b'{"keys": [5]}', b"\xff"])
def test_what_is_no_key_set_proves_nothing(shop: Farebox, workplace: Path, content: bytes) -> None:
    (charge,) = sell(workplace, 5000)
    (workplace / "receipt.jws").write_text(shop("receipt", "show", charge, "--token").out)
    (workplace / "jwks.json").write_bytes(content)
    result = shop("receipt", "verify", "receipt.jws", "--keys", "jwks.json")
    assert result.code == 1
    assert "is not a key set" in result.err or "not in this key set" in result.err

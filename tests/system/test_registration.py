"""From a stranger to a customer: told where to register, asked, approved, topped up, and sold to; on both databases."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from edge.client import cli
from edge.client.identity import make_key_file
from edge.core.directory import MEDIA_TYPE
from edge.core.keys import public_half, public_keys_to_jwks
from edge.core.message import Request
from edge.core.money import parse_price
from edge.core.request_signing import sign_request
from edge.store import registrations
from edge.store.accounts import credit
from edge.store.crawlers import find_crawler
from edge.store.database import now_micros
from edge.store.registrations import Approval
from tests.support.crawler_line import Attempt, Purchase, buy
from tests.support.market import COVERED, HOST, wire_form
from tests.support.system_stage import Stage

pytestmark = pytest.mark.system


class Publication:
    """A crawler's host on loopback that publishes its key."""

    def __init__(self, folder: Path) -> None:
        self.key_file = folder / "bot.pem"
        self.key = make_key_file(self.key_file)
        jwks = public_keys_to_jwks([public_half(self.key)])

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", MEDIA_TYPE)
                self.send_header("Content-Length", str(len(jwks)))
                self.end_headers()
                self.wfile.write(jwks)

            def log_message(self, *words: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.agent = f"http://127.0.0.1:{self.server.server_address[1]}"
        self._thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join(10)

    def purchase(self, target: str) -> Purchase:
        headers = {"host": HOST, "crawler-max-price": "USD 1.00"}
        request = Request.from_parts("GET", f"http://{HOST}{target}", headers.items())
        now = int(time.time())
        signature = sign_request(
            request, self.key, self.agent, COVERED, now, now + 240, f"n{target}", allow_loopback_http=True
        )
        return Purchase(target, wire_form("GET", target, {**headers, **signature}.items()))


@pytest.fixture
def bot(tmp_path: Path) -> Iterator[Publication]:
    publication = Publication(tmp_path)
    yield publication
    publication.close()


def test_a_stranger_becomes_a_customer(stage: Stage, bot: Publication, capsys: pytest.CaptureFixture[str]) -> None:
    edge = stage.edge(dev="true")

    def ask(*words: str) -> tuple[int, str]:
        key = ("--key", str(bot.key_file), "--agent", bot.agent, "--connect", f"127.0.0.1:{edge.port}")
        code = cli.run(["register", f"http://{HOST}", *key, *words])
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    def buy_now(target: str) -> Attempt:
        return stage.do(buy(edge.port, bot.purchase(target)))

    refused = buy_now("/small/1")
    assert (refused.status, refused.error) == (403, "PaymentFailed")
    assert 'rel="register"' in refused.fields["link"]
    assert ask("--status")[0] == 1
    code, said = ask("--contact", "bots@bot.example", "--name", "NewBot", "--json")
    assert (code, json.loads(said)["status"]) == (0, "pending")
    assert buy_now("/small/2").status == 403
    database = stage.market.database
    with database.write() as connection:
        (waiting,) = registrations.list_registrations(connection)
        registrations.approve(
            connection, waiting.number, Approval(allow_dev=True), author="test", reason=None, now_micros=now_micros()
        )
        crawler = find_crawler(connection, "NewBot")
    stage.wait_until(lambda: json.loads(ask("--status", "--json")[1])["status"] == "registered")
    assert buy_now("/small/3").status == 402  # known, and without money
    credit(database, crawler.crawler_id, parse_price("USD 1"), reference="first", author="test")
    # The edge repeats its refusal for half a second.
    stage.wait_until(lambda: buy_now("/small/4").charged == "USD 0.005")
    assert ask("--contact", "bots@bot.example")[0] == 0
    assert ask()[0] == 2
    assert stage.faults() == []

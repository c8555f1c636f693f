"""``farebox demo``: the main job from end to end, with real processes, sockets, keys and money.

It sets up a site, a crawler and prices with the same commands that an operator types, plays the exchanges of
``demo_exchanges``, changes a price while the edge runs, and closes with ledger, verification and report. It ends with
exit code 0 only if every answer and every charge was as it must be.
"""

from __future__ import annotations

import http.server
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from edge.cli.demo_exchanges import (
    ARTICLE,
    EXCHANGES,
    UNSIGNED_BOT,
    Agent,
    Exchange,
    Expected,
    Seen,
    differences,
    request_fields,
    send,
)
from edge.cli.demo_stage import Stage, stage_in
from edge.cli.terminal import CommandFailed, say
from edge.core.ledger_state import Phase
from edge.core.signature_agent import WELL_KNOWN_PATH
from edge.store.database import Database
from edge.store.entries import ChargeFilter, stream_charges

HOST = "127.0.0.1"
PRICE_CHANGE_SECONDS = 10.0
RULES = """\
[[rule]]
name = "not this one"
who = {{ operator = "ByteDance" }}
action = "block"

[[rule]]
name = "articles"
where = "/articles/*"
action = "charge"
price = "{article}"
licence = "ai-train"
who = {{ kind = "training" }}

[[rule]]
name = "images"
where = "/images/*"
action = "charge"
price = "USD 0.01"

[[rule]]
name = "files"
where = "/files/*"
action = "charge"
price = "USD 0.02"

[default]
action = "charge"
price = "USD 0.001"
"""


def demo(folder: Path | None, serve: bool | None) -> None:
    """Play the demo in ``folder`` (None: a temporary one); ``serve`` None goes on serving on a terminal only."""
    with ExitStack() as stack:
        if folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="farebox-demo-")))
        elif folder.exists() and any(folder.iterdir()):
            raise CommandFailed(f"{folder} is not empty; name a new folder for the demo")
        folder.mkdir(parents=True, exist_ok=True)
        stage = stage_in(folder.resolve(), stack)
        agents = _set_up(stage, stack)
        wrong = _play(stage, agents)
        _show_books(stage)
        if wrong:
            raise CommandFailed(f"{len(wrong)} of the demo's steps went otherwise: {'; '.join(wrong)}")
        say("\nEverything was as expected.")
        if sys.stdin.isatty() if serve is None else serve:
            _point_to_dashboard(stage)
            _wait_for_the_reader(stage)
        else:
            say(
                f"The dashboard was at http://{stage.addresses['dashboard']}; `farebox demo --serve` leaves it running."
            )


def _set_up(stage: Stage, stack: ExitStack) -> Mapping[str, Agent]:
    """A publisher with a site and prices, two crawlers with keys of their own, and everything running."""
    say(f"Setting up in {stage.folder}: an origin, a publisher with prices, two crawlers.")
    stage.start("farebox", "sample-origin", "--bind", "127.0.0.1:0", listens=("sample origin",))
    stage.command("farebox", "db", "upgrade")
    stage.command("farebox", "publisher", "add", "Example News", "--email", "owner@news.example")
    origin = f"http://{stage.addresses['sample origin']}"
    stage.command("farebox", "site", "add", HOST, "--publisher", "Example News", "--origin", origin)
    _publish(stage, "USD 0.005", "opening prices")
    agents = {
        "ExampleBot": _crawler_with_directory(stage, stack),
        "PoorBot": _crawler_with_key_file(stage),
    }
    stage.start("farebox", "serve", listens=("edge", "dashboard", "admin"))
    return agents


def _crawler_with_directory(stage: Stage, stack: ExitStack) -> Agent:
    """A crawler that publishes its key on a site of its own, as Web Bot Auth means it."""
    stage.command("farebox-crawl", "keygen", "--out", "bot.pem")
    directory = stage.command("farebox-crawl", "directory", "bot.pem").encode()
    url = stack.enter_context(_key_site(directory))
    words = ("--agent", url, "--kind", "training", "--operator", "Example AI")
    stage.command("farebox", "crawler", "add", "ExampleBot", *words)
    stage.command("farebox", "account", "credit", "ExampleBot", "USD 10", "--reference", "INV-1")
    return Agent.load(url, stage.folder / "bot.pem")


def _crawler_with_key_file(stage: Stage) -> Agent:
    """A crawler whose key the operator was given in a file, and which has paid nothing in yet."""
    stage.command("farebox-crawl", "keygen", "--out", "poor.pem")
    (stage.folder / "poor.jwks").write_text(stage.command("farebox-crawl", "directory", "poor.pem"))
    words = ("--agent", "https://poorbot.example", "--key", "poor.jwks", "--kind", "training")
    stage.command("farebox", "crawler", "add", "PoorBot", *words)
    return Agent.load("https://poorbot.example", stage.folder / "poor.pem")


def _publish(stage: Stage, article: str, note: str) -> None:
    (stage.folder / "rules.toml").write_text(RULES.format(article=article))
    stage.command("farebox", "rules", "apply", "rules.toml", "--site", HOST, "--publish", "--note", note)


def _play(stage: Stage, agents: Mapping[str, Agent]) -> list[str]:
    """All exchanges in turn, each printed with what it cost; returns what went otherwise."""
    base = f"http://{stage.addresses['edge']}"
    say(f"\nThe edge listens on {base}.\n")
    database = Database.open(f"sqlite:///{stage.folder / 'farebox.db'}")
    try:
        wrong: list[str] = []
        for number, exchange in enumerate(EXCHANGES, 1):
            wrong += _one(number, exchange, base, request_fields(exchange, base, agents), database)
        wrong += _retry(base, agents, database)
        wrong += _with_the_crawlers_own_tool(stage, base, agents, database)
        wrong += _price_change(stage, base, database)
    finally:
        database.close()
    return wrong


def _one(number: int, exchange: Exchange, base: str, fields: Mapping[str, str], database: Database) -> list[str]:
    before = _live_charges(database)
    seen = send(exchange, base, fields)
    wrong = differences(exchange.expected, seen, _live_charges(database) - before)
    _print(number, exchange, seen, wrong)
    return [f"{exchange.purpose}: {difference}" for difference in wrong]


def _retry(base: str, agents: Mapping[str, Agent], database: Database) -> list[str]:
    """The same signed request twice: one charge, one receipt."""
    offer = {"crawler-max-price": "USD 0.01"}
    paid = Expected(200, charged="USD 0.005", posts=1)
    first = Exchange("a page is paid for", "/articles/lighthouse", paid, offer=offer, signed=True)
    again = Exchange(
        "the same signed request again is the same charge", "/articles/lighthouse",
        Expected(200, charged="USD 0.005", posts=0), offer=offer, signed=True,
    )  # fmt: skip
    fields = request_fields(first, base, agents)
    wrong = _one(len(EXCHANGES) + 1, first, base, fields, database)
    receipt = send(first, base, fields).fields.get("crawler-receipt")
    wrong += _one(len(EXCHANGES) + 2, again, base, fields, database)
    if receipt is None or send(again, base, fields).fields.get("crawler-receipt") != receipt:
        wrong.append("a retry must name the same receipt")
    return wrong


def _with_the_crawlers_own_tool(stage: Stage, base: str, agents: Mapping[str, Agent], database: Database) -> list[str]:
    """``farebox-crawl get`` pays, and the receipt that it names verifies."""
    before = _live_charges(database)
    words = ("--key", "bot.pem", "--agent", agents["ExampleBot"].url, "--max", "USD 0.01", "--out", "page.html")
    bought = stage.json_of("farebox-crawl", "get", base + ARTICLE, *words)
    charged, receipt = bought["charged"]["display"], bought["receipt_id"]
    say(f"{len(EXCHANGES) + 3:2}.  a crawler team's own tool pays, and the receipt can be had")
    say("     farebox-crawl get --max 'USD 0.01'")
    say(f"     -> charged {charged}, receipt {receipt}, {bought['received_bytes']:,} bytes")
    wrong = []
    if _live_charges(database) - before != 1:
        wrong.append("farebox-crawl get must be charged once")
    if receipt not in stage.command("farebox", "receipt", "show", receipt, "--json"):
        wrong.append("the receipt must be retrievable by its id")
    return wrong


def _price_change(stage: Stage, base: str, database: Database) -> list[str]:
    """A rule published while the edge runs changes the answers of the very next seconds."""
    _publish(stage, "USD 0.007", "articles are worth more")
    dearer = Exchange(
        "a new price is live without a restart", ARTICLE,
        Expected(402, "MissingCrawlerPrice", "USD 0.007"), UNSIGNED_BOT,
    )  # fmt: skip
    deadline = time.monotonic() + PRICE_CHANGE_SECONDS
    fields = request_fields(dearer, base, {})
    while time.monotonic() < deadline and send(dearer, base, fields).fields.get("crawler-price") != "USD 0.007":
        time.sleep(0.1)
    return _one(len(EXCHANGES) + 4, dearer, base, fields, database)


def _live_charges(database: Database) -> int:
    with database.read() as connection:
        return sum(1 for charge in stream_charges(connection, ChargeFilter()) if charge.state is Phase.LIVE)


def _print(number: int, exchange: Exchange, seen: Seen, wrong: list[str]) -> None:
    offer = ", ".join(f"{name}: {value}" for name, value in (exchange.offer or {}).items())
    who = "forged" if exchange.forged else "signed" if exchange.signed else "unsigned"
    name = exchange.crawler if exchange.signed else "a browser" if exchange.expected.status == 200 else "a crawler"
    say(f"{number:2}.  {exchange.purpose}")
    say(f"     {exchange.method} {exchange.path}  {name}, {who}{f', {offer}' if offer else ''}")
    shown = [f"{key}: {seen.fields[key]}" for key in _SHOWN if key in seen.fields]
    body = f"{seen.body_bytes:,} bytes{'' if seen.complete else ', cut off'}"
    say(f"     -> {seen.status}  {'  '.join([*shown, body])}")
    for difference in wrong:
        say(f"     NOT AS EXPECTED: {difference}")


_SHOWN = ("crawler-price", "crawler-charged", "crawler-receipt", "crawler-error", "crawler-error-detail", "location")


def _show_books(stage: Stage) -> None:
    month = datetime.now(UTC).strftime("%Y-%m")
    for title, words in (
        ("The ledger", ("charges",)),
        ("The crawler's account", ("account", "show", "ExampleBot")),
        ("Is every entry in its place?", ("verify", "--month", month)),
        (f"The report of {month}", ("report", month)),
    ):
        say(f"\n{title}: farebox {' '.join(words)}\n")
        say(stage.command("farebox", *words).rstrip())


def _point_to_dashboard(stage: Stage) -> None:
    say(f"The dashboard is at http://{stage.addresses['dashboard']}")
    if stage.setup_link:
        say(f"Make its first account here, once: {stage.setup_link}")


def _wait_for_the_reader(stage: Stage) -> None:
    say(f"\nStill serving; ask as a crawler:  curl -i -A '{UNSIGNED_BOT}' http://{stage.addresses['edge']}{ARTICLE}")
    say("Press Ctrl+C to stop.")
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        say("\nStopped.")


class _key_site:
    """A crawler's own small web site, for as long as the demo runs: it publishes the key directory."""

    def __init__(self, directory: bytes) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                found = self.path == WELL_KNOWN_PATH
                self.send_response(200 if found else 404)
                self.send_header("content-type", "application/http-message-signatures-directory+json")
                self.send_header("content-length", str(len(directory) if found else 0))
                self.end_headers()
                if found:
                    self.wfile.write(directory)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing: the demo's own lines are enough."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self) -> str:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()

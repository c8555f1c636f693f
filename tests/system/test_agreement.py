"""What "test a URL" shows is what the running edge does, for thousands of rule sets and requests."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.core.catalogue import Catalogue
from edge.core.decision import Admit, AdmitReason, AskOrigin, Charge, Decision
from edge.core.identity import ClaimedCrawler, CrawlerKind, SignedCrawler
from edge.core.keys import public_half, public_key_to_jwk
from edge.core.message import Request
from edge.core.money import parse_price
from edge.core.policy import Policy
from edge.core.rehearsal import Announced, Question, Rehearsal, Signing, rehearse, with_rules
from edge.core.request_signing import sign_request
from edge.store.accounts import Terms, open_crawler_account
from edge.store.crawlers import NewCrawler, add_crawler, suspend_crawler
from edge.store.database import Database, now_micros
from edge.store.policy import load_policy
from edge.store.publishers import add_publisher
from edge.store.rulesets import publish_rules
from edge.store.site_values import EdgeAddresses
from edge.store.sites import SiteOptions, add_site
from edge.store.traffic import HOUR_MICROS, read_traffic
from tests.support.crawler_line import Attempt, Line
from tests.support.edge_process import EdgeForks, EdgeProcess
from tests.support.generated_pairs import PairMaker

pytestmark = [pytest.mark.system, pytest.mark.lengthy]

SITES = 625
QUESTIONS_PER_SITE = 8
LINES = 6
SEED = 20_261_120
OWNER = "owner@news.example"
COVERED = ("@method", "@authority", "@target-uri", "signature-agent")

# Name, kind, currencies of its accounts. The last one is suspended.
CRAWLERS = (
    ("ExampleBot", CrawlerKind.TRAINING, ("USD", "EUR")),
    ("Seeker", CrawlerKind.SEARCH, ("USD",)),
    ("Penniless", CrawlerKind.OTHER, ()),
    ("Outcast", CrawlerKind.ARCHIVER, ("USD", "EUR")),
)


@dataclass
class Pages:
    """An origin that has every page, and remembers which requests reached it, by their id."""

    asked: Counter[str] = field(default_factory=Counter)
    port: int = 0
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def start(self) -> asyncio.Server:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    def close(self) -> None:
        for writer in self._writers:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        while head := await self._head(reader):
            lines = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
            self.asked[lines["x-request-id"]] += 1
            body = "" if head.startswith("HEAD") else "a page"
            writer.write(f"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n{body}".encode())

    async def _head(self, reader: asyncio.StreamReader) -> str:
        try:
            return (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            return ""


@dataclass(frozen=True)
class Pair:
    """One question, what the rehearsal said, and what the edge did.

    ``asks_origin`` says that the origin is asked for its price before anything else is known.
    """

    number: int
    rehearsal: Rehearsal
    asks_origin: bool
    attempt: Attempt

    @property
    def request_id(self) -> str:
        return f"pair-{self.number}"

    def __str__(self) -> str:
        question, decision = self.rehearsal.question, self.rehearsal.decision
        rule = decision.match.rule if decision.match else None
        return f"{question}\nrehearsed: {outcome_of(decision)}, {rule}\nthe edge: {self.attempt}"


def key_of(name: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(name.encode().ljust(32, b"."))


def agent_of(name: str) -> str:
    return f"https://{name.lower()}.example"


def prepare(database: Database) -> int:
    """A publisher, whose id is returned, and the crawlers."""
    now = now_micros()
    with database.write() as connection:
        publisher = add_publisher(connection, "News", OWNER, now).publisher_id
        for name, kind, currencies in CRAWLERS:
            keys = [public_key_to_jwk(public_half(key_of(name)))]
            crawler = add_crawler(connection, NewCrawler(name, agent_of(name), kind, "Example AI", keys), now)
            for currency in currencies:
                limit = parse_price(f"{currency} 100000")
                terms = Terms.POSTPAID
                open_crawler_account(connection, crawler.crawler_id, currency, terms=terms, limit=limit)
        suspend_crawler(connection, CRAWLERS[-1][0], True, now)
    return publisher


def publish_all(database: Database, publisher: int, origin_port: int) -> list[Question]:
    """Many sites with rules of their own, and the questions about them."""
    known = {crawler.name: crawler for crawler in load_policy(database).crawlers.values()}
    chance, now = Random(SEED), now_micros()
    maker = PairMaker(chance, time.gmtime().tm_wday, [known[name] for name, _, _ in CRAWLERS])
    questions = []
    with database.write() as connection:
        for number in range(SITES):
            currency = chance.choice(("USD", "USD", "USD", "EUR"))
            options = SiteOptions(
                origin=f"http://127.0.0.1:{origin_port}",
                currency=currency,
                strict=chance.random() < 0.3,
                in_band_pricing=chance.random() < 0.1,
                error_detail=chance.random() < 0.7,
                case_sensitive_paths=chance.random() < 0.3,
            )
            site = add_site(connection, f"s{number}.example", publisher, options, EdgeAddresses(), now)
            rules = maker.rule_set(currency)
            publish_rules(connection, site.site_id, rules, 0, None, OWNER, now)
            questions += [maker.question(site.host, rules, currency) for _ in range(QUESTIONS_PER_SITE)]
    return questions


def rehearsed(question: Question, policy: Policy, catalogue: Catalogue) -> tuple[Rehearsal, bool]:
    """What the publisher is shown, and whether the origin is asked for its price first.

    The origin of this test states no price, so the rule's holds: the same as on a site without in-band pricing.
    """
    shown = rehearse(question, policy, catalogue.classify, time.time())
    if not isinstance(shown.decision, AskOrigin):
        return shown, False
    plain = with_rules(policy, replace(policy.sites[question.host], in_band_pricing=False))
    return rehearse(question, plain, catalogue.classify, time.time()), True


def written(question: Question, number: int) -> bytes:
    """The question as a request on the wire, signed with the crawler's own key."""
    caller = question.caller
    agent = caller.user_agent if isinstance(caller, Announced) else caller.crawler.name
    fields = [("host", question.host), ("accept", "*/*"), ("user-agent", agent), ("x-request-id", f"pair-{number}")]
    covered: tuple[str, ...] = COVERED
    if question.offer is not None:
        fields.append((question.offer.kind.value, str(question.offer.price)))
        covered = (*covered, question.offer.kind.value)
    if isinstance(caller, Signing):
        request = Request.from_wire(question.method, question.target, fields, scheme="http")
        name, now = caller.crawler.name, int(time.time())
        made = sign_request(request, key_of(name), agent_of(name), covered, now, now + 240, f"pair-{number}")
        fields += made.items()
    lines = [f"{question.method} {question.target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields), "", ""]
    return "\r\n".join(lines).encode("latin-1")


async def ask_all(port: int, questions: list[Question], policy: Policy, catalogue: Catalogue) -> list[Pair]:
    """Put every question to the edge, over a few connections that are kept."""
    numbered = iter(enumerate(questions))
    pairs: list[Pair] = []

    async def ask_some(rest: Iterator[tuple[int, Question]]) -> None:
        line = await Line.open(port)
        for number, question in rest:
            if not line.is_open:
                line.close()
                line = await Line.open(port)
            rehearsal, asks_origin = rehearsed(question, policy, catalogue)
            attempt = await line.ask(written(question, number), Attempt())
            pairs.append(Pair(number, rehearsal, asks_origin, attempt))
        line.close()

    await asyncio.gather(*(ask_some(numbered) for _ in range(LINES)))
    return pairs


def outcome_of(decision: Decision) -> str:
    """The outcome as traffic counts it."""
    match decision:
        case Admit():
            return decision.reason.value
        case Charge():
            return "charged"
        case AskOrigin():
            raise AssertionError("asking the origin is not an outcome")
        case _:
            return decision.code.value


def is_own(decision: Decision) -> bool:
    return isinstance(decision, Admit) and decision.reason is AdmitReason.OWN_DOCUMENT


def counted_as(rehearsal: Rehearsal) -> tuple[int, str, str, str, str]:
    """The traffic that this question should show up as: site, crawler, rung, rule, outcome."""
    decision = rehearsal.decision
    site, rule = decision.site, decision.match.rule.name if decision.match else ""
    match decision.identity:
        case SignedCrawler(crawler=crawler):
            name, rung = crawler.name, "signed"
        case ClaimedCrawler(name=claim):
            name, rung = claim, "claimed"
        case _:
            name, rung = "", ""
    return site.site_id if site else 0, name, rung, rule, outcome_of(decision)


def test_the_edge_does_what_test_a_url_shows(edge_forks: EdgeForks, sqlite_shop_url: str, tmp_path: Path) -> None:
    catalogue = Catalogue.load()
    database = Database.open(sqlite_shop_url)
    pages = Pages()
    with asyncio.Runner() as runner:
        server = runner.run(pages.start())
        questions = publish_all(database, prepare(database), pages.port)
        policy = load_policy(database)
        with EdgeProcess(edge_forks, tmp_path / "edge", sqlite_shop_url) as edge:
            pairs = runner.run(ask_all(edge.port, questions, policy, catalogue))
            assert edge.stop() == 0, edge.log()
        pages.close()
        server.close()
    assert len(pairs) == SITES * QUESTIONS_PER_SITE == 5_000
    for pair in pairs:
        check_answer(pair)
        check_origin(pair, pages)
    expected = Counter(counted_as(pair.rehearsal) for pair in pairs if not is_own(pair.rehearsal.decision))
    counted = traffic_of(database)
    assert (counted - expected, expected - counted) == (Counter(), Counter())
    check_variety(pairs)
    database.close()


def check_answer(pair: Pair) -> None:
    """Status, and every field that the rehearsal names; a price or a charge where it names one and nowhere else."""
    rehearsal, attempt = pair.rehearsal, pair.attempt
    assert attempt.is_complete, str(pair)
    assert attempt.fields["x-request-id"] == pair.request_id, str(pair)
    if is_own(rehearsal.decision):
        assert attempt.status == (200 if rehearsal.question.method in ("GET", "HEAD") else 405), str(pair)
        return
    assert attempt.status == (rehearsal.status or 200), str(pair)
    told = dict(rehearsal.fields)
    for name in ("crawler-error", "crawler-price", "crawler-charged", "crawler-error-detail", "accept-signature"):
        assert attempt.fields.get(name) == told.get(name), f"{name}: {pair}"
    if rehearsal.status is not None:
        assert told.items() <= attempt.fields.items(), str(pair)


def check_origin(pair: Pair, pages: Pages) -> None:
    """The origin is asked once for what is served or may be priced by it, and never for anything else."""
    decision = pair.rehearsal.decision
    served = isinstance(decision, Admit | Charge) and not is_own(decision)
    assert pages.asked[pair.request_id] == (1 if served or pair.asks_origin else 0), str(pair)


def check_variety(pairs: list[Pair]) -> None:
    """The pairs are worth asking only if they lead everywhere."""
    outcomes = Counter(outcome_of(pair.rehearsal.decision) for pair in pairs)
    wanted = {
        "own_document", "free_path", "visitor", "allowed", "monitored", "price_zero", "method_not_charged", "charged",
        "malformed_request", "ambiguous_target", "crawler_blocked", "method_not_allowed", "invalid_price",
        "payment_required", "signature_required", "max_price_too_low", "exact_price_differs", "account_missing",
        "account_suspended",
    }  # fmt: skip
    assert wanted <= outcomes.keys(), f"never: {wanted - outcomes.keys()}"
    assert outcomes["charged"] >= 200, outcomes


def traffic_of(database: Database) -> Counter[tuple[int, str, str, str, str]]:
    """What the edge counted at these sites; it wrote down the last of it when it stopped."""
    with database.read() as connection:
        now = now_micros()
        sums = read_traffic(connection, now - 2 * HOUR_MICROS, now + HOUR_MICROS)
    return Counter({one.key[1:]: one.requests for one in sums if one.key.site_id})

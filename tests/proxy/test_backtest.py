"""What a backtest says before a draft is published is what the edge then does with the same requests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.api_token import ApiToken, make_token, token_digest
from edge.core.backtest import Replay
from edge.core.backtest_result import Backtest, Span
from edge.core.catalogue import Catalogue
from edge.core.identity import CrawlerKind, Rung
from edge.core.money import Money
from edge.core.rules import Action, Rule, RuleSet, Who, Window, everything_else
from edge.store.activity import Activity, UserAgents, write_activity
from edge.store.database import Database
from edge.store.recorded import ROWS_AT_ONCE, place_of, read_asker, read_recorded
from edge.store.tables import activity
from tests.support.edge_under_test import (
    HOST,
    NOW,
    RICH,
    SUSPENDED,
    WITHOUT_ACCOUNT,
    EdgeUnderTest,
    Setting,
    policy_for,
)
from tests.support.signing_crawler import SigningCrawler, request

SITE = 7
TOKEN = make_token(b"\x07" * 32)
NOBODY = SigningCrawler(9, NOW)
SIGNERS = {"rich": RICH, "suspended": SUSPENDED, "without account": WITHOUT_ACCOUNT, "unknown": NOBODY}
AGENTS = ("GPTBot/1.1", "CCBot/2.0", "Googlebot/2.1", "ChatGPT-User/1.0", "somebody's own spider", "curl/8.5.0")
PATHS = (
    "/",
    "/articles/1",
    "/articles/1?page=2",
    "/Articles/Two",
    "/archive/2020/x",
    "/report.pdf",
    "/a%2Db",
    "//twice",
)
PRICES = ("USD 0.001", "USD 0.005", "USD 0.01", "USD 2", "EUR 0.01", "much")


@dataclass(frozen=True)
class Asked:
    """One request, so that it can be sent twice: ``who`` is a User-Agent, a signer's name or the token's holder."""

    who: str
    path: str
    method: str = "GET"
    offers: tuple[tuple[str, str], ...] = ()
    covers_offer: bool = True
    covers_target: bool = True
    age_seconds: int = 0
    broken: bool = False

    def bytes(self) -> bytes:
        """A new request of this kind; a signature has a nonce of its own."""
        lines = [f"crawler-{kind}-price: {price}" for kind, price in self.offers]
        if self.who == "token":
            return request(
                self.path, "User-Agent: LateBot", f"Authorization: Bearer {TOKEN}", *lines, method=self.method
            )
        if self.who not in SIGNERS:
            return request(self.path, f"User-Agent: {self.who}", *lines, method=self.method)
        covered = ["@method", "@authority", "signature-agent", *(["@target-uri"] if self.covers_target else [])]
        if self.covers_offer:
            covered += [f"crawler-{kind}-price" for kind, _ in self.offers]
        signer = SIGNERS[self.who]
        made = signer.signed(self.path, *lines, method=self.method, covered=covered, created=NOW - self.age_seconds)
        return made.replace(b'"@method"', b'"@authority"', 1) if self.broken else made


@pytest.fixture(scope="module")
def edges(catalogue: Catalogue) -> Iterator[list[EdgeUnderTest]]:
    """Sites that take any signature; that ask it to cover the target; whose origin may state prices."""
    tokens = {token_digest(TOKEN): ApiToken(1, RICH.registered(), frozenset(), None)}
    setting = Setting(tokens=tokens, activity_rows_per_second=100_000)
    with ExitStack() as stack:
        strict = replace(setting, strict=True, case_sensitive=True)
        kinds = (setting, strict, replace(setting, in_band_pricing=True))
        yield [stack.enter_context(EdgeUnderTest(kind, catalogue)) for kind in kinds]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    found = Database.open(f"sqlite:///{tmp_path_factory.mktemp('backtest') / 'farebox.db'}")
    with found.write() as connection:
        activity.metadata.create_all(connection)
    yield found
    found.close()


# One week with its hours, so that some rules are open at the edge's time and some are not.
WINDOWS = st.sampled_from([None, None, Window((0, 1, 2, 3, 4, 5, 6), 0, 12 * 60), Window((4,), 0, 24 * 60)])
WHO = st.builds(
    Who,
    crawler=st.sampled_from([None, None, "GPTBot", "bot1"]),
    operator=st.sampled_from([None, None, None, "OpenAI", "Bots Inc"]),
    kind=st.sampled_from([None, None, CrawlerKind.TRAINING, CrawlerKind.SEARCH]),
    least=st.sampled_from([None, None, None, Rung.TOKEN, Rung.SIGNED]),
)
AMOUNTS = st.sampled_from([0, 1_000, 5_000, 8_000, 1_000_000])


@st.composite
def rule_sets(draw: st.DrawFn) -> RuleSet:
    rules = []
    for number in range(draw(st.integers(0, 4))):
        action = draw(st.sampled_from([Action.CHARGE, Action.CHARGE, Action.ALLOW, Action.BLOCK, Action.MONITOR]))
        has_price = action in (Action.CHARGE, Action.MONITOR)
        rules.append(
            Rule(
                f"rule {number}",
                draw(WHO),
                draw(st.sampled_from(["*", "/articles/*", "/articles/1", "/archive/:year/*", "*.pdf", "/a*"])),
                action,
                Money(draw(AMOUNTS), "USD") if has_price else None,
                when=draw(WINDOWS),
                query=draw(st.sampled_from([None, None, None, "page"])),
                enabled=draw(st.sampled_from([True, True, True, False])),
            )
        )
    default = everything_else(Action.CHARGE, Money(draw(AMOUNTS), "USD"))
    return RuleSet(tuple(rules), draw(st.sampled_from([default, everything_else(Action.ALLOW)])))


ASKED = st.builds(
    Asked,
    who=st.sampled_from([*SIGNERS, "rich", "rich", "token", *AGENTS]),
    path=st.sampled_from(PATHS),
    method=st.sampled_from(["GET", "GET", "GET", "HEAD", "POST"]),
    offers=st.lists(
        st.tuples(st.sampled_from(["max", "max", "exact"]), st.sampled_from(PRICES)), max_size=2,
        unique_by=lambda offer: offer[0],
    ).map(tuple),
    covers_offer=st.sampled_from([True, True, True, False]),
    covers_target=st.sampled_from([True, True, False]),
    age_seconds=st.sampled_from([0, 0, 0, 200, 400]),
    broken=st.sampled_from([False, False, False, True]),
)  # fmt: skip


def publish(edge: EdgeUnderTest, rules: RuleSet) -> None:
    version = edge.gate.live.policy.version + 1
    edge.publish(rules)
    edge.wait_until(lambda: edge.gate.live.policy.version == version)


def send(edge: EdgeUnderTest, asked: Sequence[Asked]) -> list[Activity]:
    """Send these requests, one after the other, and return what was recorded."""
    edge.gate.bad_signatures.__init__()  # type: ignore[misc]  # each example begins without a past
    edge.noted.clear()
    for one in asked:
        edge.ask(one.bytes(), one.method)
    edge.do(edge.gate.activity.flush)
    return list(edge.noted)


def backtest(database: Database, edge: EdgeUnderTest, rows: Sequence[Activity], draft: RuleSet) -> Backtest:
    """What the recorded rows say of a draft, by way of the store."""
    with database.write() as connection:
        connection.execute(activity.delete())
        write_activity(connection, UserAgents(), rows, NOW * 1_000_000)
    policy = edge.gate.live.policy
    drafted = policy_for(replace(edge.setting, rules=draft), edge.origin.url).sites[HOST]
    replay, place = Replay(policy.sites[HOST], drafted, policy), (0, -1)
    while True:
        with database.read() as connection:
            found = read_recorded(connection, SITE, place, 2**62)
        replay.add(found)
        if len(found) < ROWS_AT_ONCE:
            break
        place = place_of(found[-1])
    return replay.result({text: read_asker(text) for text in replay.askers}, Span(0, 2**62))


def counted(rows: Sequence[Activity]) -> Counter[tuple[str, str, str, str]]:
    return Counter((row.crawler, row.rung, row.rule, row.outcome) for row in rows)


@pytest.mark.parametrize("kind", [0, 1], ids=["lenient", "strict"])
@given(live=rule_sets(), draft=rule_sets(), asked=st.lists(ASKED, min_size=4, max_size=14))
@settings(max_examples=16)
def test_the_backtest_says_what_the_edge_then_does(
    edges: list[EdgeUnderTest], database: Database, kind: int, live: RuleSet, draft: RuleSet, asked: list[Asked]
) -> None:
    edge = edges[kind]
    publish(edge, live)
    rows = send(edge, asked)
    said = backtest(database, edge, rows, draft)
    publish(edge, draft)
    before = edge.ledger.charged_micros()
    assert Counter(said.traffic) == counted(send(edge, asked))
    assert said.draft.offered.amount_micros == edge.ledger.charged_micros() - before
    assert said.requests == len(rows)


ENOUGH = (("max", "USD 0.01"),)
USUAL_AND_UNUSUAL = [
    *(Asked(who, path, offers=offers) for who in ("rich", "token", "unknown", "without account", "GPTBot/1.1")
      for path in ("/a", "/a%2Db", "//a") for offers in ((), ENOUGH)),
    *(Asked("rich", "/a", offers=offers) for offers in (
        (("max", "USD 0.001"),), (("exact", "USD 0.005"),), (("exact", "USD 0.01"),), (*ENOUGH, ("exact", "USD 0.005")),
        (("max", "EUR 1"),),
    )),
    Asked("rich", "/a", offers=ENOUGH, covers_offer=False),
    Asked("rich", "/a", offers=ENOUGH, covers_target=False),
    Asked("rich", "/a", offers=ENOUGH, age_seconds=400),
    Asked("rich", "/a", offers=ENOUGH, broken=True),
    Asked("unknown", "/a", offers=ENOUGH, broken=True),
    Asked("suspended", "/a", offers=ENOUGH),
    Asked("rich", "/a", "HEAD", offers=ENOUGH),
    Asked("rich", "/a", "POST", offers=ENOUGH),
]  # fmt: skip
FREE = RuleSet((), everything_else(Action.ALLOW))
PRICED = RuleSet((), everything_else(Action.CHARGE, Money(5_000, "USD")))


@pytest.mark.parametrize("kind", [0, 1, 2], ids=["lenient", "strict", "the origin may state prices"])
@pytest.mark.parametrize(("live", "draft"), [(FREE, PRICED), (PRICED, FREE)], ids=["a price is asked", "none is"])
def test_whatever_is_unusual_about_a_request_is_judged_again(
    edges: list[EdgeUnderTest], database: Database, kind: int, live: RuleSet, draft: RuleSet
) -> None:
    edge = edges[kind]
    publish(edge, live)
    said = backtest(database, edge, send(edge, USUAL_AND_UNUSUAL), draft)
    publish(edge, draft)
    assert Counter(said.traffic) == counted(send(edge, USUAL_AND_UNUSUAL))


def test_a_body_that_was_sent_is_remembered(edges: list[EdgeUnderTest], database: Database) -> None:
    edge = edges[0]
    publish(edge, FREE)
    edge.noted.clear()
    edge.ask(request("/a", "User-Agent: GPTBot/1.1", "Content-Length: 2") + b"hi")
    edge.do(edge.gate.activity.flush)
    said = backtest(database, edge, edge.noted, PRICED)
    assert {outcome for *_, outcome in said.traffic} == {"body_not_allowed"}

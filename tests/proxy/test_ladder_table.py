"""The ladder's decisions, row by row, over real sockets: rung and kind of the caller against the site's rules.

The address comes in ``X-Forwarded-For`` from a trusted front. The same requests from a front that nobody trusts come
from the front's own address, so nothing climbs or falls by it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from ipaddress import ip_network

import pytest

from edge.core.address_book import AddressBook, FeedCopy, Sources
from edge.core.api_token import ApiToken, make_token, token_digest
from edge.core.catalogue import Catalogue
from edge.core.identity import CrawlerKind, Rung
from edge.core.rules import Action, Rule, RuleSet, Who, everything_else
from edge.proxy.address_evidence import AddressEvidence
from edge.proxy.reverse_dns import Finding, ReverseDns
from tests.support.edge_under_test import PRICE, RICH, EdgeUnderTest, Setting
from tests.support.signing_crawler import request

LISTED, NAMED, UNKNOWN, STRANGE = "20.0.0.1", "30.0.0.1", "40.0.0.1", "50.0.0.1"
"""On the list; confirmed by DNS; being looked up just now; neither."""
GPTBOTS, CHATGPTS = "60.0.0.1", "70.0.0.1"
"""On the list of one crawler alone."""

FOUND = {NAMED: Finding.CONFIRMED, UNKNOWN: Finding.PENDING}
TOKEN = make_token(b"\x07" * 32)
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def allow(name: str, where: str, who: Who) -> Rule:
    return Rule(name, who, where)


def block(name: str, where: str, who: Who | None = None) -> Rule:
    return Rule(name, who or Who(), where, Action.BLOCK)


RULES = RuleSet(
    (
        allow("search engines", "/search-free", Who(kind=CrawlerKind.SEARCH, least=Rung.ADDRESS)),
        allow("assistants by name", "/assistants", Who(kind=CrawlerKind.ASSISTANT)),
        block("no impostors", "/no-impostors", Who(most=Rung.IMPOSTOR)),
        allow("all others", "/no-impostors", Who()),
        allow("proved somehow", "/proved", Who(least=Rung.REVERSE_DNS)),
        block("the rest", "/proved"),
        Rule("partners", Who(least=Rung.TOKEN), "/partners", Action.CHARGE, PRICE),
        block("nobody else", "/partners"),
        block("unproved", "/only-unproved-blocked", Who(most=Rung.CLAIMED)),
        allow("better", "/only-unproved-blocked", Who()),
    ),
    everything_else(Action.CHARGE, PRICE),
)
PATHS = ("/priced", "/search-free", "/assistants", "/no-impostors", "/proved", "/partners", "/only-unproved-blocked")

# Who asks: User-Agent, where from, and what happens on each path; then the same where the front is not trusted.
TABLE = {
    "search, address": ("Googlebot/2.1", LISTED, "402 200 402 200 200 403 200", "402 402 402 200 403 403 403"),
    "search, reverse-dns": ("Googlebot/2.1", NAMED, "402 402 402 200 200 403 200", "402 402 402 200 403 403 403"),
    "search, looked up": ("Googlebot/2.1", UNKNOWN, "402 402 402 200 403 403 403", "402 402 402 200 403 403 403"),
    "search, impostor": ("Googlebot/2.1", STRANGE, "402 402 402 403 403 403 403", "402 402 402 200 403 403 403"),
    "search, claimed": ("YandexBot/3.0", STRANGE, "402 402 402 200 403 403 403", "402 402 402 200 403 403 403"),
    "search, only named": ("YandexBot/3.0", NAMED, "402 402 402 200 200 403 200", "402 402 402 200 403 403 403"),
    "training, address": ("GPTBot/1.1", LISTED, "402 402 402 200 200 403 200", "402 402 402 200 403 403 403"),
    "training, impostor": ("GPTBot/1.1", STRANGE, "402 402 402 403 403 403 403", "402 402 402 200 403 403 403"),
    "training, claimed": ("Bytespider", STRANGE, "402 402 402 200 403 403 403", "402 402 402 200 403 403 403"),
    "assistant, address": ("ChatGPT-User/1.0", LISTED, "402 402 200 200 200 403 200", "402 402 200 200 403 403 403"),
    "assistant, impostor": ("ChatGPT-User/1.0", STRANGE, "402 402 402 403 403 403 403", "402 402 200 200 403 403 403"),
    "assistant, claimed": (
        "Meta-ExternalFetcher",
        LISTED,
        "402 402 200 200 403 403 403",
        "402 402 200 200 403 403 403",
    ),
    "archiver, claimed": ("archive.org_bot", LISTED, "402 402 402 200 403 403 403", "402 402 402 200 403 403 403"),
    "library, claimed": ("curl/8.5.0", LISTED, "402 402 402 200 403 403 403", "402 402 402 200 403 403 403"),
    "seo, claimed": ("AhrefsBot/7.0", STRANGE, "402 402 402 200 403 403 403", "402 402 402 200 403 403 403"),
    "training, signed": ("signs", STRANGE, "402 402 402 200 200 402 200", "402 402 402 200 200 402 200"),
    "training, token": ("token", STRANGE, "402 402 402 200 200 402 200", "402 402 402 200 200 402 200"),
    "training, unnamed": (BROWSER, GPTBOTS, "402 402 402 200 200 403 200", "200 200 200 200 200 200 200"),
    "training, no name": ("", GPTBOTS, "402 402 402 200 200 403 200", "402 402 402 200 403 403 403"),
    "assistant, unnamed": (BROWSER, CHATGPTS, "402 402 200 200 200 403 200", "200 200 200 200 200 200 200"),
    "search, elsewhere": ("Googlebot/2.1", GPTBOTS, "402 402 402 403 403 403 403", "402 402 402 200 403 403 403"),
    "a person": (BROWSER, LISTED, "200 200 200 200 200 200 200", "200 200 200 200 200 200 200"),
}


class FoundOut(ReverseDns):
    """Reverse DNS with a fixed answer for each address."""

    def __init__(self) -> None:
        pass

    def ask(self, address: str, suffixes: tuple[str, ...]) -> Finding:
        return FOUND.get(address, Finding.DENIED)


def evidence(catalogue: Catalogue) -> AddressEvidence:
    """Everybody who publishes a list publishes the same one; two have a range of their own besides."""
    sources = Sources.load()
    own = {"https://openai.com/gptbot.json": "60.0.0.0/24", "https://openai.com/chatgpt-user.json": "70.0.0.0/24"}
    lists = {feed.url: [text for text in ("20.0.0.0/24", own.get(feed.url)) if text] for feed in sources.feeds}
    book = AddressBook(sources.feeds, (FeedCopy(url, tuple(ranges), accuses=True) for url, ranges in lists.items()))
    return AddressEvidence(book, sources.suffixes, FoundOut(), catalogue.named)


@pytest.fixture(scope="module")
def edges(catalogue: Catalogue) -> Iterator[list[EdgeUnderTest]]:
    """One edge behind a front that it trusts, and one behind a front that it does not."""
    tokens = {token_digest(TOKEN): ApiToken(1, RICH.registered(), frozenset(), None)}
    known = evidence(catalogue)
    with ExitStack() as stack:
        yield [
            stack.enter_context(
                EdgeUnderTest(
                    Setting(rules=RULES, tokens=tokens, prove=known.prove, owner=known.owner, trusted=trusted),
                    catalogue,
                )
            )
            for trusted in ((ip_network("127.0.0.1"),), ())
        ]


def ask(edge: EdgeUnderTest, user_agent: str, address: str, path: str, *lines: str) -> int:
    forwarded = f"X-Forwarded-For: 20.0.0.1, {address}"
    match user_agent:
        case "signs":
            data = RICH.signed(path, forwarded, *lines)
        case "token":
            secret = (f"Authorization: Bearer {TOKEN}", "X-Forwarded-Proto: https")
            data = request(path, "User-Agent: LateBot", *secret, forwarded, *lines)
        case _:
            data = request(path, f"User-Agent: {user_agent}", forwarded, *lines)
    return edge.ask(data).status


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("who", TABLE)
def test_the_row_decides(edges: list[EdgeUnderTest], who: str, path: str) -> None:
    user_agent, address, *rows = TABLE[who]
    expected = [int(row.split()[PATHS.index(path)]) for row in rows]
    assert [ask(edge, user_agent, address, path) for edge in edges] == expected


@pytest.mark.parametrize("who", TABLE)
def test_of_all_rungs_a_signature_and_a_token_alone_can_pay(edges: list[EdgeUnderTest], who: str) -> None:
    user_agent, address, *_ = TABLE[who]
    expected = 200 if user_agent in ("signs", "token") else 400
    for edge in edges:
        assert ask(edge, user_agent, address, "/priced", "crawler-max-price: USD 0.01") == expected


def test_the_table_is_of_the_promised_size() -> None:
    assert len(TABLE) * len(PATHS) * 2 >= 60
    assert {rung.label for rung in Rung} == {"impostor", "claimed", "reverse-dns", "address", "token", "signed"}

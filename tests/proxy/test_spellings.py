"""No spelling of an address or a host gets a dear page for a cheap price, whatever the origin makes of it (E2)."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest

from edge.core.money import Money, parse_price
from edge.core.rules import Action, Rule, RuleSet, everything_else
from tests.support.edge_under_test import RICH, EdgeUnderTest
from tests.support.lenient_origin import STRICT, Habits
from tests.support.lenient_origin import page as page_of
from tests.support.scripted_origin import Play, Seen, page
from tests.support.signing_crawler import browsed, claimed
from tests.support.wire import Received, Wire

DEAR_PATH = "/Archive/2026/Long-Read.html"
DEAR_PRICE = Money(500_000, "USD")
CHEAP_PRICE = Money(10_000, "USD")
DEAR_RULES = {
    "exact": DEAR_PATH,
    "prefix": "/archive/2026/*",
    "pattern": "/:section/2026/*.html",
    "ending": "*.html",
}
MARKER = b"DEAR CONTENT"
MUTANTS = 500
HABITS = [
    STRICT,
    Habits(),
    Habits(2),
    Habits(folds_case=False),
    Habits(strips_parameters=False, folds_unicode=False),
    Habits(merges_slashes=False, backslash_is_slash=False),
]
SLASHES = ("//", "/./", "/x/../", "/%2e/", "/x/%2e%2E/", "%2f", "%2F", "%5c", "%5C", "\\", "%252f", "%255C", "/;/",
           "/..;/x/../", "/%20/", "/x/..%2f", "%EF%BC%8F", "%c0%af", "/.;/", "/%C2%A0/", "/x/%2e%2e;/")  # fmt: skip
ENDINGS = (";x", ";jsessionid=1", "%3Bx", "%3b", ".", "..", "%2e", "%20", "%20.", "%252e", "::$DATA", "::%24DATA",
           "%00", "%00.png", "%C2%A0", "%EF%BC%8E", "%2500", "%253Bx", "%09", "%0a")  # fmt: skip
AFTER = ("/", "?", "?x=1", "#x", "/.", "/%2e", "//", "%2f", "/x/..", "/;x", "?/../..", "%3f", "%23", "&x")
LOOKALIKES = {"k": "%E2%84%AA", "s": "%C5%BF", "a": "%EF%BD%81", "r": "%EF%BC%B2", "/": "%EF%BC%8F", ".": "%EF%BC%8E"}


# Mutants


def escape_one(path: str, rng: random.Random) -> str:
    at = rng.randrange(1, len(path))
    escape = f"%{ord(path[at]):02x}" if path[at] < "\x80" else path[at]
    for _ in range(rng.choice([0, 0, 1, 2])):
        escape = escape.replace("%", rng.choice(["%25", "%2%35"]))
    return path[:at] + (escape.upper() if rng.random() < 0.5 else escape) + path[at + 1 :]


def other_slash(path: str, rng: random.Random) -> str:
    at = rng.choice([at for at, character in enumerate(path) if character == "/"] or [0])
    return path[:at] + rng.choice(SLASHES) + path[at + 1 :]


def longer_segment(path: str, rng: random.Random) -> str:
    ends = [at for at, character in enumerate(path) if character == "/" and at] + [len(path)]
    at = rng.choice(ends)
    return path[:at] + rng.choice(ENDINGS) + path[at:]


def longer_path(path: str, rng: random.Random) -> str:
    return path + rng.choice(AFTER)


def other_case(path: str, rng: random.Random) -> str:
    return "".join(c.swapcase() if rng.random() < 0.3 else c for c in path)


def lookalike(path: str, rng: random.Random) -> str:
    at = rng.randrange(len(path))
    return path[:at] + LOOKALIKES.get(path[at].lower(), path[at]) + path[at + 1 :]


MUTATIONS: Sequence[Callable[[str, random.Random], str]] = (
    escape_one, other_slash, longer_segment, longer_path, other_case, lookalike,
)  # fmt: skip


def mutants(seed: str) -> list[str]:
    """Spellings that some server may take for the dear page; the same ones in every run."""
    rng = random.Random(seed)
    made = []
    for _ in range(MUTANTS):
        spelt = DEAR_PATH
        for _ in range(rng.choice([1, 1, 2, 2, 3, 4])):
            spelt = rng.choice(MUTATIONS)(spelt, rng)
        made.append(spelt)
    return made


# The origin


def marker_origin(seen: Seen) -> Play:
    """Serves the dear page when any careless reading of the target is its address."""
    wanted = {page_of(DEAR_PATH, habits) for habits in HABITS}
    is_dear = any(page_of(seen.path, habits) in wanted for habits in HABITS)
    return [page(MARKER if is_dear else b"something else")]


def dear_and_cheap(where: str) -> RuleSet:
    dear = Rule("dear", where=where, action=Action.CHARGE, price=DEAR_PRICE)
    return RuleSet((dear,), everything_else(Action.CHARGE, CHEAP_PRICE))


def ask_all(edge: EdgeUnderTest, requests: Iterable[bytes]) -> list[Received]:
    """Ask one after the other, over one connection as long as it is kept."""
    answers: list[Received] = []
    wire: Wire | None = None
    for data in requests:
        if wire is None or answers[-1].closes:
            if wire is not None:
                wire.close()
            wire = edge.connect()
        answers.append(wire.ask(data))
    if wire is not None:
        wire.close()
    return answers


# The rules


@pytest.mark.parametrize("form", DEAR_RULES)
def test_no_spelling_sells_a_dear_page_at_a_cheap_price(make_edge: Any, form: str) -> None:
    edge: EdgeUnderTest = make_edge(rules=dear_and_cheap(DEAR_RULES[form]))
    edge.origin.answer = marker_origin
    spellings = mutants(form)
    answers = ask_all(edge, [RICH.paying(spelt, limit="USD 1.00") for spelt in spellings if is_sendable(spelt)])
    dear = [answer for answer in answers if MARKER in answer.body]
    assert {answer.fields["crawler-charged"] for answer in dear} == {str(DEAR_PRICE)}
    # The proof is worth something only while spellings are sold and refused, and the origin is fooled by some.
    outcomes = Counter(answer.status for answer in answers)
    assert outcomes.keys() == {200, 400}
    assert len(dear) > 30
    assert outcomes[400] > 100
    assert_one_to_one(edge)


@pytest.mark.parametrize("form", ["exact", "prefix"])
def test_no_spelling_shows_a_dear_page_to_a_crawler_that_pays_nothing(make_edge: Any, form: str) -> None:
    rule = Rule("dear", where=DEAR_RULES[form], action=Action.CHARGE, price=DEAR_PRICE)
    edge: EdgeUnderTest = make_edge(rules=RuleSet((rule,), everything_else(Action.ALLOW)))
    edge.origin.answer = marker_origin
    answers = ask_all(edge, [claimed(spelt) for spelt in mutants(f"{form} for nothing") if is_sendable(spelt)])
    assert not [answer for answer in answers if MARKER in answer.body]
    outcomes = Counter(answer.status for answer in answers)
    assert outcomes.keys() <= {200, 400, 402}
    assert outcomes[402] > 50
    assert outcomes[400] > 100
    assert_one_to_one(edge)


def test_no_spelling_gets_round_a_block(make_edge: Any) -> None:
    rule = Rule("blocked", where="/archive/*", action=Action.BLOCK)
    edge: EdgeUnderTest = make_edge(rules=RuleSet((rule,), everything_else(Action.CHARGE, CHEAP_PRICE)))
    edge.origin.answer = marker_origin
    answers = ask_all(edge, [RICH.paying(spelt) for spelt in mutants("blocked") if is_sendable(spelt)])
    assert not [answer for answer in answers if MARKER in answer.body]
    assert {400, 403} <= {answer.status for answer in answers} <= {200, 400, 403}


def test_people_are_served_as_they_asked(make_edge: Any) -> None:
    edge: EdgeUnderTest = make_edge(rules=dear_and_cheap(DEAR_PATH))
    edge.origin.answer = marker_origin
    spellings = [spelt for spelt in mutants("people") if is_sendable(spelt)]
    answers = ask_all(edge, [browsed(spelt) for spelt in spellings])
    assert {answer.status for answer in answers} == {200, 400}
    assert edge.ledger.entries == []
    assert_one_to_one(edge)


def is_sendable(target: str) -> bool:
    """Whether it can be written in a request line; other things are tried with the hostile requests."""
    return target.startswith("/") and target.isascii()


def assert_one_to_one(edge: EdgeUnderTest) -> None:
    assert [(seen.method, seen.target) for seen in edge.origin.seen] == edge.authorised
    assert edge.reports == []


# Single spellings that crawlers and browsers really send


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/archive/2026/long-read.html", 200),
        ("/Archive/2026/Long-Read.html?print=1", 200),
        ("/archive%2f2026%2flong-read.html", 400),
        ("//archive/2026/long-read.html", 400),
        ("/./archive/2026/long-read.html", 400),
        ("/x/../archive/2026/long-read.html", 400),
        ("/%2e%2e/archive/2026/long-read.html", 400),
        ("/archive\\2026\\long-read.html", 400),
        ("/archive/2026/long-read.html;x", 400),
        ("/archive/2026/long-read.html%00", 400),
        ("/archive/2026/long-read.html.", 400),
        ("/archive/2026/%6cong-read.html", 400),
    ],
)
def test_a_paying_crawler_is_told_to_spell_plainly(make_edge: Any, target: str, status: int) -> None:
    edge: EdgeUnderTest = make_edge(rules=dear_and_cheap("/archive/2026/*"))
    edge.origin.answer = marker_origin
    answer = edge.ask(RICH.paying(target))
    assert answer.status == status
    if status == 200:
        assert (answer.body, answer.fields["crawler-charged"]) == (MARKER, str(DEAR_PRICE))
    else:
        assert "crawler-error-detail" in answer.fields
        assert edge.ledger.entries == []
        assert edge.origin.seen == []


def test_the_refusal_names_the_spelling_to_ask_for(make_edge: Any) -> None:
    edge: EdgeUnderTest = make_edge(rules=dear_and_cheap("/archive/2026/*"))
    answer = edge.ask(RICH.paying("/archive//2026/long-read.html"))
    assert "/archive/2026/long-read.html" in answer.fields["crawler-error-detail"]


# Hosts

HOSTS_OF_THE_SITE = ("news.example", "NEWS.EXAMPLE", "News.Example.", "news.example:80", "news.example.:80",
                     "news.example:0080", "news.example:8402")  # fmt: skip
HOSTS_OF_NOBODY = ("evil.example", "news.example.evil.example", "xnews.example", "news-example", "127.0.0.1",
                   "localhost", "[::1]", "news.example..")  # fmt: skip
HOSTS_OF_NO_KIND = ("news.example:99999", "news.example:", "news.example:80:80", "news example", "news.example/x",
                    "evil@news.example", "news.example,evil.example", "http://news.example", "\xe9.example", "",
                    "news.example\t.")  # fmt: skip


@pytest.mark.parametrize("host", HOSTS_OF_THE_SITE)
@pytest.mark.parametrize("form", ["origin", "absolute"])
def test_every_spelling_of_the_host_pays_the_same(make_edge: Any, host: str, form: str) -> None:
    edge: EdgeUnderTest = make_edge(rules=dear_and_cheap("/archive/2026/*"))
    edge.origin.answer = marker_origin
    path = "/archive/2026/long-read.html"
    target = path if form == "origin" else f"http://{host}{path}"
    asked = edge.ask(claimed(target, host=host))
    assert (asked.status, asked.fields["crawler-price"]) == (402, str(DEAR_PRICE))
    assert edge.origin.seen == []
    sold = edge.ask(RICH.paying(path, host=host))
    assert (sold.status, sold.fields["crawler-charged"]) == (200, str(DEAR_PRICE))
    assert edge.origin.seen[0].target == path
    assert edge.origin.seen[0].fields["host"] in ("news.example", "news.example:8402")


@pytest.mark.parametrize("host", [*HOSTS_OF_NOBODY, *HOSTS_OF_NO_KIND])
def test_no_other_host_is_served(make_edge: Any, host: str) -> None:
    edge: EdgeUnderTest = make_edge(rules=RuleSet((), everything_else(Action.ALLOW)))
    for data in (browsed("/a", host=host), claimed("/a", host=host)):
        assert edge.ask(data).status in ((421,) if host in HOSTS_OF_NOBODY else (400,))
    assert edge.origin.seen == []


def test_an_absolute_address_must_name_the_host_it_is_sent_to(make_edge: Any) -> None:
    edge: EdgeUnderTest = make_edge(rules=dear_and_cheap("/archive/2026/*"))
    for authority in ("evil.example", "news.example:8402", "news.example@evil.example", "user@news.example", ""):
        absolute = f"GET http://{authority}/".encode()
        assert edge.ask(RICH.paying("/archive/2026/x").replace(b"GET /", absolute)).status == 400, authority
    assert edge.origin.seen == []
    assert edge.ledger.entries == []


def test_one_signature_buys_one_address(make_edge: Any) -> None:
    edge: EdgeUnderTest = make_edge(rules=dear_and_cheap("/archive/2026/*"))
    cheap = RICH.signed("/cheap", "crawler-max-price: USD 1.00", covered=("@authority", "crawler-max-price"))
    assert edge.ask(cheap).fields["crawler-charged"] == str(CHEAP_PRICE)
    moved = edge.ask(cheap.replace(b"GET /cheap", b"GET /archive/2026/x"))
    assert moved.fields["crawler-charged"] == str(DEAR_PRICE)
    bound = RICH.paying("/cheap")
    assert edge.ask(bound.replace(b"GET /cheap", b"GET /archive/2026/x")).status == 400
    assert edge.ledger.charged_micros() == CHEAP_PRICE.amount_micros + DEAR_PRICE.amount_micros


def test_a_strict_site_asks_that_the_signature_covers_the_address(make_edge: Any) -> None:
    edge: EdgeUnderTest = make_edge(rules=dear_and_cheap("/archive/2026/*"), strict=True)
    wide = edge.ask(RICH.signed("/cheap", "crawler-max-price: USD 1.00", covered=("@authority", "crawler-max-price")))
    assert (wide.status, wide.fields["crawler-error"]) == (400, "InvalidSignature")
    assert edge.ask(RICH.paying("/cheap")).fields["crawler-charged"] == str(parse_price("USD 0.01"))

"""Quotes and plans by the signed price list, over real sockets: one question for a site, and never a wrong answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from edge.client import AsyncPaidClient, FakeEdge, Identity, PaidClient, SpendPolicy, Wallet
from edge.client.errors import AboveCap, CrawlerForbidden, PriceRose, PriceUnknown, RobotsForbid
from edge.client.fake_edge import PRICE_LIST, Reply
from edge.client.fetching import Quote
from edge.client.plan import PlannedPage, make_plan
from edge.client.site_cache import SITES_MAX, SiteCache
from edge.client.spend_rows import FreePage, NewPurchase
from edge.core.grants import FreePeriod
from edge.core.keys import new_private_key
from edge.core.message import Request
from edge.core.money import parse_price
from edge.core.rules import Action, Rule, RuleSet, everything_else
from edge.core.signals.price_list import PriceList, Reader, price_list_document

CENT, DIME = parse_price("USD 0.01"), parse_price("USD 0.10")
KEY = new_private_key()
AGENT = "https://bot.example"


@pytest.fixture
def edge() -> Iterator[FakeEdge]:
    with FakeEdge(prices={"/free": parse_price("USD 0"), "/dear": DIME, "/odd*(name)": DIME}) as opened:
        opened.register(Identity(KEY, AGENT))
        yield opened


def wallet_of(folder: Path, clock: Callable[[], float] | None = None, **options: Any) -> Wallet:
    policy = SpendPolicy(**{"per_request": "USD 0.20", **options})
    return Wallet(Identity(KEY, AGENT), policy, folder / "spend.db", clock=clock or time.time)


@pytest.fixture
def client(tmp_path: Path, edge: FakeEdge) -> Iterator[PaidClient]:
    with PaidClient(wallet_of(tmp_path), timeout=20) as opened:
        yield opened


def asked(edge: FakeEdge) -> list[str]:
    return [request.path for request in edge.seen]


def published(edge: FakeEdge, rules: RuleSet, **parts: Any) -> None:
    """Let the edge publish these rules, and not its own."""
    issued = int(parts.pop("issued_at", time.time()))
    values = {
        "issuer": "fake", "site": "127.0.0.1", "version": 1, "issued_at": issued, "expires_at": issued + 3600,
        "currency": "USD", "case_sensitive": False, "in_band_pricing": False,
        "reader": Reader("Bot", "", "other", "signed"), **parts,
    }  # fmt: skip
    document = price_list_document(PriceList(rules=rules, **values), edge.signing_key)
    said(edge, orjson.dumps(document))


def said(edge: FakeEdge, body: bytes, status: int = 200) -> None:
    def twist(number: int, request: Request, honest: Reply) -> Reply:
        return Reply(status, (), body) if request.path == PRICE_LIST else honest

    edge.twist = twist


def test_many_pages_are_one_question(client: PaidClient, edge: FakeEdge) -> None:
    plan = client.plan([edge.url(path) for path in ("/free", "/1", "/2", "/dear", "/odd*(name)", "/robots.txt")])
    assert [page.price for page in plan.pages] == [None, CENT, CENT, DIME, DIME, None]
    assert asked(edge) == [PRICE_LIST, "/.well-known/farebox/jwks.json"]
    assert "signature" in edge.seen[0].fields
    assert client.quote(edge.url("/3")).price == CENT
    assert len(edge.seen) == 2


def test_it_is_one_question_on_asyncio_too(tmp_path: Path, edge: FakeEdge) -> None:
    async def plan() -> None:
        async with AsyncPaidClient(wallet_of(tmp_path, robots_as="Bot"), timeout=20) as client:
            made = await client.plan([edge.url("/1"), edge.url("/dear")])
            assert made.cost == {"USD": parse_price("USD 0.11")}

    asyncio.run(plan())
    assert asked(edge) == ["/robots.txt", PRICE_LIST, "/.well-known/farebox/jwks.json"]


def test_a_listed_price_is_what_is_paid(client: PaidClient, edge: FakeEdge) -> None:
    quoted = client.quote(edge.url("/dear"))
    assert client.get(edge.url("/dear"), price=quoted.price).charged == DIME


def test_a_page_that_is_dearer_than_listed_is_not_paid(client: PaidClient, edge: FakeEdge) -> None:
    quoted = client.quote(edge.url("/1"))
    edge.price = DIME
    with pytest.raises(PriceRose):
        client.get(edge.url("/1"), price=quoted.price)
    assert edge.charges == {}


def test_a_page_of_a_list_that_was_read_is_bought_without_asking_first(client: PaidClient, edge: FakeEdge) -> None:
    assert client.read_price_list(edge.url())
    before = len(edge.seen)
    assert client.get(edge.url("/1")).charged == CENT
    assert client.get(edge.url("/free")).charged is None
    assert len(edge.seen) == before + 2


def test_a_page_that_is_dearer_than_listed_is_asked_and_paid_within_the_caps(
    client: PaidClient, edge: FakeEdge
) -> None:
    client.read_price_list(edge.url())
    edge.price = parse_price("USD 0.02")
    assert client.get(edge.url("/1")).charged == edge.price
    edge.price = parse_price("USD 0.30")
    with pytest.raises(AboveCap):
        client.get(edge.url("/2"))
    assert client.wallet.spent() == {"USD": parse_price("USD 0.02")}


def test_a_list_that_asks_more_than_the_caps_allow_does_not_keep_a_page_that_became_cheaper(
    tmp_path: Path, edge: FakeEdge
) -> None:
    with PaidClient(wallet_of(tmp_path, per_request="USD 0.02"), timeout=20) as client:
        client.read_price_list(edge.url())
        edge.prices["/dear"] = CENT
        assert client.get(edge.url("/dear")).charged == CENT


@pytest.mark.parametrize("policy", ["skip", "pay_up_to_cap"])
def test_a_policy_that_does_not_ask_is_not_told_by_a_list(tmp_path: Path, edge: FakeEdge, policy: str) -> None:
    with PaidClient(wallet_of(tmp_path, on_unknown_price=policy), timeout=20) as client:
        assert client.read_price_list(edge.url())
        edge.price = parse_price("USD 0.02")
        if policy == "skip":
            with pytest.raises(PriceUnknown):
                client.get(edge.url("/1"))
        else:
            assert client.get(edge.url("/1")).charged == edge.price


def test_it_is_so_on_asyncio_too(tmp_path: Path, edge: FakeEdge) -> None:
    async def buy() -> None:
        async with AsyncPaidClient(wallet_of(tmp_path), timeout=20) as client:
            assert await client.read_price_list(edge.url())
            before = len(edge.seen)
            assert (await client.get(edge.url("/1"))).charged == CENT
            assert len(edge.seen) == before + 1
            edge.price = parse_price("USD 0.02")
            assert (await client.get(edge.url("/2"))).charged == edge.price

    asyncio.run(buy())


def test_without_price_lists_every_page_is_asked(tmp_path: Path, edge: FakeEdge) -> None:
    with PaidClient(wallet_of(tmp_path), price_lists=False, timeout=20) as client:
        client.plan([edge.url("/1"), edge.url("/2")])
        assert not client.read_price_list(edge.url())
    assert asked(edge) == ["/1", "/2"]


CHEAP = RuleSet((), everything_else(Action.CHARGE, parse_price("USD 0.001")))


@pytest.mark.parametrize(
    "publish",
    [
        lambda edge: said(edge, b"", 404),
        lambda edge: said(edge, b"{"),
        lambda edge: said(edge, b'{"jws":5}'),
        lambda edge: said(edge, b'{"jws":"a.b.c"}'),
        lambda edge: published(edge, CHEAP, site="other.example"),
        lambda edge: published(edge, CHEAP, issued_at=1_000),
        lambda edge: published(edge, CHEAP, issued_at=time.time() + 7200),
        lambda edge: published(edge, CHEAP, in_band_pricing=True),
        lambda edge: published(edge, CHEAP, complete=False),
        lambda edge: _with_another_key(edge),
        lambda edge: said(edge, b" " * (8 * 1024 * 1024 + 1)),
    ],
    ids=["none", "no json", "no jws", "no token", "site", "old", "future", "in band", "part", "key", "long"],
)
def test_a_list_that_does_not_hold_is_not_believed(
    client: PaidClient, edge: FakeEdge, publish: Callable[[FakeEdge], None]
) -> None:
    publish(edge)
    assert client.quote(edge.url("/1")) == Quote(edge.url("/1"), CENT, 402)


def _with_another_key(edge: FakeEdge) -> None:
    ours, edge.signing_key = edge.signing_key, new_private_key()
    published(edge, CHEAP)
    edge.signing_key = ours


def test_a_site_without_a_list_is_left_in_peace_for_a_while(tmp_path: Path, edge: FakeEdge) -> None:
    edge.publishes = False
    now = [time.time()]
    with PaidClient(wallet_of(tmp_path, lambda: now[0]), timeout=20) as client:
        client.plan([edge.url("/1"), edge.url("/2")])
        assert asked(edge).count(PRICE_LIST) == 1
        now[0] += 601
        client.quote(edge.url("/1"))
    assert asked(edge).count(PRICE_LIST) == 2


def test_a_list_is_read_again_when_its_time_is_over(tmp_path: Path, edge: FakeEdge) -> None:
    now = [time.time()]
    with PaidClient(wallet_of(tmp_path, lambda: now[0]), timeout=20) as client:
        client.quote(edge.url("/1"))
        now[0] += 3601
        client.quote(edge.url("/1"))
    assert asked(edge).count(PRICE_LIST) == 2


def test_what_the_list_blocks_is_refused_without_asking(client: PaidClient, edge: FakeEdge) -> None:
    published(edge, RuleSet((Rule("1", where="/no/*", action=Action.BLOCK),), everything_else(Action.ALLOW)))
    with pytest.raises(CrawlerForbidden):
        client.quote(edge.url("/no/1"))
    assert client.plan([edge.url("/no/1")]).pages[0].kept_by is not None
    assert "/no/1" not in asked(edge)


# What is free


TERMS = Rule("1", action=Action.CHARGE, price=CENT, free_pages=2, free_period=FreePeriod.DAY, recrawl_hours=24)


def listed(url: str, rule: Rule = TERMS, *, knows_us: bool = True) -> Quote:
    return Quote(url, rule.price, 402, rule, knows_us)


def test_free_pages_are_counted_with_those_that_were_had(tmp_path: Path) -> None:
    with wallet_of(tmp_path) as wallet:
        now = wallet.now_micros()
        wallet.store.note_free(FreePage("ch_1", "https://a.example/0", "a.example", "USD", now))
        wallet.store.note_free(FreePage("ch_0", "https://a.example/0", "a.example", "USD", now - 2 * 86_400_000_000))
        plan = make_plan(wallet, [listed(f"https://{host}.example/{at}") for host in ("a", "b") for at in range(3)])
    assert [page.price is None for page in plan.pages] == [True, False, False, True, True, False]
    assert plan.pages[0] == PlannedPage("https://a.example/0", None, free_by="one of 2 free pages of this day")
    assert plan.cost == {"USD": parse_price("USD 0.03")}


def test_a_page_that_was_bought_lately_is_free_again(tmp_path: Path) -> None:
    now = [1_800_000_000.0]
    with wallet_of(tmp_path, lambda: now[0]) as wallet:
        at = wallet.now_micros()
        new = NewPurchase("https://a.example/0", "a.example", CENT, (), at, at + 1)
        number = wallet.store.reserve(new, ())
        assert isinstance(number, int)
        wallet.store.settle(number, CENT, "ch_1", at)
        rule = Rule("1", action=Action.CHARGE, price=CENT, recrawl_hours=24)
        quotes = [listed("https://a.example/0", rule), listed("https://a.example/1", rule)]
        now[0] += 23 * 3600
        assert [page.free_by for page in make_plan(wallet, quotes).pages] == [
            "free again within 24 hours of buying it", None,
        ]  # fmt: skip
        now[0] += 3601
        assert make_plan(wallet, quotes).pages[0].price == CENT


def test_the_terms_of_a_list_for_anybody_are_not_ours(tmp_path: Path) -> None:
    with wallet_of(tmp_path) as wallet:
        assert make_plan(wallet, [listed("https://a.example/0", knows_us=False)]).pages[0].price == CENT


# robots.txt


def test_a_policy_that_obeys_robots_txt_asks_for_nothing_it_forbids(tmp_path: Path, edge: FakeEdge) -> None:
    edge.robots = "User-agent: ExampleBot\nDisallow: /private/\n"
    with PaidClient(wallet_of(tmp_path, robots_as="ExampleBot"), timeout=20) as client:
        for ask in (client.get, client.quote):
            with pytest.raises(RobotsForbid, match="does not allow it to ExampleBot"):
                ask(edge.url("/private/1"))
        [kept, bought] = client.plan([edge.url("/private/1"), edge.url("/1")]).pages
        assert (kept.kept_by is None, bought.kept_by) == (False, None)
        assert client.get(edge.url("/1")).charged == CENT
    assert "/private/1" not in asked(edge)
    assert asked(edge).count("/robots.txt") == 1


def test_a_policy_without_a_name_reads_no_robots_txt(client: PaidClient, edge: FakeEdge) -> None:
    edge.robots = "User-agent: *\nDisallow: /\n"
    assert client.get(edge.url("/1")).charged == CENT
    assert "/robots.txt" not in asked(edge)


@pytest.mark.parametrize("url", ["http://[bad/1", "ftp://a.example/1", "nothing", ""])
def test_what_is_no_address_of_a_page_has_no_list(client: PaidClient, url: str) -> None:
    assert not client.read_price_list(url)


# The memory


def test_what_is_remembered_is_bounded_and_ends() -> None:
    now = [0.0]
    cache: SiteCache[int] = SiteCache(lambda: now[0])
    for number in range(SITES_MAX + 5):
        cache.keep(f"https://{number}.example/x", number, 10)
    assert len(cache) == SITES_MAX
    assert cache.find("https://0.example/x") is None
    assert cache.find("https://7.example/other") == 7
    assert cache.find("http://7.example/other") is None
    now[0] = 10.0
    assert cache.find("https://7.example/other") is None

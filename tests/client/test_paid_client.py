"""The client over real sockets: caps under many tasks, redirects, conditional requests, plans and receipts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from edge.client import AsyncPaidClient, FakeEdge, Identity, PaidClient, SpendPolicy, Wallet
from edge.client.errors import AboveCap, CapReached, CrawlerForbidden, PaymentInDoubt, PriceRose
from edge.client.fake_edge import PAGE, Reply
from edge.client.plan import PlannedPage
from edge.core.keys import new_private_key
from edge.core.message import Request
from edge.core.money import parse_price

CENT = parse_price("USD 0.01")
KEY = new_private_key()


@pytest.fixture
def edge() -> Iterator[FakeEdge]:
    with FakeEdge() as opened:
        yield opened


def wallet_of(folder: Path, edge: FakeEdge, **options: Any) -> Wallet:
    identity = Identity(KEY, "https://bot.example")
    edge.register(identity)
    return Wallet(identity, SpendPolicy(**{"per_request": "USD 0.02", **options}), folder / "spend.db")


@pytest.fixture
def client(tmp_path: Path, edge: FakeEdge) -> Iterator[PaidClient]:
    with PaidClient(wallet_of(tmp_path, edge), timeout=20) as opened:
        yield opened


def test_a_page_is_bought(client: PaidClient, edge: FakeEdge) -> None:
    page = client.get(edge.url())
    assert (page.status, page.content, page.charged, page.charge_id) == (200, PAGE, CENT, "ch_1")
    assert client.wallet.spent() == {"USD": CENT}


def test_a_page_is_bought_on_asyncio(tmp_path: Path, edge: FakeEdge) -> None:
    async def buy() -> None:
        async with AsyncPaidClient(wallet_of(tmp_path, edge), timeout=20) as client:
            assert (await client.quote(edge.url())).price == CENT
            page = await client.get(edge.url())
            assert (page.content, page.charged) == (PAGE, CENT)
            assert (await client.plan([edge.url("/2")])).cost == {"USD": CENT}
            assert await client.resolve() == []
            assert await client.collect_receipts() == []

    asyncio.run(buy())


def test_64_tasks_never_exceed_a_cap(tmp_path: Path, edge: FakeEdge) -> None:
    async def crawl() -> list[object]:
        async with AsyncPaidClient(wallet_of(tmp_path, edge, total="USD 0.205"), timeout=60) as client:
            pages = (client.get(edge.url(f"/{number}")) for number in range(64))
            return list(await asyncio.gather(*pages, return_exceptions=True))

    results = asyncio.run(crawl())
    assert sum(isinstance(result, CapReached) for result in results) == 44
    assert len(edge.charges) == 20
    assert edge.spent() == 200_000


def test_tasks_that_want_one_page_at_once_pay_for_it_once(tmp_path: Path, edge: FakeEdge) -> None:
    async def crawl() -> list[object]:
        async with AsyncPaidClient(wallet_of(tmp_path, edge), timeout=60) as client:
            return list(await asyncio.gather(*(client.get(edge.url()) for _ in range(16))))

    pages = asyncio.run(crawl())
    assert {page.content for page in pages} == {PAGE}  # type: ignore[attr-defined]
    assert len(edge.charges) == 1


def test_64_threads_never_exceed_a_cap_with_a_client_each(tmp_path: Path, edge: FakeEdge) -> None:
    def buy(number: int) -> bool:
        with PaidClient(wallet_of(tmp_path, edge, total="USD 0.105", on_unknown_price="ask"), timeout=60) as client:
            try:
                return client.get(edge.url(f"/{number}")).charged is not None
            except CapReached:
                return False

    with ThreadPoolExecutor(64) as pool:
        assert sum(pool.map(buy, range(64))) == 10
    assert edge.spent() == 100_000


def test_each_hop_is_signed_afresh_and_decided_on_its_own(tmp_path: Path, edge: FakeEdge, client: PaidClient) -> None:
    with FakeEdge(price=parse_price("USD 0.03")) as other:
        other.register(client.wallet.identity)
        edge.moved = {"/old": "/new", "/away": other.url("/dear")}
        assert client.get(edge.url("/old")).charged == CENT
        signatures = [request.fields["signature"] for request in edge.seen]
        assert len(set(signatures)) == len(signatures) == 3
        with pytest.raises(AboveCap):
            client.get(edge.url("/away"))
        assert other.charges == {}
        assert all("crawler-max-price" not in request.fields for request in other.seen)


def test_another_hosts_page_needs_that_hosts_permission(tmp_path: Path, edge: FakeEdge) -> None:
    with FakeEdge() as other, PaidClient(wallet_of(tmp_path, edge, deny_domains=["localhost"])) as client:
        other.register(client.wallet.identity)
        edge.moved = {"/away": f"http://localhost:{other.port}/page"}
        with pytest.raises(Exception, match="spends nothing at this address"):
            client.get(edge.url("/away"))
        assert other.charges == {}


def test_a_price_that_rises_between_quote_and_fetch_stops(client: PaidClient, edge: FakeEdge) -> None:
    quoted = client.quote(edge.url())
    edge.price = parse_price("USD 0.011")
    with pytest.raises(PriceRose):
        client.get(edge.url(), price=quoted.price)
    assert edge.charges == {}
    assert client.wallet.spent() == {"USD": parse_price("USD 0")}


def test_a_5xx_is_never_settled(client: PaidClient, edge: FakeEdge) -> None:
    edge.twist = lambda number, request, honest: Reply(502, honest.headers) if honest.status == 200 else honest
    assert client.get(edge.url()).status == 502
    assert client.wallet.spent() == {"USD": parse_price("USD 0")}


def test_a_page_that_is_cut_off_is_fetched_again_for_nothing(client: PaidClient, edge: FakeEdge) -> None:
    def cut_the_first(number: int, request: Request, honest: Reply) -> Reply:
        is_first = honest.status == 200 and number == 2
        return Reply(honest.status, honest.headers, honest.body, cut_after=100) if is_first else honest

    edge.twist = cut_the_first
    assert client.get(edge.url()).content == PAGE
    assert len(edge.charges) == 1
    assert edge.seen[1].fields["signature"] == edge.seen[2].fields["signature"]


def test_a_page_in_doubt_is_resolved_later(client: PaidClient, edge: FakeEdge) -> None:
    edge.twist = lambda number, request, honest: (
        Reply(honest.status, honest.headers, honest.body, cut_after=100) if honest.status == 200 else honest
    )
    with pytest.raises(PaymentInDoubt):
        client.get(edge.url())
    assert client.wallet.spent() == {"USD": CENT}
    edge.twist = lambda number, request, honest: honest
    [resolved] = client.resolve()
    assert resolved.delivered is not None
    assert resolved.delivered.charged == CENT
    assert len(edge.charges) == 1


def test_an_unchanged_page_is_not_paid_for_again(client: PaidClient, edge: FakeEdge) -> None:
    assert client.get(edge.url(), only_if_changed=True).charged == CENT
    again = client.get(edge.url(), only_if_changed=True)
    assert again.is_unchanged
    assert client.wallet.spent() == {"USD": CENT}


def test_a_plan_says_what_the_caps_would_keep(tmp_path: Path, edge: FakeEdge) -> None:
    edge.publishes = False  # what the twist refuses is on no list
    edge.prices = {"/free": parse_price("USD 0"), "/dear": parse_price("USD 0.05")}
    edge.twist = lambda number, request, honest: (
        Reply(403, (("crawler-error", "CrawlerForbidden"),)) if request.path == "/no" else honest
    )
    with PaidClient(wallet_of(tmp_path, edge, total="USD 0.025")) as client:
        client.get(edge.url("/first"))
        plan = client.plan([edge.url(path) for path in ("/free", "/1", "/dear", "/2", "/no")])
    free, one, dear, two, blocked = plan.pages
    assert free == PlannedPage(edge.url("/free"), None)
    assert one == PlannedPage(edge.url("/1"), CENT)
    assert dear.kept_by == "the page costs USD 0.05, your cap for one request is USD 0.02"
    assert two.kept_by == "your total, USD 0.025, is used up"
    assert "CrawlerForbidden" in (blocked.kept_by or "")
    assert (plan.cost, plan.wanted) == ({"USD": CENT}, {"USD": parse_price("USD 0.07")})
    assert plan.by_domain() == {"127.0.0.1": {"USD": CENT}}
    assert len(edge.charges) == 1


def test_every_charge_has_a_receipt_that_holds(client: PaidClient, edge: FakeEdge) -> None:
    for number in range(3):
        client.get(edge.url(f"/{number}?q=1"))
    assert client.collect_receipts() == []
    kept = list(client.wallet.store.purchases("receipt IS NOT NULL AND receipt_fault IS NULL"))
    assert len(kept) == 3
    asked = len(edge.seen)
    assert client.collect_receipts() == []
    assert len(edge.seen) == asked, "a receipt that is kept is not fetched again"


def _other_key(edge: FakeEdge, receipt: Reply) -> Reply:
    edge.signing_key = new_private_key()
    return receipt


def _other_charge(edge: FakeEdge, receipt: Reply) -> Reply:
    return edge.honest(Request.from_parts("GET", edge.url("/.well-known/receipts/ch_2")))


@pytest.mark.parametrize(
    ("twist", "says"),
    [
        (_other_key, "not in this key set"),
        (_other_charge, "for another charge"),
        (lambda edge, receipt: Reply(200, (), b"nonsense"), "not a receipt"),
        (lambda edge, receipt: Reply(404), "not to be had"),
    ],
)
def test_a_receipt_that_does_not_hold_is_reported(client: PaidClient, edge: FakeEdge, twist: Any, says: str) -> None:
    client.get(edge.url("/1"))
    client.get(edge.url("/2"))
    edge.twist = lambda number, request, honest: (
        twist(edge, honest) if request.path == "/.well-known/receipts/ch_1" else honest
    )
    problems = client.collect_receipts()
    assert edge.url("/1") in {problem.url for problem in problems}
    assert says in problems[0].says


def test_a_receipt_over_another_amount_is_reported(client: PaidClient, edge: FakeEdge) -> None:
    client.get(edge.url("/1"))
    [(signature, charge)] = edge.charges.items()
    edge.charges[signature] = type(charge)(charge.id, charge.target, parse_price("USD 0.02"), charge.agent_url, 0)
    [problem] = client.collect_receipts()
    assert problem.says == "The receipt says USD 0.02, the answer said USD 0.01."


def test_what_is_not_get_passes_unsigned(tmp_path: Path, edge: FakeEdge, client: PaidClient) -> None:
    from edge.client.httpx_transport import PayingTransport

    with httpx2.Client(transport=PayingTransport(client.wallet)) as plain:
        assert plain.head(edge.url()).status_code == 402
    assert "signature" not in edge.seen[-1].fields


def test_a_blocked_page_is_a_typed_error(client: PaidClient, edge: FakeEdge) -> None:
    edge.twist = lambda number, request, honest: Reply(403, (("crawler-error", "CrawlerForbidden"),))
    with pytest.raises(CrawlerForbidden):
        client.get(edge.url())

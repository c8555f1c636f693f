"""Any order of buying, losing answers, dying, waiting and price changes: what may be gone is never spent again.

The seller of this model keeps the promise that one signature is one charge, and knows the truth; the wallet sees only
what comes back.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from edge.client.answers import Answer
from edge.client.errors import CrawlRefused, PageUnreachable, PaymentInDoubt, SpendingStopped
from edge.client.fetching import Conversation, Wait, fetch, resolve
from edge.client.flow import NoAnswer, Send
from edge.client.identity import PAYING_SECONDS, Identity
from edge.client.spend_policy import SpendPolicy
from edge.client.spend_rows import State
from edge.client.wallet import Wallet
from edge.core.keys import new_private_key
from edge.core.money import Money, parse_price

CAP = 60_000
KEY = new_private_key()
FAULTS = ("none", "lost_before", "lost_after", "cut", "busy", "no_page", "never_sent", "dies_before", "dies_after")
# What loses an answer, then hears of nothing, is where a wallet would forget: it has to be drawn often.
Faults = st.lists(st.sampled_from((*FAULTS, "lost_after", "lost_after", "no_page", "no_page")), max_size=4)


class Died(Exception):
    """The crawler's process is gone."""


class Seller:
    """Charges each signature once, at the price of the moment, while it is fresh."""

    def __init__(self) -> None:
        self.price = Money(10_000, "USD")
        self.charges: dict[str, Money] = {}

    def answer(self, step: Send, now: float) -> Answer:
        headers = dict(step.headers)
        offered, signature = headers.get("crawler-max-price"), headers["signature"]
        if offered is None:
            return Answer(402, {"crawler-price": str(self.price), "crawler-error": "MissingCrawlerPrice"})
        created = int(headers["signature-input"].partition("created=")[2].partition(";")[0])
        if now > created + PAYING_SECONDS:
            return Answer(400, {"crawler-error": "InvalidSignature"})
        if signature not in self.charges:
            if parse_price(offered).amount_micros < self.price.amount_micros:
                return Answer(402, {"crawler-price": str(self.price), "crawler-error": "InvalidCrawlerMaxPrice"})
            self.charges[signature] = self.price
        number = list(self.charges).index(signature)
        return Answer(200, {"crawler-charged": str(self.charges[signature]), "crawler-receipt": f"ch_{number}"})

    def total(self) -> int:
        return sum(price.amount_micros for price in self.charges.values())


class WalletModel(RuleBasedStateMachine):
    """One crawler, killed and started again on its file; one seller."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.seller = Seller()
        self.now = 1_800_000_000.0
        self.wallet = self.started()

    def started(self) -> Wallet:
        policy = SpendPolicy(per_request="USD 0.03", total=str(Money(CAP, "USD")))
        path = Path(self.folder.name) / "spend.db"
        return Wallet(Identity(KEY, "https://bot.example"), policy, path, clock=lambda: self.now)

    def teardown(self) -> None:
        self.settle_up()
        self.wallet.close()
        self.folder.cleanup()

    def talk(self, flow: Conversation[object], faults: Iterator[str]) -> None:
        step = next(flow)
        while True:
            step = flow.send(None if isinstance(step, Wait) else self.came(step, next(faults, "none")))

    def came(self, step: Send, fault: str) -> Answer | NoAnswer:
        match fault:
            case "lost_before" | "never_sent":
                return NoAnswer("reset", was_sent=fault == "lost_before")
            case "dies_before":
                raise Died
            case "busy":
                return Answer(503, {"crawler-error": "InternalError"})
            case "no_page":
                return Answer(502, {})
        answer = self.seller.answer(step, self.now)
        match fault:
            case "lost_after":
                return NoAnswer("reset", was_sent=True)
            case "cut" if answer.status == 200:
                return Answer(200, answer.fields, fault="cut off")
            case "dies_after":
                raise Died
        return answer

    @contextmanager
    def surviving(self) -> Iterator[None]:
        try:
            yield
        except Died:
            self.wallet.close()
            self.wallet = self.started()
        except (StopIteration, CrawlRefused, SpendingStopped, PaymentInDoubt, PageUnreachable):
            pass

    @rule(page=st.integers(0, 3), faults=Faults)
    def get(self, page: int, faults: list[str]) -> None:
        with self.surviving():
            self.talk(fetch(self.wallet, f"https://news.example/{page}"), iter(faults))

    @rule(page=st.integers(0, 3), micros=st.sampled_from([5_000, 10_000, 20_000]), faults=Faults)
    def get_at(self, page: int, micros: int, faults: list[str]) -> None:
        with self.surviving():
            self.talk(fetch(self.wallet, f"https://news.example/{page}", Money(micros, "USD")), iter(faults))

    @rule(faults=Faults)
    def find_out(self, faults: list[str]) -> None:
        with self.surviving():
            self.talk(resolve(self.wallet), iter(faults))

    @rule(seconds=st.sampled_from([1, 100, 200, 310, 90_000]))
    def wait(self, seconds: int) -> None:
        self.now += seconds

    @rule(micros=st.sampled_from([5_000, 10_000, 20_000, 40_000]))
    def change_the_price(self, micros: int) -> None:
        self.seller.price = Money(micros, "USD")

    @invariant()
    def what_the_seller_took_is_counted_and_never_beyond_the_cap(self) -> None:
        assert self.seller.total() <= self.wallet.store.spent().get("USD", 0) <= CAP
        assert self.wallet.store.faults() == []

    def settle_up(self) -> None:
        """When the seller answers again, everything is known but what was too old to ask about."""
        with self.surviving():
            self.talk(resolve(self.wallet), iter(()))
        self.now += PAYING_SECONDS + 1
        with self.surviving():
            self.talk(resolve(self.wallet), iter(()))
        assert self.wallet.in_doubt() == []
        settled = sum(one.charged.amount_micros for one in self.wallet.store.purchases() if one.charged is not None)
        lapsed = sum(one.reserved.amount_micros for one in self.wallet.store.purchases() if one.state is State.LAPSED)
        assert settled <= self.seller.total() <= settled + lapsed


TestWalletModel = WalletModel.TestCase
TestWalletModel.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)

"""An identity, a policy and a spend store together: what decides about each request, and notes what became of it.

Rules of this file
- ``prepare`` reserves before a request leaves, ``judge`` settles or releases when its answer is there; whoever carries
  requests (the flow, Scrapy) has to call one after the other and nothing else.
- An answer is never believed blindly: what was charged is held against what was offered.
- Every request is signed, also one that offers nothing: prices and free rules depend on who asks.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

from edge.client.answers import Answer, Delivered, is_page, money_of, price_of, refusal_of
from edge.client.errors import (
    AlreadyBought,
    CapReached,
    NotAllowed,
    PaymentInDoubt,
    PriceRose,
    PriceUnknown,
    SpendingStopped,
    WrongCharge,
)
from edge.client.identity import NONCE_BYTES, Identity, nonce_from
from edge.client.spend_policy import SpendPolicy, domain_of
from edge.client.spend_rows import FreePage, NewPurchase, Purchase, State
from edge.client.spend_store import SpendStore
from edge.client.token_identity import IDEMPOTENCY_KEY, TokenIdentity
from edge.core.accept_signature import parse_accept_signature
from edge.core.api_token import holds_token
from edge.core.money import Money
from edge.core.reconcile import Difference
from edge.core.refusals import CrawlerError
from edge.core.request_signing import TAG
from edge.core.signature_faults import Flaw
from edge.core.terms import (
    CRAWLER_CHARGED,
    CRAWLER_ERROR,
    CRAWLER_RECEIPT,
    Offer,
    OfferKind,
)

PAUSES_SECONDS = (1.0, 3.0)
REPEAT_MARGIN_MICROS = 5_000_000
SCOPE_WORDS = {"total": "your total", "day": "your cap for a day", "domain_day": "your cap for this domain and day"}
OWN_HEADERS = frozenset(
    {"signature", "signature-input", "signature-agent", IDEMPOTENCY_KEY, *(kind.value for kind in OfferKind)}
)


def is_own(name: str, value: str) -> bool:
    """Whether a header is ours: taken away before a request is signed again, or goes where a redirect leads.

    ``Authorization`` is ours only where it holds an API token; anything else is between the caller and the site.
    """
    name = name.lower()
    return name in OWN_HEADERS or (name == "authorization" and holds_token(value))


@dataclass(frozen=True, slots=True)
class Ready:
    """A request that may leave: its own headers to add, what it offers, and the purchase that was reserved for it.

    ``repeats`` is a purchase that was settled already: its signature gets the page again for nothing.
    """

    url: str
    headers: tuple[tuple[str, str], ...]
    offer: Offer | None = None
    purchase: int | None = None
    expires_micros: int = 0
    quoted: Money | None = None
    repeats: Purchase | None = None
    method: str = "GET"
    covered: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Asked:
    """The page costs this; nothing was offered, or too little."""

    url: str
    price: Money


@dataclass(frozen=True, slots=True)
class SignMore:
    """The server asks for a signature over these components too (RFC 9421 section 5)."""

    components: tuple[str, ...]


class Wallet:
    """What pays: give it to an adapter, or to ``PaidClient``. Safe to share by threads and tasks.

    ``store`` is the file of the crawler's own books, made when it is not there. ``pauses_seconds`` are waited before a
    request is sent again, where that helps; as many pauses, as many tries more. Raises ``SpendStoreProblem``.
    """

    def __init__(
        self,
        identity: Identity | TokenIdentity,
        policy: SpendPolicy,
        store: SpendStore | Path | str,
        *,
        pauses_seconds: tuple[float, ...] = PAUSES_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.identity = identity
        self.policy = policy
        self.store = store if isinstance(store, SpendStore) else SpendStore(store)
        self.pauses_seconds = pauses_seconds
        self._clock = clock

    def __enter__(self) -> Wallet:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the spend store."""
        self.store.close()

    def now_micros(self) -> int:
        """The wallet's clock, in microseconds since the epoch."""
        return int(self._clock() * 1_000_000)

    # Before a request

    def prepare(
        self, url: str, quoted: Money | None = None, also: tuple[str, ...] = (), *, may_repeat: bool = True
    ) -> Ready:
        """Make a request ready; the money for it is reserved when this returns. ``quoted`` is a price known before.

        Raises ``SpendingStopped`` when the policy forbids to pay ``quoted``.
        """
        found = self.store.take_up(url)
        if found is not None:
            return self._taken_up(found, quoted)
        if not self.policy.allows_spending_at(url) or not self.identity.speaks_to(url):
            return self.signed(url, also)
        before = self._bought_before(url)
        if before is not None and may_repeat and before.expires_micros > self.now_micros() + REPEAT_MARGIN_MICROS:
            return Ready(url, self._headers_of(before), None, None, before.expires_micros, quoted, before)
        if before is not None and self.policy.buy_again_after_hours:
            raise AlreadyBought(url, f"bought before, for {before.charged}; your policy does not buy it again yet")
        if quoted is None and self.policy.on_unknown_price == "pay_up_to_cap":
            return self._reserved(url, self.policy.up_to_cap(), None, also)
        if quoted is None or quoted.amount_micros == 0:
            return self.signed(url, also)
        forbidden = self.policy.why_not(url, quoted)
        if forbidden is not None:
            raise forbidden
        return self._reserved(url, quoted, quoted, also)

    def _bought_before(self, url: str) -> Purchase | None:
        """What was bought so lately that its signature still gets the page, or that the policy is content with it."""
        back = max(self.policy.buy_again_after_hours * 3600, self.identity.paying_seconds)
        return self.store.bought(url, self.now_micros() - back * 1_000_000)

    def take_up(self, purchase: Purchase) -> Ready | None:
        """An open purchase to ask for again; None when it was resolved meanwhile."""
        found = self.store.take_up(purchase.url)
        return None if found is None else self._taken_up(found, None)

    def signed(self, url: str, also: tuple[str, ...] = (), method: str = "GET") -> Ready:
        """A request that offers nothing."""
        return self._signed(url, None, also, method)

    def _taken_up(self, found: Purchase, quoted: Money | None) -> Ready:
        offer = Offer(OfferKind.MAX, found.reserved)
        return Ready(found.url, self._headers_of(found), offer, found.id, found.expires_micros, quoted)

    def _headers_of(self, purchase: Purchase) -> tuple[tuple[str, str], ...]:
        """The request that made a purchase, ready to be sent again."""
        return tuple(self.identity.completed(purchase.url, dict(purchase.headers)).items())

    def _reserved(self, url: str, most: Money, quoted: Money | None, also: tuple[str, ...]) -> Ready:
        ready = self._signed(url, Offer(OfferKind.MAX, most), also, "GET")
        made = self.now_micros()
        kept = tuple(self.identity.kept(dict(ready.headers)).items())
        new = NewPurchase(url, domain_of(url), most, kept, made, ready.expires_micros)
        number = self.store.reserve(new, self.policy.caps(most.currency))
        if isinstance(number, Purchase):
            return self._taken_up(number, quoted)
        if not isinstance(number, int):
            raise CapReached(url, f"{SCOPE_WORDS[number.scope]}, {number.limit}, does not cover {most} more", most,
                             number.scope)  # fmt: skip
        return Ready(url, ready.headers, ready.offer, number, ready.expires_micros, quoted, covered=ready.covered)

    def _signed(self, url: str, offer: Offer | None, also: tuple[str, ...], method: str) -> Ready:
        """Sign afresh; nothing is signed for plain http beyond this machine, where anybody could read it."""
        is_private = url.startswith("https:") or self.policy.allows_spending_at(url)
        if not is_private or not self.identity.speaks_to(url):
            return Ready(url, (), method=method)
        now, seconds = self._clock(), self.identity.paying_seconds
        nonce = nonce_from(secrets.token_bytes(NONCE_BYTES))
        headers = self.identity.sign(url, {}, offer, now, nonce, method=method, also=also, seconds=seconds)
        expires = (int(now) + seconds) * 1_000_000
        return Ready(url, tuple(headers.items()), offer, None, expires, method=method, covered=frozenset(also))

    # After an answer

    def judge(self, ready: Ready, answer: Answer) -> Delivered | Asked | SignMore:
        """Note what an answer did to the money, and say what it is.

        ``answer`` is whole, or not a page. Raises ``CrawlRefused``, ``SpendingStopped`` or ``WrongCharge``.
        """
        assert answer.fault is None or not is_page(answer), "a page that broke is asked for again, not judged"
        if is_page(answer):
            return self._page(ready, answer)
        self.not_charged(ready)
        more = self._wanted(ready, answer)
        if more:
            return SignMore(more)
        price = price_of(answer)
        if answer.status == 402 and price is not None:
            return self._asked(ready, answer, price)
        refused = refusal_of(ready.url, answer)
        if refused is not None:
            raise refused
        return Delivered(ready.url, answer.status)

    def not_charged(self, ready: Ready) -> None:
        """One sending was answered without a page, or never left. Raises ``PaymentInDoubt`` when another one may have
        been charged."""
        state = self._free(ready)
        if state is State.OPEN:
            raise PaymentInDoubt(ready.url, "an earlier sending of this purchase has no answer yet")
        if state is State.LAPSED:
            raise PaymentInDoubt(
                ready.url, "an earlier purchase is too old to find out, and counts as spent; the next one buys anew"
            )

    def sent_again(self, ready: Ready) -> None:
        """The same signed request is about to be sent once more, because no answer came."""
        if ready.purchase is not None:
            self.store.sent_again(ready.purchase)

    def _free(self, ready: Ready, *, for_certain: bool = False) -> State | None:
        if ready.purchase is None:
            return None
        return self.store.refused(ready.purchase, self.now_micros(), for_certain=for_certain)

    def _page(self, ready: Ready, answer: Answer) -> Delivered:
        said, charge_id = answer.fields.get(CRAWLER_CHARGED), answer.fields.get(CRAWLER_RECEIPT)
        charged = money_of(said)
        if said is None or (charged is not None and charged.amount_micros == 0):
            # With a receipt's number alone, this is the page of a purchase that was given back before.
            self._free(ready, for_certain=charge_id is not None)
            if charged is None or charge_id is None:
                return Delivered(ready.url, answer.status)
            page = FreePage(charge_id, ready.url, domain_of(ready.url), charged.currency, self.now_micros())
            self.store.note_free(page)
            return Delivered(ready.url, answer.status, charge_id=charge_id)
        before = ready.repeats
        if before is not None and (charge_id, charged) == (before.charge_id, before.charged):
            return Delivered(ready.url, answer.status, charged, charge_id, before.id, is_repeat=True)
        if ready.purchase is None or ready.offer is None:
            raise WrongCharge(ready.url, said, "nothing", charge_id)
        if charged is None or not ready.offer.accepts(charged):
            self.store.settle(ready.purchase, ready.offer.price, charge_id, self.now_micros(), claimed=said[:200])
            raise WrongCharge(ready.url, said, str(ready.offer), charge_id)
        is_first = self.store.settle(ready.purchase, charged, charge_id, self.now_micros())
        return Delivered(ready.url, answer.status, charged, charge_id, ready.purchase, is_repeat=not is_first)

    def _asked(self, ready: Ready, answer: Answer, price: Money) -> Asked:
        """A price that could be paid; what stands against that is raised."""
        if not self._asks_for_money(answer):
            refused = refusal_of(ready.url, answer)
            if refused is not None:
                raise refused
        if ready.quoted is not None and ready.offer is not None and not ready.offer.accepts(price):
            raise PriceRose(ready.url, f"the page was quoted at {ready.quoted} and costs {price} now", price)
        forbidden = self.why_not_pay(ready.url, price)
        if forbidden is not None:
            raise forbidden
        return Asked(ready.url, price)

    def why_not_pay(self, url: str, price: Money) -> SpendingStopped | None:
        """What the policy has against buying a page at this price without its having been quoted."""
        if not self.policy.allows_spending_at(url):
            return NotAllowed(url, f"the page costs {price}, and your policy spends nothing at this address", price)
        if not self.identity.speaks_to(url):
            return NotAllowed(url, f"the page costs {price}, and your token is not for this address", price)
        forbidden = self.policy.why_not(url, price)
        if forbidden is None and self.policy.on_unknown_price == "skip":
            return PriceUnknown(url, f"the page costs {price}, which was not quoted before", price)
        return forbidden

    @staticmethod
    def _asks_for_money(answer: Answer) -> bool:
        """Whether an offer would answer this 402; one of an account's or budget's would not be."""
        return answer.fields.get(CRAWLER_ERROR) in (None, CrawlerError.MISSING_PRICE, CrawlerError.INVALID_MAX_PRICE)

    def _wanted(self, ready: Ready, answer: Answer) -> tuple[str, ...]:
        """Components that an Accept-Signature asks for, that we can cover and did not."""
        text = answer.fields.get("accept-signature")
        is_signed = any(name == "signature" for name, _ in ready.headers)  # a token covers nothing
        if text is None or answer.status not in (400, 401, 402, 403, 429) or not is_signed or ready.covered:
            return ()
        requests = parse_accept_signature(text)
        if isinstance(requests, Flaw):
            return ()
        usual = {"@method", "@authority", "@target-uri", "@scheme"}
        can = {"@path", "@request-target", *(("@query",) if urlsplit(ready.url).query else ())}
        wanted = [one for request in requests if request.tag in (None, TAG) for one in request.components]
        return tuple(dict.fromkeys(one for one in wanted if one in can and one not in usual))

    def spent(self) -> dict[str, Money]:
        """What is paid or reserved, by currency."""
        return {currency: Money(micros, currency) for currency, micros in self.store.spent().items()}

    def reconcile(
        self, statement: Path | str, month: str | None = None, domains: Sequence[str] = ()
    ) -> list[Difference]:
        """What these books and an operator's list of charges (``charges-YYYY-MM``) do not agree on.

        ``domains`` are the operator's sites, where you buy from several. Raises ``UnreadableStatement``.
        """
        from edge.client.statement_check import reconcile_store  # loads progress bars: not for every wallet

        return reconcile_store(self.store, Path(statement), month, domains)

    def in_doubt(self) -> list[Purchase]:
        """Purchases whose answer never came whole; ``resolve`` asks for them again."""
        return self.store.open_purchases()

"""What a crawler may spend: caps, currencies and domains, decided without a socket, clock or file.

Rules of this file
- A cap on each request is required; nothing is bought in a currency that it does not name.
- Every other cap that is given has an amount in each of these currencies: a forgotten one would be no cap at all.
- A domain is the host of a URL; a name in a list stands for itself and for what is below it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

from edge.client.errors import AboveCap, CurrencyNotAllowed, NotAllowed, SpendingStopped
from edge.client.loopback import is_loopback
from edge.core.errors import EdgeError
from edge.core.money import InvalidPrice, Money, parse_price

Amounts: TypeAlias = str | Iterable[str]
"""``"USD 0.02"``, or one amount for each currency."""

OnUnknownPrice: TypeAlias = Literal["ask", "pay_up_to_cap", "skip"]
SCOPES = ("total", "day", "domain_day")


class BadPolicy(EdgeError, ValueError):
    """A policy that leaves a gap; the text says which."""


@dataclass(frozen=True, slots=True)
class Cap:
    """The most that may be spent within a scope, reservations included. ``scope`` is one of ``SCOPES``."""

    scope: str
    limit: Money


@dataclass(frozen=True, slots=True)
class SpendPolicy:
    """The caps of a crawl. ``per_request`` has no default, on purpose.

    ``per_domain_day``, ``per_day`` and ``total`` bound what is spent at a host in a UTC day, in a UTC day, and at all
    with one spend store. ``allow_domains``, when given, are the only ones where money is spent; ``deny_domains`` are
    never. ``on_unknown_price``: ``ask`` learns the price first and offers that as the maximum, ``pay_up_to_cap`` offers
    ``per_request`` at once and saves a round trip, ``skip`` buys only what was quoted. A page that was bought less than
    ``buy_again_after_hours`` ago is not bought again. ``robots_as`` is the product token for which ``PaidClient`` obeys
    robots.txt; without one it does not read it. Raises ``BadPolicy``.
    """

    per_request: Amounts
    per_domain_day: Amounts | None = None
    per_day: Amounts | None = None
    total: Amounts | None = None
    allow_domains: Iterable[str] | None = None
    deny_domains: Iterable[str] = ()
    on_unknown_price: OnUnknownPrice = "ask"
    buy_again_after_hours: int = 0
    robots_as: str | None = None
    _request_caps: dict[str, Money] = field(init=False, repr=False)
    _caps: tuple[Cap, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        request_caps = _amounts("per_request", self.per_request)
        caps: list[Cap] = []
        for scope, name in zip(SCOPES, ("total", "per_day", "per_domain_day"), strict=True):
            given: Amounts | None = getattr(self, name)
            if given is not None:
                amounts = _amounts(name, given)
                if amounts.keys() != request_caps.keys():
                    raise BadPolicy(f"{name} needs an amount in each currency of per_request, and in no other")
                caps += [Cap(scope, amount) for amount in amounts.values()]
        if self.on_unknown_price not in ("ask", "pay_up_to_cap", "skip"):
            raise BadPolicy("on_unknown_price is ask, pay_up_to_cap or skip")
        if self.buy_again_after_hours < 0:
            raise BadPolicy("buy_again_after_hours is a number of hours, or 0 to buy again at any time")
        if self.on_unknown_price == "pay_up_to_cap" and len(request_caps) > 1:
            raise BadPolicy("pay_up_to_cap offers before the currency is known: give per_request in one currency")
        for name in ("allow_domains", "deny_domains"):
            names = getattr(self, name)
            if names is not None:
                object.__setattr__(self, name, _domains(name, names))
        object.__setattr__(self, "_request_caps", request_caps)
        object.__setattr__(self, "_caps", tuple(caps))

    @property
    def currencies(self) -> frozenset[str]:
        """The currencies that may be spent."""
        return frozenset(self._request_caps)

    def caps(self, currency: str) -> tuple[Cap, ...]:
        """The caps over several pages in one currency."""
        return tuple(cap for cap in self._caps if cap.limit.currency == currency)

    def up_to_cap(self) -> Money:
        """What is offered without knowing the price, with ``pay_up_to_cap``."""
        (only,) = self._request_caps.values()
        return only

    def allows_spending_at(self, url: str) -> bool:
        """Whether money may be spent at this URL's host; never over plain http, but on this machine."""
        parts = urlsplit(url)
        host = domain_of(url)
        if parts.scheme != "https" and not is_loopback(host):
            return False
        if any(is_below(host, name) for name in self.deny_domains):
            return False
        return self.allow_domains is None or any(is_below(host, name) for name in self.allow_domains)

    def why_not(self, url: str, price: Money) -> SpendingStopped | None:
        """What forbids to buy one page at this price; caps over several pages are the spend store's to decide."""
        if not self.allows_spending_at(url):
            return NotAllowed(url, "your policy does not spend money at this address; nothing was bought", price)
        cap = self._request_caps.get(price.currency)
        if cap is None:
            have = ", ".join(sorted(self.currencies))
            return CurrencyNotAllowed(url, f"the page is sold in {price.currency}, your caps are in {have}", price)
        if price.amount_micros > cap.amount_micros:
            return AboveCap(url, f"the page costs {price}, your cap for one request is {cap}", price)
        return None


def domain_of(url: str) -> str:
    """The host of a URL in lower case, without its port and the dot at its end; other letters than ASCII as in DNS.

    One host has one name: another spelling would be another cap, and pass a list that forbids it.
    """
    return _dns_name(urlsplit(url).hostname or "")


def _dns_name(host: str) -> str:
    host = host.lower().rstrip(".")
    try:
        return host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError:
        return host  # no name of DNS: it leads nowhere


def is_below(host: str, name: str) -> bool:
    """Whether a name in a list stands for this host."""
    return host == name or host.endswith(f".{name}")


def _domains(field_name: str, names: Iterable[str]) -> tuple[str, ...]:
    if isinstance(names, str):
        raise BadPolicy(f"{field_name} is a list of names, such as ['news.example']")
    return tuple(_dns_name(name.lstrip(".")) for name in names)


def _amounts(name: str, given: Amounts) -> dict[str, Money]:
    texts = [given] if isinstance(given, str) else list(given)
    try:
        amounts = [parse_price(text) for text in texts]
    except InvalidPrice as why:
        raise BadPolicy(f"{name}: {why}") from why
    by_currency = {amount.currency: amount for amount in amounts}
    if not amounts or len(by_currency) != len(amounts):
        raise BadPolicy(f"{name} is an amount such as 'USD 0.02', at most one for each currency")
    return by_currency

"""What the gate knows when it decides: one immutable snapshot, swapped whole when anything changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from edge.core.api_token import ApiToken
from edge.core.grants import Subscription
from edge.core.identity import ClaimedCrawler, RegisteredCrawler, Rung
from edge.core.keys import PublicKey
from edge.core.rule_index import RuleIndex
from edge.core.signals.published import Signal
from edge.core.web_bot_auth import KeyLookup


@dataclass(frozen=True, slots=True)
class Account:
    """A crawler's account in one currency. Balances are not here: only the ledger decides about funds.

    ``subscriptions`` are those that run, and those that ended lately, so that its crawler can be told.
    """

    account_id: int
    currency: str
    suspended: bool
    subscriptions: tuple[Subscription, ...] = ()


@dataclass(frozen=True, slots=True)
class SitePolicy:
    """One site: where it lives, how it is priced, and its compiled rules.

    ``scheme`` is what the public sees when it differs from the connection's (behind a TLS front), else None.
    ``strict`` asks that a paying signature covers the target. With ``in_band_pricing`` the origin's own
    ``crawler-price`` overrides the rule's. ``error_detail`` allows the ``crawler-error-detail`` header.
    ``publisher_account`` is credited by each charge. ``register_url`` is where crawlers register, when it is elsewhere.
    ``signals`` are what is published of the rules, ``published`` the addresses of those that are documents;
    ``adds_fields`` says that every page of the origin gets header fields.
    """

    site_id: int
    publisher_id: int
    publisher_account: int
    host: str
    origin: str
    currency: str
    scheme: str | None
    strict: bool
    in_band_pricing: bool
    error_detail: bool
    contact: str | None
    rules: RuleIndex
    rule_version: int
    register_url: str | None = None
    signals: frozenset[Signal] = frozenset()
    published: frozenset[str] = frozenset()
    adds_fields: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """Every site, registered crawler, account and API token of one version of the configuration."""

    version: int
    sites: Mapping[str, SitePolicy]
    crawlers: Mapping[str, RegisteredCrawler]
    accounts: Mapping[tuple[int, str], Account]
    registered_keys: Mapping[tuple[str, str], PublicKey]
    tokens: Mapping[str, ApiToken] = field(default_factory=dict)
    """By ``token_digest``; those that were revoked are not here."""


def nothing_proved(name: str, address: str) -> Rung:
    """What an address says of a name where nothing is known of addresses."""
    return Rung.CLAIMED


def nobodys(address: str) -> ClaimedCrawler | None:
    """Whose an address is where nothing is known of addresses."""
    return None


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What deciding needs beside the policy and lives on its own clock: key directories, catalogue, addresses.

    ``find_key`` answers for (identity URL, thumbprint); ``classify`` turns a User-Agent into what it claims, or
    None for a person's browser; ``prove`` says how far an address bears out a name of the catalogue, from memory, and
    ``owner`` who comes from an address that one crawler alone publishes as its own, whatever it calls itself.
    ``allow_loopback_http`` lets development identities live on loopback.
    """

    find_key: KeyLookup
    classify: Callable[[str], ClaimedCrawler | None]
    allow_loopback_http: bool = False
    prove: Callable[[str, str], Rung] = nothing_proved
    owner: Callable[[str], ClaimedCrawler | None] = nobodys

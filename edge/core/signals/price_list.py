"""The signed price list: a site's rules as a crawler may know them, good for an hour, to be matched as the gate does.

Rules of this file

- The list holds rules in their order, and a reader matches them with the gate's own index, so that a listed price is
  the asked price by construction. Where the list cannot tell, the answer is "ask the page", never a guess.
- A list is written for somebody: for a crawler that signed its question it holds the rules that are for that crawler
  and says no names; for anybody else it holds those that anybody could find out by asking, and a reader that is not
  anybody asks the page wherever a rule is for some crawlers only.
- Names of rules, texts of blocks, prices that are only watched: not published. So are rules for a crawler or operator
  that is not widely known, because such a rule tells who deals with whom.
- It is no promise: the 402 decides. A crawler that offers the listed price and not more never pays more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.core.decision import ALWAYS_FREE_PATHS, OWN_PREFIXES
from edge.core.identity import ClaimedCrawler, CrawlerKind, Identity, Visitor, name_of, rung_of
from edge.core.jws import JwsFault, open_compact, sign_compact
from edge.core.keys import PublicKey
from edge.core.money import Money
from edge.core.rule_file import InvalidRuleFile, from_document, to_document
from edge.core.rule_index import RuleIndex, compile_rules, why_not_who
from edge.core.rules import (
    ANYONE,
    EVERYTHING_ELSE,
    Action,
    LedgerErrorChoice,
    Rule,
    RuleSet,
    audience,
    everything_else,
)
from edge.core.target import Target, read_target

PRICE_LIST_TYPE = "farebox-prices+jws"
VALID_SECONDS = 3600
CLOCK_LEEWAY_SECONDS = 60
RULES_LISTED_MAX = 5_000
LIST_BYTES_MAX = 8 * 1024 * 1024
"""More than the longest list with the longest addresses; whoever fetches one stops there."""

_SOMEBODY = ClaimedCrawler("", "", CrawlerKind.OTHER)
"""Whom a list is matched for: its rules are for anyone by then."""


@dataclass(frozen=True, slots=True)
class Reader:
    """For whom a list was written: how the edge saw the one who asked."""

    name: str
    operator: str
    kind: str
    rung: str


@dataclass(frozen=True, slots=True)
class PriceList:
    """One site's prices. Times are Unix seconds; ``version`` is that of the rules in force.

    ``reader`` is None on a list for anybody. ``complete`` is False where only the first rules are listed. With
    ``in_band_pricing`` the origin may name other prices, so that none here is certain.
    """

    issuer: str
    site: str
    version: int
    issued_at: int
    expires_at: int
    currency: str
    case_sensitive: bool
    in_band_pricing: bool
    reader: Reader | None
    rules: RuleSet
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Listed:
    """What the list says of one address: the deciding rule, and its price where it has one (None: free)."""

    rule: Rule
    price: Money | None

    @property
    def is_blocked(self) -> bool:
        """Whether paying would not help."""
        return self.rule.action is Action.BLOCK


@dataclass(frozen=True, slots=True)
class Unlisted:
    """The list cannot tell; ask the page. ``why`` is one phrase."""

    why: str


FREE = Listed(everything_else(Action.ALLOW), None)


def public_rules(rules: RuleSet, is_known: Callable[[str], bool]) -> RuleSet:
    """What anybody could find out by asking. ``is_known`` says whether a crawler or operator is widely known."""
    return _listed(rules, lambda rule: all(name is None or is_known(name) for name in _names(rule)), with_who=True)


def rules_for(rules: RuleSet, who: Identity) -> RuleSet:
    """The rules that are for this crawler, without saying so."""
    return _listed(rules, lambda rule: why_not_who(audience(rule), who) is None, with_who=False)


def reader_of(who: Identity) -> Reader:
    """How the edge sees who asks."""
    if isinstance(who, Visitor):
        raise AssertionError("a visitor is not written a list of its own")
    crawler = who if isinstance(who, ClaimedCrawler) else who.crawler
    return Reader(name_of(who), crawler.operator, crawler.kind.value, rung_of(who).label)


def _names(rule: Rule) -> tuple[str | None, str | None]:
    return rule.who.crawler, rule.who.operator


def _listed(rules: RuleSet, keep: Callable[[Rule], bool], *, with_who: bool) -> RuleSet:
    kept = [rule for rule in rules.rules if rule.enabled and keep(rule)]
    return RuleSet(
        tuple(_public(number, rule, with_who=with_who) for number, rule in enumerate(kept, 1)),
        replace(_public(0, rules.default, with_who=False), name=EVERYTHING_ELSE),
    )


def _public(number: int, rule: Rule, *, with_who: bool) -> Rule:
    is_watched = rule.action is Action.MONITOR
    return replace(
        rule,
        name=str(number),
        # Said as it counts: a rule that allows somebody by name does not allow who only wears the name.
        who=audience(rule) if with_who else ANYONE,
        action=Action.ALLOW if is_watched else rule.action,
        price=None if is_watched else rule.price,
        on_ledger_error=LedgerErrorChoice.REFUSE,
        block_text=None,
    )


def price_list_claims(prices: PriceList) -> dict[str, Any]:
    """The list's members, in the order in which people read them; ``iat`` and ``exp`` as in RFC 7519."""
    listed = prices.rules.rules[:RULES_LISTED_MAX]
    document = to_document(RuleSet(listed, prices.rules.default))
    reader = prices.reader
    return {
        "iss": f"farebox:{prices.issuer}",
        "site": prices.site,
        "version": prices.version,
        "iat": prices.issued_at,
        "exp": prices.expires_at,
        "currency": prices.currency,
        "case_sensitive": prices.case_sensitive,
        "in_band_pricing": prices.in_band_pricing,
        "complete": prices.complete and len(listed) == len(prices.rules.rules),
        "for": None
        if reader is None
        else {"name": reader.name, "operator": reader.operator, "kind": reader.kind, "rung": reader.rung},
        "always_free": sorted(ALWAYS_FREE_PATHS),
        **document,
    }


def price_list_document(prices: PriceList, key: Ed25519PrivateKey) -> dict[str, Any]:
    """The published JSON: the members for people, and ``jws``, which holds the same members signed."""
    claims = price_list_claims(prices)
    return {**claims, "jws": sign_compact(PRICE_LIST_TYPE, claims, key)}


def verify_price_list(text: str, keys: Mapping[str, PublicKey]) -> PriceList | JwsFault:
    """Check the ``jws`` of a published list against the issuer's keys, by thumbprint, and read the list in it."""
    claims = open_compact(text, PRICE_LIST_TYPE, keys, LIST_BYTES_MAX)
    if isinstance(claims, JwsFault):
        return claims
    try:
        return _read_claims(claims)
    except (KeyError, TypeError, ValueError, AttributeError, InvalidRuleFile):
        return JwsFault.BAD_CLAIMS


_CLAIM_TYPES: Mapping[str, type] = {
    **dict.fromkeys(("iss", "site", "currency"), str),
    **dict.fromkeys(("version", "iat", "exp"), int),
    **dict.fromkeys(("case_sensitive", "in_band_pricing", "complete"), bool),
    "rules": list,
}


def _read_claims(claims: Mapping[str, Any]) -> PriceList | JwsFault:
    if not all(type(claims.get(name)) is kind for name, kind in _CLAIM_TYPES.items()):
        return JwsFault.BAD_CLAIMS
    reader = claims["for"]
    prices = PriceList(
        issuer=claims["iss"].removeprefix("farebox:"),
        site=claims["site"],
        version=claims["version"],
        issued_at=claims["iat"],
        expires_at=claims["exp"],
        currency=claims["currency"],
        case_sensitive=claims["case_sensitive"],
        in_band_pricing=claims["in_band_pricing"],
        reader=None if reader is None else Reader(*(str(reader[name]) for name in Reader.__slots__)),
        rules=from_document(claims),
        complete=claims["complete"],
    )
    currencies = {rule.price.currency for rule in prices.rules if rule.price is not None}
    return prices if currencies <= {prices.currency} else JwsFault.BAD_CLAIMS


class PriceBook:
    """A price list, ready to be asked about addresses; its table is made when it is first asked."""

    __slots__ = ("_index", "prices")

    def __init__(self, prices: PriceList) -> None:
        self.prices = prices
        self._index: RuleIndex | None = None

    def why_not_now(self, now: float) -> str | None:
        """Why the list does not count at ``now`` (Unix seconds), or None."""
        if now >= self.prices.expires_at:
            return "the price list has expired"
        return "the price list is from the future" if self.prices.issued_at > now + CLOCK_LEEWAY_SECONDS else None

    def look_up(self, target: str, now: float) -> Listed | Unlisted:
        """What a GET of ``target`` (path and query as sent) costs at ``now`` for whom the list was written."""
        late = self.why_not_now(now)
        if late is not None:
            return Unlisted(late)
        reading = read_target(target)
        if not isinstance(reading, Target) or reading.ambiguity is not None:
            return Unlisted("the address has no plain spelling")
        if reading.path in ALWAYS_FREE_PATHS or reading.path.startswith(OWN_PREFIXES):
            return FREE
        return self._decided(reading, now)

    def _decided(self, target: Target, now: float) -> Listed | Unlisted:
        prices = self.prices
        rules = prices.rules
        if self._index is None:
            for_anyone = RuleSet(tuple(replace(rule, who=ANYONE) for rule in rules.rules), rules.default)
            self._index = compile_rules(for_anyone, case_sensitive=prices.case_sensitive)
        position = self._index.match(target.path, target.query, _SOMEBODY, now).position
        is_last = position == len(rules.rules)
        rule = rules.default if is_last else rules.rules[position]
        if not is_last and audience(rule) != ANYONE:
            return Unlisted("a rule for some crawlers covers it")
        if is_last and not prices.complete:
            return Unlisted("the price list is not complete")
        if rule.action is Action.CHARGE and prices.in_band_pricing:
            return Unlisted("the site names the price with the page")
        price = rule.price if rule.price is not None and rule.price.amount_micros else None
        return Listed(rule, price)

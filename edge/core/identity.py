"""Who asks: the identity ladder, where the type carries the trust.

A ``SignedCrawler`` has proved its key, a ``TokenCrawler`` holds a secret of ours; a ``ClaimedCrawler`` says a name,
and its ``rung`` says how far its address bears that out; a ``Visitor`` is a person as far as anyone can tell. Only the
first two can pay. The rungs between are told apart because rules can ask for a least or a greatest rung.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from urllib.parse import urlsplit

from edge.core.values import per_request
from edge.core.web_bot_auth import Invalid, Unverified, Verified


class Rung(IntEnum):
    """How well a crawler's name is proved; higher is better, so rungs compare."""

    IMPOSTOR = 0
    CLAIMED = 1
    REVERSE_DNS = 2
    ADDRESS = 3
    TOKEN = 4
    SIGNED = 5

    @property
    def label(self) -> str:
        """The rung's spelling in rules, pages and exports."""
        return _LABELS[self]

    @classmethod
    def from_label(cls, text: str) -> Rung:
        """Read a rung's spelling; raises ``ValueError`` for an unknown one."""
        for rung in cls:
            if rung.label == text:
                return rung
        raise ValueError(f"{text!r} is not one of {', '.join(rung.label for rung in cls)}")


_LABELS = tuple(rung.name.lower().replace("_", "-") for rung in Rung)  # asked for each request, so made once


class CrawlerKind(StrEnum):
    """What a crawler is for; part of the rule key."""

    TRAINING = "training"
    SEARCH = "search"
    ASSISTANT = "assistant"
    ARCHIVER = "archiver"
    SEO = "seo"
    MONITOR = "monitor"
    LIBRARY = "library"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class RegisteredCrawler:
    """A crawler that the operator registered: the party that can hold an account.

    ``agent_url`` is the normalised identity URL of its key set.
    """

    crawler_id: int
    name: str
    operator: str
    kind: CrawlerKind
    agent_url: str
    suspended: bool = False


STRANGER = 0
"""The number of a crawler that proved an agent's address and that nobody registered; it has no account."""


def stranger(agent_url: str) -> RegisteredCrawler:
    """Who signed with a key of an agent that nobody registered: known by its host alone, of no kind and no operator."""
    return RegisteredCrawler(STRANGER, urlsplit(agent_url).hostname or agent_url, "", CrawlerKind.OTHER, agent_url)


@per_request
class TokenRefused:
    """An API token was sent and does not count; ``detail`` says why, and what would."""

    detail: str


@per_request
class SignedCrawler:
    """A registered crawler whose signature on this request verified.

    ``expired`` is set when only the signature's time had passed: it proves the name, but buys nothing new.
    """

    crawler: RegisteredCrawler
    proof: Verified
    expired: Invalid | None = None


@per_request
class TokenCrawler:
    """A registered crawler that sent an API token which is in force here.

    ``purchase`` names what it buys: two requests with the same name for one page are one charge.
    """

    crawler: RegisteredCrawler
    token_id: int
    purchase: bytes


@per_request
class ClaimedCrawler:
    """A name that the request only claims, by its User-Agent or by a signature nobody could verify; or whose published
    address it comes from, whatever it claims.

    ``name`` is empty when the request is plainly automated but says no known name. ``failure`` keeps why a
    signature that was sent did not count. ``rung`` is from ``IMPOSTOR`` (its address is not one that the named
    crawler comes from) to ``ADDRESS`` (it is); the address never makes a payer.
    """

    name: str
    operator: str
    kind: CrawlerKind
    failure: Invalid | Unverified | TokenRefused | None = None
    rung: Rung = Rung.CLAIMED


@dataclass(frozen=True, slots=True)
class Visitor:
    """Not a bot as far as anyone can tell: never asked to pay."""


Payer = SignedCrawler | TokenCrawler
Crawler = Payer | ClaimedCrawler
Identity = Crawler | Visitor


def rung_of(crawler: Crawler) -> Rung:
    """How well the name is proved."""
    if isinstance(crawler, SignedCrawler):
        return Rung.SIGNED
    return Rung.TOKEN if isinstance(crawler, TokenCrawler) else crawler.rung


def name_of(crawler: Crawler) -> str:
    """The registered name of a payer, the claimed one of anybody else."""
    return crawler.name if isinstance(crawler, ClaimedCrawler) else crawler.crawler.name

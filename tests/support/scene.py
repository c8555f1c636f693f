"""One request and the policy it meets: a purchase with everything in order, until a test changes a part of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.core.decision import Decision, decide
from edge.core.identity import ClaimedCrawler, CrawlerKind, RegisteredCrawler
from edge.core.keys import public_half
from edge.core.money import Money
from edge.core.policy import Account, Knowledge, Policy, SitePolicy
from edge.core.request import CrawlRequest
from edge.core.rule_index import compile_rules
from edge.core.rules import Action, Rule, RuleSet, everything_else
from edge.core.signature_agent import WELL_KNOWN_PATH
from edge.core.target import read_target
from edge.core.web_bot_auth import KeyAnswer, KeyLookup, KeyUnknown, sign_request

NOW = 1_800_000_000
HOST = "news.example"
AGENT = "https://bot.example"
AGENT_URL = AGENT + WELL_KNOWN_PATH
KEY = Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)
CRAWLER = RegisteredCrawler(1, "ExampleBot", "Example AI", CrawlerKind.TRAINING, AGENT_URL)
ACCOUNT = Account(11, "USD", suspended=False)
PRICE = Money(10_000, "USD")
SOLD = everything_else(Action.CHARGE, PRICE)
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
MAX, EXACT = "crawler-max-price", "crawler-exact-price"
COVERED = ("@method", "@authority", "@target-uri", "signature-agent")


class Signature(Enum):
    """What the request carries for a signature."""

    NONE = "none"
    GOOD = "good"
    CORRUPT = "one bit of it changed"
    HALF = "without Signature-Input"
    OTHER_HALF = "without Signature"
    UNREADABLE = "no structured field"


@dataclass(frozen=True)
class Scene:
    """``offers`` are the price headers; ``covers`` what is signed, the price headers too when it is None.

    ``key`` is what is known of the crawler's key, None for the key itself. ``age_seconds`` is since signing.
    """

    host: str = HOST
    target: str = "/articles/1"
    method: str = "GET"
    has_body: bool = False
    user_agent: str = "ExampleBot/1.0"
    offers: tuple[tuple[str, str], ...] = ((MAX, "USD 0.01"),)
    signature: Signature = Signature.GOOD
    covers: tuple[str, ...] | None = None
    age_seconds: int = 0
    lifetime_seconds: int = 3600
    key: KeyAnswer | None = None
    crawler: RegisteredCrawler | None = CRAWLER
    account: Account | None = ACCOUNT
    rules: tuple[Rule, ...] = ()
    default: Rule = SOLD
    currency: str = "USD"
    strict: bool = False
    in_band_pricing: bool = False
    content_price: Money | None = None

    def but(self, **changes: object) -> Scene:
        """The same scene with some parts changed."""
        return replace(self, **changes)  # type: ignore[arg-type]

    def offering(self, text: str, header: str = MAX) -> Scene:
        """The same scene with one price header of this text."""
        return replace(self, offers=((header, text),))

    def decide(self) -> Decision:
        """What is decided."""
        return decide(self.request(), self.policy(), self.knowledge(), NOW, self.content_price)

    def site(self) -> SitePolicy:
        return SitePolicy(
            site_id=7,
            publisher_id=1,
            publisher_account=20,
            host=HOST,
            origin="http://127.0.0.1:1",
            currency=self.currency,
            scheme=None,
            strict=self.strict,
            in_band_pricing=self.in_band_pricing,
            error_detail=True,
            contact=None,
            rules=compile_rules(RuleSet(self.rules, self.default)),
            rule_version=3,
        )

    def policy(self) -> Policy:
        crawlers = {self.crawler.agent_url: self.crawler} if self.crawler else {}
        accounts = {(CRAWLER.crawler_id, self.account.currency): self.account} if self.account else {}
        return Policy(1, {HOST: self.site()}, crawlers, accounts, {})

    def knowledge(self) -> Knowledge:
        return Knowledge(self._find_key(), classify)

    def request(self) -> CrawlRequest:
        fields = {"host": self.host, "user-agent": self.user_agent, **dict(self.offers)}
        request = self._view(fields)
        match self.signature:
            case Signature.NONE:
                return request
            case Signature.UNREADABLE:
                return self._view(fields | {"signature": "((", "signature-input": "(("})
            case _:
                return self._view(fields | self._signed(request))

    def _view(self, fields: Mapping[str, str]) -> CrawlRequest:
        path, mark, query = self.target.partition("?")
        return CrawlRequest(
            self.method, "https", self.host, self.host, self.target, path, query if mark else None, fields, {},
            read_target(self.target), self.has_body, "192.0.2.1", "request-1",
        )  # fmt: skip

    def _signed(self, request: CrawlRequest) -> dict[str, str]:
        covers = (*COVERED, *(name for name, _ in self.offers)) if self.covers is None else self.covers
        created = NOW - self.age_seconds
        made = sign_request(request, KEY, AGENT, covers, created, created + self.lifetime_seconds, "n")
        match self.signature:
            case Signature.HALF:
                del made["signature-input"]
            case Signature.OTHER_HALF:
                del made["signature"]
            case Signature.CORRUPT:
                text = made["signature"]
                made["signature"] = text[:10] + ("A" if text[10] != "A" else "B") + text[11:]
            case _:
                pass
        return made

    def _find_key(self) -> KeyLookup:
        public = public_half(KEY)
        answer = public if self.key is None else self.key
        known = (AGENT_URL, public.thumbprint)
        return lambda agent_url, thumbprint: answer if (agent_url, thumbprint) == known else KeyUnknown()


def classify(user_agent: str) -> ClaimedCrawler | None:
    """A catalogue of three: a known crawler, a browser, and everything else."""
    if user_agent.startswith("GPTBot"):
        return ClaimedCrawler("GPTBot", "OpenAI", CrawlerKind.TRAINING)
    return None if user_agent == BROWSER else ClaimedCrawler("", "", CrawlerKind.OTHER)

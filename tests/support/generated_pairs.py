"""Rule sets and questions about them, made by chance from words that meet each other often.

Prices of one set are all different, so that a price says which rule decided. Windows are open all the time or not
this week, so that a minute's end in the middle of a test changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from edge.core.identity import CrawlerKind, RegisteredCrawler, Rung
from edge.core.money import Money
from edge.core.rehearsal import Announced, Caller, Question, Signing
from edge.core.rules import Action, Rule, RuleSet, Who, Window, everything_else
from edge.core.terms import Offer, OfferKind

RULES_MAX = 7
ALL_DAY = 24 * 60
USER_AGENTS = (
    "GPTBot/1.1",
    "Mozilla/5.0 (compatible; CCBot/2.0; +https://commoncrawl.org/faq/)",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "ExampleBot",
    "curl/8.5",
    "",
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
)
NAMES = (None, None, None, "GPTBot", "gptbot", "CCBot", "ExampleBot", "Seeker")
OPERATORS = (None, None, None, None, "OpenAI", "Example AI")
LEAST = (None, None, None, Rung.CLAIMED, Rung.ADDRESS, Rung.SIGNED)
WHERES = (
    "*", "/articles/*", "/articles/*", "/articles", "/articles/1", "/Articles/1", "/archive/:year/*", "/archive/2024/*",
    "/reports/*.pdf", "*.html", "/café/*", "/", "/:section", "/articles/:id(\\d+)", "/a b/*",
)  # fmt: skip
PATHS = (
    "/", "/articles", "/articles/", "/articles/1", "/articles/1/", "/Articles/1", "/articles/x.html", "/archive/2024/a",
    "/archive/2024", "/archive/1999/b.html", "/reports/q1.pdf", "/reports/q1", "/caf%C3%A9/1", "/a%20b/1", "/other",
    "/articles/7", "/archive/2024/c", "/robots.txt", "/robots.txt/", "/.well-known/security.txt",
    "/.well-known/farebox/jwks.json",
)  # fmt: skip
TWISTS = (
    ("/articles", "/%61rticles"), ("articles/", "articles//"), ("/1", "/1;v=2"), ("/1", "/./1"), ("/1", "/%2e%2e/1"),
    ("/1", "%2F1"), ("%C3%A9", "%c3%a9"), ("%C3%A9", "e%CC%81"), ("1", "1."), ("/a", "/A"), ("/1", "\\1"),
    ("q1", "%71%31"), (".pdf", ".PDF"), ("/1", "/%31"), ("/", "/%5C"), ("2024", "2024%20"), ("1", "1%2541"), ("1", "%"),
)  # fmt: skip
QUERIES = ("", "", "", "", "?", "?lang=en", "?a=1&lang=en", "?lang=%65n", "?lang=de", "?x=%zz")
RULE_QUERIES = (None, None, None, None, None, "lang=en", "lang")
METHODS = ("GET",) * 12 + ("HEAD", "HEAD", "OPTIONS", "POST")


@dataclass(frozen=True)
class PairMaker:
    """Makes pairs from one source of chance; ``weekday`` is today's (0 is Monday), in UTC.

    The first of ``crawlers`` asks most of the questions.
    """

    chance: Random
    weekday: int
    crawlers: Sequence[RegisteredCrawler]

    def rule_set(self, currency: str) -> RuleSet:
        """Up to ``RULES_MAX`` rules and everything else."""
        number = self.chance.randint(0, RULES_MAX)
        rules = tuple(self._rule(position, currency) for position in range(number))
        action = self.chance.choice((Action.CHARGE, Action.CHARGE, *Action))
        return RuleSet(rules, everything_else(action, self._price(action, number, currency)))

    def question(self, host: str, rules: RuleSet, currency: str) -> Question:
        """A request for some address of that site."""
        method = self.chance.choice(METHODS)
        offer = self._offer(rules, currency) if self.chance.random() < 0.75 else None
        return Question(host, self._target(), self._caller(), offer, method, scheme="http")

    def _rule(self, position: int, currency: str) -> Rule:
        chance = self.chance
        action = chance.choice((Action.CHARGE, Action.CHARGE, *Action))
        blocks = action is Action.BLOCK
        return Rule(
            f"rule {position}",
            Who(chance.choice(NAMES), chance.choice(OPERATORS), self._kind(), chance.choice(LEAST)),
            chance.choice(WHERES),
            action,
            self._price(action, position, currency),
            enabled=chance.random() < 0.9,
            when=self._window(),
            query=chance.choice(RULE_QUERIES),
            block_status=chance.choice((403, 402)) if blocks else 403,
            block_text=f"Not here, für {position}; write to us." if blocks and chance.random() < 0.5 else None,
        )

    def _kind(self) -> CrawlerKind | None:
        kinds: list[CrawlerKind | None] = [None, None, None, *CrawlerKind]
        return self.chance.choice(kinds)

    def _window(self) -> Window | None:
        days = tuple((self.weekday + ahead) % 7 for ahead in (2, 3, 4))
        return self.chance.choice((None, None, None, Window(tuple(range(7)), 0, ALL_DAY), Window(days, 0, ALL_DAY)))

    def _price(self, action: Action, position: int, currency: str) -> Money | None:
        if action not in (Action.CHARGE, Action.MONITOR):
            return None
        free = self.chance.random() < 0.1
        return Money(0 if free else 1_000 * (position + 1) + self.chance.randint(0, 999), currency)

    def _offer(self, rules: RuleSet, currency: str) -> Offer:
        """Half of them enough for any page, the others near a price of the set; seldom in another currency."""
        chance = self.chance
        if chance.random() < 0.5:
            return Offer(OfferKind.MAX, Money(1_000_000, currency))
        prices = [rule.price.amount_micros for rule in rules if rule.price is not None] or [1_000]
        amount_micros = max(0, chance.choice(prices) + chance.choice((0, 0, 0, 1, -1)))
        other = {"USD": "EUR", "EUR": "USD"}[currency]
        return Offer(
            chance.choice(tuple(OfferKind)), Money(amount_micros, other if chance.random() < 0.03 else currency)
        )

    def _caller(self) -> Caller:
        if self.chance.random() < 0.35:
            return Announced(self.chance.choice(USER_AGENTS))
        return Signing(self.crawlers[0] if self.chance.random() < 0.5 else self.chance.choice(self.crawlers))

    def _target(self) -> str:
        path = self.chance.choice(PATHS)
        if self.chance.random() < 0.15:
            path = path.replace(*self.chance.choice(TWISTS))
        return path + self.chance.choice(QUERIES)

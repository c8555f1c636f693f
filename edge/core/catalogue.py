"""What a User-Agent claims to be: a known crawler, some other bot, or a person's browser.

A claim proves nothing; it only decides which rule asks for a price. In this order: words of our own list (with
operator and kind), the patterns of the crawler-user-agents package, words that only robots use, the spiders that
the user-agents package knows, else a person.

Rules of this file: a made-up text cannot cost a millisecond or grow memory, so no more than its beginning is
looked at and remembered; names come from our list or a pattern, never from the text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from importlib import resources
from typing import Any

from crawleruseragents import CRAWLER_USER_AGENTS_DATA

from edge.core.identity import ClaimedCrawler, CrawlerKind
from edge.core.literal_search import words_regex

USER_AGENT_CHARACTERS_MAX = 512
REMEMBERED_MAX = 4096

# The package's patterns, and the hundreds of the other one, take longer than words: they are shown less.
_PATTERN_CHARACTERS_MAX = 256
_SPIDER_CHARACTERS_MAX = 64
# In this order: a search engine that is also said to help with search optimisation is a search engine.
_KIND_OF_TAG = {
    "ai-crawler": CrawlerKind.TRAINING,
    "search-engine": CrawlerKind.SEARCH,
    "archiver": CrawlerKind.ARCHIVER,
    "monitoring": CrawlerKind.MONITOR,
    "seo": CrawlerKind.SEO,
    "http-library": CrawlerKind.LIBRARY,
    "browser-automation": CrawlerKind.LIBRARY,
}
_PATTERN_SYNTAX = re.compile(r"[\\\[\](){}^$*+?|]")
_UNNAMED = ClaimedCrawler("", "", CrawlerKind.OTHER)

# What the browsers people use send, and nothing else in it: no need to ask the slow package.
_BROWSER_PRODUCTS = (
    "Chrome|Safari|Version|Mobile|Firefox|Edge?|EdgA|EdgiOS|OPR|CriOS|FxiOS|SamsungBrowser|Vivaldi|YaBrowser|Ddg"
    "|DuckDuckGo|GSA"
)
_BROWSER = re.compile(
    r"Mozilla/5\.0 \((?:Windows NT|Macintosh|X11|iPhone|iPad|Linux|Android)[^()]*+\) "
    r"(?:AppleWebKit/[0-9.]++ \(KHTML, like Gecko\)|Gecko/[0-9.]++)"
    rf"(?: (?:{_BROWSER_PRODUCTS})(?:/[0-9A-Z.]++)?)++"
)
# "Cubot" makes telephones.
_ROBOT_WORD = re.compile(r"(?<!cu)bot(?![a-z])|crawler|spider|scraper")


class Catalogue:
    """The known crawlers. ``load()`` takes some tens of milliseconds; afterwards it never changes."""

    def __init__(self, crawlers: Iterable[Mapping[str, str]], versioned: Iterable[str]) -> None:
        """``crawlers`` have token, name, operator and kind; ``versioned`` words count only before a slash."""
        self._known = {
            entry["token"]: ClaimedCrawler(entry["name"], entry["operator"], CrawlerKind(entry["kind"]))
            for entry in crawlers
        }
        self._known |= {word + "/": ClaimedCrawler(word, "", CrawlerKind.LIBRARY) for word in versioned}
        self._by_name = {claimed.name: claimed for claimed in self._known.values()}
        words = words_regex(word for word in self._known if not word.endswith("/"))
        products = words_regex(word for word in self._known if word.endswith("/"))
        self._words = re.compile(rf"(?<![a-z0-9])(?:{words}(?![a-z0-9])|{products})")
        self._package_literals, self._package_patterns = _package_patterns(CRAWLER_USER_AGENTS_DATA)
        self._literals = re.compile(words_regex(self._package_literals))
        alternatives = (f"(?P<p{at}>{text})" for at, (text, _) in enumerate(self._package_patterns))
        self._patterns = re.compile("|".join(alternatives))
        self._is_spider = _spider_reader()
        self._remembered = lru_cache(REMEMBERED_MAX)(self._classify)

    @classmethod
    def load(cls, own: Iterable[Mapping[str, str]] = ()) -> Catalogue:
        """Read the list that is shipped with this package; ``own`` entries go over those of the same word."""
        text = resources.files("edge.core").joinpath("data/crawlers.json").read_text("utf-8")
        document = json.loads(text)
        return cls([*document["crawlers"], *own], document["versioned"])

    @property
    def crawlers(self) -> tuple[ClaimedCrawler, ...]:
        """Those known by a word of our own list, each name once, by name; libraries that only name themselves too."""
        known = {claimed.name: claimed for claimed in self._known.values()}
        return tuple(sorted(known.values(), key=lambda claimed: claimed.name.lower()))

    @property
    def names(self) -> frozenset[str]:
        """Every name a claim can have; what a form offers."""
        from_package = [*self._package_literals.values(), *(crawler for _, crawler in self._package_patterns)]
        return frozenset(crawler.name for crawler in [*self._known.values(), *from_package])

    def named(self, name: str) -> ClaimedCrawler | None:
        """The crawler of our own list that goes by this name."""
        return self._by_name.get(name)

    @property
    def remembered(self) -> int:
        """How many texts are remembered; never more than ``REMEMBERED_MAX``."""
        return self._remembered.cache_info().currsize

    def classify(self, user_agent: str) -> ClaimedCrawler | None:
        """What ``user_agent`` claims; None for a person's browser. A missing one is given as empty text."""
        if len(user_agent) > USER_AGENT_CHARACTERS_MAX:
            user_agent = user_agent[:USER_AGENT_CHARACTERS_MAX]
        return self._remembered(user_agent)

    def _classify(self, user_agent: str) -> ClaimedCrawler | None:
        if not user_agent.strip():
            return _UNNAMED
        lower = user_agent.lower()
        if (word := self._words.search(lower)) is not None:
            return self._known[word[0]]
        if (literal := self._literals.search(user_agent)) is not None:
            return self._package_literals[literal[0]]
        if (pattern := self._patterns.search(user_agent[:_PATTERN_CHARACTERS_MAX])) is not None and pattern.lastgroup:
            return self._package_patterns[int(pattern.lastgroup[1:])][1]
        if _ROBOT_WORD.search(lower) is not None:
            return _UNNAMED
        if _BROWSER.fullmatch(user_agent) is not None:
            return None
        return _UNNAMED if self._is_spider(user_agent[:_SPIDER_CHARACTERS_MAX]) else None


def _spider_reader() -> Callable[[str], bool]:
    # Its hundreds of expressions take a quarter of a second to load: only who has a catalogue should wait for them.
    import user_agents

    return lambda text: bool(user_agents.parse(text).is_bot)


def _package_patterns(
    entries: Iterable[Mapping[str, Any]],
) -> tuple[dict[str, ClaimedCrawler], list[tuple[str, ClaimedCrawler]]]:
    """Split the package's patterns into plain words, searched for together, and real expressions."""
    literals: dict[str, ClaimedCrawler] = {}
    patterns: list[tuple[str, ClaimedCrawler]] = []
    for entry in entries:
        text: str = entry["pattern"]
        tags = entry.get("tags", ())
        kinds = [kind for tag, kind in _KIND_OF_TAG.items() if tag in tags]
        plain = re.sub(r"\\([^A-Za-z0-9])", r"\1", text)
        crawler = ClaimedCrawler(_name_of(plain), "", kinds[0] if kinds else CrawlerKind.OTHER)
        if _PATTERN_SYNTAX.search(re.sub(r"\\[^A-Za-z0-9]", "", text)) is None:
            literals.setdefault(plain, crawler)
        else:
            patterns.append((text, crawler))
    return literals, patterns


def _name_of(pattern: str) -> str:
    """A name to show and to write rules with: ``[cC]laude[bB]ot`` becomes ``claudebot``, ``PTST/`` ``PTST``."""
    without_alternatives = re.sub(r"\(\^\| \)|\[\\s\\S\]\*|\(\[[^\]]*\]\|\$\)|\|.*", " ", pattern)
    letters = re.sub(r"\[([^\]])[^\]]*\]", r"\1", without_alternatives)
    return " ".join(re.sub(r"\\d\\\.\\d\+|[\\\[\](){}^$*+?]", " ", letters).split()).strip("/ ")

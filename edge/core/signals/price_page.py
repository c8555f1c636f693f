"""A site's prices as people read them: each rule in words, and what every kind of crawler meets at one address.

Rules of this file: what is shown is what the public price list says, no more; a price stands beside that of a thousand
pages, because one page is often less than a cent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from edge.core.decision import ALWAYS_FREE_PATHS, OWN_PREFIXES
from edge.core.identity import ClaimedCrawler, CrawlerKind, Rung
from edge.core.money import AMOUNT_MICROS_MAX, Money
from edge.core.rule_index import RuleIndex
from edge.core.rules import Action, Rule, RuleSet, Who, Window
from edge.core.target import Target, read_target

KIND_WORDS: Mapping[CrawlerKind, str] = {
    CrawlerKind.TRAINING: "Training crawlers",
    CrawlerKind.SEARCH: "Search engines",
    CrawlerKind.ASSISTANT: "Assistants",
    CrawlerKind.ARCHIVER: "Archivers",
    CrawlerKind.SEO: "Search optimisation",
    CrawlerKind.MONITOR: "Monitoring",
    CrawlerKind.LIBRARY: "Libraries and tools",
    CrawlerKind.OTHER: "Other crawlers",
}
_PROOF_WORDS: Mapping[Rung, str] = {
    Rung.CLAIMED: "by name",
    Rung.REVERSE_DNS: "proved by reverse DNS",
    Rung.ADDRESS: "from published addresses",
    Rung.TOKEN: "with a token of this site",
    Rung.SIGNED: "with signed requests",
}
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_THOUSAND = 1_000


@dataclass(frozen=True, slots=True)
class PriceRow:
    """One rule in words; ``action`` is ``free``, ``price`` or ``closed``."""

    who: str
    where: str
    action: str
    price: Money | None
    per_thousand: Money | None
    terms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KindAnswer:
    """What crawlers of these kinds that prove their names meet at an address."""

    kinds: tuple[str, ...]
    row: PriceRow


def price_rows(rules: RuleSet) -> tuple[PriceRow, ...]:
    """Every row in order, the last one for everything else; ``rules`` are the public ones."""
    return (*(_row(rule) for rule in rules.rules), _row(rules.default, is_last=True))


def answers_at(rules: RuleIndex, address: str, now: float) -> tuple[KindAnswer, ...] | None:
    """What each kind of crawler meets at a path (with its query); None when it is no plain address of the site.

    ``rules`` are those in force: a crawler that a rule names may meet something else, and is not asked for here.
    """
    reading = read_target(address)
    if not isinstance(reading, Target) or reading.ambiguity is not None:
        return None
    always = reading.path in ALWAYS_FREE_PATHS or reading.path.startswith(OWN_PREFIXES)
    answers: dict[PriceRow, list[str]] = {}
    for kind, words in KIND_WORDS.items():
        who = ClaimedCrawler("", "", kind, None, Rung.SIGNED)
        rule = Rule("always free") if always else rules.match(reading.path, reading.query, who, now).rule
        answers.setdefault(_met(_row(rule)), []).append(words)
    return tuple(KindAnswer(tuple(kinds), row) for row, kinds in answers.items())


def _met(row: PriceRow) -> PriceRow:
    """A row without whom and what it is for, so that kinds that meet the same are said together."""
    return replace(row, who="", where="")


def _row(rule: Rule, *, is_last: bool = False) -> PriceRow:
    is_sold = rule.action is Action.CHARGE and rule.price is not None and rule.price.amount_micros > 0
    price = rule.price if is_sold else None
    action = "closed" if rule.action is Action.BLOCK else "price" if is_sold else "free"
    where = "everything else" if is_last else _where(rule)
    who = "Every other crawler" if is_last else _who(rule.who)
    return PriceRow(who, where, action, price, _thousand(price), _terms(rule))


def _thousand(price: Money | None) -> Money | None:
    if price is None or price.amount_micros > AMOUNT_MICROS_MAX // _THOUSAND:
        return None
    return Money(price.amount_micros * _THOUSAND, price.currency)


def _who(who: Who) -> str:
    named = who.crawler or (f"Crawlers of {who.operator}" if who.operator else None)
    words = named or (KIND_WORDS[who.kind] if who.kind else "Every crawler")
    if who.crawler and who.operator:
        words += f" of {who.operator}"
    if named and who.kind:
        words += f" ({KIND_WORDS[who.kind].lower()})"
    # A rule that allows by name asks for a claim at least: that goes without saying.
    if who.least is not None and who.least > Rung.CLAIMED:
        words += f", {_PROOF_WORDS[who.least]}"
    if who.most is not None and who.most < Rung.SIGNED:
        words += ", not proved better than " + (who.most.label if who.most is not Rung.IMPOSTOR else "an impostor")
    return words


def _where(rule: Rule) -> str:
    where = "every page" if rule.where in ("*", "/*") else rule.where
    return f"{where} with ?{rule.query}" if rule.query else where


def _terms(rule: Rule) -> tuple[str, ...]:
    terms = []
    if rule.free_pages:
        terms.append(f"{rule.free_pages} pages free each {rule.free_period.value}")
    if rule.recrawl_hours is not None:
        terms.append(f"free again for {rule.recrawl_hours} hours after it was bought")
    if rule.recrawl_unchanged:
        terms.append("free again while it is unchanged")
    if rule.rate is not None:
        terms.append(f"at most {rule.rate.requests} requests a {rule.rate.per}")
    if rule.when is not None:
        terms.append(_window(rule.when))
    if rule.licence:
        terms.append(f"licence {rule.licence}")
    return tuple(terms)


def _window(window: Window) -> str:
    days = "every day" if len(window.days) == 7 else ", ".join(_DAYS[day] for day in window.days)
    start, end = (f"{minute // 60:02}:{minute % 60:02}" for minute in (window.start_minute, window.end_minute))
    return f"{days} from {start} to {end} UTC"

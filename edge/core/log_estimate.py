"""What a log's requests would have met and earned under given rules: each distinct question is decided once.

Rules of this file
- ``decide()`` answers, so that an estimate is what the gate would have done; what a log cannot hold is left out.
- A log proves no signature and moves no money. So the worth of a page is what was asked for it, told apart by how
  likely it would have been paid: an offer that covers it, a signature without one, neither. Names are weighed by
  address alone.
- Nothing is kept of a person but the number of requests, and of a crawler but sums under names of the catalogue.
- Memory is bounded: questions are counted in a table that is settled when it is full. A user agent is read once.
- Sold is what the gate sells: GET, answered with content. All else that has a price is ``unsold``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import NamedTuple, assert_never

from edge.core.access_log import LogLine
from edge.core.address_book import AddressBook
from edge.core.billable import is_billable
from edge.core.decision import Admit, AskOrigin, Charge, Decision, DemandPayment, Refuse, decide
from edge.core.identity import ClaimedCrawler, CrawlerKind, Rung
from edge.core.money import Money
from edge.core.policy import Knowledge, Policy, SitePolicy, nothing_proved
from edge.core.refusals import RefusalCode
from edge.core.request import CrawlRequest
from edge.core.rule_index import RuleIndex
from edge.core.target import read_target, split_absolute
from edge.core.terms import Offer, read_offer
from edge.core.web_bot_auth import KeyAnswer

QUESTIONS_MAX = 50_000
AGENTS_MAX = 100_000
_MINUTE = 60


@dataclass(slots=True)
class Tally:
    """What became of a group's requests; they add up to ``requests``. Amounts in micro-units of the currency.

    ``asked`` would have met a price, ``watched`` a rule that only counts; ``unsold`` had a price and would not have
    been sold: not GET, or answered without content. ``amount_micros`` and ``watched_micros`` are what ``asked`` and
    ``watched`` come to; ``proved`` counts the asked and watched whose address bears out their name.
    """

    requests: int = 0
    free: int = 0
    asked: int = 0
    watched: int = 0
    blocked: int = 0
    refused: int = 0
    unsold: int = 0
    amount_micros: int = 0
    watched_micros: int = 0
    proved: int = 0
    impostors: int = 0

    @property
    def worth_micros(self) -> int:
        """What all that has a price comes to."""
        return self.amount_micros + self.watched_micros


@dataclass(slots=True)
class Band:
    """Pages with a price, and what they come to."""

    requests: int = 0
    amount_micros: int = 0


@dataclass(slots=True)
class Bands:
    """Pages with a price by how likely they would have been paid.

    ``offered`` came with a signature and an offer that covers the price, ``signed`` with a signature alone or an offer
    too low, ``unsigned`` with none. Of the last ``proved`` came from an address that its operator publishes.
    """

    offered: Band = field(default_factory=Band)
    signed: Band = field(default_factory=Band)
    unsigned: Band = field(default_factory=Band)
    proved: Band = field(default_factory=Band)


class Who(NamedTuple):
    """A crawler as it is counted: ``name`` is empty for a bot without one."""

    name: str
    operator: str
    kind: str


class Question(NamedTuple):
    """All that the answer to a line depends on.

    ``claim`` is the place of what the user agent claims, ``_BROWSER`` for a browser's that a crawler used; ``minute``
    is 0 where no rule asks for the time.
    """

    claim: int
    rung: Rung
    method: str
    target: str
    sold: bool
    minute: int
    offer: tuple[str, str] | None
    signs: bool


_NOBODY = Who("", "", CrawlerKind.OTHER.value)
_BROWSER = -1


@dataclass(slots=True)
class Sums:
    """What has been counted so far. ``people`` sent a browser's user agent.

    ``without_agent`` are lines of a log that holds none. ``first_second`` and ``last_second`` are the ends of the span,
    None before the first line.
    """

    requests: int = 0
    people: int = 0
    other_hosts: int = 0
    not_requests: int = 0
    without_agent: int = 0
    first_second: int | None = None
    last_second: int | None = None
    bands: Bands = field(default_factory=Bands)
    crawlers: dict[Who, Tally] = field(default_factory=dict)


Classify = Callable[[str], ClaimedCrawler | None]
Owner = Callable[[str], ClaimedCrawler | None]
Prove = Callable[[str, str], Rung]


class Estimator:
    """Counts the lines of a log under one site's rules; ``sums`` is right after ``settle``.

    With ``own_host_only`` lines that name another host are counted and left out. ``prove`` says how far an address
    bears out a name of the catalogue, ``owner`` who comes from an address that one crawler alone publishes, whatever it
    calls itself.
    """

    def __init__(
        self,
        site: SitePolicy,
        classify: Classify,
        prove: Prove = nothing_proved,
        owner: Owner | None = None,
        *,
        own_host_only: bool = False,
    ) -> None:
        self.sums = Sums()
        self._site = site
        self._classify, self._prove, self._owner = classify, prove, owner
        self._policy = Policy(0, {site.host: site}, {}, {}, {})
        self._own_host_only = own_host_only
        self._timed = any(rule.when is not None for rule in site.rules.rule_set)
        self._claims: list[ClaimedCrawler] = []
        self._agents: dict[str, int] = {}
        self._owned: dict[str, int] = {}
        self._listed: dict[tuple[str, str], Rung] = {}
        self._waiting: dict[Question, int] = {}

    def read(self, lines: Iterable[LogLine]) -> None:
        """Count some lines."""
        sums, waiting = self.sums, self._waiting
        for line in lines:
            if self._own_host_only and line.host is not None and line.host != self._site.host:
                sums.other_hosts += 1
                continue
            self._note_time(line.second)
            sums.requests += 1
            if not line.method:
                sums.not_requests += 1
            elif line.user_agent is None:
                sums.without_agent += 1
            elif (
                (claim := self._claim_of(line.user_agent, line.address)) == _BROWSER
                and not line.signs
                and line.offer is None
            ):
                sums.people += 1
            else:
                question = self._question(line, claim)
                waiting[question] = waiting.get(question, 0) + 1
        if len(waiting) >= QUESTIONS_MAX:
            self.settle()

    def settle(self) -> Sums:
        """Decide what is waiting, and give the sums."""
        for question, number in self._waiting.items():
            self._settle(question, number)
        self._waiting.clear()
        return self.sums

    def _note_time(self, second: int) -> None:
        sums = self.sums
        if sums.first_second is None or second < sums.first_second:
            sums.first_second = second
        if sums.last_second is None or second > sums.last_second:
            sums.last_second = second

    def _claim_of(self, user_agent: str, address: str) -> int:
        """The place of who asks: what the user agent claims, or whose address it is where it says no name."""
        claim = self._claim(user_agent)
        if self._owner is None or (claim != _BROWSER and self._claims[claim].name):
            return claim
        place = self._owned.get(address)
        if place is None:
            owner = self._owner(address)
            place = _BROWSER if owner is None else self._place_of(owner)
            if len(self._owned) >= AGENTS_MAX:
                self._owned.clear()
            self._owned[address] = place
        return claim if place == _BROWSER else place

    def _claim(self, user_agent: str) -> int:
        """The place of what a user agent claims. Read once, because the slow ones take 0.4 ms and more."""
        place = self._agents.get(user_agent)
        if place is None:
            place = self._place_of(self._classify(user_agent))
            if len(self._agents) < AGENTS_MAX:
                self._agents[user_agent] = place
        return place

    def _place_of(self, claimed: ClaimedCrawler | None) -> int:
        if claimed is None:
            return _BROWSER
        if claimed not in self._claims:
            self._claims.append(claimed)
        return self._claims.index(claimed)

    def _question(self, line: LogLine, claim: int) -> Question:
        sold = line.method == "GET" and is_billable(line.status)
        minute = line.second // _MINUTE if self._timed else 0
        name = self._claims[claim].name if claim != _BROWSER else ""
        rung = self._weigh(name, line.address) if name else Rung.CLAIMED
        return Question(claim, rung, line.method, line.target, sold, minute, line.offer, line.signs)

    def _weigh(self, name: str, address: str) -> Rung:
        key = (name, address)
        rung = self._listed.get(key)
        if rung is None:
            if len(self._listed) >= AGENTS_MAX:
                self._listed.clear()
            rung = self._listed[key] = self._prove(name, address)
        return rung

    def _settle(self, question: Question, number: int) -> None:
        claimed = self._claims[question.claim] if question.claim != _BROWSER else None
        knowledge = _knowledge(claimed, question.rung)
        decision = decide(self._request(question), self._policy, knowledge, float(question.minute * _MINUTE))
        who = Who(claimed.name, claimed.operator, claimed.kind.value) if claimed else _NOBODY
        tally = self.sums.crawlers.get(who)
        if tally is None:
            tally = self.sums.crawlers[who] = Tally()
        price = _count(tally, decision, question.sold, number)
        tally.impostors += number if question.rung is Rung.IMPOSTOR else 0
        if price is not None:
            proved = question.rung >= Rung.REVERSE_DNS
            tally.proved += number if proved else 0
            self._count_band(question, price, number, proved)

    def _count_band(self, question: Question, price: Money, number: int, proved: bool) -> None:
        bands = self.sums.bands
        band = bands.unsigned
        if question.signs:
            offer = read_offer(dict([question.offer]), self._site.currency) if question.offer else None
            band = bands.offered if isinstance(offer, Offer) and offer.accepts(price) else bands.signed
        for one in (band, bands.proved) if band is bands.unsigned and proved else (band,):
            one.requests += number
            one.amount_micros += number * price.amount_micros

    def _request(self, question: Question) -> CrawlRequest:
        target = question.target
        if not target.startswith("/") and (absolute := split_absolute(target)) is not None:
            target = absolute[2]
        path, mark, query = target.partition("?")
        # A signature that nobody can check leaves a claim, as at the gate; so does an offer without one.
        fields = {"host": self._site.host}
        if question.signs or question.offer is not None:
            fields["signature-agent"] = ""
        host = self._site.host
        return CrawlRequest(
            method=question.method,
            scheme=self._site.scheme or "https",
            authority=host,
            host=host,
            target=target,
            path=path,
            query=query if mark else None,
            fields=fields,
            repeated={},
            resource=read_target(target),
            has_body=False,
            peer="",
            request_id="estimate",
        )


def owner_of(book: AddressBook, named: Classify) -> Owner:
    """Who comes from an address that one crawler alone publishes, as the gate sees it; ``named`` is the catalogue's."""

    def owner(address: str) -> ClaimedCrawler | None:
        name = book.owner(address)
        known = None if name is None else named(name)
        return None if known is None else replace(known, rung=Rung.ADDRESS)

    return owner


def estimated_site(rules: RuleIndex, currency: str, host: str = "log.example") -> SitePolicy:
    """A site that has these rules and nothing else, for a log that belongs to no site of ours."""
    return SitePolicy(0, 0, 0, host, "", currency, None, False, False, False, None, rules, 0)


def _count(tally: Tally, decision: Decision, sold: bool, number: int) -> Money | None:
    """Add to a tally what became of so many requests; the price that they would have been sold at, if they would."""
    tally.requests += number
    match decision:
        case Admit(would_ask=Money() as price):
            if sold:
                tally.watched += number
                tally.watched_micros += number * price.amount_micros
                return price
            tally.unsold += number
        case Admit():
            tally.free += number
        case DemandPayment(price=price) | Charge(price=price):
            if sold:
                tally.asked += number
                tally.amount_micros += number * price.amount_micros
                return price
            tally.unsold += number
        case Refuse(code=RefusalCode.CRAWLER_BLOCKED):
            tally.blocked += number
        case Refuse() | AskOrigin():
            tally.refused += number
        case _ as never:
            assert_never(never)
    return None


def total(tallies: Iterable[Tally]) -> Tally:
    """The sum of several."""
    whole = Tally()
    for one in tallies:
        for name in Tally.__slots__:
            setattr(whole, name, getattr(whole, name) + getattr(one, name))
    return whole


@lru_cache(1024)
def _knowledge(claimed: ClaimedCrawler | None, rung: Rung) -> Knowledge:
    """What is known of a line: nothing but what it claims, and what its address says of that."""
    return Knowledge(_no_key, lambda agent: claimed, prove=lambda name, address: rung)


def _no_key(agent_url: str, thumbprint: str) -> KeyAnswer:
    raise AssertionError("no signature of a log is looked at")

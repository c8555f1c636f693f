"""What the review shows: a draft's changes with what they are worth, the decisions that change, and what to beware of.

Plain values, made from a backtest; the page writes them, and a program may.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from edge.core.backtest_result import Backtest, BandSum, Caution, Example, RuleDifference, State, Warned
from edge.core.identity import Rung
from edge.core.refusals import REFUSALS, RefusalCode
from edge.core.replay import Fate
from publisher_dashboard.changes import Change
from publisher_dashboard.rendering import plural

SPANS: Mapping[int, str] = {1: "the last 24 hours", 7: "the last 7 days", 30: "the last 30 days"}
DAYS_USUAL = 7
DAY_MICROS = 86_400_000_000

_FATES = {
    Fate.FREE: ("allow", "Free"),
    Fate.WATCHED: ("monitor", "Watched"),
    Fate.SOLD: ("charge", ""),
    Fate.TOO_DEAR: ("monitor", "402, too dear"),
    Fate.UNPAID: ("monitor", "402, not paid"),
    Fate.REFUSED: ("block", "Refused"),
    Fate.BLOCKED: ("block", "Blocked"),
    Fate.BROKEN_OFF: ("failed", "Broke off"),
}


_BORNE_OUT = frozenset({Rung.IMPOSTOR.label, Rung.REVERSE_DNS.label, Rung.ADDRESS.label})


@dataclass(frozen=True, slots=True)
class Badge:
    """A state as people see it: the shape of an action, a word, a price, and in a sentence what it is."""

    shape: str
    word: str
    price_micros: int | None
    told: str | None


@dataclass(frozen=True, slots=True)
class Band:
    """One band: the draft's sum and the live one's, and how wide its bar is in hundredths of the widest."""

    title: str
    meaning: str
    shape: str
    draft: BandSum
    live: BandSum
    width: int
    live_width: int


@dataclass(frozen=True, slots=True)
class DecisionChange:
    """So many requests that are answered otherwise."""

    before: Badge
    after: Badge
    requests: int
    difference_micros: int


@dataclass(frozen=True, slots=True)
class SampleRequest:
    """One of them, with the question that "test a URL" answers about it."""

    target: str
    crawler: str
    rung: str
    offer: str
    before: Badge
    after: Badge
    question: str


@dataclass(frozen=True, slots=True)
class Caveat:
    """A warning or a remark: ``is_warning`` asks somebody to think again."""

    text: str
    is_warning: bool


@dataclass(frozen=True, slots=True)
class BacktestView:
    """All that a finished backtest says."""

    requests: int
    changed: int
    currency: str
    bands: tuple[Band, ...]
    decisions: tuple[DecisionChange, ...]
    samples: tuple[SampleRequest, ...]
    rules: tuple[RuleDifference, ...]
    caveats: tuple[Caveat, ...]
    live_micros: int
    difference_micros: int


def view_of(backtest: Backtest, signing: frozenset[str]) -> BacktestView:
    """The view of a result; ``signing`` are the names of registered crawlers, whom "test a URL" can let sign."""
    return BacktestView(
        requests=backtest.requests,
        changed=backtest.changed,
        currency=backtest.currency,
        bands=_bands(backtest),
        decisions=tuple(
            DecisionChange(badge(one.before), badge(one.after), one.requests, one.difference_micros)
            for one in backtest.transitions
        ),
        samples=tuple(_sample(one, signing) for one in backtest.examples),
        rules=backtest.rules,
        caveats=tuple(_caveats(backtest)),
        live_micros=backtest.live.offered.amount_micros,
        difference_micros=backtest.difference_micros,
    )


def worth_of(changes: tuple[Change, ...], backtest: Backtest) -> dict[str, int]:
    """By the name of each changed rule, what it would have earned more; a renamed one is held against its past."""
    known = {one.name: one for one in backtest.rules}
    nothing = RuleDifference("", 0, 0, 0, 0)
    found = {}
    for change in changes:
        before = known.get(change.before.name, nothing) if change.before is not None else nothing
        after = known.get(change.after.name, nothing) if change.after is not None else nothing
        found[change.rule.name] = after.draft_micros - before.live_micros
    return found


def badge(state: State) -> Badge:
    """A state in a word and a shape."""
    shape, word = _FATES[state.fate]
    code = RefusalCode(state.code) if state.code is not None else None
    return Badge(shape, word, state.price_micros, REFUSALS[code].title if code is not None else None)


def _bands(backtest: Backtest) -> tuple[Band, ...]:
    draft, live = backtest.draft, backtest.live
    titled = (
        ("Crawlers that offered enough", "they paid, or would have at this price", "paid", draft.offered, live.offered),
        ("Able to pay, offered too little", "with an account; asked to offer more", "able", draft.able, live.able),
        ("Not able to pay today", "no proved name or no account", "unable", draft.unable, live.unable),
    )  # fmt: skip
    most = max((max(now.amount_micros, was.amount_micros) for *_, now, was in titled), default=0) or 1
    return tuple(
        Band(title, meaning, shape, now, was, _share(now.amount_micros, most), _share(was.amount_micros, most))
        for title, meaning, shape, now, was in titled
    )


def _share(amount_micros: int, most_micros: int) -> int:
    """In hundredths; what is not nothing is seen."""
    return max(1, 100 * amount_micros // most_micros) if amount_micros > 0 else 0


def _sample(example: Example, signing: frozenset[str]) -> SampleRequest:
    asker = example.asker
    word, _, price = asker.offer.partition(" ")
    signs = asker.crawler in signing and asker.rung in (Rung.SIGNED.label, Rung.TOKEN.label)
    asked = {"url": example.target, "crawler" if signs else "agent": asker.crawler or "bot"}
    if not signs and asker.rung in _BORNE_OUT:
        asked["proof"] = asker.rung
    if word in ("max", "exact"):
        asked |= {"offer": word, "price": price.rpartition(" ")[2]}
    before, after = badge(example.before), badge(example.after)
    return SampleRequest(example.target, asker.crawler, asker.rung, asker.offer, before, after, urlencode(asked))


def _caveats(backtest: Backtest) -> list[Caveat]:
    """Warnings first, then what the numbers do not know."""
    found = [Caveat(_warning(one), is_warning=True) for one in backtest.warnings]
    cautions = {one.caution for one in backtest.warnings}
    if backtest.requests and not cautions & {Caution.SEARCH, Caution.ASSISTANT, Caution.ALL_REFUSED}:
        found.append(Caveat("No search engine and no assistant that was let in is shut out.", is_warning=False))
    if backtest.is_sample:
        number = f"{backtest.sample_of:,}"
        told = f"Estimated from a sample: about 1 of {number} requests was recorded, and stands for as many."
        found.append(Caveat(told if backtest.sample_of > 1 else "Estimated: some requests stand for others.", False))
    if backtest.unsure.may_be_free:
        sold = plural(backtest.unsure.may_be_free, "page")
        told = f"{sold} of those sold may be free by a rule’s terms or a subscription."
        found.append(Caveat(told, is_warning=False))
    if backtest.unsure.rated:
        told = f"{plural(backtest.unsure.rated, 'request')} under a rate: what comes too often is not replayed."
        found.append(Caveat(told, is_warning=False))
    return found


def _warning(warned: Warned) -> str:
    names, requests = ", ".join(warned.names), plural(warned.requests, "request")
    match warned.caution:
        case Caution.SEARCH:
            return f"{requests} of search engines would not be let in any more: {names}."
        case Caution.ASSISTANT:
            return f"{requests} of assistants that ask for a person would not be let in any more: {names}."
        case Caution.PRICE_JUMP:
            return f"{requests} would cost ten times as much as now, or more: {names}."
        case Caution.ALL_REFUSED:
            return "Nobody who came in this time would be let in any more."
        case Caution.NEVER_MATCHES:
            return f"No request in this time met {'these rules' if len(warned.names) > 1 else 'this rule'}: {names}."

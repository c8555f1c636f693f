"""What the estimate page shows: the rules one can choose, logs being read, results, and one result in full."""

from __future__ import annotations

from dataclasses import dataclass

from edge.core.address_book import FeedCopy, load_seed
from edge.core.log_result import LogEstimate
from edge.core.money import MICROS_PER_UNIT, Money
from edge.core.rules import RuleSet
from edge.store.address_feeds import copies_in_force, list_feeds
from edge.store.connection import Connection
from edge.store.log_estimates import KeptEstimate, list_estimates
from edge.store.rulesets import find_draft, live_version
from publisher_dashboard.presets import PRESETS, preset_rules

BAR_WIDTH = 720.0
_CENT_MICROS = MICROS_PER_UNIT // 100


@dataclass(frozen=True, slots=True)
class RulesChoice:
    """Rules that a log can be held against. ``rules`` is None for a preset, which needs a price first."""

    word: str
    title: str
    meaning: str
    rules: RuleSet | None = None


@dataclass(frozen=True, slots=True)
class BandLine:
    """One part of the worth: its words, its numbers, and where it lies in the bar of ``BAR_WIDTH``."""

    word: str
    title: str
    meaning: str
    requests: int
    amount_micros: int
    month_micros: int | None
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class EstimateStart:
    """What one chooses from before a log is read."""

    choices: tuple[RulesChoice, ...]
    kept: tuple[KeptEstimate, ...]


def estimate_start(connection: Connection, site_id: int) -> EstimateStart:
    """The rules of a site, the presets, and the estimates that were kept."""
    choices: list[RulesChoice] = []
    draft, live = find_draft(connection, site_id), live_version(connection, site_id)
    if draft is not None:
        choices.append(RulesChoice("draft", "The draft", f"As {draft.edited_by} left it.", draft.rules))
    if live is not None:
        choices.append(
            RulesChoice("live", f"Version {live.version}, live", live.note or "What counts now.", live.rules)
        )
    presets = (RulesChoice(one.word, one.title, one.meaning) for one in PRESETS if one.word != "watch")
    return EstimateStart((*choices, *presets), tuple(list_estimates(connection, site_id)))


def chosen_rules(start: EstimateStart, word: str, price: Money | None) -> tuple[str, RuleSet] | None:
    """The name and the rules of a choice; None when it is none, or lacks its price."""
    chosen = next((one for one in start.choices if one.word == word), None)
    if chosen is None:
        return None
    if chosen.rules is not None:
        return chosen.title, chosen.rules
    rules = preset_rules(word, price) if price is not None else None
    return None if rules is None else (f"{chosen.title}, at {price}", rules)


def address_copies(connection: Connection, now_micros: int) -> tuple[FeedCopy, ...]:
    """The lists of addresses as the edge goes by them."""
    return tuple(copies_in_force(list_feeds(connection), load_seed(), now_micros).values())


def band_lines(estimate: LogEstimate) -> tuple[BandLine, ...]:
    """The worth by how likely it would have been paid, for a bar and its table."""
    bands = estimate.bands
    unproved = bands.unsigned.amount_micros - bands.proved.amount_micros
    rows = (
        ("offered", "Offered enough", "signed, with an offer that covers the price", bands.offered.requests,
         bands.offered.amount_micros),
        ("signed", "Signed, no offer", "could pay, and did not say so", bands.signed.requests,
         bands.signed.amount_micros),
        ("proved", "Known by address", "unsigned, from an address that its operator publishes", bands.proved.requests,
         bands.proved.amount_micros),
        ("claimed", "A name alone", "unsigned, and nothing bears the name out",
         bands.unsigned.requests - bands.proved.requests, unproved),
    )  # fmt: skip
    whole = max(estimate.worth_micros, 1)
    lines, x = [], 0.0
    for word, title, meaning, requests, amount in rows:
        width = BAR_WIDTH * amount / whole
        lines.append(BandLine(word, title, meaning, requests, amount, month_of(estimate, amount), x, width))
        x += width
    return tuple(lines)


def month_of(estimate: LogEstimate, amount_micros: int) -> int | None:
    """What an amount comes to in a month, to the cent from 1 on: a guess has no millionths."""
    month = estimate.per_month(amount_micros)
    if month is None or month < MICROS_PER_UNIT:
        return month
    return (month + _CENT_MICROS // 2) // _CENT_MICROS * _CENT_MICROS


def size_text(size: int) -> str:
    """A size as people say it: ``268 MB``, ``3.4 MB``, ``12 kB``."""
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}" if size < 10 * unit else f"{size // unit} {name}"
    return f"{size} bytes"


def span_text(seconds: int) -> str:
    """How long a log is: ``29 days``, ``7 hours``, ``12 minutes``."""
    for unit, name in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        number = round(seconds / unit)
        if seconds >= 2 * unit or (seconds >= unit and number == 1):
            return f"{number} {name}" + ("" if number == 1 else "s")
    return "less than a minute"

"""What an estimate comes to, as one value that is shown, printed and kept: sums and words, nothing of the log's lines.

A month is 30 days, and what a log comes to in a month is the same pace for as long. From less than an hour nothing is
said of a month.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from edge.core.access_log import LogFormat
from edge.core.log_estimate import Band, Bands, Sums, Tally, total
from edge.core.log_reading import Readings
from edge.core.policy import SitePolicy

MONTH_SECONDS = 30 * 86_400
SPAN_SECONDS_MIN = 3_600
_WITH_FIELDS = frozenset({LogFormat.CADDY})


@dataclass(frozen=True, slots=True)
class CrawlerRow:
    """One crawler's part; ``name`` is empty for bots without one."""

    name: str
    operator: str
    kind: str
    tally: Tally


@dataclass(frozen=True, slots=True)
class KindRow:
    """The part of all crawlers of one kind."""

    kind: str
    tally: Tally


@dataclass(frozen=True, slots=True)
class LogEstimate:
    """A finished estimate; amounts in micro-units of ``currency``, times in seconds since the epoch.

    ``crawlers`` and ``kinds`` stand in the order of what they come to. ``caveats`` are sentences that belong to the
    figures wherever they are shown.
    """

    currency: str
    format: str
    lines: int
    bad_lines: int
    bad_samples: tuple[str, ...]
    first_second: int | None
    last_second: int | None
    requests: int
    people: int
    other_hosts: int
    whole: Tally
    bands: Bands
    crawlers: tuple[CrawlerRow, ...]
    kinds: tuple[KindRow, ...]
    caveats: tuple[str, ...]

    @property
    def worth_micros(self) -> int:
        """What all that has a price comes to, if every page of it had been paid."""
        return self.whole.worth_micros

    @property
    def span_seconds(self) -> int:
        """From the first line to the last."""
        if self.first_second is None or self.last_second is None:
            return 0
        return self.last_second - self.first_second

    def per_month(self, number: int) -> int | None:
        """What a number of this log comes to in 30 days at the same pace; None when the log is too short to say."""
        span = self.span_seconds
        return number * MONTH_SECONDS // span if span >= SPAN_SECONDS_MIN else None


def result_of(sums: Sums, readings: Readings, site: SitePolicy) -> LogEstimate:
    """The result of an estimate whose questions are settled."""
    rows = [CrawlerRow(*who, tally) for who, tally in sums.crawlers.items()]
    rows.sort(key=lambda row: (-row.tally.worth_micros, -row.tally.requests, row.name.lower()))
    kinds = {row.kind: [one.tally for one in rows if one.kind == row.kind] for row in rows}
    return LogEstimate(
        currency=site.currency,
        format=readings.format.value,
        lines=readings.lines,
        bad_lines=readings.bad_lines,
        bad_samples=tuple(readings.bad_samples),
        first_second=sums.first_second,
        last_second=sums.last_second,
        requests=sums.requests,
        people=sums.people,
        other_hosts=sums.other_hosts,
        whole=total(row.tally for row in rows),
        bands=sums.bands,
        crawlers=tuple(rows),
        kinds=tuple(KindRow(kind, total(tallies)) for kind, tallies in kinds.items()),
        caveats=tuple(_caveats(sums, readings, site)),
    )


def to_document(estimate: LogEstimate) -> dict[str, Any]:
    """The estimate in plain JSON types."""
    return asdict(estimate)


def from_document(document: Mapping[str, Any]) -> LogEstimate:
    """Read what ``to_document`` wrote."""
    rows = tuple(CrawlerRow(**{**row, "tally": Tally(**row["tally"])}) for row in document["crawlers"])
    kinds = tuple(KindRow(row["kind"], Tally(**row["tally"])) for row in document["kinds"])
    bands = Bands(**{name: Band(**band) for name, band in document["bands"].items()})
    texts = {name: tuple(document[name]) for name in ("bad_samples", "caveats")}
    whole = Tally(**document["whole"])
    return LogEstimate(**{**document, **texts, "whole": whole, "bands": bands, "crawlers": rows, "kinds": kinds})


def _caveats(sums: Sums, readings: Readings, site: SitePolicy) -> list[str]:
    rules = site.rules.rule_set
    said = [
        (readings.cut_short is not None, readings.cut_short or ""),
        (
            sums.without_agent > 0,
            "This log format holds no user agents, so nobody can be told apart; use the combined format.",
        ),
        (
            LogFormat(readings.format) not in _WITH_FIELDS,
            "This log holds no offers and no signatures: whether anybody would have paid is not in it.",
        ),
        (any(rule.has_terms for rule in rules), "Free pages and free re-crawls of the rules are not taken off."),
        (any(rule.rate is not None for rule in rules), "Rates of the rules are not counted."),
        (sums.not_requests > 0, f"{sums.not_requests:,} lines hold no HTTP request and were left out."),
    ]
    return [sentence for applies, sentence in said if applies]

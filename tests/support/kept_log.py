"""An access log that somebody had estimated, and kept the sums of."""

from __future__ import annotations

from sqlalchemy import Connection

from edge.core.access_log import LogFormat, LogLine
from edge.core.identity import ClaimedCrawler, CrawlerKind, Rung
from edge.core.log_estimate import Estimator, estimated_site
from edge.core.log_reading import Readings
from edge.core.log_result import LogEstimate, result_of
from edge.core.rule_index import compile_rules
from edge.core.rules import RuleSet
from edge.store.log_estimates import keep_estimate

NAMES = {
    "GPTBot": ("OpenAI", CrawlerKind.TRAINING),
    "ClaudeBot": ("Anthropic", CrawlerKind.TRAINING),
    "Googlebot": ("Google", CrawlerKind.SEARCH),
    "AhrefsBot": ("Ahrefs", CrawlerKind.SEO),
}


def keep_a_log(connection: Connection, site_id: int, rules: RuleSet, author: str, now_micros: int) -> int:
    """Keep what a week of a made-up log came to."""
    names = ("access.log.2.gz", "Version 4, live")
    return keep_estimate(connection, site_id, names, estimate_of(rules, now_micros), author, now_micros)


def estimate_of(rules: RuleSet, now_micros: int) -> LogEstimate:
    """A week of people and of four crawlers, one of which comes from its published addresses."""
    site = estimated_site(compile_rules(rules), "USD", "harbour.example")
    work = Estimator(site, _classify, lambda name, address: Rung.ADDRESS if address == "A" else Rung.CLAIMED)
    second = now_micros // 1_000_000 - 7 * 86_400
    lines = [
        LogLine(second + 60 * number, "A" if name == "GPTBot" else "B", "GET", f"/articles/{number}", 200, name)
        for number in range(7 * 1440)
        for name in ("person", *([name for place, name in enumerate(NAMES) if number % (2 * place + 1) == 0]))
    ]
    work.read(lines)
    readings = Readings(format=LogFormat.COMBINED, lines=len(lines), bad_lines=2)
    return result_of(work.settle(), readings, site)


def _classify(agent: str) -> ClaimedCrawler | None:
    return ClaimedCrawler(agent, *NAMES[agent]) if agent in NAMES else None

"""What came and what became of it: counted once each, by site, crawler, rule and outcome, and never lost to a fault."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from edge.core.refusals import RefusalCode
from edge.proxy.traffic import KEYS_MAX, OTHER_CRAWLERS, TrafficRecorder
from edge.store.traffic import TrafficKey
from tests.support.edge_under_test import NOW, POOR, RICH, EdgeUnderTest
from tests.support.scripted_origin import page
from tests.support.signing_crawler import browsed, claimed

MINUTE_MICROS = 60_000_000


@dataclass
class Sums:
    """Where counts end up, unless it is down."""

    rows: Counter[TrafficKey] = field(default_factory=Counter)
    fault: Exception | None = None
    reports: list[BaseException] = field(default_factory=list)

    def flush(self, counts: Mapping[TrafficKey, int]) -> None:
        if self.fault is not None:
            raise self.fault
        self.rows.update(counts)

    def recorder(self, now: float = NOW) -> TrafficRecorder:
        return TrafficRecorder(self.flush, lambda: now, lambda what, error: self.reports.append(error))


def test_every_answer_is_counted_once_by_what_became_of_it(edge: EdgeUnderTest) -> None:
    edge.origin.script["/gone"] = [page(b"no", status="404 Not Found")]
    for data in (
        claimed("/a"), claimed("/a"), claimed("/free/a"), claimed("/blocked/a"), claimed("/watched/a"), browsed("/a"),
        claimed("/robots.txt"), RICH.paying("/a"), RICH.paying("/gone"), POOR.paying("/a"), claimed("/a//b"),
        b"nonsense\r\n\r\n", claimed("/a", host="evil.example"), RICH.paying("/a", method="HEAD"),
    ):  # fmt: skip
        edge.ask(data, "HEAD" if data.startswith(b"HEAD") else "GET")
    assert edge.gate.traffic.totals == {
        "payment_required": 2, "allowed": 1, "crawler_blocked": 1, "monitored": 1, "visitor": 1, "free_path": 1,
        "charged": 1, "not_billable": 1, "insufficient_credits": 1, "ambiguous_target": 1, "malformed_request": 1,
        "unknown_site": 1, "method_not_charged": 1,
    }  # fmt: skip
    edge.do(edge.gate.traffic.flush)
    rows = {(key.site_id, key.crawler, key.rung, key.rule, key.outcome): number
            for batch in edge.flushed for key, number in batch.items()}  # fmt: skip
    assert rows[7, "GPTBot", "claimed", "everything else", "payment_required"] == 2
    assert rows[7, "bot1", "signed", "everything else", "charged"] == 1
    assert rows[7, "bot2", "signed", "everything else", "insufficient_credits"] == 1
    assert rows[7, "", "", "", "visitor"] == 1
    assert rows[0, "", "", "", "malformed_request"] == 1
    assert sum(rows.values()) == sum(edge.gate.traffic.totals.values())
    assert {key.start_micros for batch in edge.flushed for key in batch} == {NOW // 60 * MINUTE_MICROS}


def test_what_cannot_be_flushed_is_kept_and_counted_on() -> None:
    sums = Sums(fault=OSError("down"))
    traffic = sums.recorder()
    for _ in range(3):
        traffic.count_bad(RefusalCode.MALFORMED_REQUEST)
    asyncio.run(traffic.flush())
    assert (sums.rows.total(), [str(error) for error in sums.reports]) == (0, ["down"])
    traffic.count_bad(RefusalCode.MALFORMED_REQUEST)
    sums.fault = None
    asyncio.run(traffic.flush())
    asyncio.run(traffic.flush())
    assert list(sums.rows.values()) == [4]
    assert traffic.totals == {"malformed_request": 4}


def test_the_number_of_rows_is_bounded() -> None:
    sums = Sums()
    traffic = sums.recorder()
    for number in range(KEYS_MAX + 100):
        traffic._add((1, f"crawler {number}", "claimed", "", "allowed"), "allowed")
    asyncio.run(traffic.flush())
    assert len(sums.rows) == KEYS_MAX + 1
    assert sums.rows.total() == KEYS_MAX + 100
    others = [number for key, number in sums.rows.items() if key.crawler == OTHER_CRAWLERS]
    assert others == [100]

"""No spelling of a dear page gets it for a cheap price: over real HTTP, from an origin that reads carelessly."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.crash_rig import CRAWLERS, in_turns
from tests.support.crawler_line import Attempt, buy
from tests.support.edge_process import EdgeForks
from tests.support.marker_site import DEAR, RULES, MarkerOrigin, spellings, stands_for_the_dear_page, was_got_too_cheap
from tests.support.system_stage import Stage

pytestmark = pytest.mark.system

SPELLINGS = 1500


@pytest.fixture
def marked_stage(edge_forks: EdgeForks, sqlite_shop_url: str, tmp_path: Path) -> Iterator[Stage]:
    with Stage(edge_forks, sqlite_shop_url, tmp_path, origin=MarkerOrigin()) as stage:
        stage.market.publish(RULES)
        yield stage


def ask_for_all(stage: Stage) -> list[tuple[str, Attempt]]:
    """Offer a dollar for every spelling."""
    asked: list[tuple[str, Attempt]] = []

    async def one(target: str) -> None:
        asked.append((target, await buy(stage.edges[0].port, stage.market.purchase_of(target))))

    async def everything() -> None:
        await in_turns(CRAWLERS, [lambda target=target: one(target) for target in spellings(SPELLINGS, seed=3)])  # type: ignore[misc]

    stage.do(asyncio.wait_for(everything(), 120))
    return asked


def test_no_spelling_gets_the_dear_page_for_the_cheap_price(marked_stage: Stage) -> None:
    marked_stage.edge()
    asked = ask_for_all(marked_stage)
    assert [target for target, attempt in asked if was_got_too_cheap(target, attempt)] == []
    # It proves something only while origins are fooled by what was asked, and plain spellings are still sold.
    assert sum(stands_for_the_dear_page(target) for target, _ in asked) > SPELLINGS // 2
    assert sum(attempt.charged == str(DEAR) for _, attempt in asked) > SPELLINGS // 20
    assert {attempt.status for _, attempt in asked} == {200, 400}


def test_the_marker_finds_a_price_on_the_decoded_path(marked_stage: Stage) -> None:
    marked_stage.edge(plant="price on the decoded path")
    assert [target for target, attempt in ask_for_all(marked_stage) if was_got_too_cheap(target, attempt)] != []

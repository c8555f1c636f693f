"""Clients that end at every boundary of an answer, in every way: what they hold and what the ledger says agree.

For each: either the crawler has the complete page and exactly one live charge (D1), or it has not, and there is no live
charge or the same signed request fetches the page for nothing more (D2). What was reversed is fetched for nothing once.
"""

from __future__ import annotations

from typing import Any

import pytest

from edge.core.ledger_state import Phase
from tests.support.edge_under_test import PATIENT, RICH, EdgeUnderTest
from tests.support.scripted_origin import page
from tests.support.wire import Wire

BOUNDARIES = ["before the head", "after the head", "first byte", "last byte but one", "last byte"]
ENDS = ["fin", "reset", "stall"]
SIZES = {"whole": 60_000, "streamed": 3_000_000}
PRICE_MICROS = 10_000


def take_until(wire: Wire, boundary: str, size: int) -> bool:
    """Read up to the boundary; whether the page is complete then."""
    if boundary == "before the head":
        return False
    status, _ = wire.head()
    assert status == 200
    taken = {"after the head": 0, "first byte": 1, "last byte but one": size - 1, "last byte": size}[boundary]
    wire.take(taken)
    return taken == size


def end(wire: Wire, how: str) -> None:
    if how == "fin":
        wire.close()
    elif how == "reset":
        wire.reset()


def settled(edge: EdgeUnderTest) -> bool:
    """Whether nothing more will happen to this one charge: confirmed, given back, or never made."""
    if edge.ledger.confirmed:
        return True
    return edge.ledger.kinds()[-1:] in (["void"], ["reverse"], ["suspend"])


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
@pytest.mark.parametrize("how", ENDS)
@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_the_crawler_and_the_ledger_agree_wherever_the_connection_ends(
    make_edge: Any, boundary: str, how: str, size: int
) -> None:
    edge: EdgeUnderTest = make_edge(limits=PATIENT)
    edge.origin.script["/sold"] = [page(b"x" * size)]
    request = RICH.paying("/sold")
    # A client with little room cannot have taken in what it did not read, except for a small page's few bytes.
    wire = edge.connect(buffer_bytes=4096)
    wire.send(request)
    if boundary == "before the head":
        edge.wait_until_asked()
    complete = take_until(wire, boundary, size)
    end(wire, how)
    if how == "stall":
        edge.let_pass_until(lambda: settled(edge), 31.0)
    edge.ledger.wait_until(lambda: settled(edge))
    charged = edge.ledger.charged_micros()
    arrived = bool(edge.ledger.confirmed)
    if complete:
        assert (charged, arrived) == (PRICE_MICROS, True)  # D1
    elif boundary != "last byte but one":
        # Its kernel had no room for the rest. Of the last byte it may have, whatever the client read of it.
        assert (charged, arrived) == (0, False)  # D2
    wire.close()
    # D2: whoever has not got it, gets it for nothing more than the one price.
    again = edge.ask(request)
    assert (again.status, len(again.body)) == (200, size)
    edge.ledger.wait_until(lambda: edge.ledger.charged_micros() in (0, PRICE_MICROS))
    if charged == 0 and "reverse" in edge.ledger.kinds():
        assert "crawler-charged" not in again.fields
        assert edge.ledger.kinds()[-1] == "redeliver"
    else:
        assert again.fields["crawler-charged"] == "USD 0.01"
        assert edge.ledger.charged_micros() == PRICE_MICROS
    edge.ledger.check()


@pytest.mark.parametrize("how", ["fin", "reset"])
def test_a_reversed_page_is_fetched_for_nothing_once_and_not_twice(edge: EdgeUnderTest, how: str) -> None:
    size = SIZES["whole"] * 4
    edge.origin.script["/sold"] = [page(b"x" * size)]
    request = RICH.paying("/sold")
    wire = edge.connect(buffer_bytes=4096)
    wire.send(request)
    wire.head()
    end(wire, how)
    edge.ledger.wait_for("post", "reverse")
    first = edge.ask(request)
    assert (first.status, len(first.body), "crawler-charged" in first.fields) == (200, size, False)
    assert edge.ledger.charged_micros() == 0
    second = edge.ask(request)
    assert second.fields["crawler-charged"] == "USD 0.01"
    assert edge.ledger.kinds() == ["post", "reverse", "redeliver", "post"]
    [state] = edge.ledger.states()
    assert (state.phase, state.attempt) == (Phase.LIVE, 2)

"""Each harness finds the bug that it is there to find, or it proves nothing.

What `kill -9` cannot find is `synchronous=NORMAL`: the kernel still has what the process wrote. The replayed power
losses find it, and their own planted bugs are with them (``test_power_loss.py``).
"""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from edge.proxy.address_guard import why_forbidden
from tests.proxy.test_address_guard import FORBIDDEN
from tests.support.crash_rig import CrashRig
from tests.support.system_stage import Stage
from tests.support.transcript_judge import wrongs

pytestmark = pytest.mark.system

ROUNDS_MAX = 40
SENT_AT_ONCE = 200


def rounds_until_found(stage: Stage, rig: CrashRig) -> list[str]:
    for _ in range(ROUNDS_MAX):
        found = stage.do(rig.round())
        if found:
            return found
    return []


@pytest.mark.parametrize("plant", ["charge after send", "no kept-back tail"])
def test_the_kill_harness_finds_a_page_that_leaves_before_it_is_paid(sqlite_stage: Stage, plant: str) -> None:
    edge = sqlite_stage.edge(plant=plant)
    found = rounds_until_found(sqlite_stage, CrashRig(edge, sqlite_stage.market, seed=7))
    assert any("came whole and said USD" in one and "0 live charges" in one for one in found), edge.log()


def test_the_storm_finds_a_missing_unique_index(sqlite_stage: Stage) -> None:
    sqlite_stage.market.drop_the_unique_index()
    sqlite_stage.edge(plant="never looks")
    purchase = sqlite_stage.market.purchase("/small/1")
    sqlite_stage.buy_at_once([purchase] * SENT_AT_ONCE)
    assert any("live charges" in one for one in wrongs(sqlite_stage.market.database, [purchase]))
    assert any(fault.startswith("I2") for fault in sqlite_stage.faults())


def test_the_unique_index_alone_decides_even_when_nobody_looks_first(sqlite_stage: Stage) -> None:
    sqlite_stage.edge(plant="never looks")
    purchase = sqlite_stage.market.purchase("/small/1")
    attempts = sqlite_stage.buy_at_once([purchase] * SENT_AT_ONCE)
    assert all(attempt.charged for attempt in attempts)
    assert wrongs(sqlite_stage.market.database, [purchase]) == []
    assert sqlite_stage.faults() == []


def test_the_table_of_addresses_finds_a_guard_that_asks_python_alone() -> None:
    assert all(why_forbidden(address) is not None for address, _ in FORBIDDEN)
    let_through = [address for address, _ in FORBIDDEN if is_global_alone(address) is None]
    assert {"64:ff9b::7f00:1", "2002:7f00:1::", "192.0.0.192", "224.0.0.1"} & set(let_through)


def is_global_alone(address: str) -> str | None:
    """A guard that trusts ``ipaddress.is_global``."""
    try:
        return None if ip_address(address).is_global else "not global"
    except ValueError:
        return "not an address"

"""`kill -9` of the edge under load, again and again, with the crawlers' transcripts as judge (D1, D2, I1 to I6)."""

from __future__ import annotations

import pytest

from tests.support.crash_rig import CrashRig
from tests.support.system_stage import Stage

pytestmark = [pytest.mark.system, pytest.mark.lengthy]

ROUNDS = 50
POSTGRES_ROUNDS = 8


def run_rounds(stage: Stage, rig: CrashRig, rounds: int) -> None:
    for number in range(1, rounds + 1):
        wronged = stage.do(rig.round())
        assert wronged == [], f"round {number}:\n" + "\n".join(wronged) + f"\n{rig.edge.log()}"
    assert rig.edge.stop() == 0, rig.edge.log()
    assert rig.final_wrongs() == []


def test_nobody_is_wronged_when_the_edge_is_killed_under_load(sqlite_stage: Stage) -> None:
    rig = CrashRig(sqlite_stage.edge(), sqlite_stage.market, seed=20261120)
    run_rounds(sqlite_stage, rig, ROUNDS)
    # The rounds proved something only if they cut answers off, of charges that were durable and of some that were not.
    assert rig.cut_off > rig.paid_and_cut_off > 0


def test_nobody_is_wronged_when_one_of_many_nodes_could_be_the_dead_one(postgres_stage: Stage) -> None:
    """On PostgreSQL nobody may void a dead node's holds before its lease has lapsed; the same promises hold."""
    rig = CrashRig(postgres_stage.edge(), postgres_stage.market, seed=20261121)
    run_rounds(postgres_stage, rig, POSTGRES_ROUNDS)
    assert rig.cut_off > 0

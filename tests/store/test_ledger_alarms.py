"""The operator hears what befell the ledger, and whether it passes by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.core.errors import EdgeError
from edge.core.ledger import InvariantBroken, LedgerUnavailable
from edge.store.database import Database
from edge.store.database_errors import StorageFailed
from edge.store.ledger_alarms import tell_alarm
from edge.store.service_keys import load_service_keys
from tests.support.webhooks import AT, bodies, listen


@pytest.mark.parametrize(
    ("error", "ended"),
    [(LedgerUnavailable("out"), False), (StorageFailed("disk"), True), (InvariantBroken("sum"), True)],
)
def test_an_alarm_says_what_and_whether_selling_ended(
    database: Database, tmp_path: Path, error: EdgeError, ended: bool
) -> None:
    operator, _ = listen(database, load_service_keys(tmp_path / "data"), "ledger.alarm")
    tell_alarm(database, "node-1", error, AT, ["I5: account 1"])
    (body,) = bodies(database, operator)
    assert (body["type"], body["subject"]) == ("ledger.alarm", "ledger of node-1")
    assert body["data"] == {
        "node": "node-1",
        "reason": str(error),
        "faults": ["I5: account 1"],
        "selling_ended": ended,
        "noticed_at": "2026-09-21T14:13:20.000000Z",
    }

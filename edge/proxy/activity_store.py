"""Where noted requests go: their rows, the sums of them, and what may be kept of an address; one for each process."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from edge.core.addresses import AddressForm, kept_address
from edge.proxy.activity import ActivityParts
from edge.settings import Settings
from edge.store.activity import Activity, UserAgents, write_activity
from edge.store.address_keys import AddressKeys
from edge.store.content import ContentCounter
from edge.store.database import Database, now_micros
from edge.store.robots import RobotsJudge


def activity_parts(
    settings: Settings, database: Database, judge: RobotsJudge, report: Callable[[str, BaseException], None]
) -> ActivityParts:
    """What the recorder works with, over an open database."""
    agents, content, keys = UserAgents(), ContentCounter(), AddressKeys(settings.data_dir)

    def write(rows: Sequence[Activity]) -> None:
        try:
            with database.write() as connection:
                new = write_activity(connection, agents, rows, now_micros())
                content.add(connection, new)
                judge.add(connection, new)
        except BaseException:
            agents.forget()
            content.forget()
            raise

    def kept(address: str, at_micros: int) -> str:
        key = keys.at(at_micros) if settings.addresses is AddressForm.HASH else b""
        return kept_address(address, settings.addresses, key)

    return ActivityParts(write, time.time, kept, report)

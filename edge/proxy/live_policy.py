"""The policy in force, refreshed behind the requests: one attribute to read, swapped whole.

Every process asks the database for the policy's version a few times a second; only a new version is loaded. A
database that cannot be read leaves the last policy in force: selling stops at the ledger, not here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from edge.core.policy import Policy


class LivePolicy:
    """Holds the current ``Policy``. ``load`` and ``current_version`` run in a thread and may block."""

    def __init__(
        self,
        load: Callable[[], Policy],
        current_version: Callable[[], int],
        poll_seconds: float,
        report: Callable[[str, BaseException], None],
    ) -> None:
        self._load = load
        self._current_version = current_version
        self._poll_seconds = poll_seconds
        self._report = report
        self.policy: Policy = load()

    async def run(self) -> None:
        """Refresh until cancelled."""
        while True:
            await asyncio.sleep(self._poll_seconds)
            await self.refresh()

    async def refresh(self) -> bool:
        """Load the policy if its version has changed; whether it had."""
        try:
            if await asyncio.to_thread(self._current_version) == self.policy.version:
                return False
            self.policy = await asyncio.to_thread(self._load)
        except Exception as error:  # the last policy stays in force; the next round tries again
            self._report("policy", error)
            return False
        return True

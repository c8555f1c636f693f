"""Key directories of agents that nobody registered: how many are read, on whose budget, and how many are held.

Rules of this file

- Each source address may bring so many new agents, and so may all together: a made-up agent costs a name lookup and a
  connection, and whoever makes them up has as many names as they like.
- What is over the budget is refused before anything is looked up, and waits for nobody.
- The table has an end: the agent that was asked about least recently goes, unless it is being fetched.
"""

from __future__ import annotations

from collections.abc import Container

from edge.proxy.directory_state import DirectoryState
from edge.proxy.leaky_buckets import LeakyBuckets

HELD_MAX = 512
SOURCE_BURST, SOURCE_PER_SECOND = 10, 0.1
PROCESS_BURST, PROCESS_PER_SECOND = 120, 2.0
FETCHES_MAX = 64
"""Of strangers and registered agents together, under way or waiting; beyond that no stranger is added."""

_EVERYBODY = "0.0.0.0"  # noqa: S104 -- the one bucket of the process, no address to listen on


class Strangers:
    """The directories of unregistered agents, by agent URL. Times are Unix seconds."""

    def __init__(self) -> None:
        self._states: dict[str, DirectoryState] = {}
        self._by_source = LeakyBuckets(SOURCE_BURST, SOURCE_PER_SECOND)
        self._in_all = LeakyBuckets(PROCESS_BURST, PROCESS_PER_SECOND)

    def __len__(self) -> int:
        return len(self._states)

    def find(self, agent_url: str) -> DirectoryState | None:
        """What is held of an agent; it is now the one asked about last."""
        state = self._states.pop(agent_url, None)
        if state is not None:
            self._states[agent_url] = state
        return state

    def may_come(self, source: str, now: float) -> bool:
        """Whether this source may bring one more new agent."""
        return not (self._by_source.seconds_to_wait(source, now) or self._in_all.seconds_to_wait(_EVERYBODY, now))

    def admit(self, agent_url: str, source: str, now: float, fetching: Container[str]) -> DirectoryState | None:
        """Take a new agent in, on its source's budget; None when that is used up, or too much is under way."""
        if not self.may_come(source, now) or not self._make_room(fetching):
            return None
        self._by_source.note(source, now)
        self._in_all.note(_EVERYBODY, now)
        state = self._states[agent_url] = DirectoryState(agent_url)
        return state

    def _make_room(self, fetching: Container[str]) -> bool:
        busy = [url for url in self._states if url in fetching]
        if len(busy) >= FETCHES_MAX:
            return False
        if len(self._states) >= HELD_MAX:
            oldest = next(url for url in self._states if url not in fetching)
            del self._states[oldest]
        return True

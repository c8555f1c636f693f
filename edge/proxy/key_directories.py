"""The key directories of registered crawlers: remembered, renewed in the background, never waited for on the hot path.

Rules of this file (docs/protocol.md, "Signatures"; when to fetch is decided in ``edge.proxy.directory_state``):

- only registered agents are ever fetched; an unknown one is answered at once and costs nothing. With ``discover``
  strangers' directories are read, too, where a request brought one: each source address and the process have a budget
  for that, so many are held in memory and none elsewhere, and whoever is over it waits for nobody;
- keys are held by agent and thumbprint, so no agent gains by listing another one's key;
- one fetch per agent at a time; everybody who needs it waits for the same one;
- ``find`` is synchronous and answers from memory. ``ensure`` is what the gate awaits before it decides, so that the
  first request of a freshly registered or freshly rotated crawler succeeds.

Everything here belongs to one event loop. Times are Unix seconds.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Protocol

from edge.core.directory import DirectoryFault, parse_directory
from edge.core.keys import public_keys_to_jwks
from edge.core.web_bot_auth import KeyAnswer, KeyUnknown
from edge.proxy.directory_fetch import Fetch
from edge.proxy.directory_state import DirectoryState, DirectoryView, Need, StoredKeys
from edge.proxy.key_documents import KeySet, Unusable, read_keys
from edge.proxy.strangers import Strangers

ENSURE_SECONDS = 5.0


class Shelf(Protocol):
    """Where the last good answers are kept across restarts. What it raises is passed over: memory holds the answer."""

    async def load(self, agent_url: str) -> StoredKeys | None:
        """The answer kept for an agent, if any."""

    async def save(self, agent_url: str, stored: StoredKeys) -> None:
        """Keep an answer in place of the one before."""

    async def note_failure(self, agent_url: str, failure: str, failed_at: float) -> None:
        """Note why the last fetch gave nothing; the answer kept stays."""


class KeyDirectories:
    """Keys of registered crawlers by agent URL and thumbprint; ``find`` is the core's ``KeyLookup``.

    ``known_agents`` gives the identity URLs of the registered crawlers at this moment; a mapping of them will do.
    ``random_unit`` gives numbers in [0, 1). ``allow_test_keys`` lets the published test keys through, for development.
    """

    def __init__(
        self,
        fetch: Fetch,
        known_agents: Callable[[], Collection[str]],
        *,
        shelf: Shelf | None = None,
        allow_test_keys: bool = False,
        discover: bool = False,
        now: Callable[[], float] = time.time,
        random_unit: Callable[[], float] = random.random,
    ) -> None:
        self._strangers = Strangers() if discover else None
        self._fetch = fetch
        self._known_agents = known_agents
        self._shelf = shelf
        self._allow_test_keys = allow_test_keys
        self._now = now
        self._random_unit = random_unit
        self._states: dict[str, DirectoryState] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def find(self, agent_url: str, thumbprint: str) -> KeyAnswer:
        """Answer from memory, and start a fetch where one is due."""
        state = self._state(agent_url)
        if state is None:
            return KeyUnknown()
        if self._need(state, thumbprint) is not Need.NOTHING:
            self._start(state)
        return state.answer(thumbprint, self._now(), is_fetching=agent_url in self._tasks)

    def is_settled(self, agent_url: str, thumbprint: str, source: str = "") -> bool:
        """Whether ``ensure`` would return at once: the gate asks this first and seldom has to await."""
        state = self._state(agent_url)
        if state is None:
            return self._strangers is None or not self._strangers.may_come(source, self._now())
        return self._need(state, thumbprint) is not Need.WAIT

    async def ensure(
        self, agent_url: str, thumbprint: str, source: str = "", timeout_seconds: float = ENSURE_SECONDS
    ) -> None:
        """Wait while a fetch may answer better than memory, at most ``timeout_seconds``; the fetch itself goes on.

        ``source`` is the client's address, whose budget a stranger's directory is fetched on.
        """
        state = self._state(agent_url)
        if state is None and self._strangers is not None:
            state = self._strangers.admit(agent_url, source, self._now(), self._tasks)
        if state is None:
            return
        try:
            async with asyncio.timeout(timeout_seconds):
                while self._need(state, thumbprint) is Need.WAIT and (task := self._start(state)) is not None:
                    await asyncio.wait({task})
        except TimeoutError:
            return

    async def refresh(self, agent_url: str) -> DirectoryView | None:
        """Fetch now, whatever is held (an operator asks); None when the agent is not registered."""
        state = self._state(agent_url)
        if state is None:
            return None
        running = self._tasks.get(agent_url)
        if running is not None:
            await asyncio.wait({running})
        task = self._start(state, always_fetch=True)
        if task is not None:
            await asyncio.wait({task})
        return self.show(agent_url)

    def show(self, agent_url: str) -> DirectoryView | None:
        """What is known of an agent's directory; None when the agent is not registered."""
        state = self._state(agent_url)
        return None if state is None else state.view(is_fetching=agent_url in self._tasks)

    async def close(self) -> None:
        """Break off what is being fetched. The fetcher is closed by whoever made it."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _state(self, agent_url: str) -> DirectoryState | None:
        known = self._known_agents()
        if agent_url not in known:
            return self._strangers.find(agent_url) if self._strangers is not None else None
        state = self._states.get(agent_url)
        if state is None:
            # Here alone the table grows, so here those leave who are no longer registered: it never outgrows them.
            for gone in [url for url in self._states if url not in known]:
                del self._states[gone]
            state = self._states[agent_url] = DirectoryState(agent_url)
        return state

    def _need(self, state: DirectoryState, thumbprint: str) -> Need:
        return state.need(thumbprint, self._now(), is_fetching=state.agent_url in self._tasks)

    def _start(self, state: DirectoryState, *, always_fetch: bool = False) -> asyncio.Task[None] | None:
        """The fetch that is running, or a new one; None outside an event loop, where memory has to do."""
        running = self._tasks.get(state.agent_url)
        if running is not None:
            return running
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return None
        task = self._tasks[state.agent_url] = loop.create_task(self._update(state, always_fetch=always_fetch))
        # By callback, not inside the task: a task that is cancelled before its first step runs no line of its own.
        task.add_done_callback(lambda _: self._tasks.pop(state.agent_url, None))
        return task

    async def _update(self, state: DirectoryState, *, always_fetch: bool) -> None:
        is_first, state.attempted_at = state.attempted_at is None, self._now()
        answer: KeySet | Unusable | None = Unusable("the fetch was broken off")
        try:
            if is_first and self._is_known(state) and await self._restore(state) and not always_fetch:
                answer = None
                return
            answer = await read_keys(state.agent_url, self._fetch, self._now(), allow_test_keys=self._allow_test_keys)
        finally:
            # Also when something raises: a fault of ours must not turn into a fetch per request.
            if answer is not None:
                self._settle(state, answer)
        await self._keep(state, answer)

    def _settle(self, state: DirectoryState, answer: KeySet | Unusable) -> None:
        match answer:
            case KeySet():
                state.accept(answer, self._now(), self._random_unit())
            case Unusable():
                state.refuse(answer, self._now(), self._random_unit())

    async def _restore(self, state: DirectoryState) -> bool:
        """Take back what was kept across a restart; true when it is still fresh, so that no fetch is needed."""
        if self._shelf is None:
            return False
        stored = None
        with suppress(Exception):
            stored = await self._shelf.load(state.agent_url)
        if stored is None:
            return False
        keys = parse_directory(stored.jwks, allow_test_keys=self._allow_test_keys)
        if isinstance(keys, DirectoryFault):
            return False
        state.restore(stored, keys)
        return state.is_fresh(self._now())

    def _is_known(self, state: DirectoryState) -> bool:
        return state.agent_url in self._known_agents()

    async def _keep(self, state: DirectoryState, answer: KeySet | Unusable) -> None:
        if self._shelf is None or not self._is_known(state):
            return  # of strangers nothing is kept: whoever makes up agents would fill the database
        with suppress(Exception):
            match answer:
                case KeySet():
                    fetched_at, fresh_until = state.to_store()
                    jwks = public_keys_to_jwks(answer.keys.values())
                    await self._shelf.save(state.agent_url, StoredKeys(jwks, fetched_at, fresh_until))
                case Unusable():
                    await self._shelf.note_failure(state.agent_url, answer.reason, self._now())

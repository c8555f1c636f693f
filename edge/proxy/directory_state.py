"""What is held of one key directory, and when it may or must be fetched: pure, all times are arguments.

Rules of this file (docs/protocol.md, "Signatures"):

- a failed fetch keeps the keys held before; a good answer replaces them whole, and so removes a key that it does not
  list: that is how a crawler revokes one;
- an answer is fresh for as long as it says, and is renewed ahead of that when it is in use; past that it is believed
  again only once the directory was asked and did not answer;
- a key that is not held asks for a new answer at most once in 60 s, so rotation works and made-up keyids cost nothing;
- a failure is remembered for 15 s, doubling up to 5 minutes, spread at random so that edges do not call in step.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from edge.core.keys import PublicKey
from edge.core.web_bot_auth import DirectoryDown, KeyAnswer, KeyUnknown
from edge.proxy.key_documents import KeySet, Unusable

REFETCH_SECONDS = 60
FIRST_RETRY_SECONDS = 15
RETRY_MAX_SECONDS = 300
IN_FLIGHT_RETRY_SECONDS = 5
_DOUBLINGS_MAX = 5


class Need(Enum):
    """What a question about one key calls for."""

    NOTHING = auto()
    BACKGROUND = auto()
    """A fetch is due, but what is held answers the question."""
    WAIT = auto()
    """Only a fetch can answer, or one is on its way that may."""


@dataclass(frozen=True, slots=True)
class StoredKeys:
    """The last good answer as it is kept across restarts: a JWK Set, when it was fetched, how long it is fresh."""

    jwks: bytes
    fetched_at: float
    fresh_until: float


@dataclass(frozen=True, slots=True)
class DirectoryView:
    """What is known of one directory, for people. ``failure`` is why the last fetch gave nothing."""

    agent_url: str
    thumbprints: tuple[str, ...]
    proved: frozenset[str]
    remarks: tuple[str, ...]
    fetched_at: float | None
    fresh_until: float | None
    attempted_at: float | None
    failure: str | None
    retry_at: float | None
    is_fetching: bool


class DirectoryState:
    """One agent's directory. ``keys`` is None until there is a first good answer; times are Unix seconds.

    ``random_unit`` arguments are numbers in [0, 1).
    """

    def __init__(self, agent_url: str) -> None:
        self.agent_url = agent_url
        self.keys: Mapping[str, PublicKey] | None = None
        self.attempted_at: float | None = None
        self.fetched_at: float | None = None
        self.failure: str | None = None
        self._answer: KeySet | None = None
        self._renew_at = 0.0
        self._fresh_until = 0.0
        self._failures = 0
        self._retry_at = 0.0

    def need(self, thumbprint: str, now: float, *, is_fetching: bool) -> Need:
        """What asking for ``thumbprint`` at ``now`` calls for."""
        key = self.keys.get(thumbprint) if self.keys is not None else None
        if key is None or (key.expires_at is not None and key.expires_at <= now):
            renewal = self.keys is None or now >= self._renew_at
            return Need.WAIT if is_fetching or self._may_fetch(now, renewal=renewal) else Need.NOTHING
        if now < self._renew_at or not (is_fetching or self._may_fetch(now, renewal=True)):
            return Need.NOTHING
        # Keys outlive a directory that is down; one that is merely past its time is asked before it is believed.
        return Need.BACKGROUND if now < self._fresh_until or self.failure is not None else Need.WAIT

    def answer(self, thumbprint: str, now: float, *, is_fetching: bool) -> KeyAnswer:
        """The answer from memory.

        While only a fetch can answer, that is ``DirectoryDown`` for a few seconds: who cannot wait shall come again.
        A key past its ``exp`` is given too, because the core says what is wrong with it.
        """
        if self.need(thumbprint, now, is_fetching=is_fetching) is Need.WAIT:
            return DirectoryDown(IN_FLIGHT_RETRY_SECONDS)
        key = self.keys.get(thumbprint) if self.keys is not None else None
        if key is not None:
            return key
        if self.keys is not None and self.failure is None:
            return KeyUnknown()
        return DirectoryDown(max(1, min(math.ceil(self._retry_at - now), RETRY_MAX_SECONDS)))

    def accept(self, answer: KeySet, now: float, random_unit: float) -> None:
        """Take a good answer in place of everything held before."""
        self.keys, self._answer = answer.keys, answer
        self.fetched_at, self._fresh_until = now, now + answer.ttl_seconds
        self._renew_at = now + answer.ttl_seconds * (0.75 + 0.15 * random_unit)
        self.failure, self._failures = None, 0

    def refuse(self, answer: Unusable, now: float, random_unit: float) -> None:
        """Note a failure; what is held stays in force."""
        pause = FIRST_RETRY_SECONDS * 2 ** min(self._failures, _DOUBLINGS_MAX)
        pause = min(max(pause, answer.retry_after_seconds or 0), RETRY_MAX_SECONDS)
        self._retry_at = now + pause * (0.8 + 0.2 * random_unit)
        self.failure, self._failures = answer.reason, self._failures + 1

    def restore(self, stored: StoredKeys, keys: tuple[PublicKey, ...]) -> None:
        """Take back what was kept across a restart, as old as it was."""
        self.keys = {key.thumbprint: key for key in keys}
        self.fetched_at = self.attempted_at = stored.fetched_at
        self._renew_at = self._fresh_until = stored.fresh_until

    def is_fresh(self, now: float) -> bool:
        """Whether the answer held may be believed unasked."""
        return self.keys is not None and now < self._fresh_until

    def to_store(self) -> tuple[float, float]:
        """When the answer held was fetched, and until when it is fresh."""
        assert self.fetched_at is not None, "only a good answer is stored"
        return self.fetched_at, self._fresh_until

    def view(self, *, is_fetching: bool) -> DirectoryView:
        """A copy for people."""
        return DirectoryView(
            agent_url=self.agent_url,
            thumbprints=tuple(self.keys or ()),
            proved=self._answer.proved if self._answer else frozenset(),
            remarks=self._answer.remarks if self._answer else (),
            fetched_at=self.fetched_at,
            fresh_until=self._fresh_until if self.keys is not None else None,
            attempted_at=self.attempted_at,
            failure=self.failure,
            retry_at=self._retry_at if self.failure is not None else None,
            is_fetching=is_fetching,
        )

    def _may_fetch(self, now: float, *, renewal: bool) -> bool:
        """After a failure when its pause is over, else a renewal at once and a refetch once a minute."""
        if self.attempted_at is None or now < self.attempted_at:  # a clock that was set back must not lock us out
            return True
        if self.failure is not None:
            return now >= self._retry_at
        return renewal or now >= self.attempted_at + REFETCH_SECONDS

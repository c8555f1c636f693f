"""Prove who asks to be registered: a good signature by a key that its own host publishes.

Rules of this file
- Only here are the keys of an agent fetched that nobody registered, so every such fetch is paid for: a few for each
  address and for the process, two at a time of the fetcher's eight, and one at a time for an address: somebody with
  slow hosts of their own makes nobody else wait. Who is refused costs nothing more.
- What needs no network is looked at first: shape, times, coverage, digest.
- Nothing is kept of a stranger's keys: a good proof is about one request.
- What a stranger hears of a failed fetch says nothing of names and addresses inside: this is no map of our network.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from edge.core.keys import PublicKey
from edge.core.policy import Policy
from edge.core.refusals import RefusalCode
from edge.core.request import CrawlRequest
from edge.core.signature_faults import SignatureFault
from edge.core.web_bot_auth import (
    Examination,
    Invalid,
    KeyAnswer,
    KeyLookup,
    KeyUnknown,
    Unsigned,
    Unverified,
    Verified,
    charge_freshness,
    examine,
)
from edge.proxy.connection_limits import address_key
from edge.proxy.directory_fetch import Fetch
from edge.proxy.key_documents import KeySet, read_keys
from edge.proxy.leaky_buckets import LeakyBuckets

FETCHES_AT_ONCE = 2
ADDRESS_BURST, ADDRESS_PER_SECOND = 10, 10 / 3600
PROCESS_BURST, PROCESS_PER_SECOND = 60, 0.1
BUSY_SECONDS = 5
EVERYBODY = "0.0.0.0"  # noqa: S104 -- the one bucket of the process, no address to listen on


@dataclass(frozen=True, slots=True)
class NotProved:
    """Why nobody is known; ``retry_after_seconds`` when time helps. Without a code too many ask."""

    code: RefusalCode | None
    detail: str
    retry_after_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Registrar:
    """Proves strangers for one process. ``find_known`` and ``ensure_known`` answer for registered agents.

    ``fetch`` guards addresses; ``clock`` gives Unix seconds.
    """

    policy: Callable[[], Policy]
    find_known: KeyLookup
    ensure_known: Callable[[str, str], Awaitable[None]]
    fetch: Fetch
    clock: Callable[[], float]
    allow_dev: bool = False
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(FETCHES_AT_ONCE))
    _under_way: set[str] = field(default_factory=set)
    by_address: LeakyBuckets = field(default_factory=lambda: LeakyBuckets(ADDRESS_BURST, ADDRESS_PER_SECOND))
    in_all: LeakyBuckets = field(default_factory=lambda: LeakyBuckets(PROCESS_BURST, PROCESS_PER_SECOND))

    async def prove(self, request: CrawlRequest) -> Verified | NotProved:
        """Say who signed, freshly, with a key that the agent publishes now."""
        outcome = await self.examine(request)
        return outcome if isinstance(outcome, NotProved) else self._judged(outcome)

    async def examine(self, request: CrawlRequest) -> Examination | NotProved:
        """Examine a signature with the keys that its agent publishes now; why those cannot be had."""
        outcome = self.examine_from_memory(request)
        if not isinstance(outcome, Unverified) or not outcome.agent_url or not outcome.thumbprint:
            return outcome
        if outcome.agent_url in self.policy().crawlers:
            await self.ensure_known(outcome.agent_url, outcome.thumbprint)
            return self.examine_from_memory(request)
        fetched = await self._keys_of(outcome.agent_url, request.peer)
        return fetched if isinstance(fetched, NotProved) else self._examine(request, fetched)

    def examine_from_memory(self, request: CrawlRequest) -> Examination:
        """The same with what is known at this moment."""
        return self._examine(request, {})

    def _examine(self, request: CrawlRequest, keys: Mapping[str, PublicKey]) -> Examination:
        def find(agent_url: str, thumbprint: str) -> KeyAnswer:
            if agent_url in self.policy().crawlers:
                return self.find_known(agent_url, thumbprint)
            return keys.get(thumbprint) or KeyUnknown()

        return examine(request, find, self.clock(), allow_loopback_http=self.allow_dev)

    def _judged(self, outcome: Examination) -> Verified | NotProved:
        match outcome:
            case Verified():
                stale = charge_freshness(outcome, self.clock())
                return outcome if stale is None else NotProved(RefusalCode.SIGNATURE_STALE, stale.sentence)
            case Unsigned():
                return NotProved(RefusalCode.SIGNATURE_REQUIRED, "sign the request as Web Bot Auth says")
            case Invalid():
                said = outcome.fault.sentence
                return NotProved(
                    RefusalCode.SIGNATURE_INVALID, f"{said} ({outcome.detail})" if outcome.detail else said
                )
            case Unverified():
                detail = outcome.fault.sentence
                if outcome.fault is SignatureFault.KEY_UNKNOWN:
                    detail = "the agent's host does not publish the key that signed"
                return NotProved(RefusalCode.KEY_UNAVAILABLE, detail, outcome.retry_after_seconds)

    async def _keys_of(self, agent_url: str, peer: str) -> Mapping[str, PublicKey] | NotProved:
        """Fetch a stranger's keys, if its address may ask for that."""
        now = self.clock()
        source = address_key(peer, ())
        wait = max(self.by_address.seconds_to_wait(peer, now), self.in_all.seconds_to_wait(EVERYBODY, now))
        if wait or source in self._under_way or self._turns.locked():
            return NotProved(None, "too many ask to be registered just now", wait or BUSY_SECONDS)
        self.by_address.note(peer, now)
        self.in_all.note(EVERYBODY, now)
        self._under_way.add(source)
        try:
            async with self._turns:
                found = await read_keys(agent_url, self.fetch, self.clock(), allow_test_keys=self.allow_dev)
        finally:
            self._under_way.discard(source)
        if isinstance(found, KeySet):
            return found.keys
        return NotProved(RefusalCode.KEY_UNAVAILABLE, f"the agent's keys cannot be had: {found.told or found.reason}")

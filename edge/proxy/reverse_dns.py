"""Forward-confirmed reverse DNS: whether an address has a name that belongs to a crawler, and the name has the address.

Rules of this file

- Asked from the hot path, answered from memory: the first question about an address starts a lookup behind the request
  and is answered ``PENDING``.
- A name belongs to a suffix as a whole or below one of its dots, never as a piece of text.
- What was found is kept: a day, five minutes for a no, a minute for a failure.
- Nothing grows: so many answers are remembered, so many lookups run, so many wait; who comes beyond that is asked about
  another time.
- A failure of DNS says nothing about anybody.

Everything here belongs to one event loop. Times are Unix seconds.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from edge.core.addresses import read_address

LOOKUPS_AT_ONCE = 8
WAITING_MAX = 256
REMEMBERED_MAX = 10_000
LOOKUP_SECONDS = 10.0
NAMES_MAX = 4
"""Of the names of one address, how many are asked for their addresses."""

CONFIRMED_SECONDS = 86_400
RENEW_SECONDS = 43_200
DENIED_SECONDS = 300
FAILED_SECONDS = 60


class Finding(Enum):
    """What reverse DNS says of an address and a crawler."""

    CONFIRMED = auto()
    DENIED = auto()
    FAILED = auto()
    PENDING = auto()


class Names(Protocol):
    """The border to DNS. Both raise ``OSError`` when DNS cannot say; an empty answer is a definite no."""

    async def of_address(self, address: str) -> Sequence[str]:
        """The names that an address has (PTR)."""

    async def addresses_of(self, name: str) -> Sequence[str]:
        """The addresses that a name has (A, AAAA)."""


@dataclass(frozen=True, slots=True)
class _Kept:
    finding: Finding
    renew_at: float
    until: float


_Question = tuple[str, tuple[str, ...]]


class ReverseDns:
    """What was found out about addresses; ``ask`` never waits."""

    def __init__(self, names: Names, *, now: Callable[[], float] = time.time) -> None:
        self._names = names
        self._now = now
        self._kept: dict[_Question, _Kept] = {}
        self._tasks: dict[_Question, asyncio.Task[None]] = {}
        self._slots = asyncio.Semaphore(LOOKUPS_AT_ONCE)

    def ask(self, address: str, suffixes: tuple[str, ...]) -> Finding:
        """Whether ``address`` has a name under one of ``suffixes`` that leads back to it, as far as is known by now."""
        kept = self._kept.get((address, suffixes))
        now = self._now()
        if kept is None or now >= kept.until:
            self._start((address, suffixes))
            return Finding.PENDING
        if now >= kept.renew_at:
            self._start((address, suffixes))
        return kept.finding

    @property
    def remembered(self) -> int:
        """How many answers are held; never more than ``REMEMBERED_MAX``."""
        return len(self._kept)

    @property
    def under_way(self) -> int:
        """How many lookups run or wait."""
        return len(self._tasks)

    async def settle(self) -> None:
        """Wait for what is under way."""
        while self._tasks:
            await asyncio.wait(self._tasks.values())

    async def close(self) -> None:
        """Break off what is under way."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, question: _Question) -> None:
        if question in self._tasks or len(self._tasks) >= WAITING_MAX:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return  # somebody asks outside the edge: memory has to do
        task = self._tasks[question] = loop.create_task(self._look_up(question))
        task.add_done_callback(lambda _: self._tasks.pop(question, None))

    async def _look_up(self, question: _Question) -> None:
        async with self._slots:
            try:
                async with asyncio.timeout(LOOKUP_SECONDS):
                    finding = await self._find(*question)
            except (OSError, TimeoutError, UnicodeError):
                finding = Finding.FAILED
        self._keep(question, finding)

    async def _find(self, address: str, suffixes: tuple[str, ...]) -> Finding:
        names = [name.rstrip(".").lower() for name in await self._names.of_address(address)]
        fitting = [name for name in names if any(name == end or name.endswith("." + end) for end in suffixes)]
        wanted = read_address(address)
        for name in fitting[:NAMES_MAX]:
            if wanted in [read_address(found) for found in await self._names.addresses_of(name)]:
                return Finding.CONFIRMED
        return Finding.DENIED

    def _keep(self, question: _Question, finding: Finding) -> None:
        before = self._kept.pop(question, None)
        now = self._now()
        if finding is Finding.FAILED and before is not None and now < before.until:
            # What was found stays true until its time is over; ask again in a minute.
            self._kept[question] = _Kept(before.finding, now + FAILED_SECONDS, before.until)
            return
        seconds = {Finding.CONFIRMED: CONFIRMED_SECONDS, Finding.DENIED: DENIED_SECONDS}.get(finding, FAILED_SECONDS)
        renew_after = RENEW_SECONDS if finding is Finding.CONFIRMED else seconds
        if len(self._kept) >= REMEMBERED_MAX:
            del self._kept[next(iter(self._kept))]
        self._kept[question] = _Kept(finding, now + renew_after, now + seconds)


class SystemNames:
    """The system's resolver on threads of its own: a stalled name server holds up nobody else's threads."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(LOOKUPS_AT_ONCE, thread_name_prefix="reverse-dns")

    async def of_address(self, address: str) -> Sequence[str]:
        """The names that an address has; empty when it has none."""
        return await self._run(_names_of, address)

    async def addresses_of(self, name: str) -> Sequence[str]:
        """The addresses that a name has; empty when there is no such name."""
        return await self._run(_addresses_of, name)

    def close(self) -> None:
        """Give the threads up without waiting for a lookup that hangs."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _run(self, look: Callable[[str], list[str]], text: str) -> Awaitable[list[str]]:
        return asyncio.get_running_loop().run_in_executor(self._threads, look, text)


# <netdb.h>: the name server answered, and there is no such name, or none of that kind.
_HOST_NOT_FOUND, _NO_DATA = 1, 4


def _names_of(address: str) -> list[str]:
    try:
        name, others, _ = socket.gethostbyaddr(address)
    except socket.herror as why:
        if why.errno in (_HOST_NOT_FOUND, _NO_DATA):
            return []
        raise
    return [name, *others]


def _addresses_of(name: str) -> list[str]:
    try:
        # The final dot keeps the resolver from trying the name under the local search domains.
        found = socket.getaddrinfo(f"{name}.", None, type=socket.SOCK_STREAM)
    except socket.gaierror as why:
        if why.errno in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)):
            return []
        raise
    return [str(address[0]) for *_, address in found]

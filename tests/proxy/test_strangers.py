"""Agents that nobody registered are read on their source's budget, held within bounds, and kept nowhere."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from edge.core.keys import new_private_key, public_half
from edge.core.web_bot_auth import KeyAnswer, KeyUnknown
from edge.proxy.directory_state import StoredKeys
from edge.proxy.key_directories import KeyDirectories
from edge.proxy.strangers import FETCHES_MAX, HELD_MAX, PROCESS_BURST, SOURCE_BURST, Strangers
from tests.support.fake_fetch import AGENT, FakeFetch, key_set

KEY = new_private_key()
PUBLIC = public_half(KEY)
HERE, THERE = "9.9.9.9", "8.8.8.8"


class NoShelf:
    """A shelf that must not be used."""

    async def load(self, agent_url: str) -> StoredKeys | None:
        raise AssertionError("loaded")

    async def save(self, agent_url: str, stored: StoredKeys) -> None:
        raise AssertionError("saved")

    async def note_failure(self, agent_url: str, failure: str, failed_at: float) -> None:
        raise AssertionError("noted")


class Desk:
    def __init__(self, fetch: FakeFetch) -> None:
        self.now = 1_800_000_000.0
        self.known: set[str] = set()
        self.directories = KeyDirectories(
            fetch, lambda: self.known, shelf=NoShelf(), discover=True, now=lambda: self.now
        )

    async def ask(self, agent: str = AGENT, source: str = HERE) -> KeyAnswer:
        self.directories.find(agent, PUBLIC.thumbprint)
        await self.directories.ensure(agent, PUBLIC.thumbprint, source)
        return self.directories.find(agent, PUBLIC.thumbprint)


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def go() -> None:
        await work()

    asyncio.run(go())


def agent(number: int) -> str:
    return f"https://bot{number}.example/keys.json"


def test_a_stranger_is_read_once_and_then_known() -> None:
    async def work() -> None:
        fetch = FakeFetch({AGENT: key_set([KEY])})
        desk = Desk(fetch)
        assert desk.directories.find(AGENT, PUBLIC.thumbprint) == KeyUnknown()
        assert not desk.directories.is_settled(AGENT, PUBLIC.thumbprint, HERE)
        assert await desk.ask() == PUBLIC
        assert await desk.ask() == PUBLIC
        assert fetch.asked == [AGENT]

    run(work)


def test_looking_alone_never_fetches_a_stranger() -> None:
    async def work() -> None:
        fetch = FakeFetch({AGENT: key_set([KEY])})
        desk = Desk(fetch)
        for _ in range(10):
            desk.directories.find(AGENT, PUBLIC.thumbprint)
        await asyncio.sleep(0)
        assert fetch.asked == []

    run(work)


def test_a_source_has_its_budget_and_nobody_elses() -> None:
    async def work() -> None:
        fetch = FakeFetch({})
        desk = Desk(fetch)
        for number in range(SOURCE_BURST + 5):
            await desk.ask(agent(number))
        assert len(fetch.asked) == SOURCE_BURST
        assert desk.directories.is_settled(agent(99), PUBLIC.thumbprint, HERE)
        assert not desk.directories.is_settled(agent(99), PUBLIC.thumbprint, THERE)
        await desk.ask(agent(99), THERE)
        assert len(fetch.asked) == SOURCE_BURST + 1
        desk.now += 30
        await desk.ask(agent(100))
        assert len(fetch.asked) == SOURCE_BURST + 2

    run(work)


def test_all_sources_together_have_one_too() -> None:
    async def work() -> None:
        fetch = FakeFetch({})
        desk = Desk(fetch)
        for number in range(PROCESS_BURST + 20):
            await desk.ask(agent(number), f"9.9.{number}.1")
        assert len(fetch.asked) == PROCESS_BURST

    run(work)


def test_a_registered_agent_needs_no_budget() -> None:
    async def work() -> None:
        fetch = FakeFetch({AGENT: key_set([KEY])})
        desk = Desk(fetch)
        for number in range(SOURCE_BURST):
            await desk.ask(agent(number))
        desk.known = {AGENT}
        desk.directories._shelf = None
        assert await desk.ask() == PUBLIC

    run(work)


def test_so_many_are_held_and_the_one_asked_about_least_recently_goes() -> None:
    strangers = Strangers()
    now = 0.0
    for number in range(HELD_MAX + 10):
        now += 1.0
        assert strangers.admit(agent(number), f"9.{number >> 8}.{number & 255}.1", now, ()) is not None
        strangers.find(agent(0))
    assert len(strangers) == HELD_MAX
    assert strangers.find(agent(0)) is not None
    assert strangers.find(agent(1)) is None


def test_while_too_much_is_under_way_nobody_is_added() -> None:
    strangers = Strangers()
    busy = {agent(number) for number in range(FETCHES_MAX)}
    for number in range(FETCHES_MAX):
        assert strangers.admit(agent(number), f"9.9.{number}.1", float(number), ()) is not None
    assert strangers.admit(agent(900), "9.9.9.9", 1_000.0, busy) is None
    assert strangers.admit(agent(900), "9.9.9.9", 1_000.0, ()) is not None

"""Reverse DNS: asked behind the request, once, within bounds; a name counts only when it leads back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from edge.proxy.reverse_dns import (
    CONFIRMED_SECONDS,
    DENIED_SECONDS,
    FAILED_SECONDS,
    LOOKUPS_AT_ONCE,
    REMEMBERED_MAX,
    RENEW_SECONDS,
    WAITING_MAX,
    Finding,
    ReverseDns,
)

ADDRESS = "66.249.66.1"
SUFFIXES = ("googlebot.com", "google.com")


class ScriptedNames:
    """DNS by two tables; ``asked`` counts the questions about addresses, ``busiest`` how many ran at once."""

    def __init__(self, names: dict[str, Sequence[str]], addresses: dict[str, Sequence[str]]) -> None:
        self.names = names
        self.addresses = addresses
        self.asked: list[str] = []
        self.fails = False
        self.hold: asyncio.Event | None = None
        self.running = self.busiest = 0

    async def of_address(self, address: str) -> Sequence[str]:
        self.asked.append(address)
        self.running += 1
        self.busiest = max(self.busiest, self.running)
        try:
            await asyncio.sleep(0)
            if self.hold is not None:
                await self.hold.wait()
        finally:
            self.running -= 1
        if self.fails:
            raise OSError("no name server")
        return self.names.get(address, ())

    async def addresses_of(self, name: str) -> Sequence[str]:
        return self.addresses.get(name, ())


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def go() -> None:
        await work()

    asyncio.run(go())


def genuine() -> ScriptedNames:
    name = "crawl-66-249-66-1.googlebot.com"
    return ScriptedNames({ADDRESS: [name + "."]}, {name: ["66.249.66.1"]})


@pytest.mark.parametrize(
    ("name", "leads_to", "finding"),
    [
        ("crawl-66-249-66-1.googlebot.com", [ADDRESS], Finding.CONFIRMED),
        ("CRAWL.GoogleBot.com", [ADDRESS], Finding.CONFIRMED),
        ("googlebot.com", ["9.9.9.9", "::ffff:66.249.66.1"], Finding.CONFIRMED),
        ("crawl.googlebot.com", ["9.9.9.9"], Finding.DENIED),
        ("crawl.googlebot.com", [], Finding.DENIED),
        ("fakegooglebot.com", [ADDRESS], Finding.DENIED),
        ("googlebot.com.evil.example", [ADDRESS], Finding.DENIED),
        ("1.bc.googleusercontent.com", [ADDRESS], Finding.DENIED),
        (None, [], Finding.DENIED),
    ],
)
def test_a_name_counts_under_its_suffix_and_when_it_leads_back(
    name: str | None, leads_to: list[str], finding: Finding
) -> None:
    async def work() -> None:
        names = ScriptedNames({ADDRESS: [name]} if name else {}, {name.lower(): leads_to} if name else {})
        dns = ReverseDns(names)
        assert dns.ask(ADDRESS, SUFFIXES) is Finding.PENDING
        await dns.settle()
        assert dns.ask(ADDRESS, SUFFIXES) is finding

    run(work)


def test_an_address_is_looked_up_once_however_often_it_is_asked_about() -> None:
    async def work() -> None:
        names = genuine()
        dns = ReverseDns(names)
        for _ in range(100):
            dns.ask(ADDRESS, SUFFIXES)
        await dns.settle()
        for _ in range(100):
            dns.ask(ADDRESS, SUFFIXES)
        await dns.settle()
        assert names.asked == [ADDRESS]

    run(work)


def test_a_yes_is_renewed_ahead_of_its_end_and_holds_meanwhile() -> None:
    async def work() -> None:
        names, clock = genuine(), Clock()
        dns = ReverseDns(names, now=clock)
        dns.ask(ADDRESS, SUFFIXES)
        await dns.settle()
        clock.now += RENEW_SECONDS
        names.fails = True
        assert dns.ask(ADDRESS, SUFFIXES) is Finding.CONFIRMED
        await dns.settle()
        assert len(names.asked) == 2
        assert dns.ask(ADDRESS, SUFFIXES) is Finding.CONFIRMED  # the failure takes nothing away before its time
        clock.now += CONFIRMED_SECONDS - RENEW_SECONDS
        assert dns.ask(ADDRESS, SUFFIXES) is Finding.PENDING

    run(work)


@pytest.mark.parametrize(
    ("fails", "finding", "seconds"), [(False, Finding.DENIED, DENIED_SECONDS), (True, Finding.FAILED, FAILED_SECONDS)]
)
def test_a_no_and_a_failure_are_kept_for_their_time(fails: bool, finding: Finding, seconds: int) -> None:
    async def work() -> None:
        names, clock = ScriptedNames({}, {}), Clock()
        names.fails = fails
        dns = ReverseDns(names, now=clock)
        dns.ask(ADDRESS, SUFFIXES)
        await dns.settle()
        clock.now += seconds - 1
        assert dns.ask(ADDRESS, SUFFIXES) is finding
        clock.now += 1
        assert dns.ask(ADDRESS, SUFFIXES) is Finding.PENDING
        await dns.settle()
        assert len(names.asked) == 2

    run(work)


def test_lookups_are_bounded_in_number_and_what_is_remembered_too() -> None:
    async def work() -> None:
        names = ScriptedNames({}, {})
        dns = ReverseDns(names)
        for number in range(REMEMBERED_MAX + 2_000):
            dns.ask(f"9.{number >> 16}.{number >> 8 & 255}.{number & 255}", SUFFIXES)
            assert dns.under_way <= WAITING_MAX
            if dns.under_way == WAITING_MAX:
                await dns.settle()
        await dns.settle()
        assert names.busiest == LOOKUPS_AT_ONCE
        assert dns.remembered == REMEMBERED_MAX

    run(work)


def test_who_comes_while_all_places_are_taken_is_asked_about_another_time() -> None:
    async def work() -> None:
        names = genuine()
        names.hold = asyncio.Event()
        dns = ReverseDns(names)
        for number in range(WAITING_MAX):
            dns.ask(f"9.9.{number >> 8}.{number & 255}", SUFFIXES)
        assert dns.ask(ADDRESS, SUFFIXES) is Finding.PENDING
        names.hold.set()
        await dns.settle()
        assert ADDRESS not in names.asked
        dns.ask(ADDRESS, SUFFIXES)
        await dns.settle()
        assert dns.ask(ADDRESS, SUFFIXES) is Finding.CONFIRMED

    run(work)


def test_outside_an_event_loop_memory_has_to_do() -> None:
    names = genuine()
    assert ReverseDns(names).ask(ADDRESS, SUFFIXES) is Finding.PENDING
    assert names.asked == []


def test_closing_breaks_off_what_is_under_way() -> None:
    async def work() -> None:
        names = genuine()
        names.hold = asyncio.Event()
        dns = ReverseDns(names)
        dns.ask(ADDRESS, SUFFIXES)
        await asyncio.sleep(0)
        await dns.close()
        assert dns.under_way == 0

    run(work)

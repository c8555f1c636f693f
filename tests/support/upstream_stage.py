"""One test between a scripted origin and a pool of its own, on a clock that stands still but where the origin hangs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from edge.proxy.upstream import Upstream, UpstreamLimits
from tests.support.scripted_origin import ScriptedOrigin
from tests.support.still_clock import StillClock

LIMITS = UpstreamLimits(connections=4, connect_seconds=10.0, answer_seconds=30.0, stall_seconds=30.0, header_bytes=4096)
Test = Callable[[Upstream, ScriptedOrigin], Awaitable[None]]


def run(test: Test) -> None:
    """Run one test."""

    async def stage() -> None:
        origin, upstream = ScriptedOrigin(), Upstream(LIMITS)
        await origin.start()
        await upstream.open()
        hurrying = asyncio.create_task(_hurry(upstream, origin))
        try:
            await test(upstream, origin)
        finally:
            hurrying.cancel()
            await upstream.close()
            await origin.stop()
        assert origin.faults == []

    with asyncio.Runner(loop_factory=StillClock) as runner:
        runner.run(stage())


def clock() -> StillClock:
    """The clock of the test that runs."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, StillClock)
    return loop


async def _hurry(upstream: Upstream, origin: ScriptedOrigin) -> None:
    while True:
        await asyncio.sleep(0.005)
        await clock().settle()
        if origin.hanging:  # and not only until its end is read, which is so by now
            clock().pass_at_once(60.0, upstream.look)


def keeps_any_open(upstream: Upstream) -> bool:
    """Whether a connection without work is still open, as far as the pool knows."""
    return any(kept.is_open for place in upstream._origins.values() for kept in place.idle)


async def until(holds: Callable[[], bool]) -> None:
    """Return as soon as ``holds()``."""
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 -- what is waited for has no event
            await asyncio.sleep(0.001)

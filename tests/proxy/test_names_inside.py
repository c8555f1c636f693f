"""What strangers hear of a fetch that was made at their wish: nothing of our own network."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from edge.proxy.address_guard import Lookup
from edge.proxy.directory_fetch import NO_PUBLIC_ADDRESS, AddressGuardedFetcher, Fetched, FetchFailure
from tests.support.fake_dns import FakeDns


def test_a_name_inside_is_told_to_strangers_like_one_that_nobody_knows() -> None:
    """Else anybody could ask which names our network knows, and where they lead. The operator hears all of it."""

    async def unknown(host: str, port: int) -> Sequence[tuple[str, int]]:
        raise OSError(f"no address for {host}")

    async def go(lookup: Lookup) -> Fetched | FetchFailure:
        fetcher = AddressGuardedFetcher(lookup=lookup)
        try:
            return await fetcher("https://bot.example/")
        finally:
            await fetcher.close()

    lookups: tuple[Lookup, ...] = (FakeDns(["10.1.2.3"]), FakeDns(["127.0.0.1"]), FakeDns([]), unknown)
    heard = [asyncio.run(go(lookup)) for lookup in lookups]
    assert {one.told for one in heard if isinstance(one, FetchFailure)} == {NO_PUBLIC_ADDRESS}
    assert isinstance(heard[0], FetchFailure)
    assert "10.1.2.3" in heard[0].detail

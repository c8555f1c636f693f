"""How the dashboard asks for a crawler's keys: by the edge's own way, address guard included."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from edge.cli.directories import fetch_and_keep
from edge.settings import Settings
from edge.store.crawlers import read_agent
from edge.store.database import Database
from edge.store.problems import InvalidValue
from publisher_dashboard.key_checks import KeyChecks, KeysAnswer


def key_checks(settings: Settings, database: Database, clock: Callable[[], float]) -> KeyChecks:
    """Both ways to ask, for the dashboard's threads: each call has an event loop of its own."""

    def look(agent: str) -> KeysAnswer:
        try:
            agent_url = read_agent(agent, settings.dev)
        except InvalidValue as wrong:
            return KeysAnswer(agent, (), str(wrong))
        return asyncio.run(_look(settings, agent_url, clock()))

    def refresh(agent_url: str) -> None:
        asyncio.run(fetch_and_keep(settings, database, agent_url))

    return KeyChecks(look, refresh)


async def _look(settings: Settings, agent_url: str, now: float) -> KeysAnswer:
    """Read an agent's keys and keep nothing; a stranger hears nothing of names and addresses inside."""
    from edge.proxy.directory_fetch import AddressGuardedFetcher
    from edge.proxy.key_documents import Unusable, read_keys

    fetcher = AddressGuardedFetcher(allow_loopback_http=settings.dev)
    try:
        found = await read_keys(agent_url, fetcher, now, allow_test_keys=settings.dev)
    finally:
        await fetcher.close()
    if isinstance(found, Unusable):
        return KeysAnswer(agent_url, (), found.told or found.reason)
    return KeysAnswer(agent_url, tuple(found.keys), None, found.remarks, found.ttl_seconds, tuple(found.proved))

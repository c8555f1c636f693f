"""Put together what an edge knows of addresses: the lists, reverse DNS, and who looks after them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edge.core.address_book import BODY_BYTES_MAX, AddressBook, FeedCopy, Sources, load_seed
from edge.core.identity import ClaimedCrawler
from edge.proxy.address_evidence import AddressEvidence
from edge.proxy.address_feeds import AddressFeeds
from edge.proxy.directory_fetch import AddressGuardedFetcher
from edge.proxy.reverse_dns import ReverseDns, SystemNames
from edge.settings import Settings
from edge.store.database import Database


@dataclass(frozen=True, slots=True)
class Addresses:
    """``evidence`` answers the gate; ``feeds`` runs beside it; what they hold open is closed together."""

    evidence: AddressEvidence
    feeds: AddressFeeds
    fetcher: AddressGuardedFetcher
    reverse_dns: ReverseDns
    names: SystemNames

    async def close(self) -> None:
        """Break off what is under way and close what is open."""
        await self.reverse_dns.close()
        self.names.close()
        await self.fetcher.close()


def build_addresses(
    settings: Settings,
    sources: Sources,
    database: Database,
    report: Callable[[str, BaseException], None],
    named: Callable[[str], ClaimedCrawler | None],
) -> Addresses:
    """Wire it from what is shipped, what is stored and what the settings allow to be asked."""
    seeds = load_seed()
    names = SystemNames()
    reverse_dns = ReverseDns(names)
    fetcher = feed_fetcher(settings)
    shipped = AddressBook(sources.feeds, (FeedCopy(seed.url, seed.ranges) for seed in seeds))
    evidence = AddressEvidence(shipped, sources.suffixes, reverse_dns if settings.reverse_dns else None, named)
    fetch = fetcher if settings.address_feeds else None
    feeds = AddressFeeds(sources.feeds, seeds, evidence, database, fetch, report)
    return Addresses(evidence, feeds, fetcher, reverse_dns, names)


def feed_fetcher(settings: Settings) -> AddressGuardedFetcher:
    """Fetches lists of addresses, guarded as key directories are, with room for the longer ones."""
    return AddressGuardedFetcher(allow_loopback_http=settings.dev, accept="application/json", body_bytes=BODY_BYTES_MAX)

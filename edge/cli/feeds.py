"""``farebox feed``: the lists of addresses that operators of crawlers publish, as this edge sees them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Annotated, Any

import typer

from edge.cli.nouns import noun
from edge.cli.terminal import Column, JsonFlag, PartlyDone, WrongUsage, say, show_rows, time_text
from edge.cli.workplace import opened, reading, settings_here
from edge.core.address_book import AddressBook, Feed, Sources, load_seed
from edge.core.identity import ClaimedCrawler
from edge.core.policy import nobodys
from edge.proxy.address_evidence import AddressEvidence
from edge.proxy.own_catalogue import load_own_catalogue
from edge.settings import Settings
from edge.store.address_feeds import StoredFeed, copies_in_force, list_feeds
from edge.store.database import Database, now_micros

app = noun("Address lists: where crawlers come from, as their operators publish it.")

_COLUMNS = (
    Column("CRAWLERS", "crawlers_text"),
    Column("RANGES", "ranges", numeric=True),
    Column("COPY OF", "copy_of"),
    Column("ACCUSES", "accuses"),
    Column("LAST TRY", "failure"),
    Column("URL", "url"),
)


@app.command("list", epilog="Example: farebox feed list")
def list_all(as_json: JsonFlag = False) -> None:
    """List the address lists: whose, how many ranges, how old, and what went wrong."""
    sources = load_own_catalogue(settings_here().catalogue_file).sources()
    with reading() as connection:
        rows = _rows(sources, list_feeds(connection), now_micros())
    show_rows(rows, _COLUMNS, as_json, "no lists are known")


@app.command("refresh", epilog="Example: farebox feed refresh https://openai.com/gptbot.json")
def refresh(
    url: Annotated[str | None, typer.Argument(help="One list; all of them without it.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Fetch lists now, as the edge would, and keep the answers."""
    settings = settings_here()
    sources = load_own_catalogue(settings.catalogue_file).sources()
    wanted = [feed for feed in sources.feeds if url in (None, feed.url)]
    if not wanted:
        raise WrongUsage(f"{url} is not a list that farebox knows; `farebox feed list` shows them")
    with opened(settings) as database:
        failures = asyncio.run(_fetch(settings, database, wanted))
        with database.read() as connection:
            rows = _rows(sources, list_feeds(connection), now_micros())
    show_rows([row for row in rows if url in (None, row["url"])], _COLUMNS, as_json, "no lists are known")
    if failures:
        message = f"{len(failures)} of {len(wanted)} lists could not be fetched; their last good copies stay in force"
        raise PartlyDone(message)
    if not as_json:
        say(f"fetched {len(wanted)} lists")


def listed_evidence(
    sources: Sources,
    stored: Iterable[StoredFeed],
    at_micros: int,
    named: Callable[[str], ClaimedCrawler | None] = nobodys,
) -> AddressEvidence:
    """What the lists say of addresses, DNS left out. ``named`` is the catalogue's."""
    book = AddressBook(sources.feeds, copies_in_force(stored, load_seed(), at_micros).values())
    return AddressEvidence(book, {}, None, named)


async def _fetch(settings: Settings, database: Database, wanted: list[Feed]) -> list[str]:
    """Fetch by the edge's own way, address guard included; why some could not be had."""
    from edge.proxy.address_feeds import AddressFeeds
    from edge.proxy.addresses import feed_fetcher

    fetcher = feed_fetcher(settings)
    evidence = AddressEvidence(AddressBook(), {}, None)
    problems: list[BaseException] = []
    feeds = AddressFeeds(wanted, (), evidence, database, fetcher, lambda what, error: problems.append(error))
    try:
        failures = await asyncio.gather(*(feeds.refresh(feed.url) for feed in wanted))
    finally:
        await fetcher.close()
    return [failure for failure in failures if failure is not None]


def _rows(sources: Sources, stored: Iterable[StoredFeed], at_micros: int) -> list[dict[str, Any]]:
    known = {feed.url: feed for feed in stored}
    seeds = {seed.url: seed for seed in load_seed()}
    copies = copies_in_force(known.values(), seeds.values(), at_micros)
    rows = []
    for feed in sources.feeds:
        held, copy = known.get(feed.url), copies.get(feed.url)
        fetched_at = time_text(held.fetched_at_micros) if held else None
        rows.append(
            {
                "url": feed.url,
                "operator": feed.operator,
                "crawlers": list(feed.crawlers),
                "crawlers_text": ", ".join(feed.crawlers[:3]) + (", ..." if len(feed.crawlers) > 3 else ""),
                "ranges": len(copy.ranges) if copy else 0,
                "copy_of": fetched_at or (f"{seeds[feed.url].published}, shipped" if feed.url in seeds else None),
                "fetched_at": fetched_at,
                "accuses": copy.accuses if copy else False,
                "failure": held.failure if held else None,
            }
        )
    return rows

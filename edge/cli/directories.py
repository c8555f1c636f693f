"""``farebox directory``: the keys that a crawler publishes, as this edge sees them."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import orjson
import typer

from edge.cli.nouns import noun
from edge.cli.registry_import import import_registry
from edge.cli.terminal import Column, CommandFailed, JsonFlag, show_fields, show_rows, time_text
from edge.cli.workplace import opened, reading, settings_here
from edge.settings import Settings
from edge.store.crawlers import read_agent
from edge.store.database import Database
from edge.store.directories import StoredDirectory, find_directory, list_directories
from edge.store.problems import UnknownName

app = noun("Key directories: the keys that crawlers publish, as this edge sees them.")

Agent = Annotated[str, typer.Argument(help="The crawler's Signature-Agent, such as https://bot.example.")]


@app.command("show", epilog="Example: farebox directory show https://bot.example")
def show(agent: Agent, as_json: JsonFlag = False) -> None:
    """Show what was last fetched from an agent, without fetching."""
    agent_url = read_agent(agent, settings_here().dev)
    with reading() as connection:
        kept = find_directory(connection, agent_url)
    if kept is None:
        raise UnknownName(f"nothing was fetched from {agent_url} yet; run `farebox directory refresh {agent}`", "agent")
    show_fields(_row(kept), as_json)


@app.command("list", epilog="Example: farebox directory list")
def list_all(as_json: JsonFlag = False) -> None:
    """List what was last fetched from every registered agent: keys, age, and what went wrong."""
    with reading() as connection:
        rows = [{**_row(kept), "keys": len(_row(kept)["keys"])} for kept in list_directories(connection)]
    columns = (
        Column("AGENT", "agent_url"),
        Column("KEYS", "keys", numeric=True),
        Column("FETCHED", "fetched_at"),
        Column("EXPIRES", "expires_at"),
        Column("FAILURE", "failure"),
    )
    show_rows(rows, columns, as_json, "no directory was fetched yet; `farebox directory refresh AGENT` fetches one")


app.command("import", epilog="Example: farebox directory import registry.txt --dry-run")(import_registry)


@app.command("refresh", epilog="Example: farebox directory refresh https://bot.example")
def refresh(agent: Agent, as_json: JsonFlag = False) -> None:
    """Fetch an agent's keys now, as the edge would, and keep the answer."""
    settings = settings_here()
    agent_url = read_agent(agent, settings.dev)
    with opened(settings) as database:
        failure = asyncio.run(fetch_and_keep(settings, database, agent_url))
        with database.read() as connection:
            kept = find_directory(connection, agent_url)
    if failure is not None:
        raise CommandFailed(f"{agent_url} gave no keys: {failure}; the keys known before stay in force")
    if kept is not None:
        show_fields(_row(kept), as_json)


async def fetch_and_keep(settings: Settings, database: Database, agent_url: str) -> str | None:
    """Fetch by the edge's own way, address guard included; None, or why there are no keys."""
    from edge.proxy.directory_fetch import AddressGuardedFetcher
    from edge.proxy.directory_shelf import DatabaseShelf
    from edge.proxy.key_directories import KeyDirectories

    fetcher = AddressGuardedFetcher(allow_loopback_http=settings.dev)
    directories = KeyDirectories(
        fetcher, lambda: {agent_url}, shelf=DatabaseShelf(database), allow_test_keys=settings.dev
    )
    try:
        view = await directories.refresh(agent_url)
    finally:
        await directories.close()
        await fetcher.close()
    return view.failure if view else None


def _row(kept: StoredDirectory) -> dict[str, Any]:
    keys = orjson.loads(kept.document)["keys"] if kept.document else []
    return {
        "agent_url": kept.agent_url,
        "keys": [key.get("kid") for key in keys],
        "fetched_at": time_text(kept.fetched_at_micros),
        "expires_at": time_text(kept.expires_at_micros),
        "failed_at": time_text(kept.failed_at_micros),
        "failure": kept.failure,
    }

"""``farebox directory import``: register the agents of a registry, as far as their keys can be had."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from edge.cli.crawlers import note_crawler
from edge.cli.terminal import Column, CommandFailed, JsonFlag, PartlyDone, show_rows
from edge.cli.workplace import opened, settings_here
from edge.core.directory import DirectoryFault, load_json
from edge.core.registry import Listed, Suggestion, parse_registry, suggestion_for
from edge.settings import Settings
from edge.store.crawlers import NewCrawler, add_crawler
from edge.store.database import Database, now_micros
from edge.store.problems import InvalidValue, NameTaken

_REGISTRY_BYTES = 1024 * 1024
_COLUMNS = (
    Column("LINE", "line", numeric=True),
    Column("NAME", "name"),
    Column("KIND", "kind"),
    Column("KEYS", "keys", numeric=True),
    Column("RESULT", "result"),
    Column("AGENT", "agent"),
)


@dataclass(frozen=True, slots=True)
class _Found:
    """What is behind one line: how to register it and how many keys it has, or why it cannot be."""

    listed: Listed
    suggestion: Suggestion | None
    keys: int
    fault: str | None


def import_registry(
    source: Annotated[str, typer.Argument(help="A file with a URL to a line, or the https address of one.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Look, and register nobody.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Register the agents of a registry by their cards or keys, without accounts; who is known stays as it is."""
    settings = settings_here()
    found = asyncio.run(_look(settings, source))
    with opened(settings) as database:
        rows = [_registered(database, one, settings.dev, dry_run) for one in found]
    show_rows(rows, _COLUMNS, as_json, "the registry lists nobody")
    failed = sum(row["result"].startswith("failed") for row in rows)
    if failed:
        raise PartlyDone(f"{failed} of {len(rows)} agents were not registered; the table says why")


def _registered(database: Database, found: _Found, allow_dev: bool, dry_run: bool) -> dict[str, Any]:
    suggestion = found.suggestion
    if suggestion is None or found.fault is not None:
        result = f"failed: {found.fault}"
    elif dry_run:
        result = "would be registered"
    else:
        result = _add(database, suggestion, allow_dev)
    return {
        "line": found.listed.line,
        "url": found.listed.url,
        "name": suggestion.name if suggestion else None,
        "agent": suggestion.agent if suggestion else found.listed.url,
        "kind": suggestion.kind.value if suggestion else None,
        "keys": found.keys,
        "result": result,
    }


def _add(database: Database, suggestion: Suggestion, allow_dev: bool) -> str:
    new = NewCrawler(suggestion.name, suggestion.agent, suggestion.kind, allow_dev=allow_dev)
    try:
        with database.write() as connection:
            note_crawler(connection, add_crawler(connection, new, now_micros()))
    except NameTaken as why:
        return f"left alone: {why}"
    except InvalidValue as why:
        return f"failed: {why}"
    return "registered"


async def _look(settings: Settings, source: str) -> list[_Found]:
    """Fetch by the edge's own way, address guard included."""
    from edge.proxy.directory_fetch import AddressGuardedFetcher, FetchFailure

    listing = AddressGuardedFetcher(allow_loopback_http=settings.dev, accept="text/plain", body_bytes=_REGISTRY_BYTES)
    fetcher = AddressGuardedFetcher(allow_loopback_http=settings.dev)
    try:
        if source.startswith(("https://", "http://")):
            answer = await listing(source)
            if isinstance(answer, FetchFailure):
                raise CommandFailed(f"{source} cannot be read: {answer.detail}")
            text = answer.body.decode("utf-8", "replace")
        else:
            text = _read(Path(source))
        entries = parse_registry(text, allow_loopback_http=settings.dev)
        return list(await asyncio.gather(*(_look_at(entry, fetcher, settings.dev) for entry in entries)))
    finally:
        await listing.close()
        await fetcher.close()


async def _look_at(listed: Listed, fetcher: Any, allow_dev: bool) -> _Found:
    from edge.core.signature_agent import normalise_agent_url
    from edge.core.signature_faults import Flaw
    from edge.proxy.directory_fetch import FetchFailure
    from edge.proxy.key_documents import KeySet, read_keys

    url = normalise_agent_url(listed.url, allow_loopback_http=allow_dev)
    if listed.fault is not None or isinstance(url, Flaw):
        return _Found(listed, None, 0, listed.fault or str(url))
    answer = await fetcher(url)
    if isinstance(answer, FetchFailure):
        return _Found(listed, None, 0, answer.detail)
    document = load_json(answer.body)
    suggestion = suggestion_for(url, None if isinstance(document, DirectoryFault) else document)
    keys = await read_keys(url, fetcher, now_micros() / 1_000_000, allow_test_keys=allow_dev)
    if not isinstance(keys, KeySet):
        return _Found(listed, suggestion, 0, keys.reason)
    return _Found(listed, suggestion, len(keys.keys), None if keys.keys else "it publishes no usable key")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as why:
        raise CommandFailed(f"the registry {path} cannot be read ({why.strerror}); check its path") from why
    except UnicodeDecodeError as why:
        raise CommandFailed(f"the registry {path} is not a text file in UTF-8") from why

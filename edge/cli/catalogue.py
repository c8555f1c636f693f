"""``farebox catalogue``: which crawlers are known, and what a User-Agent is taken for."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from edge.cli.nouns import noun
from edge.cli.terminal import Column, JsonFlag, show_fields, show_rows
from edge.cli.workplace import settings_here
from edge.core.address_book import Sources
from edge.core.identity import CrawlerKind

app = noun("The catalogue: crawlers known by their User-Agent, and what can prove their names.")

_COLUMNS = (
    Column("NAME", "name"),
    Column("KIND", "kind"),
    Column("OPERATOR", "operator"),
    Column("EVIDENCE", "evidence_text"),
)


@app.command("list", epilog="Example: farebox catalogue list --kind training")
def list_all(
    kind: Annotated[CrawlerKind | None, typer.Option(help="Only crawlers of this kind.")] = None,
    operator: Annotated[str | None, typer.Option(help="Only crawlers of this operator.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """List the crawlers that are known by name, and what can prove that a request is theirs."""
    own = _own()
    sources = own.sources()
    rows = [
        {**_row(claimed.name, claimed.operator, claimed.kind, sources), "kind": claimed.kind.value}
        for claimed in own.catalogue().crawlers
        if kind in (None, claimed.kind) and operator in (None, claimed.operator)
    ]
    show_rows(rows, _COLUMNS, as_json, "no crawler is like that")


@app.command("identify", epilog='Example: farebox catalogue identify "Mozilla/5.0 (compatible; GPTBot/1.3)"')
def identify(
    user_agent: Annotated[str, typer.Argument(help="A User-Agent as it stands in a log.")], as_json: JsonFlag = False
) -> None:
    """Say what a User-Agent is taken for, and what could prove it."""
    from edge.core.device import device_of

    own = _own()
    claimed = own.catalogue().classify(user_agent)
    device = device_of(user_agent)
    facts: dict[str, Any] = {"taken_for": "a person" if claimed is None else claimed.name or "an unnamed bot"}
    if claimed is not None:
        facts |= {"kind": claimed.kind.value, "operator": claimed.operator}
        facts |= {"evidence": _evidence(claimed.name, own.sources())}
    show_fields({**facts, "device": device.family, "system": device.system, "browser": device.browser}, as_json)


def _own() -> Any:
    from edge.proxy.own_catalogue import load_own_catalogue

    return load_own_catalogue(settings_here().catalogue_file)


def _row(name: str, operator: str, kind: CrawlerKind, sources: Sources) -> dict[str, Any]:
    evidence = _evidence(name, sources)
    return {"name": name, "operator": operator, "kind": kind.value, "evidence": evidence} | {
        "evidence_text": ", ".join(evidence)
    }


def _evidence(name: str, sources: Sources) -> list[str]:
    """The rungs that this name can reach without a signature."""
    listed = any(name in feed.crawlers for feed in sources.feeds)
    return [word for word, there in (("address", listed), ("reverse-dns", name in sources.suffixes)) if there]

"""``farebox crawler``: the parties that can pay."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import Connection

from edge.cli import crawler_tokens
from edge.cli.nouns import noun
from edge.cli.rules import author
from edge.cli.terminal import (
    Column,
    CommandFailed,
    JsonFlag,
    WrongUsage,
    say,
    show_fields,
    show_json,
    show_rows,
    time_text,
)
from edge.cli.workplace import opened, reading, settings_here
from edge.core.directory import DirectoryFault, load_json
from edge.core.identity import CrawlerKind
from edge.core.money import InvalidPrice, Money, parse_price
from edge.store.account_documents import account_row
from edge.store.accounts import Terms, open_crawler_account
from edge.store.accounts import show as accounts_of
from edge.store.audit import accounts_owned, change_noted
from edge.store.audit_events import Action, record
from edge.store.crawlers import Crawler, NewCrawler, add_crawler, find_crawler, list_crawlers, suspend_crawler
from edge.store.database import now_micros
from edge.store.directories import find_directory
from edge.store.site_values import read_currency

app = noun("Crawlers: the parties that can pay.")
app.add_typer(crawler_tokens.app, name="token")

_COLUMNS = (
    Column("NAME", "name"),
    Column("KIND", "kind"),
    Column("OPERATOR", "operator"),
    Column("AGENT", "agent_url"),
    Column("SUSPENDED", "suspended"),
)

Name = Annotated[str, typer.Argument(help="The crawler's name.")]


@app.command(
    "add",
    epilog="Example: farebox crawler add ExampleBot --agent https://bot.example --kind training --terms prepaid",
)
def add(
    name: Annotated[str, typer.Argument(help="The name that rules and reports use.")],
    agent: Annotated[str, typer.Option(help="Its Signature-Agent: a host's URL, or that of its key set.")],
    key: Annotated[list[Path] | None, typer.Option(help="A file with its public key (JWK or JWK set).")] = None,
    kind: Annotated[CrawlerKind, typer.Option(help="What it crawls for.")] = CrawlerKind.OTHER,
    operator: Annotated[str, typer.Option(help="Who runs it; rules can name it.")] = "",
    terms: Annotated[Terms, typer.Option(help="Pays from a balance, or up to a limit.")] = Terms.PREPAID,
    limit: Annotated[str | None, typer.Option(help="How far a postpaid account may go, such as 'USD 100'.")] = None,
    currency: Annotated[str | None, typer.Option(help="Of its account; USD unless the limit says otherwise.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Register a crawler and open its account."""
    settings = settings_here()
    most = _read_limit(limit)
    of = read_currency(currency or (most.currency if most else "USD"))
    new = NewCrawler(name, agent, kind, operator, read_key_files(key or []), allow_dev=settings.dev)
    with opened(settings) as database, database.write() as connection:
        made = add_crawler(connection, new, now_micros())
        open_crawler_account(connection, made.crawler_id, of, terms=terms, limit=most)
        note_crawler(connection, made, terms)
        row = _whole_row(connection, made)
    if as_json:
        show_json(row)
    elif terms is Terms.PREPAID:
        say(f"registered {made.name}; top it up with `farebox account credit {made.name} '{of} 10' --reference R`")
    else:
        say(f"registered {made.name}; it may pay up to {most}")


@app.command("show", epilog="Example: farebox crawler show ExampleBot --json")
def show(name: Name, as_json: JsonFlag = False) -> None:
    """Show one crawler: its agent, keys, key directory and accounts."""
    with reading() as connection:
        row = _whole_row(connection, find_crawler(connection, name))
    if as_json:
        show_json(row)
        return
    show_fields({name: value for name, value in row.items() if name not in ("accounts", "directory")}, as_json=False)
    for account in row["accounts"]:
        say(f"account {account['currency']}: balance {account['balance']}, {account['terms']}")
    if row["directory"]:
        say(f"directory: fetched {row['directory']['fetched_at'] or 'never'}, {row['directory']['failure'] or 'fine'}")


@app.command("list", epilog="Example: farebox crawler list")
def list_all(as_json: JsonFlag = False) -> None:
    """List the registered crawlers."""
    with reading() as connection:
        rows = [_row(known) for known in list_crawlers(connection)]
    show_rows(rows, _COLUMNS, as_json, "no crawlers yet; register one with `farebox crawler add NAME --agent URL`")


@app.command("suspend", epilog="Example: farebox crawler suspend ExampleBot")
def suspend(name: Name, as_json: JsonFlag = False) -> None:
    """Stop a crawler from paying; its money and its history stay."""
    _set_suspended(name, True, as_json)


@app.command("resume", epilog="Example: farebox crawler resume ExampleBot")
def resume(name: Name, as_json: JsonFlag = False) -> None:
    """Let a suspended crawler pay again."""
    _set_suspended(name, False, as_json)


def _set_suspended(name: str, suspended: bool, as_json: bool) -> None:
    with opened(settings_here()) as database:
        with database.read() as connection:
            known = find_crawler(connection, name)
            accounts = accounts_owned(connection, "crawler", known.crawler_id)
        changed = change_noted(
            database,
            accounts,
            {"suspended": suspended},
            lambda connection: suspend_crawler(connection, name, suspended, now_micros()),
            author=author(),
            reason="the crawler was suspended" if suspended else "the crawler was let in again",
        )
    if as_json:
        show_json(_row(changed))
    else:
        say(f"{changed.name} {'cannot pay any more' if suspended else 'can pay again'}")


def note_crawler(connection: Connection, made: Crawler, terms: Terms | None = None) -> None:
    """Write into the log of its team that a crawler was registered, and by whom."""
    details: dict[str, object] = {"agent": made.agent_url, "kind": made.kind.value, "terms": terms}
    record(
        connection,
        Action.CRAWLER_ADDED,
        author=author(),
        now_micros=made.created_at_micros,
        crawler_id=made.crawler_id,
        subject=made.name,
        details=details,
    )


def read_key_files(paths: list[Path]) -> list[object]:
    """The JWKs of files that hold one or a set of them; raises ``CommandFailed``."""
    jwks: list[object] = []
    for path in paths:
        try:
            document = load_json(path.read_bytes())
        except OSError as why:
            raise CommandFailed(f"the key file {path} cannot be read ({why.strerror}); check its path") from why
        if isinstance(document, DirectoryFault) or not isinstance(document, dict):
            raise CommandFailed(f"{path} is not a JWK or JWK set; `farebox-crawl directory KEY.pem` prints one")
        keys = document.get("keys", [document])
        jwks.extend(keys if isinstance(keys, list) else [keys])
    return jwks


def _read_limit(text: str | None) -> Money | None:
    if text is None:
        return None
    try:
        return parse_price(text)
    except InvalidPrice as why:
        raise WrongUsage(f"--limit: {why}") from why


def _whole_row(connection: Connection, known: Crawler) -> dict[str, Any]:
    kept = find_directory(connection, known.agent_url)
    return {
        **_row(known),
        "accounts": [account_row(account) for account in accounts_of(connection, known.crawler_id)],
        "directory": None
        if kept is None
        else {
            "fetched_at": time_text(kept.fetched_at_micros),
            "failed_at": time_text(kept.failed_at_micros),
            "failure": kept.failure,
        },
    }


def _row(known: Crawler) -> dict[str, Any]:
    row = asdict(known)
    row["id"] = row.pop("crawler_id")
    row["created_at"] = time_text(row.pop("created_at_micros"))
    return row

"""``farebox crawler token``: how a crawler pays that does not sign yet."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from edge.cli.nouns import noun
from edge.cli.rules import author
from edge.cli.terminal import Column, JsonFlag, WrongUsage, note, say, show_json, show_rows, time_text
from edge.cli.workplace import opened, reading, settings_here
from edge.store.audit import accounts_owned, change_noted
from edge.store.crawler_tokens import NewToken, StoredToken, add_token, find_token, list_tokens, revoke_token
from edge.store.crawlers import find_crawler
from edge.store.database import now_micros

app = noun("API tokens: how crawlers pay that do not sign yet.")

_DAY_MICROS = 86_400 * 1_000_000
_HOUR_MICROS = 3_600 * 1_000_000
_COLUMNS = (
    Column("ID", "id", numeric=True),
    Column("CRAWLER", "crawler"),
    Column("BEGINS", "hint"),
    Column("SITES", "sites"),
    Column("STATE", "state"),
    Column("EXPIRES", "expires_at"),
    Column("NOTE", "note"),
)


@app.command("add", epilog="Example: farebox crawler token add ExampleBot --site news.example --days 90")
def add(
    name: Annotated[str, typer.Argument(help="The crawler's name.")],
    site: Annotated[
        list[str] | None, typer.Option(help="A site it counts at; may be given again. All without it.")
    ] = None,
    days: Annotated[int | None, typer.Option(min=1, max=3650, help="How long it counts; for good without it.")] = None,
    memo: Annotated[str, typer.Option("--note", help="Where it is used, for your list.")] = "",
    replaces: Annotated[int | None, typer.Option(help="The token that it takes over from, by its number.")] = None,
    overlap_hours: Annotated[int, typer.Option(min=0, max=720, help="How long the replaced one still counts.")] = 24,
    as_json: JsonFlag = False,
) -> None:
    """Make a token and show it, once."""
    at = now_micros()
    expires = None if days is None else at + days * _DAY_MICROS
    new = NewToken(name, site or (), memo, expires, replaces, overlap_hours * _HOUR_MICROS)
    with opened(settings_here()) as database:
        with database.read() as connection:
            accounts = accounts_owned(connection, "crawler", find_crawler(connection, name).crawler_id)
        what = {
            "token": "replaced" if replaces is not None else "added",
            "replaces": replaces,
            "sites": sorted(site or ()),
        }
        text, made = change_noted(
            database, accounts, what, lambda connection: add_token(connection, new, at), author=author(),
            reason="a token was made",
        )  # fmt: skip
    if as_json:
        show_json({**_row(made, at), "token": text})
        return
    say(text)
    note(f"token {made.token_id} of {made.crawler}: keep it now, it is not shown again; send it as")
    note("Authorization: Bearer TOKEN, over TLS, with an Idempotency-Key for each purchase")


@app.command("list", epilog="Example: farebox crawler token list ExampleBot")
def list_all(
    name: Annotated[str | None, typer.Argument(help="Only of this crawler.")] = None, as_json: JsonFlag = False
) -> None:
    """List tokens, those that ended too; never what they are."""
    with reading() as connection:
        rows = [_row(token, now_micros()) for token in list_tokens(connection, name)]
    show_rows(rows, _COLUMNS, as_json, "there are no tokens; `farebox crawler token add NAME` makes one")


@app.command("revoke", epilog="Example: farebox crawler token revoke 7")
def revoke(number: Annotated[str, typer.Argument(help="The token's number.")], as_json: JsonFlag = False) -> None:
    """Take a token back, for good; the edges refuse it about half a second later."""
    at = now_micros()
    with opened(settings_here()) as database:
        with database.read() as connection:
            known = find_token(connection, _number(number))
            accounts = accounts_owned(connection, "crawler", find_crawler(connection, known.crawler).crawler_id)
        gone = change_noted(
            database, accounts, {"token": "revoked", "id": known.token_id},
            lambda connection: revoke_token(connection, known.token_id, at), author=author(),
            reason="a token was revoked",
        )  # fmt: skip
    if as_json:
        show_json(_row(gone, at))
    else:
        say(f"token {gone.token_id} of {gone.crawler} is revoked")


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise WrongUsage(f"{text[:20]!r} is not a token's number; `farebox crawler token list` shows them")
    return int(text)


def _row(token: StoredToken, at_micros: int) -> dict[str, Any]:
    row = asdict(token)
    times = {name: time_text(row.pop(f"{name}_micros")) for name in ("created_at", "expires_at", "revoked_at")}
    hosts = row.pop("hosts")
    return {
        "id": row.pop("token_id"),
        **row,
        "sites": ", ".join(hosts) or "all",
        "state": token.state_at(at_micros),
        **times,
    }

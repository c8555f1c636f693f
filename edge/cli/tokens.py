"""``farebox token``: what an operator's programs read accounts and top them up with, over HTTP."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from edge.cli.nouns import noun
from edge.cli.rules import author
from edge.cli.terminal import Column, JsonFlag, note, say, show_json, show_rows, time_text
from edge.cli.workplace import reading, writing
from edge.store.database import now_micros
from edge.store.operator_tokens import OperatorToken, add_token, list_tokens, revoke_token

app = noun("Tokens: what an operator's programs use the API on the admin port with.")

_COLUMNS = (
    Column("NAME", "name"),
    Column("MAY", "may"),
    Column("MADE", "created_at"),
    Column("BY", "created_by"),
    Column("USED", "used_at"),
    Column("REVOKED", "revoked_at"),
)

Name = Annotated[str, typer.Argument(help="Its name: entries in the books bear it.")]


@app.command("add", epilog="Example: farebox token add billing")
def add(
    name: Name,
    read_only: Annotated[bool, typer.Option("--read-only", help="It reads balances and tops up nothing.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Make a token and show it, once."""
    with writing() as connection:
        made, text = add_token(connection, name, may_credit=not read_only, author=author(), now_micros=now_micros())
    if as_json:
        show_json({**_row(made), "token": text})
        return
    say(f"token: {text}")
    note(f"this token is shown once; `farebox token revoke {made.name!r}` takes it back")


@app.command("list", epilog="Example: farebox token list --json")
def list_all(as_json: JsonFlag = False) -> None:
    """List the tokens, revoked ones too; never what opens anything."""
    with reading() as connection:
        rows = [_row(known) for known in list_tokens(connection)]
    show_rows(rows, _COLUMNS, as_json, "no tokens yet; make one with `farebox token add NAME`")


@app.command("revoke", epilog="Example: farebox token revoke billing")
def revoke(name: Name, as_json: JsonFlag = False) -> None:
    """Take a token back, at once and for good."""
    with writing() as connection:
        gone = revoke_token(connection, name, author=author(), now_micros=now_micros())
    if as_json:
        show_json(_row(gone))
    else:
        say(f"the token {gone.name} opens nothing any more")


def _row(known: OperatorToken) -> dict[str, Any]:
    return {
        "name": known.name,
        "may": "credit" if known.may_credit else "read",
        "created_by": known.created_by,
        "created_at": time_text(known.created_at_micros),
        "used_at": time_text(known.used_at_micros),
        "revoked_at": time_text(known.revoked_at_micros),
        "revoked_by": known.revoked_by,
    }

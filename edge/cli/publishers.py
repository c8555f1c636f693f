"""``farebox publisher``: the parties that earn."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from edge.cli.nouns import noun
from edge.cli.terminal import Column, JsonFlag, say, show_json, show_rows, time_text
from edge.cli.workplace import reading, writing
from edge.store.database import now_micros
from edge.store.publishers import Publisher, add_publisher, list_publishers

app = noun("Publishers: the parties that earn.")

_COLUMNS = (Column("NAME", "name"), Column("EMAIL", "email"), Column("SINCE", "created_at"))


@app.command("add", epilog='Example: farebox publisher add "Example News" --email owner@news.example')
def add(
    name: Annotated[str, typer.Argument(help="What people call it.")],
    email: Annotated[str, typer.Option(help="Where the operator writes to.")],
    as_json: JsonFlag = False,
) -> None:
    """Add a publisher."""
    with writing() as connection:
        made = add_publisher(connection, name, email, now_micros())
    if as_json:
        show_json(_row(made))
    else:
        say(f"added {made.name}; give it a site with `farebox site add HOST --publisher {made.name!r} --origin URL`")


@app.command("list", epilog="Example: farebox publisher list")
def list_all(as_json: JsonFlag = False) -> None:
    """List the publishers."""
    with reading() as connection:
        rows = [_row(known) for known in list_publishers(connection)]
    show_rows(rows, _COLUMNS, as_json, "no publishers yet; add one with `farebox publisher add NAME --email E`")


def _row(known: Publisher) -> dict[str, Any]:
    return {
        "id": known.publisher_id,
        "name": known.name,
        "email": known.email,
        "created_at": time_text(known.created_at_micros),
    }

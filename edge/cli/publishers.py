"""``farebox publisher``: the parties that earn."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from edge.cli.nouns import noun
from edge.cli.rules import author
from edge.cli.terminal import Column, JsonFlag, WrongUsage, say, show_json, show_rows, time_text
from edge.cli.workplace import opened, reading, settings_here, writing
from edge.core.fees import InvalidShare, format_share, parse_share
from edge.store.audit import accounts_owned, change_noted
from edge.store.audit_events import Action, record
from edge.store.database import Database, now_micros
from edge.store.publishers import (
    Publisher,
    add_publisher,
    change_publisher,
    find_publisher,
    list_publishers,
    publisher_mark,
    set_share,
)

app = noun("Publishers: the parties that earn.")

_COLUMNS = (
    Column("NAME", "name"),
    Column("EMAIL", "email"),
    Column("SHARE", "share", numeric=True),
    Column("SINCE", "created_at"),
)


@app.command("add", epilog='Example: farebox publisher add "Example News" --email owner@news.example')
def add(
    name: Annotated[str, typer.Argument(help="What people call it.")],
    email: Annotated[str, typer.Option(help="Where the operator writes to.")],
    share: Annotated[str, typer.Option(help="The operator's share of what it earns.")] = "0%",
    as_json: JsonFlag = False,
) -> None:
    """Add a publisher."""
    share_ppm = _read_share(share)
    with writing() as connection:
        at = now_micros()
        made = add_publisher(connection, name, email, at, share_ppm=share_ppm)
        record(
            connection,
            Action.PUBLISHER_ADDED,
            author=author(),
            now_micros=at,
            publisher_id=made.publisher_id,
            subject=made.name,
            details={"share": format_share(share_ppm)},
        )
    if as_json:
        show_json(_row(made))
    else:
        say(f"added {made.name}; give it a site with `farebox site add HOST --publisher {made.name!r} --origin URL`")


@app.command("set", epilog='Example: farebox publisher set "Example News" --share "12.5%"')
def set_(
    name: Annotated[str, typer.Argument(help="The publisher.")],
    share: Annotated[str | None, typer.Option(help="The operator's share of what it earns, as 12.5%.")] = None,
    email: Annotated[str | None, typer.Option(help="Where the operator writes to.")] = None,
    letterhead: Annotated[
        list[str] | None,
        typer.Option(metavar="LINE", help="Postal address and tax number, once a line; one empty line takes it away."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Change the email address, the letterhead that statements print below the name, or the operator's share.

    The letterhead and the share are those of every month closed from now on, whole.
    """
    lines = "\n".join(letterhead) if letterhead else None
    if share is None and email is None and lines is None:
        raise WrongUsage("say what to change: --share, --email or --letterhead")
    share_ppm = None if share is None else _read_share(share)
    with opened(settings_here()) as database:
        with database.read() as connection:
            changed = find_publisher(connection, name)
        if email is not None or lines is not None:
            changed = _change_words(database, name, email, lines)
        if share_ppm is not None:
            changed = _change_share(database, name, share_ppm)
    if as_json:
        show_json(_row(changed))
        return
    if email is not None:
        say(f"the operator writes to {changed.name} at {changed.email} now")
    if lines is not None:
        count = len(changed.letterhead.splitlines())
        told = f"{count} line{'s' if count != 1 else ''} below" if count else "nothing below"
        say(f"statements print {told} the name {changed.name}, from the next close of a month on")
    if share_ppm is not None:
        say(f"the operator's share of {changed.name} is {format_share(share_ppm)}, from the next close of a month on")


def _change_words(database: Database, name: str, email: str | None, letterhead: str | None) -> Publisher:
    with database.write() as connection:
        known = find_publisher(connection, name)
        return change_publisher(
            connection,
            known.publisher_id,
            known.name,
            known.email if email is None else email,
            author=author(),
            now_micros=now_micros(),
            seen=publisher_mark(known),
            letterhead=letterhead,
        )


def _change_share(database: Database, name: str, share_ppm: int) -> Publisher:
    with database.read() as connection:
        known = find_publisher(connection, name)
        accounts = accounts_owned(connection, "publisher", known.publisher_id)
    return change_noted(
        database,
        accounts,
        {"share": format_share(share_ppm), "before": format_share(known.share_ppm)},
        lambda connection: set_share(connection, name, share_ppm),
        author=author(),
        reason="the operator's share was set",
    )


@app.command("list", epilog="Example: farebox publisher list")
def list_all(as_json: JsonFlag = False) -> None:
    """List the publishers."""
    with reading() as connection:
        rows = [_row(known) for known in list_publishers(connection)]
    show_rows(rows, _COLUMNS, as_json, "no publishers yet; add one with `farebox publisher add NAME --email E`")


def _read_share(text: str) -> int:
    try:
        return parse_share(text)
    except InvalidShare as why:
        raise WrongUsage(str(why)) from why


def _row(known: Publisher) -> dict[str, Any]:
    return {
        "id": known.publisher_id,
        "name": known.name,
        "email": known.email,
        "letterhead": known.letterhead,
        "share": format_share(known.share_ppm),
        "share_ppm": known.share_ppm,
        "created_at": time_text(known.created_at_micros),
    }

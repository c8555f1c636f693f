"""``farebox account unmatched``: payments that no account could take, and payments that were taken back."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from edge.cli.nouns import noun
from edge.cli.rules import author
from edge.cli.terminal import Column, JsonFlag, say, show_json, show_rows, time_text
from edge.cli.workplace import opened, reading, settings_here, writing
from edge.core.plain_text import plain
from edge.store.accounts import Opening
from edge.store.database import now_micros
from edge.store.problems import InvalidValue
from edge.store.unmatched import UnmatchedView, close_unmatched, find_unmatched, list_unmatched
from edge.store.unmatched import assign as assign_payment

app = noun("Payments that no account could take, and payments that were taken back.")

_COLUMNS = (
    Column("ID", "id", numeric=True),
    Column("KIND", "kind"),
    Column("HAPPENED", "happened_at"),
    Column("AMOUNT", "amount", numeric=True),
    Column("CRAWLER", "crawler"),
    Column("PAYMENT", "payment"),
    Column("STATE", "state"),
    Column("WHY", "reason"),
)

Number = Annotated[int, typer.Argument(metavar="ID", help="Its number in `farebox account unmatched list`.")]


@app.command("list", epilog="Example: farebox account unmatched list --all")
def list_all(
    all_: Annotated[bool, typer.Option("--all", help="Also what was credited or closed since.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """List what waits for a person, oldest first."""
    with reading() as connection:
        rows = [_row(view) for view in list_unmatched(connection, closed_too=all_)]
    show_rows(rows, _COLUMNS, as_json, "nothing waits: every payment has an account")


@app.command("assign", epilog="Example: farebox account unmatched assign 1 ExampleBot")
def assign(
    number: Number,
    name: Annotated[str, typer.Argument(metavar="CRAWLER", help="The crawler whose account it is for.")],
    new_currency: Annotated[
        bool, typer.Option("--new-currency", help="Open an account in a currency that nothing is sold in yet.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Credit a payment to a crawler, under the payment's own reference; doing it again changes nothing."""
    opening = Opening.ANY_CURRENCY if new_currency else Opening.KNOWN_CURRENCY
    with opened(settings_here()) as database:
        try:
            done = assign_payment(database, number, name, author=author(), opening=opening)
        except InvalidValue as why:
            if why.field != "amount":
                raise
            raise InvalidValue(f"{why}; if it is meant, add --new-currency", why.field) from why
        with database.read() as connection:
            row = _row(find_unmatched(connection, number))
    if as_json:
        show_json({**row, "fresh": done.fresh})
    elif done.fresh:
        say(f"credited {done.amount} to {name}, reference {row['reference']}")
    else:
        say(f"{row['reference']} was credited before, nothing was done")


@app.command("close", epilog='Example: farebox account unmatched close 2 --reason "paid back by the provider"')
def close(
    number: Number,
    reason: Annotated[str, typer.Option(help="How it was settled, for the books.")],
    as_json: JsonFlag = False,
) -> None:
    """Note that it was settled by other means; a closed payment is never credited by itself."""
    with writing() as connection:
        row = _row(close_unmatched(connection, number, author=author(), reason=reason, now_micros=now_micros()))
    if as_json:
        show_json(row)
    else:
        say(f"{number} is closed: {row['closing_reason']}")


def _row(view: UnmatchedView) -> dict[str, Any]:
    return {
        "id": view.number,
        "kind": view.kind,
        "source": view.source,
        "reference": view.reference,
        "payment": view.payment,
        "crawler": plain(view.crawler),
        "amount": view.stated,
        "amount_micros": view.money.amount_micros if view.money else None,
        "currency": view.money.currency if view.money else None,
        "reason": view.reason,
        "happened_at": time_text(view.happened_at_micros),
        "received_at": time_text(view.received_at_micros),
        "state": view.state,
        "closed_by": view.closed_by,
        "closing_reason": view.closing_reason,
    }

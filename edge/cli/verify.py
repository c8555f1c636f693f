"""``farebox verify``: read the whole of the books and say whether they hold."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from edge.cli.reports import make_report
from edge.cli.terminal import CommandFailed, JsonFlag, say, show_json
from edge.cli.workplace import opened, settings_here
from edge.core.money import format_signed
from edge.core.month import Month
from edge.store.verify import verify as verify_books


def verify(
    month: Annotated[str | None, typer.Option(help="Check this month's report against the entries too.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Check every chain, charge, balance and sum; fails and names what is wrong if anything is."""
    period = Month.parse(month) if month else None
    with opened(settings_here()) as database:
        found = verify_books(database)
        totals: list[dict[str, Any]] = []
        if period is not None:
            with database.read() as connection:
                made = make_report(connection, period, None, None)
            totals = [
                {"currency": total.currency, "amount": format_signed(total.amount_micros, total.currency)}
                for total in made.totals
            ]
    if as_json:
        show_json(
            {
                "ok": found.holds,
                "writers": found.writers,
                "batches": found.batches,
                "entries": found.entries,
                "charges": found.charges,
                "faults": [str(fault) for fault in found.faults],
                "totals": totals,
            }
        )
    if not found.holds:
        raise CommandFailed(
            f"the books do not hold: {' '.join(f'{fault}.' for fault in found.faults)} "
            "Stop selling and restore from a backup beside this one before anything else"
        )
    if not as_json:
        say(f"the books hold: {found.entries} entries in {found.batches} batches by {found.writers} writers")
        for total in totals:
            say(f"{month}: {total['amount']}, equal to the entries")

"""``farebox verify``: read the whole of the books and say whether they hold."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from sqlalchemy.exc import DBAPIError

from edge.cli.reports import make_report
from edge.cli.terminal import CommandFailed, JsonFlag, say, show_json, visible
from edge.cli.times import read_month
from edge.cli.workplace import opened, settings_here
from edge.core.chain import Head
from edge.core.errors import EdgeError
from edge.core.money import format_signed
from edge.core.month import Month
from edge.store.database import Database
from edge.store.verify import Verification
from edge.store.verify import verify as verify_books


def verify(
    month: Annotated[str | None, typer.Option(help="Check this month's report against the entries too.")] = None,
    since: Annotated[
        Path | None, typer.Option(help="An earlier result (--json), kept elsewhere: shows an end that was cut off.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Check every chain, charge, account, balance and sum; fails and names what is wrong if anything is."""
    period = read_month(month) if month else None
    kept = _read_heads(since) if since else []
    with opened(settings_here()) as database:
        found = verify_books(database, kept)
        totals, mismatch = _month(database, period) if period else ([], None)
    faults = [str(fault) for fault in found.faults] + ([mismatch] if mismatch else [])
    if as_json:
        show_json({"ok": not faults, **_row(found), "faults": faults, "totals": totals})
    else:
        for fault in faults:
            say(visible(fault))
    if faults:
        more = f", and {len(faults) - 1} more" if len(faults) > 1 else ""
        raise CommandFailed(
            f"the books do not hold: {visible(faults[0])}{more}; "
            "stop selling and restore from a backup beside this one before anything else"
        )
    if not as_json:
        _say_that_they_hold(found, len(kept))
        for total in totals:
            say(f"{month}: {total['amount']}, equal to the entries")


def _month(database: Database, period: Month) -> tuple[list[dict[str, Any]], str | None]:
    """The month's totals, or in words why there are none: one more fault, and not the end of the others."""
    try:
        with database.read() as connection:
            made = make_report(connection, period, None, None)
    except (EdgeError, TypeError, ValueError, DBAPIError) as error:
        reason = str(error.orig if isinstance(error, DBAPIError) else error).partition("\n")[0]
        return [], f"{period.label}: has no report: {reason}"
    shown = [
        {"currency": total.currency, "amount": format_signed(total.amount_micros, total.currency)}
        for total in made.month.totals
    ]
    return shown, None


def _row(found: Verification) -> dict[str, Any]:
    return {
        "writers": found.writers,
        "batches": found.batches,
        "entries": found.entries,
        "charges": found.charges,
        "open_holds": [
            {"currency": currency, "holds": count, "amount_micros": amount_micros}
            for currency, (count, amount_micros) in sorted(found.open_holds.items())
        ],
        "digest": found.digest,
        "heads": [
            {"writer": head.writer, "batch": head.batch, "entry": head.entry, "hash": head.hash.hex()}
            for head in found.heads
        ],
    }


def _say_that_they_hold(found: Verification, kept: int) -> None:
    say(f"the books hold: {found.entries} entries in {found.batches} batches by {found.writers} writers")
    if kept:
        say(f"the {kept} heads that were kept still lie on the chains")
    for currency, (count, amount_micros) in sorted(found.open_holds.items()):
        say(f"open holds: {count}, {format_signed(amount_micros, currency)}")
    say(f"heads {found.digest}")


def _read_heads(path: Path) -> list[Head]:
    """The heads in a result that ``farebox verify --json`` printed; raises ``CommandFailed``."""
    try:
        kept = orjson.loads(path.read_bytes())["heads"]
        return [_head(one) for one in kept]
    except OSError as why:
        raise CommandFailed(f"the result {path} cannot be read ({why.strerror}); check its path") from why
    except (KeyError, TypeError, ValueError) as why:
        raise CommandFailed(f"{path} is not a result of `farebox verify --json`; name the file that was kept") from why


def _head(kept: dict[str, Any]) -> Head:
    head = Head(kept["writer"], kept["batch"], kept["entry"], bytes.fromhex(kept["hash"]))
    if not all(type(number) is int for number in (head.writer, head.batch, head.entry)):
        raise ValueError("a head is made of numbers")
    return head

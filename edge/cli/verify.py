"""``farebox verify``: read the whole of the books and say whether they hold."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from sqlalchemy.exc import DBAPIError

from edge.cli.key_sets import read_key_set
from edge.cli.reports import open_desk
from edge.cli.terminal import CommandFailed, JsonFlag, say, show_json, visible
from edge.cli.times import read_month
from edge.cli.workplace import opened, settings_here
from edge.core.chain import Head
from edge.core.errors import EdgeError
from edge.core.money import format_signed
from edge.core.month import Month
from edge.settings import Settings
from edge.store.checkpoint_file import read_tokens
from edge.store.database import Database
from edge.store.service_keys import known_public_keys
from edge.store.verify import Progress, Verification
from edge.store.verify import verify as verify_books
from edge.store.verify_checkpoints import Signed
from edge.store.verify_months import closed_month_faults


def verify(
    month: Annotated[str | None, typer.Option(help="Fold this month again too, line by line.")] = None,
    since: Annotated[
        Path | None, typer.Option(help="An earlier result (--json), kept elsewhere: shows an end that was cut off.")
    ] = None,
    checkpoints: Annotated[
        Path | None,
        typer.Option(help="A kept file of checkpoints; else the one that the settings name, if it is there."),
    ] = None,
    keys: Annotated[
        str | None,
        typer.Option(help="The published key set, a file or URL, that proves checkpoints; else our own keys."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Check every chain, charge, account, balance, sum, checkpoint and closed month; names what is wrong and fails."""
    period = read_month(month) if month else None
    kept = _read_heads(since) if since else []
    settings = settings_here()
    signed = _signed(settings, checkpoints, keys)
    with opened(settings) as database:
        with _bar() as progress:
            found = verify_books(database, kept, signed, progress=progress)
        totals, of_month = _month(database, period, signed) if period else ([], [])
    faults = list(dict.fromkeys([*map(str, found.faults), *of_month]))
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


@contextmanager
def _bar() -> Iterator[Progress | None]:
    """A bar on a terminal, and none elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console  # only where there is somebody to look
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("entries", total=None)
        yield lambda read, total: bar.update(task, completed=read, total=total)


def _signed(settings: Settings, checkpoints: Path | None, keys: str | None) -> Signed:
    """The checkpoints that the books are held against, and the keys that prove them."""
    known = read_key_set(keys) if keys else known_public_keys(settings.data_dir)
    path = checkpoints or settings.kept_checkpoints
    if checkpoints is None and not path.exists():
        return Signed(known)
    any(read_tokens(path))  # a file that cannot be read is no fault of the books
    return Signed(known, lambda: (token for _, token in read_tokens(path)), str(path))


def _month(database: Database, period: Month, signed: Signed) -> tuple[list[dict[str, Any]], list[str]]:
    """The month's totals, or in words why there are none: more faults, and not the end of the others."""
    try:
        with database.read() as connection:
            changed = [str(fault) for fault in closed_month_faults(connection, period, signed.keys)]
            if changed:
                return [], changed
            made = open_desk(connection, period, None, None).statement
    except (EdgeError, TypeError, ValueError, DBAPIError) as error:
        reason = str(error.orig if isinstance(error, DBAPIError) else error).partition("\n")[0]
        return [], [f"{period.label}: has no report: {reason}"]
    shown = [
        {"currency": total.currency, "amount": format_signed(total.amount_micros, total.currency)}
        for total in made.report.totals
    ]
    return shown, []


def _row(found: Verification) -> dict[str, Any]:
    return {
        "writers": found.writers,
        "batches": found.batches,
        "entries": found.entries,
        "charges": found.charges,
        "checkpoints": found.checkpoints,
        "kept_checkpoints": found.kept_checkpoints,
        "closed_months": found.closed_months,
        "open_holds": [
            {"currency": currency, "holds": count, "amount_micros": amount_micros}
            for currency, (count, amount_micros) in sorted(found.open_holds.items())
        ],
        "in_suspense": [
            {"currency": currency, "charges": count, "amount_micros": amount_micros}
            for currency, (count, amount_micros) in sorted(found.in_suspense.items())
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
    if found.checkpoints:
        in_file = f", {found.kept_checkpoints} of them kept in the file too" if found.kept_checkpoints else ""
        signed = "1 signed checkpoint lies" if found.checkpoints == 1 else f"{found.checkpoints} signed checkpoints lie"
        say(f"{signed} on the chains{in_file}")
    if found.closed_months:
        months = "1 closed month is" if found.closed_months == 1 else f"{found.closed_months} closed months are"
        say(f"{months} what was signed, and come{'s' * (found.closed_months == 1)} to what the entries do")
    for currency, (count, amount_micros) in sorted(found.open_holds.items()):
        say(f"open holds: {count}, {format_signed(amount_micros, currency)}")
    for currency, (count, amount_micros) in sorted(found.in_suspense.items()):
        say(f"in suspense: {count}, {format_signed(amount_micros, currency)}")
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

"""``farebox charges`` and ``farebox refund``: what was sold, line by line, and given back."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from enum import StrEnum
from itertools import islice
from typing import Annotated, Any

import orjson
import typer
from sqlalchemy import Connection

from edge.cli.rules import author
from edge.cli.terminal import (
    Column,
    JsonFlag,
    WrongUsage,
    exact_time_text,
    harmless_json,
    note,
    say,
    show_json,
    show_rows,
    time_text,
    write,
)
from edge.cli.times import read_time
from edge.cli.workplace import opened, reading, settings_here
from edge.core.ledger import key_of_charge_id
from edge.core.money import InvalidPrice, format_micros, parse_price
from edge.core.report_files import safe_cell
from edge.store.accounts import refund as refund_charge
from edge.store.crawlers import find_crawler
from edge.store.credit_notes import credit_note
from edge.store.database import now_micros
from edge.store.entries import ChargeFilter, ChargeView, list_charges, stream_charges
from edge.store.sites import find_site


class Format(StrEnum):
    """How charges are printed."""

    TABLE = "table"
    CSV = "csv"
    JSONL = "jsonl"


_COLUMNS = (
    Column("TIME", "opened_at"),
    Column("CHARGE", "charge_id"),
    Column("STATE", "state"),
    Column("CRAWLER", "crawler"),
    Column("SITE", "site"),
    Column("TARGET", "target"),
    Column("RULE", "rule"),
    Column("AMOUNT", "price", numeric=True),
    Column("DELIVERY", "delivery"),
)
_CSV_COLUMNS = (
    *("charge_id", "attempt", "state", "opened_at", "paid_at", "reversed_at", "publisher", "site", "target"),
    *("crawler", "rule", "rule_version", "licence", "offer", "currency", "amount", "amount_micros"),
    "earned_micros",
    *("status", "evidence", "delivery", "request_id", "reason", "author", "suspended_at", "released_at"),
    "grant",
    "credited_micros",
)
_MADE_BY_STRANGERS = (
    *("publisher", "site", "target", "crawler", "rule", "licence", "offer", "request_id", "reason", "author"),
)


def charges(
    site: Annotated[str | None, typer.Option(help="Only of this site.")] = None,
    crawler: Annotated[str | None, typer.Option(help="Only of this crawler.")] = None,
    since: Annotated[str | None, typer.Option(help="From then on: 2026-11-01, 2026-11-01T10:00Z or 7d.")] = None,
    until: Annotated[str | None, typer.Option(help="Before then.")] = None,
    format: Annotated[
        Format, typer.Option(help="A table of the newest, or all of them as csv or jsonl.")
    ] = Format.TABLE,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many the table and --json show.")] = 50,
    as_json: JsonFlag = False,
) -> None:
    """List charges. The table shows the newest first; csv and jsonl print all that match, oldest first."""
    if as_json and format is not Format.TABLE:
        raise WrongUsage(f"--json prints one list, --format {format.value} lines; give one of them, not both")
    with reading() as connection:
        narrowed = _filter(connection, site, crawler, since, until)
        if format is Format.CSV:
            _print_csv(stream_charges(connection, narrowed))
            return
        if format is Format.JSONL:
            for charge in stream_charges(connection, narrowed):
                say(harmless_json(orjson.dumps(_row(charge))))
            return
        page = list_charges(connection, narrowed, limit=limit)
    rows = [_row(charge) for charge in page.charges]
    if not as_json:
        rows = [
            {**row, "opened_at": time_text(one.opened_at_micros)} for row, one in zip(rows, page.charges, strict=True)
        ]
    show_rows(rows, _COLUMNS, as_json, "no charges match")
    if page.next_cursor is not None:
        note(f"the newest {limit} of more; --limit shows more, --format csv all")


def refund(
    charge: Annotated[str, typer.Argument(help="The charge id: ch_ and 32 digits.")],
    reason: Annotated[str, typer.Option(help="Why, for the books.")],
    amount: Annotated[
        str | None, typer.Option(help="Only so much of it, as a credit note: 'USD 0.01'. Without it, all of it.")
    ] = None,
    number: Annotated[
        str | None, typer.Option(help="The credit note's own number; the same one is never written twice.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Give a charge back to the crawler, or with --amount a part of it, as an entry of its own."""
    charge_id_of(charge)
    if amount is not None:
        _credit(charge, amount, reason, number, as_json)
        return
    if number is not None:
        raise WrongUsage("a charge that is given back whole has no number; give --amount, or leave --number out")
    with opened(settings_here()) as database:
        done = refund_charge(database, charge, reason=reason, author=author())
    if as_json:
        show_json({"charge_id": done.charge_id, "refunded": str(done.amount), "fresh": done.fresh})
    elif done.fresh:
        say(f"gave {done.amount} back for {done.charge_id}")
    else:
        say(f"{done.charge_id} was given back before, nothing was done")


def charge_id_of(text: str) -> str:
    """A charge id as it was typed. Raises ``WrongUsage`` for anything that cannot be one."""
    if key_of_charge_id(text) is None:
        raise WrongUsage(
            f"{text!r} is not a charge id; one looks like ch_ and 32 digits, and `farebox charges` lists them"
        )
    return text


def _credit(charge: str, amount: str, reason: str, number: str | None, as_json: bool) -> None:
    try:
        money = parse_price(amount)
    except InvalidPrice as why:
        raise WrongUsage(f"--amount: {why}") from why
    with opened(settings_here()) as database:
        done = credit_note(database, charge, money, reason=reason, author=author(), number=number)
    if as_json:
        shown = {"charge_id": charge, "credited": str(done.amount), "number": done.reference, "fresh": done.fresh}
        show_json(shown)
    elif done.fresh:
        say(f"credited {done.amount} for {charge} with {done.reference}")
    else:
        say(f"{done.reference} was written before, nothing was done")


def _filter(
    connection: Connection, site: str | None, crawler: str | None, since: str | None, until: str | None
) -> ChargeFilter:
    now = now_micros()
    return ChargeFilter(
        site_id=find_site(connection, site).site_id if site else None,
        crawler_id=find_crawler(connection, crawler).crawler_id if crawler else None,
        since_micros=read_time(since, now, "--since"),
        until_micros=read_time(until, now, "--until"),
    )


def _row(charge: ChargeView) -> dict[str, Any]:
    return {
        "charge_id": charge.charge_id,
        "attempt": charge.attempt,
        "state": charge.state.value,
        "opened_at": exact_time_text(charge.opened_at_micros),
        "paid_at": exact_time_text(charge.paid_at_micros),
        "reversed_at": exact_time_text(charge.reversed_at_micros),
        "publisher": charge.publisher,
        "site": charge.site,
        "target": charge.target,
        "crawler": charge.crawler,
        "rule": charge.rule,
        "rule_version": charge.rule_version,
        "licence": charge.licence,
        "offer": charge.offer,
        "price": str(charge.amount),
        "currency": charge.amount.currency,
        "amount": format_micros(charge.amount.amount_micros),
        "amount_micros": charge.amount.amount_micros,
        "earned_micros": charge.earned_micros,
        "credited_micros": charge.credited_micros,
        "status": charge.status,
        "evidence": charge.evidence,
        "delivery": None if charge.delivery is None else charge.delivery.value,
        "suspended_at": exact_time_text(charge.suspended_at_micros),
        "released_at": exact_time_text(charge.released_at_micros),
        "grant": charge.grant,
        "request_id": charge.request_id,
        "reason": charge.reason,
        "author": charge.author,
        "writer": charge.position[0],
        "entry": charge.position[1],
    }


def _print_csv(found: Iterable[ChargeView]) -> None:
    """RFC 4180, a thousand lines at a time; what strangers wrote cannot become a formula."""
    charges = iter(found)
    lines: list[list[Any]] = [list(_CSV_COLUMNS)]
    while lines:
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\r\n").writerows(lines)
        write(text.getvalue())
        lines = [_csv_line(_row(charge)) for charge in islice(charges, 1000)]


def _csv_line(row: dict[str, Any]) -> list[Any]:
    cells = {name: safe_cell(row[name]) for name in _MADE_BY_STRANGERS if row[name] is not None}
    return [{**row, **cells}[name] for name in _CSV_COLUMNS]

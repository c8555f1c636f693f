"""``farebox audit``: who changed what, and why; read from the ledger's own chain."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from edge.cli.terminal import Column, JsonFlag, exact_time_text, show_rows, time_text
from edge.cli.times import read_time
from edge.cli.workplace import reading
from edge.store.audit import AuditRow, audit_rows
from edge.store.database import now_micros

_COLUMNS = (
    Column("TIME", "at"),
    Column("AUTHOR", "author"),
    Column("WHAT", "kind"),
    Column("CRAWLER", "crawler"),
    Column("PUBLISHER", "publisher"),
    Column("AMOUNT", "amount", numeric=True),
    Column("FROM", "from"),
    Column("TO", "to"),
    Column("REFERENCE", "reference"),
    Column("CHANGE", "change"),
    Column("WHY", "reason"),
)


def audit(
    since: Annotated[str | None, typer.Option(help="From then on: 2026-11-01, 2026-11-01T10:00Z or 7d.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """List what people and commands did to money and accounts, oldest first: all of it is in the chain."""
    with reading() as connection:
        rows = [_row(one, as_json) for one in audit_rows(connection, read_time(since, now_micros(), "--since"))]
    show_rows(rows, _COLUMNS, as_json, "nobody has done anything yet")


def _row(one: AuditRow, as_json: bool) -> dict[str, Any]:
    return {
        "at": exact_time_text(one.at_micros) if as_json else time_text(one.at_micros),
        "author": one.author,
        "kind": one.kind.value,
        "crawler": one.crawler,
        "publisher": one.publisher,
        "amount": str(one.amount) if one.amount.amount_micros else None,
        "from": one.payer.value if one.amount.amount_micros else None,
        "to": one.payee.value if one.amount.amount_micros else None,
        "reference": one.reference,
        "charge": one.charge,
        "change": one.what or one.charge,
        "reason": one.reason,
        "writer": one.position[0],
        "entry": one.position[1],
    }

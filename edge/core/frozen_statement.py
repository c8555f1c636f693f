"""A statement as a text that is kept, and read again as the same value: everything but its lines, which have a table.

The text is canonical JSON, so that the same statement is the same text on every machine and database.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from edge.core.closing import canonical
from edge.core.month import Month
from edge.core.report import MonthReport, Pocket, ReportLine, ReportMismatch, totals_of
from edge.core.report_files import jsonl_digest
from edge.core.statement import AccountMonth, Movements, Party, Reader, Statement


@dataclass(frozen=True, slots=True)
class StatementHead:
    """What a kept statement says that no entry does: its number, whose it is, and where receipts were."""

    number: str
    operator: Party
    party: Party | None
    verify_at: str | None


def head_of(text: str) -> StatementHead:
    """Read the head of what ``freeze`` wrote."""
    kept: dict[str, Any] = json.loads(text)
    party = None if kept["party"] is None else _party(kept["party"])
    return StatementHead(kept["statement"], _party(kept["operator"]), party, kept["verify_at"])


def freeze(statement: Statement) -> str:
    """Write a statement down."""
    return canonical(
        {
            "statement": statement.number,
            "month": statement.month.label,
            "reader": statement.reader.value,
            "operator": _party_document(statement.operator),
            "party": None if statement.party is None else _party_document(statement.party),
            "entry_count": statement.report.entry_count,
            "lines": len(statement.report.lines),
            "lines_sha256": statement.digest,
            "accounts": [_account_document(account) for account in statement.accounts],
            "suspended_micros": dict(statement.suspended_micros),
            "topped_up_micros": dict(statement.topped_up_micros),
            "receipts": statement.receipts,
            "movements": {
                "held": dict(statement.movements.held),
                "granted": dict(statement.movements.granted),
                "fees_paid": dict(statement.movements.fees_paid),
            },
            "verify_at": statement.verify_at,
        }
    )


def thaw(text: str, lines: tuple[ReportLine, ...]) -> Statement:
    """Read what ``freeze`` wrote, with its lines; raises ``ReportMismatch`` when they are not the ones of then."""
    kept: dict[str, Any] = json.loads(text)
    head = head_of(text)
    report = MonthReport(Month.parse(kept["month"]), lines, totals_of(lines), kept["entry_count"], False)
    digest = jsonl_digest(report)
    if digest != kept["lines_sha256"] or len(lines) != kept["lines"]:
        raise ReportMismatch(f"the lines of the closed statement {kept['statement']} are not those that were closed")
    return Statement(
        report,
        head.operator,
        Reader(kept["reader"]),
        head.party,
        tuple(_account(account) for account in kept["accounts"]),
        tuple(sorted(kept["suspended_micros"].items())),
        digest,
        head.verify_at,
        tuple(sorted(kept["topped_up_micros"].items())),
        kept["receipts"],
        Movements(**{name: tuple(sorted(sums.items())) for name, sums in kept["movements"].items()}),
    )


def _party_document(party: Party) -> dict[str, object]:
    return {"name": party.name, "number": party.number, "about": list(party.about)}


def _party(kept: dict[str, Any]) -> Party:
    return Party(kept["name"], kept["number"], tuple(kept["about"]))


def _account_document(account: AccountMonth) -> dict[str, object]:
    return {
        "code": account.code,
        "pocket": account.pocket.value,
        "owner": account.owner,
        "currency": account.currency,
        "opening_micros": account.opening_micros,
        "credited_micros": account.credited_micros,
        "debited_micros": account.debited_micros,
    }


def _account(kept: dict[str, Any]) -> AccountMonth:
    return AccountMonth(**{**kept, "pocket": Pocket(kept["pocket"])})

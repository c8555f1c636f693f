"""A statement for people on a terminal, and as JSON for machines."""

from __future__ import annotations

from typing import Any

from edge.cli.terminal import Column, counted, exact_time_text, say, show_json, show_rows, visible
from edge.core.balance_story import balance_story
from edge.core.fees import format_share
from edge.core.money import format_signed
from edge.core.particulars import Correction, OperatorNote, ShareTaken, TopUp
from edge.core.statement import AccountMonth, Reader, Statement

_COLUMNS = (
    Column("PUBLISHER", "publisher"),
    Column("SITE", "site"),
    Column("CRAWLER", "crawler"),
    Column("RULE", "rule"),
    Column("LICENCE", "licence"),
    Column("PAGES", "pages", numeric=True),
    Column("REVERSED", "reversed_pages", numeric=True),
    Column("FREE", "free_pages", numeric=True),
    Column("AMOUNT", "amount", numeric=True),
)


def show_statement(statement: Statement, as_json: bool) -> None:
    """Print the lines, their totals, and everything that the statement says beside them."""
    if as_json:
        show_json(_document(statement))
        return
    made = statement.report
    show_rows([_line(line) for line in made.lines], _COLUMNS, False, f"nothing was sold in {made.month.label}")
    for total in made.totals:
        shown = format_signed(total.amount_micros, total.currency)
        pages = f"{counted(total.pages, 'page')}, {total.reversed_pages} reversed"
        say(f"total {shown}: {pages}, equal to the ledger's sums")
        if total.free_pages:
            say(f"free pages: {total.free_pages}")
        if total.fee_micros:
            fee, payable = (format_signed(each, total.currency) for each in (total.fee_micros, total.payable_micros))
            say(f"operator's fee {fee}, payable {payable}")
    if statement.draft:
        _show_expected(statement)
    for currency, micros in statement.suspended_micros:
        say(f"in suspense at the end of the month: {format_signed(micros, currency)}")
    if statement.party is not None:
        _show_accounts(statement)
    if statement.reader is Reader.CRAWLER:
        say(counted(statement.receipts, "receipt"))
    for note in statement.particulars.notes.items:
        say(f"note of the operator {visible(note.why)}: {format_signed(note.given_micros, note.currency)}")
    _show_corrections(statement)


def _show_expected(statement: Statement) -> None:
    for each in statement.particulars.shares:
        fee = format_signed(each.basis.fee_micros, each.basis.currency)
        rate = format_share(each.basis.share_ppm)
        say(f"operator's fee expected at the close, {rate} of {visible(each.publisher)}: {fee}")


def _show_accounts(statement: Statement) -> None:
    """How each account came from one balance to the next."""
    for account in statement.accounts:
        steps = (
            f"{step.name.lower()} {format_signed(step.micros, account.currency)}"
            for step in balance_story(statement, account)
        )
        say(f"account {account.code}: {', '.join(steps)}")


def _show_corrections(statement: Statement) -> None:
    found = statement.particulars.corrections
    for each in found.items:
        given = format_signed(each.given_back_micros, each.currency)
        say(f"corrects {each.month.label}: {each.charge} gives back {given} ({visible(each.reason or each.kind)})")
    if found.more:
        say(f"and {found.more} more corrections of earlier months")
    for currency, micros in found.sums_micros:
        say(f"corrections of earlier months give back {format_signed(micros, currency)} in all")


def _document(statement: Statement) -> dict[str, Any]:
    made, listed = statement.report, statement.particulars
    return {
        "statement": statement.number,
        "month": made.month.label,
        "draft": made.draft,
        "entries": made.entry_count,
        "receipts": statement.receipts,
        "lines": [_line(line) for line in made.lines],
        "totals": [_total(total) for total in made.totals],
        "in_suspense_micros": dict(statement.suspended_micros),
        "topped_up_micros": dict(statement.topped_up_micros),
        "top_ups": [_top_up(each) for each in listed.top_ups.items],
        "shares": [_share(each) for each in listed.shares],
        "accounts": [_account(account) for account in statement.accounts],
        "notes": [_note(each) for each in listed.notes.items],
        "corrections": [_correction(each) for each in listed.corrections.items],
        "corrections_count": listed.corrections.count,
        "corrections_micros": dict(listed.corrections.sums_micros),
    }


def _top_up(each: TopUp) -> dict[str, Any]:
    return {
        "at": exact_time_text(each.at_micros),
        "crawler": each.crawler,
        "currency": each.currency,
        "amount_micros": each.amount_micros,
        "reference": each.reference,
    }


def _note(each: OperatorNote) -> dict[str, Any]:
    return {
        "at": exact_time_text(each.at_micros),
        "crawler": each.crawler,
        "currency": each.currency,
        "given_micros": each.given_micros,
        "reference": each.reference,
        "reason": each.reason,
    }


def _share(each: ShareTaken) -> dict[str, Any]:
    basis = each.basis
    return {
        "publisher": each.publisher,
        "currency": basis.currency,
        "share": format_share(basis.share_ppm),
        "net_micros": basis.net_micros,
        "carried_micros": basis.carried_micros,
        "fee_micros": basis.fee_micros,
    }


def _correction(each: Correction) -> dict[str, Any]:
    return {
        "charge": each.charge,
        "month": each.month.label,
        "kind": each.kind.value,
        "currency": each.currency,
        "given_back_micros": each.given_back_micros,
        "reference": each.reference,
        "reason": each.reason,
        "author": each.author,
    }


def _account(account: AccountMonth) -> dict[str, Any]:
    names = ("code", "currency", "opening_micros", "credited_micros", "debited_micros", "closing_micros")
    return {name: getattr(account, name) for name in names}


def _line(line: Any) -> dict[str, Any]:
    return {
        **{name: getattr(line, name) for name in ("publisher", "site", "crawler", "rule", "licence")},
        **_total(line),
    }


def _total(total: Any) -> dict[str, Any]:
    return {
        "currency": total.currency,
        "pages": total.pages,
        "reversed_pages": total.reversed_pages,
        "free_pages": total.free_pages,
        "amount": format_signed(total.amount_micros, total.currency),
        "amount_micros": total.amount_micros,
        "fee_micros": total.fee_micros,
        "payable_micros": total.payable_micros,
    }

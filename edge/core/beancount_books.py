"""The whole double entry of a month as a Beancount file, so that ``bean-check``, which nobody here wrote, can audit it.

How farebox's books map to Beancount's:

- the books are the operator's: what crawlers paid in and publishers earned is owed, so their accounts are liabilities;
  ``funding`` is money that came in from outside (assets), the operator's fee is income, what the operator pays for
  credit notes an expense;
- farebox counts what is owed as positive, Beancount as negative: every amount has the other sign;
- the opening balances are one transaction a currency, which balances because all balances of a currency sum to zero;
- then each day's transfers, summed by kind and pair of accounts; at the end a balance assertion for every account,
  strict to less than a micro-unit. Every entry recorded in the month is here, also a fee of the month before.

Names of strangers stand in metadata only, quoted: accounts are called by their numbers.

Source: https://beancount.github.io/docs/beancount_language_syntax.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta

from edge.core.money import MICROS_PER_UNIT
from edge.core.month_rows import DayTransfers
from edge.core.plain_text import plain
from edge.core.report import Pocket
from edge.core.statement import AccountMonth, Statement

STRICT = "0.0000001"
_KINDS = {
    Pocket.CRAWLER: "Liabilities:Crawlers:C",
    Pocket.PUBLISHER: "Liabilities:Publishers:P",
    Pocket.HOLDS: "Liabilities:Holds",
    Pocket.SUSPENSE: "Liabilities:Suspense",
    Pocket.FUNDING: "Assets:Funding",
    Pocket.ADJUSTMENTS: "Expenses:Adjustments",
    Pocket.FEES: "Income:Fees",
}


def beancount_lines(statement: Statement, transfers: Iterable[DayTransfers]) -> Iterator[str]:
    """The file's lines; the statement must be the operator's, which has every account."""
    first, end = _day(statement.month.start_micros), _day(statement.month.end_micros)
    yield from _head(statement)
    for account in statement.accounts:
        yield from _opened(first, account)
    for currency in sorted({account.currency for account in statement.accounts}):
        yield from _opening(first, [each for each in statement.accounts if each.currency == currency], currency)
    names = {account.code: account.owner or account.code for account in statement.accounts}
    for transfer in transfers:
        yield from _transaction(first + timedelta(days=transfer.day), transfer, names)
    yield "\n; What every account holds at the month's end.\n"
    for account in statement.accounts:
        closing = _amount(-account.closing_micros)
        yield f"{end} balance {account_name(account.code)}  {closing} ~ {STRICT} {account.currency}\n"


def account_name(code: str) -> str:
    """Beancount's name of an account: ``crawler:3:USD`` is ``Liabilities:Crawlers:C3:USD``."""
    kind, _, rest = code.partition(":")
    pocket = Pocket(kind)
    joint = "" if pocket in (Pocket.CRAWLER, Pocket.PUBLISHER) else ":"
    return f"{_KINDS[pocket]}{joint}{rest}"


def _head(statement: Statement) -> Iterator[str]:
    state = "draft" if statement.draft else "complete"
    yield f"; The books of {statement.month.label} (UTC), {state}.\n"
    yield "; Amounts have the opposite sign of farebox's balances:\n"
    yield "; what is owed to crawlers and publishers is negative here. Check it with bean-check.\n\n"
    yield f'option "title" {_quoted(f"{statement.operator.name}: books of {statement.month.label}")}\n'
    for currency in statement.currencies:
        yield f'option "operating_currency" "{currency}"\n'
    yield "\n"


def _opened(first: date, account: AccountMonth) -> Iterator[str]:
    yield f"{first} open {account_name(account.code)} {account.currency}\n"
    yield f"  code: {_quoted(account.code)}\n"
    if account.owner is not None:
        yield f"  owner: {_quoted(account.owner)}\n"


def _opening(first: date, accounts: list[AccountMonth], currency: str) -> Iterator[str]:
    held = [account for account in accounts if account.opening_micros]
    if held:
        yield f'\n{first} * "Balances at the beginning of the month"\n'
        for account in held:
            yield f"  {account_name(account.code)}  {_amount(-account.opening_micros)} {currency}\n"


def _transaction(day: date, transfer: DayTransfers, names: dict[str, str]) -> Iterator[str]:
    giver, taker = names.get(transfer.debit, transfer.debit), names.get(transfer.credit, transfer.credit)
    amount = _amount(transfer.amount_micros)
    yield f"\n{day} * {_quoted(transfer.kind)} {_quoted(f'{giver} to {taker}')}\n"
    yield f"  entries: {transfer.entries}\n"
    yield f"  {account_name(transfer.debit)}  {amount} {transfer.currency}\n"
    yield f"  {account_name(transfer.credit)}  -{amount} {transfer.currency}\n"


def _amount(micros: int) -> str:
    """All six decimals: Beancount infers its tolerance from how many there are."""
    whole, fraction = divmod(abs(micros), MICROS_PER_UNIT)
    return f"{'-' if micros < 0 else ''}{whole}.{fraction:06d}"


def _quoted(text: str) -> str:
    return '"' + plain(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _day(at_micros: int) -> date:
    return datetime.fromtimestamp(at_micros // MICROS_PER_UNIT, UTC).date()

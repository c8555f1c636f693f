"""What each kind of entry is to a sum of earnings: the one place that says which are added and which taken away.

Rules of this file
- Earned is what was posted, settled or released, less what was suspended, reversed or given back by a credit note,
  each at its own time, as in the month's report. A reversal out of suspense takes nothing from the publisher.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, case, func, select

from edge.core.ledger import EntryKind
from edge.store.tables import account, entry

PAID = (EntryKind.POST.value, EntryKind.SETTLE.value)
GIVEN = (*PAID, EntryKind.GRANT.value)
_EARNING = (*PAID, EntryKind.RELEASE.value)
COUNTED = (*_EARNING, EntryKind.SUSPEND.value, EntryKind.REVERSE.value, EntryKind.ADJUST.value)
_OURS = select(account.c.id).where(account.c.owner_kind == "internal").scalar_subquery()
_PAYS = select(account.c.id).where(account.c.owner_kind == "crawler").scalar_subquery()
_EARNS = entry.c.kind.in_(_EARNING)
_GIVES_BACK = (entry.c.kind == EntryKind.REVERSE.value) & entry.c.debit_account.not_in(_OURS)
_WAITS = entry.c.kind == EntryKind.SUSPEND.value
_CREDIT_NOTE = (entry.c.kind == EntryKind.ADJUST.value) & entry.c.credit_account.in_(_PAYS)
_DEBIT_NOTE = (entry.c.kind == EntryKind.ADJUST.value) & entry.c.debit_account.in_(_PAYS)
AMOUNT = func.sum(
    case(
        (_EARNS | _DEBIT_NOTE, entry.c.amount_micros),
        (_WAITS | _GIVES_BACK | _CREDIT_NOTE, -entry.c.amount_micros),
        else_=0,
    )
)
CREDITED = func.sum(case((_CREDIT_NOTE, entry.c.amount_micros), (_DEBIT_NOTE, -entry.c.amount_micros), else_=0))
PAGES = func.sum(case((_EARNS, 1), (_WAITS, -1), else_=0))
REVERSED = func.sum(case((_GIVES_BACK, 1), else_=0))


def path_of(connection: Connection) -> ColumnElement[str]:
    """The target up to its first question mark, in the words of each database."""
    if connection.dialect.name == "postgresql":
        return func.split_part(entry.c.target, "?", 1)
    return func.substr(entry.c.target, 1, func.instr(entry.c.target.concat("?"), "?") - 1)

"""An account as commands and the operators' API show it."""

from __future__ import annotations

from typing import Any

from edge.core.money import format_signed
from edge.store.accounts import AccountView


def account_row(account: AccountView) -> dict[str, Any]:
    """An account for tables and JSON: amounts as text and in micro-units."""
    available, floor = account.available_micros, account.floor_micros
    return {
        "id": account.account_id,
        "code": account.code,
        "currency": account.currency,
        "terms": account.terms,
        "balance": format_signed(account.balance_micros, account.currency),
        "balance_micros": account.balance_micros,
        "available": None if available is None else format_signed(available, account.currency),
        "available_micros": available,
        "limit": format_signed(-floor, account.currency) if floor else None,
        "suspended": account.suspended,
    }

"""What became of a crawler's request, in six groups that leave none out: what lists narrow to and figures add up. Pure.

Rules of this file
- Every way in which a request can end is in exactly one group; a test holds this for all there are.
- ``ASKED`` is what would have been sold if the crawler had paid: the page has a price, and the payment did not come
  about, whatever was missing. With ``SOLD`` it is what acceptance is counted from.
- ``FAILED`` is the machinery's: nobody's wish turned the crawler away.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from edge.core.decision import AdmitReason
from edge.core.refusals import RefusalCode


class OutcomeGroup(StrEnum):
    """What became of a request, roughly."""

    SOLD = "sold"
    FREE = "free"
    WATCHED = "watched"
    ASKED = "asked"
    REFUSED = "refused"
    FAILED = "failed"


_FAILED = {
    RefusalCode.ORIGIN_UNREACHABLE,
    RefusalCode.ORIGIN_TIMEOUT,
    RefusalCode.ORIGIN_MALFORMED,
    RefusalCode.INVALID_CONTENT_PRICE,
    RefusalCode.LOOP_DETECTED,
    RefusalCode.LEDGER_UNAVAILABLE,
    RefusalCode.INTERNAL_ERROR,
}
_ASKED = {
    RefusalCode.PAYMENT_REQUIRED,
    RefusalCode.CONFLICTING_PRICES,
    RefusalCode.INVALID_PRICE,
    RefusalCode.MAX_PRICE_TOO_LOW,
    RefusalCode.EXACT_PRICE_DIFFERS,
    RefusalCode.SIGNATURE_REQUIRED,
    RefusalCode.SIGNATURE_INVALID,
    RefusalCode.KEY_UNAVAILABLE,
    RefusalCode.PRICE_NOT_SIGNED,
    RefusalCode.TARGET_NOT_SIGNED,
    RefusalCode.SIGNATURE_STALE,
    RefusalCode.TOKEN_REFUSED,
    RefusalCode.IDEMPOTENCY_KEY_SPENT,
    RefusalCode.CRAWLER_UNREGISTERED,
    RefusalCode.ACCOUNT_MISSING,
    RefusalCode.ACCOUNT_SUSPENDED,
    RefusalCode.INSUFFICIENT_CREDITS,
    RefusalCode.BUDGET_EXCEEDED,
    RefusalCode.SUBSCRIPTION_EXPIRED,
}
CHARGED = "charged"
"""The one outcome that earns; the ends of a sale are ``edge.proxy.sale.SaleEnd``."""
BROKEN_OFF = "broken_off"
_FREE_SALES = ("granted", "collected", "not_billable", "unbilled")

GROUP_OF: Mapping[str, OutcomeGroup] = {
    **{code.value: OutcomeGroup.REFUSED for code in RefusalCode},
    **{code.value: OutcomeGroup.FAILED for code in _FAILED},
    **{code.value: OutcomeGroup.ASKED for code in _ASKED},
    **{reason.value: OutcomeGroup.FREE for reason in AdmitReason},
    AdmitReason.MONITORED.value: OutcomeGroup.WATCHED,
    **dict.fromkeys(_FREE_SALES, OutcomeGroup.FREE),
    CHARGED: OutcomeGroup.SOLD,
    BROKEN_OFF: OutcomeGroup.FAILED,
}
"""The group of every outcome, by its spelling in the traffic and in ``activity``."""


def group_of(outcome: str) -> OutcomeGroup:
    """The group of an outcome; of one that a later version wrote, failed."""
    return GROUP_OF.get(outcome, OutcomeGroup.FAILED)


def outcomes_of(group: OutcomeGroup) -> frozenset[str]:
    """Every outcome of a group."""
    return frozenset(outcome for outcome, its in GROUP_OF.items() if its is group)

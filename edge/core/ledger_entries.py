"""Ledger arithmetic, third part: write the entry for each step of a charge.

Pure row making; whether the step may be taken is decided by ``edge.core.ledger_plan`` and, in the end, by the
database. A ``Page`` is where the next entries of one writer go: it numbers them without gaps.
"""

from __future__ import annotations

from edge.core.ledger import ChargeOrder, CreditOrder, Entry, EntryKind, Step
from edge.core.ledger_state import ChargeState


class Page:
    """The next entries of one writer, all recorded at one time: the content of one batch."""

    __slots__ = ("entries", "first_number", "recorded_at_micros", "writer")

    def __init__(self, writer: int, first_number: int, recorded_at_micros: int) -> None:
        self.writer = writer
        self.first_number = first_number
        self.recorded_at_micros = recorded_at_micros
        self.entries: list[Entry] = []

    @property
    def next_number(self) -> int:
        """The number that the next entry gets."""
        return self.first_number + len(self.entries)

    def open(
        self, order: ChargeOrder, kind: EntryKind, credit_account: int, amount_micros: int, attempt: int, step: int = 1
    ) -> Entry:
        """Write a POST, HOLD or REDELIVER: money leaves the crawler's account, for what the order says."""
        return self._add(
            Entry(
                self.writer,
                self.first_number + len(self.entries),
                order.key,
                attempt,
                step,
                kind.value,
                order.crawler_account,
                credit_account,
                amount_micros,
                order.price.currency,
                self.recorded_at_micros,
                order.crawler_id,
                order.publisher_id,
                order.site_id,
                order.rule,
                order.rule_version,
                order.licence,
                order.target,
                order.offer,
                order.request_id,
                order.status,
                order.evidence,
                None,
                None,
                None,
            )
        )

    def settle(self, opening: Entry, publisher_account: int) -> Entry:
        """Write a SETTLE: what was held is earned."""
        return self._follow(opening, EntryKind.SETTLE, Step.RESOLVE, opening.credit_account, publisher_account)

    def void(self, opening: Entry, reason: str) -> Entry:
        """Write a VOID: what was held goes back."""
        return self._follow(
            opening, EntryKind.VOID, Step.RESOLVE, opening.credit_account, opening.debit_account, reason
        )

    def reverse(self, state: ChargeState, reason: str, author: str | None) -> Entry:
        """Write a REVERSE: what was earned goes back."""
        payment = state.payment or state.opening
        payer = state.opening.debit_account
        return self._follow(payment, EntryKind.REVERSE, Step.REVERSE, payment.credit_account, payer, reason, author)

    def credit(self, order: CreditOrder) -> Entry:
        """Write a CREDIT: money comes in from outside, out of the funding account."""
        return self._add(
            Entry(
                writer=self.writer,
                number=self.next_number,
                key=order.key,
                attempt=1,
                step=Step.OPEN.value,
                kind=EntryKind.CREDIT.value,
                debit_account=order.funding_account,
                credit_account=order.account,
                amount_micros=order.money.amount_micros,
                currency=order.money.currency,
                recorded_at_micros=self.recorded_at_micros,
                crawler_id=order.crawler_id,
                publisher_id=None,
                site_id=None,
                rule=None,
                rule_version=None,
                licence=None,
                target=None,
                offer=None,
                request_id=None,
                status=None,
                evidence=None,
                reason=order.reason,
                reference=order.reference,
                author=order.author,
            )
        )

    def _follow(
        self,
        entry: Entry,
        kind: EntryKind,
        step: Step,
        debit_account: int,
        credit_account: int,
        reason: str | None = None,
        author: str | None = None,
    ) -> Entry:
        """Write the next step of what ``entry`` began: the same charge, the same details, other accounts."""
        return self._add(
            entry._replace(
                writer=self.writer,
                number=self.next_number,
                step=step.value,
                kind=kind.value,
                debit_account=debit_account,
                credit_account=credit_account,
                recorded_at_micros=self.recorded_at_micros,
                reason=reason,
                author=author,
            )
        )

    def _add(self, entry: Entry) -> Entry:
        self.entries.append(entry)
        return entry

"""Ledger arithmetic, third part: write the entry for each step of a charge.

Pure row making; whether the step may be taken is decided by ``edge.core.ledger_plan`` and, in the end, by the
database. A ``Page`` is where the next entries of one writer go: it numbers them without gaps.
"""

from __future__ import annotations

from edge.core.ledger import ChargeOrder, CreditOrder, Entry, EntryKind, Step
from edge.core.ledger_corrections import AdjustOrder, FeeOrder, NoteOrder
from edge.core.ledger_state import ChargeState
from edge.core.money import Money


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

    def grant(self, order: ChargeOrder, name: str, attempt: int) -> Entry:
        """Write a GRANT: a page that the term of this name makes free; nothing moves."""
        made = self.open(order, EntryKind.GRANT, order.publisher_account, 0, attempt)._replace(reference=name)
        self.entries[-1] = made
        return made

    def settle(self, opening: Entry, publisher_account: int) -> Entry:
        """Write a SETTLE: what was held is earned."""
        return self._follow(opening, EntryKind.SETTLE, Step.RESOLVE, opening.credit_account, publisher_account)

    def void(self, opening: Entry, reason: str) -> Entry:
        """Write a VOID: what was held goes back."""
        return self._follow(
            opening, EntryKind.VOID, Step.RESOLVE, opening.credit_account, opening.debit_account, reason
        )

    def suspend(self, state: ChargeState, suspense_account: int, reason: str) -> Entry:
        """Write a SUSPEND: what was earned waits, because nobody knows whether the page arrived."""
        payment = state.payment or state.opening
        return self._follow(payment, EntryKind.SUSPEND, Step.SUSPEND, state.holder, suspense_account, reason)

    def release(self, state: ChargeState, reason: str) -> Entry:
        """Write a RELEASE: what waited is earned."""
        payment = state.payment or state.opening
        earner = payment.credit_account
        return self._follow(payment, EntryKind.RELEASE, Step.RELEASE, state.holder, earner, reason)

    def reverse(self, state: ChargeState, reason: str, author: str | None) -> Entry:
        """Write a REVERSE: what was earned, or waited, goes back."""
        payment = state.payment or state.opening
        payer = state.opening.debit_account
        return self._follow(payment, EntryKind.REVERSE, Step.REVERSE, state.holder, payer, reason, author)

    def withdraw(self, state: ChargeState, reason: str) -> Entry:
        """Write a WITHDRAW: a page that was granted did not arrive."""
        granted = state.opening
        kind, step = EntryKind.WITHDRAW, Step.REVERSE
        return self._follow(granted, kind, step, granted.credit_account, granted.debit_account, reason)

    def collect(self, state: ChargeState, reason: str) -> Entry:
        """Write the REDELIVER of a page that is paid for: nothing moves, and the right is used."""
        payment = state.payment or state.opening
        payer, earner = state.opening.debit_account, payment.credit_account
        kind, step = EntryKind.REDELIVER, Step.REDELIVER
        return self._follow(payment._replace(amount_micros=0), kind, step, payer, earner, reason)

    def adjust(self, order: AdjustOrder, charge: Entry | None) -> Entry:
        """Write an ADJUST; of the ``charge`` that it corrects it keeps what was sold, and its id as request id."""
        made = self._document(EntryKind.ADJUST, order.key, order.debit_account, order.credit_account, order.money)
        if charge is not None:
            made = made._replace(
                site_id=charge.site_id,
                rule=charge.rule,
                rule_version=charge.rule_version,
                licence=charge.licence,
                target=charge.target,
            )
        return self._add(
            made._replace(
                crawler_id=order.crawler_id,
                publisher_id=order.publisher_id,
                request_id=order.corrects,
                reason=order.reason,
                reference=order.number,
                author=order.author,
            )
        )

    def fee(self, order: FeeOrder) -> Entry:
        """Write a FEE: the operator's share of a month, which is the reference."""
        made = self._document(EntryKind.FEE, order.key, order.publisher_account, order.fees_account, order.money)
        return self._add(
            made._replace(
                publisher_id=order.publisher_id, reason=order.reason, reference=order.month, author=order.author
            )
        )

    def note(self, order: NoteOrder) -> Entry:
        """Write a NOTE: what changed, as evidence, and nothing that moves."""
        nothing = Money(0, order.currency)
        made = self._document(EntryKind.NOTE, order.key, order.account, order.counter_account, nothing)
        return self._add(
            made._replace(
                crawler_id=order.crawler_id,
                publisher_id=order.publisher_id,
                evidence=order.what,
                reason=order.reason,
                reference=order.number,
                author=order.author,
            )
        )

    def credit(self, order: CreditOrder) -> Entry:
        """Write a CREDIT: money comes in from outside, out of the funding account."""
        made = self._document(EntryKind.CREDIT, order.key, order.funding_account, order.account, order.money)
        return self._add(
            made._replace(
                crawler_id=order.crawler_id, reason=order.reason, reference=order.reference, author=order.author
            )
        )

    def _document(self, kind: EntryKind, key: bytes, debit_account: int, credit_account: int, money: Money) -> Entry:
        """Begin an entry that opens a key of its own and is no charge; not yet on the page."""
        return Entry(
            writer=self.writer,
            number=self.next_number,
            key=key,
            attempt=1,
            step=Step.OPEN.value,
            kind=kind.value,
            debit_account=debit_account,
            credit_account=credit_account,
            amount_micros=money.amount_micros,
            currency=money.currency,
            recorded_at_micros=self.recorded_at_micros,
            crawler_id=None,
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
            reason=None,
            reference=None,
            author=None,
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

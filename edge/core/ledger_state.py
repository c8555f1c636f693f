"""Ledger arithmetic, second part: the life of a charge as a state machine over the entries of one key.

Rules of this file
- The table below is the whole machine. An entry that it does not allow cannot have been written by us, so meeting
  one is a broken invariant, never something to work around (I2).
- At most one live charge per key: a new attempt opens only when the one before is voided or reversed.
- Entries of one attempt are read in the order of their steps, which is the order of time but for one: a paid page that
  was collected once more (REDELIVER, step 6) may be suspended or reversed afterwards. So what was collected is kept
  beside the phase, and both orders come to the same.
- The planner passes every entry it makes through ``advance`` too, so what may be read and what may be written are
  the same by construction.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from edge.core.ledger import Entry, EntryKind, InvariantBroken, Step


class Phase(StrEnum):
    """Where a charge stands. Only ``LIVE`` means that the publisher has earned it, or has granted it.

    ``SUSPENDED``: the crawler has paid, nobody knows whether the page arrived, and the same signed request may fetch
    it. ``RECORDED``: what opens a key and has no second step, but is no top-up.
    """

    HELD = "held"
    LIVE = "live"
    SUSPENDED = "suspended"
    VOIDED = "voided"
    REVERSED = "reversed"
    REDELIVERED = "redelivered"
    CREDITED = "credited"
    RECORDED = "recorded"


STEP_OF: dict[EntryKind, Step] = {
    EntryKind.POST: Step.OPEN,
    EntryKind.HOLD: Step.OPEN,
    EntryKind.GRANT: Step.OPEN,
    EntryKind.CREDIT: Step.OPEN,
    EntryKind.ADJUST: Step.OPEN,
    EntryKind.FEE: Step.OPEN,
    EntryKind.NOTE: Step.OPEN,
    EntryKind.SETTLE: Step.RESOLVE,
    EntryKind.VOID: Step.RESOLVE,
    EntryKind.SUSPEND: Step.SUSPEND,
    EntryKind.RELEASE: Step.RELEASE,
    EntryKind.REVERSE: Step.REVERSE,
    EntryKind.WITHDRAW: Step.REVERSE,
    EntryKind.REDELIVER: Step.REDELIVER,
}

_OPENS: dict[EntryKind, Phase] = {
    EntryKind.POST: Phase.LIVE,
    EntryKind.HOLD: Phase.HELD,
    EntryKind.GRANT: Phase.LIVE,
    EntryKind.CREDIT: Phase.CREDITED,
    EntryKind.ADJUST: Phase.RECORDED,
    EntryKind.FEE: Phase.RECORDED,
    EntryKind.NOTE: Phase.RECORDED,
}
_CONTINUES: dict[tuple[Phase, EntryKind], Phase] = {
    (Phase.HELD, EntryKind.SETTLE): Phase.LIVE,
    (Phase.HELD, EntryKind.VOID): Phase.VOIDED,
    (Phase.LIVE, EntryKind.SUSPEND): Phase.SUSPENDED,
    (Phase.LIVE, EntryKind.REVERSE): Phase.REVERSED,
    (Phase.LIVE, EntryKind.WITHDRAW): Phase.REVERSED,
    (Phase.LIVE, EntryKind.REDELIVER): Phase.LIVE,
    (Phase.SUSPENDED, EntryKind.RELEASE): Phase.LIVE,
    (Phase.SUSPENDED, EntryKind.REVERSE): Phase.REVERSED,
    (Phase.SUSPENDED, EntryKind.REDELIVER): Phase.SUSPENDED,
    (Phase.REVERSED, EntryKind.REDELIVER): Phase.REDELIVERED,
}
_PAID = frozenset({Phase.LIVE, Phase.SUSPENDED})
_OVER = frozenset({Phase.VOIDED, Phase.REVERSED, Phase.REDELIVERED})
_BACK_TO_PAYER = frozenset({EntryKind.VOID, EntryKind.REVERSE, EntryKind.WITHDRAW})


@dataclass(frozen=True, slots=True)
class ChargeState:
    """The latest attempt of a key: its phase, and the entries that brought it there.

    ``payment`` is the POST or SETTLE that was paid for, or the GRANT; ``collection`` the REDELIVER.
    """

    phase: Phase
    opening: Entry
    payment: Entry | None = None
    suspension: Entry | None = None
    release: Entry | None = None
    reversal: Entry | None = None
    collection: Entry | None = None

    @property
    def attempt(self) -> int:
        """Which opening of the key this is, from 1."""
        return self.opening.attempt

    @property
    def is_paid(self) -> bool:
        """Whether the crawler's money is gone for it, earned or in suspense; or the page was granted."""
        return self.phase in _PAID

    @property
    def is_granted(self) -> bool:
        """Whether a term made the page free, so that nothing was taken."""
        return self.opening.kind == EntryKind.GRANT

    @property
    def is_over(self) -> bool:
        """Whether a new attempt may open."""
        return self.phase in _OVER

    @property
    def holder(self) -> int:
        """The account where the money lies that would go back now."""
        if self.phase is Phase.SUSPENDED and self.suspension is not None:
            return self.suspension.credit_account
        return (self.payment or self.opening).credit_account

    @property
    def may_redeliver(self) -> bool:
        """Whether the same signed request may fetch once for nothing: a broken delivery was paid back.

        An operator's refund has an author and gives no such right: the page had been delivered. Money that comes
        back out of suspense gives none either: the page could be fetched all the while that it lay there.
        """
        if self.phase is not Phase.REVERSED or self.reversal is None or self.reversal.author is not None:
            return False
        return self.suspension is None or self.release is not None


def fold_charge(entries: Iterable[Entry]) -> ChargeState | None:
    """Read the state out of all entries of one key, in (attempt, step) order; None for no entry.

    Raises ``InvariantBroken`` for a sequence that the machine does not allow.
    """
    state: ChargeState | None = None
    for entry in entries:
        state = advance(state, entry)
    return state


def advance(state: ChargeState | None, entry: Entry) -> ChargeState:
    """Take one step; raises ``InvariantBroken`` when the entry may not follow."""
    try:
        kind = EntryKind(entry.kind)
    except ValueError:
        raise _broken(entry, f"there is no kind {entry.kind!r}") from None
    if entry.step != STEP_OF[kind]:
        raise _broken(entry, f"a {kind} is not step {entry.step}")
    if kind in _OPENS:
        return _open(state, entry, _OPENS[kind])
    if state is None:
        raise _broken(entry, f"a {kind} of nothing")
    phase = _CONTINUES.get((state.phase, kind))
    if phase is None or entry.attempt != state.attempt or _happened(state, kind):
        raise _broken(entry, f"a {kind} of attempt {entry.attempt} cannot follow {state.phase} of {state.attempt}")
    _check_transfer(state, entry, kind)
    return _step(state, phase, entry, kind)


def _happened(state: ChargeState, kind: EntryKind) -> bool:
    """Each step happens once: what was released stays, what was collected is not collected again."""
    return (kind is EntryKind.SUSPEND and state.suspension is not None) or (
        kind is EntryKind.REDELIVER and state.collection is not None
    )


def _step(state: ChargeState, phase: Phase, entry: Entry, kind: EntryKind) -> ChargeState:
    match kind:
        case EntryKind.SETTLE:
            return replace(state, phase=phase, payment=entry)
        case EntryKind.SUSPEND:
            return replace(state, phase=phase, suspension=entry)
        case EntryKind.RELEASE:
            return replace(state, phase=phase, release=entry)
        case EntryKind.REVERSE | EntryKind.WITHDRAW:
            over = Phase.REVERSED if state.collection is None else Phase.REDELIVERED
            return replace(state, phase=over, reversal=entry)
        case EntryKind.REDELIVER:
            return replace(state, phase=phase, collection=entry)
        case _:
            return replace(state, phase=phase)


def _open(state: ChargeState | None, entry: Entry, phase: Phase) -> ChargeState:
    expected = 1 if state is None else state.attempt + 1
    if entry.attempt != expected or (state is not None and not state.is_over):
        before = "nothing" if state is None else f"{state.phase} of attempt {state.attempt}"
        raise _broken(entry, f"attempt {entry.attempt} cannot open after {before}")
    return ChargeState(phase, entry, entry if phase is Phase.LIVE else None)


def _check_transfer(state: ChargeState, entry: Entry, kind: EntryKind) -> None:
    """What goes back or onward is exactly what came in, from where it lies."""
    opening = state.opening
    if entry.currency != opening.currency:
        raise _broken(entry, f"{entry.currency} of a charge in {opening.currency}")
    if kind is EntryKind.REDELIVER:
        return
    if (kind is EntryKind.WITHDRAW) != (opening.kind == EntryKind.GRANT):
        raise _broken(entry, f"a {kind} of a {opening.kind}")
    if entry.amount_micros != opening.amount_micros or entry.debit_account != state.holder:
        raise _broken(entry, f"the {kind} does not move what was taken")
    if kind in _BACK_TO_PAYER and entry.credit_account != opening.debit_account:
        raise _broken(entry, f"the {kind} does not go back to the payer")
    earned = (state.payment or opening).credit_account
    if kind is EntryKind.RELEASE and entry.credit_account != earned:
        raise _broken(entry, "the release does not go to who had earned it")


def _broken(entry: Entry, sentence: str) -> InvariantBroken:
    return InvariantBroken(f"entry {entry.writer}/{entry.number}, charge {entry.key.hex()}: {sentence}")

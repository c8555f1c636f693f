"""Ledger arithmetic, second part: the life of a charge as a state machine over the entries of one key.

Rules of this file
- The table below is the whole machine. An entry that it does not allow cannot have been written by us, so meeting
  one is a broken invariant, never something to work around (I2).
- At most one live charge per key: a new attempt opens only when the one before is voided or reversed.
- The planner passes every entry it makes through ``advance`` too, so what may be read and what may be written are
  the same by construction.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from edge.core.ledger import Entry, EntryKind, InvariantBroken, Step


class Phase(StrEnum):
    """Where a charge stands. Only ``LIVE`` means that the crawler has paid."""

    HELD = "held"
    LIVE = "live"
    VOIDED = "voided"
    REVERSED = "reversed"
    REDELIVERED = "redelivered"
    CREDITED = "credited"


STEP_OF: dict[EntryKind, Step] = {
    EntryKind.POST: Step.OPEN,
    EntryKind.HOLD: Step.OPEN,
    EntryKind.CREDIT: Step.OPEN,
    EntryKind.SETTLE: Step.RESOLVE,
    EntryKind.VOID: Step.RESOLVE,
    EntryKind.REVERSE: Step.REVERSE,
    EntryKind.REDELIVER: Step.REDELIVER,
}

_OPENS: dict[EntryKind, Phase] = {
    EntryKind.POST: Phase.LIVE,
    EntryKind.HOLD: Phase.HELD,
    EntryKind.CREDIT: Phase.CREDITED,
}
_CONTINUES: dict[tuple[Phase, EntryKind], Phase] = {
    (Phase.HELD, EntryKind.SETTLE): Phase.LIVE,
    (Phase.HELD, EntryKind.VOID): Phase.VOIDED,
    (Phase.LIVE, EntryKind.REVERSE): Phase.REVERSED,
    (Phase.REVERSED, EntryKind.REDELIVER): Phase.REDELIVERED,
}
_OVER = frozenset({Phase.VOIDED, Phase.REVERSED, Phase.REDELIVERED})


@dataclass(frozen=True, slots=True)
class ChargeState:
    """The latest attempt of a key. ``payment`` is the POST or SETTLE that earned it, ``reversal`` its REVERSE."""

    phase: Phase
    opening: Entry
    payment: Entry | None = None
    reversal: Entry | None = None

    @property
    def attempt(self) -> int:
        """Which opening of the key this is, from 1."""
        return self.opening.attempt

    @property
    def is_over(self) -> bool:
        """Whether a new attempt may open."""
        return self.phase in _OVER

    @property
    def may_redeliver(self) -> bool:
        """Whether the same signed request may fetch once for nothing: reversed by the machine, not yet collected.

        An operator's refund has an author and gives no such right: the page had been delivered.
        """
        return self.phase is Phase.REVERSED and self.reversal is not None and self.reversal.author is None


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
    if phase is None or entry.attempt != state.attempt:
        raise _broken(entry, f"a {kind} of attempt {entry.attempt} cannot follow {state.phase} of {state.attempt}")
    _check_transfer(state, entry, kind)
    match kind:
        case EntryKind.SETTLE:
            return replace(state, phase=phase, payment=entry)
        case EntryKind.REVERSE:
            return replace(state, phase=phase, reversal=entry)
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
    holder = (state.payment or opening).credit_account
    if entry.amount_micros != opening.amount_micros or entry.debit_account != holder:
        raise _broken(entry, f"the {kind} does not move what was taken")
    if kind in (EntryKind.VOID, EntryKind.REVERSE) and entry.credit_account != opening.debit_account:
        raise _broken(entry, f"the {kind} does not go back to the payer")


def _broken(entry: Entry, sentence: str) -> InvariantBroken:
    return InvariantBroken(f"entry {entry.writer}/{entry.number}, charge {entry.key.hex()}: {sentence}")

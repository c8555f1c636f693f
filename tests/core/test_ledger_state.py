"""The life of a charge: which sequences of entries can be, and what each comes to."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pytest

from edge.core.ledger import MOVES_NOTHING, Entry, EntryKind, InvariantBroken
from edge.core.ledger_state import STEP_OF, ChargeState, Phase, advance, fold_charge

CRAWLER, PUBLISHER, HOLDS, FUNDING, SUSPENSE, ADJUSTMENTS, FEES = range(7, 14)
BETWEEN = {
    EntryKind.POST: (CRAWLER, PUBLISHER),
    EntryKind.HOLD: (CRAWLER, HOLDS),
    EntryKind.GRANT: (CRAWLER, PUBLISHER),
    EntryKind.GRANT: (CRAWLER, PUBLISHER),
    EntryKind.SETTLE: (HOLDS, PUBLISHER),
    EntryKind.VOID: (HOLDS, CRAWLER),
    EntryKind.REVERSE: (PUBLISHER, CRAWLER),
    EntryKind.WITHDRAW: (PUBLISHER, CRAWLER),
    EntryKind.WITHDRAW: (PUBLISHER, CRAWLER),
    EntryKind.REDELIVER: (CRAWLER, PUBLISHER),
    EntryKind.CREDIT: (FUNDING, CRAWLER),
    EntryKind.SUSPEND: (PUBLISHER, SUSPENSE),
    EntryKind.RELEASE: (SUSPENSE, PUBLISHER),
    EntryKind.ADJUST: (PUBLISHER, CRAWLER),
    EntryKind.FEE: (PUBLISHER, FEES),
    EntryKind.NOTE: (CRAWLER, FUNDING),
}


def entry(kind: EntryKind, attempt: int = 1, number: int = 1, **changes: object) -> Entry:
    debit, credit = BETWEEN[kind]
    amount = 0 if kind in MOVES_NOTHING else 10_000
    made = Entry(
        1,
        number,
        bytes(16),
        attempt,
        STEP_OF[kind].value,
        kind.value,
        debit,
        credit,
        amount,
        "USD",
        number,
        CRAWLER,
        1,
        1,
        "rule",
        1,
        None,
        "/a",
        "max USD 0.01",
        "r",
        200,
        None,
        None,
        None,
        None,
    )
    return made._replace(**changes)  # type: ignore[arg-type]


def life(words: str) -> list[Entry]:
    """Write a life as words; a number before a word is its attempt."""
    entries: list[Entry] = []
    for number, word in enumerate(words.split(), 1):
        attempt, kind = (int(word[0]), word[1:]) if word[0].isdigit() else (1, word)
        suspended = [one.kind for one in entries if one.kind in ("suspend", "release")][-1:] == ["suspend"]
        moved = {"debit_account": SUSPENSE} if suspended and kind == "reverse" else {}
        entries.append(entry(EntryKind(kind), attempt, number, **moved))
    return entries


def held_where(state: ChargeState | None, kind: EntryKind) -> dict[str, object]:
    """A reversal takes the money from where it lies."""
    waits = state is not None and state.phase is Phase.SUSPENDED
    return {"debit_account": SUSPENSE} if waits and kind is EntryKind.REVERSE else {}


def phase_of(words: str) -> Phase:
    state = fold_charge(life(words))
    assert state is not None
    return state.phase


@pytest.mark.parametrize(
    ("words", "phase"),
    [
        ("post", Phase.LIVE),
        ("hold", Phase.HELD),
        ("hold settle", Phase.LIVE),
        ("hold void", Phase.VOIDED),
        ("post reverse", Phase.REVERSED),
        ("hold settle reverse", Phase.REVERSED),
        ("post reverse redeliver", Phase.REDELIVERED),
        ("hold void 2hold 2settle", Phase.LIVE),
        ("hold void 2post 2reverse 3post", Phase.LIVE),
        ("post reverse redeliver 2hold", Phase.HELD),
        ("grant", Phase.LIVE),
        ("grant withdraw", Phase.REVERSED),
        ("grant withdraw redeliver 2post", Phase.LIVE),
        ("grant redeliver", Phase.LIVE),
        ("post reverse 2grant", Phase.LIVE),
        ("credit", Phase.CREDITED),
        ("post suspend", Phase.SUSPENDED),
        ("hold settle suspend", Phase.SUSPENDED),
        ("post suspend release", Phase.LIVE),
        ("post suspend release reverse", Phase.REVERSED),
        ("post redeliver", Phase.LIVE),
        ("post suspend redeliver", Phase.SUSPENDED),
        ("post redeliver reverse", Phase.REDELIVERED),
        ("adjust", Phase.RECORDED),
        ("fee", Phase.RECORDED),
        ("note", Phase.RECORDED),
    ],
)
def test_a_life_comes_to_its_phase(words: str, phase: Phase) -> None:
    assert phase_of(words) is phase


@pytest.mark.parametrize(
    "words",
    [
        "settle",
        "void",
        "reverse",
        "redeliver",
        "2post",
        "grant reverse",
        "grant suspend",
        "grant settle",
        "post withdraw",
        "hold settle withdraw",
        "grant withdraw withdraw",
        "post post",
        "post 2post",
        "hold 2hold",
        "hold settle void",
        "hold void settle",
        "hold settle settle",
        "hold reverse",
        "post settle",
        "post void",
        "hold void reverse",
        "post redeliver redeliver",
        "hold redeliver",
        "hold suspend",
        "hold void suspend",
        "post release",
        "post suspend suspend",
        "post suspend release suspend",
        "post suspend release release",
        "post suspend 2post",
        "post reverse suspend",
        "adjust reverse",
        "adjust 2adjust",
        "fee fee",
        "note note",
        "post reverse reverse",
        "post reverse redeliver redeliver",
        "post reverse 3post",
        "hold void 2settle",
        "credit reverse",
        "credit 2credit",
        "credit post",
        "post reverse 2post 1reverse",
    ],
)
def test_any_other_life_breaks_an_invariant(words: str) -> None:
    with pytest.raises(InvariantBroken, match="entry 1/"):
        fold_charge(life(words))


def test_no_sequence_of_entries_has_two_live_charges() -> None:
    """Every word over all kinds and two attempts that folds: what is earned or in suspense is at most one price."""
    longest = 0
    for entries, state in folding([], None):
        longest = max(longest, len(entries))
        balances = dict.fromkeys((PUBLISHER, SUSPENSE, HOLDS, CRAWLER), 0)
        for one in entries:
            for account, change in ((one.debit_account, -one.amount_micros), (one.credit_account, one.amount_micros)):
                balances[account] = balances.get(account, 0) + change
        if state.phase in (Phase.CREDITED, Phase.RECORDED):
            continue
        places = {Phase.LIVE: PUBLISHER, Phase.SUSPENDED: SUSPENSE, Phase.HELD: HOLDS}
        where = None if state.is_granted else places.get(state.phase)
        for account in (PUBLISHER, SUSPENSE, HOLDS):
            assert balances[account] == (10_000 if account == where else 0), entries
        assert balances[CRAWLER] == (0 if where is None else -10_000), entries
    assert longest == LONGEST


LONGEST = 6


def folding(entries: list[Entry], state: ChargeState | None) -> Iterator[tuple[list[Entry], ChargeState]]:
    """Every sequence that the machine allows, each with what it comes to."""
    if state is not None:
        yield entries, state
    if len(entries) < LONGEST:
        for attempt, kind in product((1, 2), EntryKind):
            following = entry(kind, attempt, len(entries) + 1, **held_where(state, kind))
            try:
                after = advance(state, following)
            except InvariantBroken:
                continue
            yield from folding([*entries, following], after)


@pytest.mark.parametrize("words", ["post suspend redeliver release", "post suspend release redeliver"])
def test_the_order_in_which_a_paid_page_was_collected_once_more_does_not_matter(words: str) -> None:
    state = fold_charge(life(words))
    assert state is not None
    assert (state.phase, state.collection is not None) == (Phase.LIVE, True)


def test_what_waits_in_suspense_goes_back_from_there() -> None:
    with pytest.raises(InvariantBroken, match="does not move what was taken"):
        fold_charge([*life("post suspend"), entry(EntryKind.REVERSE, number=3)])
    state = fold_charge([*life("post suspend"), entry(EntryKind.REVERSE, number=3, debit_account=SUSPENSE)])
    assert state is not None
    assert state.phase is Phase.REVERSED
    # The page could be had all the while that its price lay in suspense.
    assert not state.may_redeliver


@pytest.mark.parametrize(
    ("words", "change"),
    [
        ("hold settle", {"amount_micros": 9_999}),
        ("hold settle", {"currency": "EUR"}),
        ("hold settle", {"debit_account": CRAWLER}),
        ("hold void", {"credit_account": PUBLISHER}),
        ("post reverse", {"credit_account": FUNDING}),
        ("post reverse", {"amount_micros": 20_000}),
        ("post reverse", {"debit_account": HOLDS}),
        ("hold void", {"step": 5}),
        ("post suspend", {"amount_micros": 1}),
        ("post suspend release", {"debit_account": PUBLISHER, "credit_account": SUSPENSE}),
        ("post suspend release", {"credit_account": CRAWLER}),
        ("hold void", {"kind": "gift"}),
    ],
    ids=str,
)
def test_what_goes_back_is_what_came_from_where_it_lies(words: str, change: dict[str, object]) -> None:
    *before, last = life(words)
    with pytest.raises(InvariantBroken):
        fold_charge([*before, last._replace(**change)])  # type: ignore[arg-type]


def test_nothing_folds_to_nothing() -> None:
    assert fold_charge([]) is None


def test_a_settled_charge_is_paid_by_its_settlement() -> None:
    state = fold_charge(life("hold settle"))
    assert state is not None
    assert state.payment is not None
    assert (state.opening.number, state.payment.number) == (1, 2)


def test_only_a_broken_delivery_gives_the_right_to_fetch_again() -> None:
    assert isinstance(state := fold_charge(life("post reverse")), ChargeState)
    assert state.may_redeliver
    refund = entry(EntryKind.REVERSE, number=2, author="operator@example")
    assert isinstance(state := fold_charge([entry(EntryKind.POST), refund]), ChargeState)
    assert not state.may_redeliver
    assert isinstance(state := fold_charge(life("post reverse redeliver")), ChargeState)
    assert not state.may_redeliver

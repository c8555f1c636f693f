"""The life of a charge: which sequences of entries can be, and what each comes to."""

from __future__ import annotations

from itertools import product

import pytest

from edge.core.ledger import Entry, EntryKind, InvariantBroken
from edge.core.ledger_state import STEP_OF, ChargeState, Phase, fold_charge

CRAWLER, PUBLISHER, HOLDS, FUNDING = 7, 8, 9, 10
BETWEEN = {
    EntryKind.POST: (CRAWLER, PUBLISHER),
    EntryKind.HOLD: (CRAWLER, HOLDS),
    EntryKind.SETTLE: (HOLDS, PUBLISHER),
    EntryKind.VOID: (HOLDS, CRAWLER),
    EntryKind.REVERSE: (PUBLISHER, CRAWLER),
    EntryKind.REDELIVER: (CRAWLER, PUBLISHER),
    EntryKind.CREDIT: (FUNDING, CRAWLER),
}


def entry(kind: EntryKind, attempt: int = 1, number: int = 1, **changes: object) -> Entry:
    debit, credit = BETWEEN[kind]
    amount = 0 if kind is EntryKind.REDELIVER else 10_000
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
    entries = []
    for number, word in enumerate(words.split(), 1):
        attempt, kind = (int(word[0]), word[1:]) if word[0].isdigit() else (1, word)
        entries.append(entry(EntryKind(kind), attempt, number))
    return entries


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
        ("credit", Phase.CREDITED),
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
        "post redeliver",
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


def test_no_sequence_of_four_entries_has_two_live_charges() -> None:
    """Every word over all kinds and two attempts: what folds has earned at most once more than it gave back."""
    alphabet = [f"{attempt}{kind}" for attempt in (1, 2) for kind in EntryKind]
    folded = 0
    for words in product(alphabet, repeat=4):
        entries = life(" ".join(words))
        try:
            fold_charge(entries)
        except InvariantBroken:
            continue
        folded += 1
        earned = sum(one.kind in ("post", "settle") for one in entries)
        given_back = sum(one.kind == "reverse" for one in entries)
        assert 0 <= earned - given_back <= 1
    assert folded > 0


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
        ("hold void", {"step": 3}),
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

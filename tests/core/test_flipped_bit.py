"""A batch that is wrong by one bit says which entry it was, and what stood there."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.chain import ChainFault, Head, canonical, check_chain, leaf_hash, merkle_root, next_batch
from edge.core.flipped_bit import FlippedBit, explain, find_flipped_bit
from edge.core.ledger import Entry
from tests.core.test_chain import entry

ENTRIES = [entry(number) for number in range(1, 8)]
ROOT = merkle_root([leaf_hash(canonical(one)) for one in ENTRIES])


def changed(place: int, **fields: Any) -> list[Entry]:
    return [one._replace(**fields) if number == place else one for number, one in enumerate(ENTRIES)]


@given(place=st.integers(0, len(ENTRIES) - 1), bit=st.integers(0, 61))
def test_a_flipped_bit_of_a_number_is_found_with_what_was_there(place: int, bit: int) -> None:
    flipped = changed(place, amount_micros=ENTRIES[place].amount_micros ^ (1 << bit))
    assert find_flipped_bit(flipped, ROOT) == FlippedBit(flipped[place], "amount_micros", ENTRIES[place].amount_micros)


@pytest.mark.parametrize("field", ["key", "currency", "kind"])
def test_a_flipped_bit_of_a_text_or_a_key_is_found(field: str) -> None:
    before = getattr(ENTRIES[2], field)
    after = bytes([before[0] ^ 4]) + before[1:] if isinstance(before, bytes) else chr(ord(before[0]) ^ 4) + before[1:]
    assert find_flipped_bit(changed(2, **{field: after}), ROOT) == FlippedBit(
        changed(2, **{field: after})[2], field, before
    )


def test_more_than_a_bit_is_not_explained() -> None:
    assert find_flipped_bit(changed(2, amount_micros=ENTRIES[2].amount_micros ^ 5), ROOT) is None
    assert find_flipped_bit(ENTRIES, bytes(32)) is None


def fault_of(entries: list[Entry], written: list[Entry]) -> ChainFault:
    sealed = next_batch(Head(2, 0, 0, bytes(32)), [canonical(one) for one in written], 5)
    fault = check_chain(Head(2, 1, len(written), sealed.hash), [sealed], entries)
    assert fault is not None
    return explain(fault)


def test_the_fault_names_the_entry_where_it_can_be_known() -> None:
    flipped = changed(3, attempt=ENTRIES[3].attempt ^ 8)
    assert fault_of(flipped, ENTRIES) == ChainFault("entry 2/4", "was changed: attempt was 1, one bit flipped")
    replaced = ENTRIES[0]._replace(offer="something else")
    assert fault_of([replaced], ENTRIES[:1]).place == "entry 2/1"
    assert fault_of(changed(3, offer="something else"), ENTRIES).place == "batch 2/1"


def test_other_faults_stay_as_they_are() -> None:
    fault = ChainFault("batch 1/2", "is missing")
    assert explain(fault) is fault

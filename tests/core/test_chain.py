"""The chain finds every change of every row, and names where."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.chain import (
    GENESIS,
    Batch,
    Head,
    batch_hash,
    canonical,
    check_chain,
    check_kept,
    head_of,
    heads_digest,
    leaf_hash,
    merkle_root,
    next_batch,
)
from edge.core.ledger import Entry

SIZES = (3, 1, 4)


def entry(number: int) -> Entry:
    return Entry(
        2,
        number,
        number.to_bytes(16, "big"),
        1,
        1,
        "post",
        7,
        8,
        10_000 + number,
        "USD",
        1_000,
        7,
        1,
        1,
        "rule",
        1,
        None,
        f"/page/{number}",
        "max USD 0.05",
        f"r{number}",
        200,
        None,
        None,
        None,
        None,
    )


def books() -> tuple[Head, list[Batch], list[Entry]]:
    """A chain of batches of several sizes."""
    head, batches, entries = Head(2, 0, 0, GENESIS), [], []
    for size in SIZES:
        fresh = [entry(head.entry + 1 + i) for i in range(size)]
        batches.append(next_batch(head, [canonical(one) for one in fresh], 1_000))
        entries += fresh
        head = head_of(batches[-1])
    return head, batches, entries


HEAD, BATCHES, ENTRIES = books()


def test_an_untouched_chain_verifies() -> None:
    assert check_chain(HEAD, BATCHES, ENTRIES) is None


def test_a_writer_that_never_wrote_verifies() -> None:
    assert check_chain(Head(5, 0, 0, GENESIS), [], []) is None


def changed(value: object) -> object:
    match value:
        case None:
            return "x"
        case int():
            return value + 1
        case bytes():
            return bytes([value[0] ^ 1]) + value[1:]
        case str():
            return value + " "
    raise AssertionError(value)


@pytest.mark.parametrize("field", Entry._fields)
@pytest.mark.parametrize("index", range(len(ENTRIES)))
def test_a_change_of_any_field_of_any_entry_is_found(index: int, field: str) -> None:
    entries = list(ENTRIES)
    entries[index] = entries[index]._replace(**{field: changed(getattr(entries[index], field))})  # type: ignore[arg-type]
    assert check_chain(HEAD, BATCHES, entries) is not None


@pytest.mark.parametrize("field", Batch._fields)
@pytest.mark.parametrize("index", range(len(BATCHES)))
def test_a_change_of_any_field_of_any_batch_is_found(index: int, field: str) -> None:
    batches = list(BATCHES)
    batches[index] = batches[index]._replace(**{field: changed(getattr(batches[index], field))})  # type: ignore[arg-type]
    assert check_chain(HEAD, batches, ENTRIES) is not None


@given(st.integers(0, len(ENTRIES) - 1), st.integers(0, len(ENTRIES) - 1))
def test_swapped_entries_are_found(one: int, other: int) -> None:
    entries = list(ENTRIES)
    first, second = entries[one], entries[other]
    entries[one] = second._replace(number=first.number)
    entries[other] = first._replace(number=second.number)
    assert (check_chain(HEAD, BATCHES, entries) is None) == (one == other)


@pytest.mark.parametrize("index", range(len(ENTRIES)))
def test_a_removed_entry_is_named(index: int) -> None:
    fault = check_chain(HEAD, BATCHES, ENTRIES[:index] + ENTRIES[index + 1 :])
    assert fault is not None
    assert fault.place == f"entry 2/{index + 1}"


@pytest.mark.parametrize("index", range(len(BATCHES)))
def test_a_removed_batch_is_named(index: int) -> None:
    fault = check_chain(HEAD, BATCHES[:index] + BATCHES[index + 1 :], ENTRIES)
    assert fault is not None
    assert fault.place in (f"batch 2/{index + 1}", f"entry 2/{BATCHES[index].first_entry}")


@pytest.mark.parametrize("kept", range(len(BATCHES)))
def test_a_cut_off_end_is_named(kept: int) -> None:
    batches = BATCHES[:kept]
    fault = check_chain(HEAD, batches, ENTRIES[: batches[-1].last_entry if batches else 0])
    assert fault is not None
    assert fault.place == f"batch 2/{kept + 1}"
    assert "missing" in fault.sentence


def test_an_entry_that_was_slipped_in_is_found() -> None:
    fault = check_chain(HEAD, BATCHES, [*ENTRIES, entry(9)])
    assert fault is not None
    assert fault.place == "entry 2/9"


def test_a_rewritten_end_does_not_match_its_writer() -> None:
    forged = next_batch(head_of(BATCHES[1]), [canonical(entry(5)._replace(amount_micros=1))], 1_000)
    entries = [*ENTRIES[:4], entry(5)._replace(amount_micros=1)]
    assert check_chain(replace(HEAD, entry=5), [*BATCHES[:2], forged], entries) is not None


def test_a_head_with_another_hash_is_not_taken_for_a_cut() -> None:
    fault = check_chain(replace(HEAD, hash=bytes(32)), BATCHES, ENTRIES)
    assert fault is not None
    assert (fault.place, "missing" in fault.sentence) == ("writer 2", False)


@pytest.mark.parametrize("kept", [head_of(one) for one in BATCHES])
def test_a_kept_head_is_held_against_the_batch_of_its_number(kept: Head) -> None:
    found = BATCHES[kept.batch - 1]
    assert check_kept(kept, found) is None
    assert check_kept(kept, None) is not None
    assert check_kept(kept, found._replace(hash=bytes(32))) is not None
    assert check_kept(kept, found._replace(last_entry=found.last_entry - 1)) is not None


def test_the_digest_of_heads_depends_on_all_of_them_and_not_on_their_order() -> None:
    heads = [HEAD, Head(3, 0, 0, GENESIS)]
    assert heads_digest(heads) == heads_digest(heads[::-1])
    others = [[HEAD], [replace(HEAD, hash=bytes(32)), heads[1]], [replace(HEAD, batch=9), heads[1]]]
    assert len({heads_digest(one) for one in [heads, *others]}) == 4


@pytest.mark.parametrize("field", ["number", "first_entry", "last_entry", "committed_at_micros"])
@pytest.mark.parametrize("value", [-1, "text", 1.5, None])
def test_a_batch_of_wrong_types_is_a_fault(field: str, value: object) -> None:
    odd = BATCHES[1]._replace(**{field: value})  # type: ignore[arg-type]
    assert check_chain(HEAD, [BATCHES[0], odd, BATCHES[2]], ENTRIES) is not None


@pytest.mark.parametrize(("field", "value"), [("key", "text"), ("rule", b"\xff"), ("target", "\ud800")])
def test_an_entry_that_has_no_canonical_form_is_named(field: str, value: object) -> None:
    odd = ENTRIES[3]._replace(**{field: value})  # type: ignore[arg-type]
    fault = check_chain(HEAD, BATCHES, [*ENTRIES[:3], odd, *ENTRIES[4:]])
    assert fault is not None
    assert fault.place == "entry 2/4"


def test_a_leaf_cannot_pass_for_a_node() -> None:
    """RFC 6962, section 2.1: without the first byte a tree of two could be sold as a leaf."""
    one, two = leaf_hash(b"one"), leaf_hash(b"two")
    assert merkle_root([one, two]) == sha256(b"\1" + one + two).digest()
    assert leaf_hash(one + two) != merkle_root([one, two])


def test_the_tree_is_that_of_rfc_6962() -> None:
    leaves = [leaf_hash(bytes([i])) for i in range(7)]

    def root(part: list[bytes]) -> bytes:
        if len(part) == 1:
            return part[0]
        split = 1 << (len(part) - 1).bit_length() - 1
        return sha256(b"\1" + root(part[:split]) + root(part[split:])).digest()

    for length in range(1, 8):
        assert merkle_root(leaves[:length]) == root(leaves[:length])


def test_an_empty_batch_has_no_root() -> None:
    with pytest.raises(ValueError):
        merkle_root([])


def test_the_canonical_form_is_the_same_for_ever() -> None:
    """Chains of years are checked against it: a change of form would make every old batch look forged."""
    assert canonical(entry(1)) == (
        b'[2,1,"00000000000000000000000000000001",1,1,"post",7,8,10001,"USD",1000,7,1,1,"rule",1,null,"/page/1",'
        b'"max USD 0.05","r1",200,null,null,null,null]'
    )
    sealed = batch_hash(GENESIS, leaf_hash(canonical(entry(1))), 2, 1, 1, 1, 1_000)
    assert sealed.hex() == "f8d0482201b4db565526057d273f869ac9e9be7a3d2fcc974ab72a4cad92329c"

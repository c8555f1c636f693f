"""Three readers, one truth: what is left to publishers, with the fees, is what crawlers spent, whatever the entries."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.closing import Share, check_fees, check_readers, cut, fee_bases
from edge.core.ledger import EntryKind
from edge.core.report import EntryRow, ReportMismatch, fold
from edge.core.statement import Party, Reader, Statement
from tests.support.statements import MONTH, entries, statement

PUBLISHERS = {"Daily": 1, "Weekly": 2}
CRAWLERS = {"GPTBot": 1, "CCBot": 2, "=Bot": 3}
CURRENCIES = ("USD", "EUR")
KINDS = (EntryKind.POST, EntryKind.SETTLE, EntryKind.REVERSE, EntryKind.SUSPEND, EntryKind.RELEASE, EntryKind.ADJUST)
ROWS = st.lists(
    st.builds(
        lambda kind, amount, currency, publisher, crawler, rule, count: replace(
            entries(kind, amount, currency, crawler=crawler, rule=rule, count=count), publisher=publisher
        ),
        st.sampled_from(KINDS),
        st.integers(0, 10**12),
        st.sampled_from(CURRENCIES),
        st.sampled_from(sorted(PUBLISHERS)),
        st.sampled_from(sorted(CRAWLERS)),
        st.sampled_from(["one", "two", "three"]),
        st.integers(1, 9),
    ),
    max_size=30,
)
SHARES = st.dictionaries(st.sampled_from([1, 2]), st.integers(0, 1_000_000))
CARRIED = st.dictionaries(st.tuples(st.sampled_from([1, 2]), st.sampled_from(CURRENCIES)), st.integers(-(10**12), 0))


def fee(publisher: str, currency: str, amount_micros: int) -> EntryRow:
    start = MONTH.start_micros
    return EntryRow(EntryKind.FEE, amount_micros, currency, publisher, None, None, None, None, None, start)


def closed(rows: list[EntryRow], shares: dict[int, int], carried: dict[tuple[int, str], int]) -> Statement:
    """The operator's statement with every fee taken, as a close makes it."""
    bases = fee_bases(fold(MONTH, rows), PUBLISHERS, shares, carried)
    named = {number: name for name, number in PUBLISHERS.items()}
    fees = [fee(named[each.publisher_id], each.currency, each.fee_micros) for each in bases if each.fee_micros]
    whole = statement([*rows, *fees], reader=Reader.OPERATOR)
    check_fees(whole.report, bases, PUBLISHERS)
    return whole


def cuts(whole: Statement) -> tuple[list[Statement], list[Statement]]:
    publishers = [cut(whole, Reader.PUBLISHER, Party(name, number), Share()) for name, number in PUBLISHERS.items()]
    crawlers = [cut(whole, Reader.CRAWLER, Party(name, number), Share()) for name, number in CRAWLERS.items()]
    return publishers, crawlers


@given(ROWS, SHARES, CARRIED)
def test_what_is_left_to_publishers_with_the_fees_is_what_crawlers_spent(
    rows: list[EntryRow], shares: dict[int, int], carried: dict[tuple[int, str], int]
) -> None:
    whole = closed(rows, shares, carried)
    publishers, crawlers = cuts(whole)
    check_readers(whole, publishers, crawlers)
    for currency in CURRENCIES:
        left = sum(each.total(currency).payable_micros + each.total(currency).fee_micros for each in publishers)
        assert left == sum(each.total(currency).amount_micros for each in crawlers)
        for each in publishers:
            assert each.total(currency).fee_micros == sum(
                line.fee_micros for line in each.report.lines if line.currency == currency
            )
        assert not any(each.total(currency).fee_micros for each in crawlers)


def test_a_reader_who_is_left_out_is_noticed() -> None:
    rows = [replace(entries(EntryKind.POST, 1_001, crawler="GPTBot"), publisher="Daily")]
    whole = closed(rows, {1: 500_000}, {})
    publishers, crawlers = cuts(whole)
    for wrong in ((publishers[1:], crawlers), (publishers, crawlers[1:]), ([], [])):
        with pytest.raises(ReportMismatch, match="differ"):
            check_readers(whole, *wrong)


def test_a_fee_that_is_not_the_share_is_refused() -> None:
    rows = [replace(entries(EntryKind.POST, 1_001), publisher="Daily")]
    bases = fee_bases(fold(MONTH, rows), PUBLISHERS, {1: 500_000}, {})
    for taken in ([], [fee("Daily", "USD", 499)], [fee("Daily", "USD", 500), fee("Weekly", "USD", 1)]):
        with pytest.raises(ReportMismatch, match="its share is"):
            check_fees(fold(MONTH, [*rows, *taken]), bases, PUBLISHERS)
    check_fees(fold(MONTH, [*rows, fee("Daily", "USD", 500)]), bases, PUBLISHERS)

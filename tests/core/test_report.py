"""The month's report: what counts, in which month, and that it equals the ledger or is not written."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.ledger import EntryKind
from edge.core.month import Month
from edge.core.report import (
    DRAFT_MARGIN_MICROS,
    EFFECTS,
    CurrencyTotal,
    EntryRow,
    EntrySum,
    ReportMismatch,
    check,
    fold,
    is_draft,
)

MONTH = Month(2026, 11)
SALE = EntryRow(
    EntryKind.POST, 5_000, "USD", "Daily", "daily.example", "GPTBot", "long reads", "ai-train", 3, MONTH.start_micros
)

ENTRIES = st.lists(
    st.builds(
        EntryRow,
        st.sampled_from(EntryKind),
        st.integers(0, 10**12),
        st.sampled_from(["USD", "EUR"]),
        st.sampled_from(["Daily", "Weekly"]),
        st.sampled_from(["a.example", "b.example"]),
        st.sampled_from(["GPTBot", "CCBot"]),
        st.sampled_from(["long reads", "everything else"]),
        st.sampled_from([None, "ai-train"]),
        st.integers(1, 3),
        st.integers(MONTH.start_micros, MONTH.end_micros - 1),
    ),
    max_size=30,
)


def sums(entries: list[EntryRow]) -> list[EntrySum]:
    """What the database would say: a count and a sum per kind, currency and publisher."""
    counts = Counter((entry.kind, entry.currency, entry.publisher) for entry in entries)
    amounts: Counter[tuple[EntryKind, str, str | None]] = Counter()
    for entry in entries:
        amounts[entry.kind, entry.currency, entry.publisher] += entry.amount_micros
    return [EntrySum(kind, of, count, amounts[kind, of, whose], whose) for (kind, of, whose), count in counts.items()]


@pytest.mark.parametrize(
    ("kind", "pages", "reversed_pages", "amount_micros"),
    [
        (EntryKind.POST, 1, 0, 5_000),
        (EntryKind.SETTLE, 1, 0, 5_000),
        (EntryKind.REVERSE, 0, 1, -5_000),
    ],
)
def test_a_final_charge_earns_and_a_reversal_takes_back(
    kind: EntryKind, pages: int, reversed_pages: int, amount_micros: int
) -> None:
    (line,) = fold(MONTH, [replace(SALE, kind=kind)]).lines
    assert (line.pages, line.reversed_pages, line.amount_micros) == (pages, reversed_pages, amount_micros)


@pytest.mark.parametrize("kind", [EntryKind.HOLD, EntryKind.VOID, EntryKind.REDELIVER, EntryKind.CREDIT])
def test_holds_voids_redeliveries_and_top_ups_are_no_pages(kind: EntryKind) -> None:
    report = fold(MONTH, [replace(SALE, kind=kind)])
    assert (report.lines, report.totals, report.entry_count) == ((), (), 1)


def test_a_line_is_publisher_site_crawler_rule_and_licence_in_one_currency() -> None:
    others = [
        replace(SALE, publisher="Weekly"),
        replace(SALE, site="b.example"),
        replace(SALE, crawler="CCBot"),
        replace(SALE, rule="everything else"),
        replace(SALE, licence=None),
        replace(SALE, currency="EUR"),
        replace(SALE, rule_version=4),
    ]
    report = fold(MONTH, [SALE, *others])
    assert [line.pages for line in report.lines].count(1) == 6
    assert sum(line.pages for line in report.lines) == 8
    assert report.totals == (
        CurrencyTotal("EUR", 1, 0, 5_000, earned_micros=5_000),
        CurrencyTotal("USD", 7, 0, 35_000, earned_micros=35_000),
    )


@pytest.mark.parametrize("moment", [MONTH.start_micros - 1, MONTH.end_micros])
def test_an_entry_of_another_month_is_not_counted_by_accident(moment: int) -> None:
    with pytest.raises(ReportMismatch, match="does not belong to 2026-11"):
        fold(MONTH, [replace(SALE, recorded_at_micros=moment)])


@given(ENTRIES)
def test_a_report_agrees_with_the_ledgers_own_sums(entries: list[EntryRow]) -> None:
    report = fold(MONTH, entries)
    check(report, sums(entries))
    assert report.entry_count == len(entries)
    for total in report.totals:
        lines = [line for line in report.lines if line.currency == total.currency]
        assert total.amount_micros == sum(line.amount_micros for line in lines)


@given(ENTRIES, st.randoms(use_true_random=False))
def test_the_order_of_the_entries_changes_nothing(entries: list[EntryRow], rng: random.Random) -> None:
    shuffled = rng.sample(entries, len(entries))
    assert fold(MONTH, shuffled) == fold(MONTH, entries)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (SALE, "has read 2 entries, the ledger holds 3"),
        (replace(SALE, kind=EntryKind.CREDIT), "has read 2 entries, the ledger holds 3"),
    ],
)
def test_a_missing_entry_is_noticed(entry: EntryRow, message: str) -> None:
    read = [SALE, replace(SALE, kind=EntryKind.REVERSE)]
    with pytest.raises(ReportMismatch, match=message):
        check(fold(MONTH, read), sums([*read, entry]))


@pytest.mark.parametrize(
    ("instead", "message"),
    [
        (
            replace(SALE, amount_micros=5_001),
            "for Daily sum to USD 0.005 earned and USD 0.00 reversed, the ledger's entries to USD 0.005001",
        ),
        (replace(SALE, currency="EUR"), "lines for Daily sum to EUR 0.00 earned"),
        (replace(SALE, publisher="Weekly"), "lines for Daily sum to USD 0.005"),
        (replace(SALE, kind=EntryKind.REVERSE), "lines for Daily sum to USD 0.005"),
        (replace(SALE, kind=EntryKind.HOLD), "lines for Daily sum to USD 0.005 earned"),
    ],
)
def test_a_changed_entry_is_noticed(instead: EntryRow, message: str) -> None:
    with pytest.raises(ReportMismatch, match=message):
        check(fold(MONTH, [SALE]), sums([instead]))


def test_pages_that_were_counted_wrongly_are_noticed_even_where_the_sums_agree() -> None:
    half = replace(SALE, amount_micros=SALE.amount_micros // 2)
    with pytest.raises(ReportMismatch, match="counts 1 pages in USD for Daily, the ledger 2"):
        check(fold(MONTH, [SALE, replace(SALE, kind=EntryKind.HOLD)]), sums([half, half]))


def test_reversed_pages_that_were_counted_wrongly_are_noticed() -> None:
    back = replace(SALE, kind=EntryKind.REVERSE)
    half = replace(back, amount_micros=SALE.amount_micros // 2)
    with pytest.raises(ReportMismatch, match="counts 1 reversed pages in USD for Daily, the ledger 2"):
        check(fold(MONTH, [back, replace(SALE, kind=EntryKind.HOLD)]), sums([half, half]))


def test_totals_that_are_not_those_of_the_lines_are_noticed() -> None:
    made = fold(MONTH, [SALE])
    with pytest.raises(ReportMismatch, match="totals"):
        check(replace(made, totals=(CurrencyTotal("USD", 1, 0, 5_001),)), sums([SALE]))


@pytest.mark.parametrize(
    ("moment", "draft"),
    [
        (MONTH.start_micros, True),
        (MONTH.end_micros, True),
        (MONTH.end_micros + DRAFT_MARGIN_MICROS - 1, True),
        (MONTH.end_micros + DRAFT_MARGIN_MICROS, False),
    ],
)
def test_a_month_is_a_draft_until_nothing_of_it_can_be_on_its_way(moment: int, draft: bool) -> None:
    assert is_draft(MONTH, moment) is draft


def test_every_kind_of_entry_has_an_effect() -> None:
    assert set(EFFECTS) == {kind.value for kind in EntryKind}


def test_suspense_takes_from_what_is_earned_until_it_is_released() -> None:
    waits = replace(SALE, kind=EntryKind.SUSPEND)
    (line,) = fold(MONTH, [SALE, waits]).lines
    assert (line.pages, line.amount_micros, line.suspended_pages, line.suspended_micros) == (0, 0, 1, 5_000)
    (line,) = fold(MONTH, [SALE, waits, replace(SALE, kind=EntryKind.RELEASE, debits="suspense")]).lines
    assert (line.pages, line.amount_micros, line.suspended_pages) == (1, 5_000, 0)
    (line,) = fold(MONTH, [SALE, waits, replace(SALE, kind=EntryKind.REVERSE, debits="suspense")]).lines
    assert (line.amount_micros, line.reversed_pages, line.suspended_micros) == (0, 0, 0)


@pytest.mark.parametrize(
    ("debits", "publisher", "amounts"),
    [("publisher", "Daily", [0]), ("crawler", "Daily", [10_000]), ("adjustments", None, [5_000])],
)
def test_a_note_changes_the_line_of_the_publisher_that_is_part_of_it(
    debits: str, publisher: str | None, amounts: list[int]
) -> None:
    note = replace(SALE, kind=EntryKind.ADJUST, debits=debits, publisher=publisher)
    report = fold(MONTH, [SALE, note])
    assert [line.amount_micros for line in report.lines] == amounts
    check(report, [EntrySum(row.kind, "USD", 1, 5_000, row.publisher, row.debits) for row in (SALE, note)])


def test_a_fee_is_shared_out_over_the_lines_that_it_was_taken_of_and_sums_exactly() -> None:
    other, back = replace(SALE, rule="a"), replace(SALE, rule="b", kind=EntryKind.REVERSE)
    weekly = replace(SALE, publisher="Weekly")
    fee = replace(SALE, kind=EntryKind.FEE, amount_micros=1_001, site=None, crawler=None, rule=None, licence=None)
    report = fold(MONTH, [SALE, other, back, weekly, replace(fee, recorded_at_micros=MONTH.end_micros + 5)])
    assert {(line.publisher, line.rule): line.fee_micros for line in report.lines} == {
        ("Daily", "a"): 501,
        ("Daily", "b"): 0,
        ("Daily", "long reads"): 500,
        ("Weekly", "long reads"): 0,
    }
    [total] = report.totals
    assert (total.amount_micros, total.fee_micros, total.payable_micros) == (10_000, 1_001, 8_999)


def test_a_fee_without_lines_is_not_lost() -> None:
    fee = replace(SALE, kind=EntryKind.FEE, site=None, crawler=None, rule=None, licence=None)
    (line,) = fold(MONTH, [fee]).lines
    assert (line.publisher, line.fee_micros, line.payable_micros) == ("Daily", 5_000, -5_000)


@given(ENTRIES)
def test_entries_and_their_sums_make_the_same_report(entries: list[EntryRow]) -> None:
    grouped: dict[EntryRow, EntryRow] = {}
    for entry in entries:
        key = replace(entry, amount_micros=0, rule_version=None, recorded_at_micros=MONTH.start_micros)
        so_far = grouped.get(key, replace(key, entries=0))
        grouped[key] = replace(
            so_far, entries=so_far.entries + 1, amount_micros=so_far.amount_micros + entry.amount_micros
        )
    assert fold(MONTH, grouped.values()) == fold(MONTH, entries)

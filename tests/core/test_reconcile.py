"""Reconciliation: whatever somebody changes in a log that agrees is named, and nothing else is."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.keys import new_private_key, public_half
from edge.core.money import Money
from edge.core.receipt_log import BadLine, LogLine, UnreadableLog, log_line, read_log
from edge.core.receipts import sign_receipt
from edge.core.reconcile import BookRow, DifferenceKind, Elsewhere, Period, Reconciliation
from tests.core.test_receipts import KEY, KEYS, RECEIPT

K = DifferenceKind
AT = 1_795_183_200_000_000

# The life of a charge in the books: what follows the sale, as factors of its price.
LIVES: dict[str, tuple[tuple[str, int], ...]] = {
    "charged": (),
    "released": (("suspend", -1), ("release", 1)),
    "bought again": (("reverse", -1), ("post", 1)),
    "reversed": (("reverse", -1),),
    "reversed out of suspense": (("suspend", -1), ("reverse", 0)),
    "suspended": (("suspend", -1),),
    "bought again and suspended": (("reverse", -1), ("post", 1), ("suspend", -1)),
}
OWED = ("charged", "released", "bought again")
NAMED = {
    **dict.fromkeys(("reversed", "reversed out of suspense"), K.REVERSED),
    **dict.fromkeys(("suspended", "bought again and suspended"), K.SUSPENDED),
}
OWED_EDITS = {
    "none": None,
    "dropped": K.MISSING_THERE,
    "dearer": K.DIFFERENT_AMOUNT,
    "other currency": K.DIFFERENT_AMOUNT,
    "twice": K.DUPLICATE,
    "incomplete": K.NOT_COUNTED_THERE,
}


@dataclass
class Sides:
    """Both sides in the making, with the differences that they must have."""

    log: list[LogLine] = field(default_factory=list)
    books: list[BookRow] = field(default_factory=list)
    expected: list[tuple[DifferenceKind, str]] = field(default_factory=list)

    def sell(self, charge: str, life: str, price: int, currency: str = "USD", at: int = AT) -> None:
        rows = [("post", 1), *LIVES[life]]
        self.books += [
            BookRow(charge, at + number, kind, price * factor, currency, "news.example/a")
            for number, (kind, factor) in enumerate(rows)
        ]

    def count(
        self, charge: str, price: int, currency: str = "USD", state: str = "charged", at: int | None = AT
    ) -> None:
        self.log.append(LogLine(charge, at, "https://news.example/a", price, currency, state, len(self.log) + 1))

    def edit(self, charge: str, edit: str, price: int, currency: str) -> None:
        if edit == "dropped":
            return
        dearer, other = price + (edit == "dearer"), "GBP" if edit == "other currency" else currency
        self.count(charge, dearer, other, "incomplete" if edit == "incomplete" else "charged")
        if edit == "twice":
            self.count(charge, price, currency)

    def run(self, period: Period | None = None, known: Elsewhere | None = None) -> Reconciliation:
        work = Reconciliation(period or Period(), lambda line: known)
        found = list(work.differences(sorted(self.log), sorted(self.books)))
        assert sorted((one.kind, one.charge_id) for one in found) == sorted(self.expected)
        return work


@st.composite
def edited(draw: st.DrawFn) -> Sides:
    sides = Sides()
    for number in draw(st.permutations(range(draw(st.integers(0, 12))))):
        charge, price = f"ch_{number}", draw(st.integers(1, 9_000_000))
        currency, life = draw(st.sampled_from(["USD", "EUR"])), draw(st.sampled_from([*LIVES, "nowhere", "corrected"]))
        if life in OWED:
            sides.sell(charge, life, price, currency)
            edit = draw(st.sampled_from(list(OWED_EDITS)))
            sides.edit(charge, edit, price, currency)
            kind = OWED_EDITS[edit]
        elif life == "nowhere":
            sides.count(charge, price, currency, state := draw(st.sampled_from(["charged", "incomplete"])))
            kind = K.MISSING_HERE if state == "charged" else None
        elif life == "corrected":
            sides.sell(charge, "charged", price, currency)
            back = draw(st.integers(1, price))
            sides.books.append(BookRow(charge, AT + 9, "adjust", -back, currency, ""))
            is_known = draw(st.booleans())
            sides.count(charge, price - back if is_known else price, currency)
            kind = None if is_known else K.CREDITED
        else:
            sides.sell(charge, life, price, currency)
            how = draw(st.sampled_from(["charged", "reversed", "not in it"]))
            if how != "not in it":
                sides.count(charge, price, currency, how)
            kind = NAMED[life] if how == "charged" else None
        sides.expected += [] if kind is None else [(kind, charge)]
    return sides


@given(edited())
def test_every_edit_of_a_log_is_named_exactly_and_explains_the_sums(sides: Sides) -> None:
    work = sides.run()
    assert work.agrees == (not sides.expected)
    for currency, total in work.totals.items():
        counted = [line.amount_micros for line in sides.log if line.counts and line.currency == currency]
        owed = [row.amount_micros for row in sides.books if row.currency == currency]
        assert (total.there, total.there_micros, total.here_micros) == (len(counted), sum(counted), sum(owed))


def test_a_charge_belongs_to_the_period_in_which_the_books_sold_it() -> None:
    """The log's clock runs late: what it places in the period may be sold before, and the other way round."""
    sides, period = Sides(), Period(AT, AT + 100)
    sides.sell("ch_in", "charged", 5, at=AT)
    sides.count("ch_in", 5, at=AT + 1_000)
    sides.sell("ch_late", "charged", 5, at=AT + 100)
    sides.count("ch_late", 6, at=AT + 99)
    sides.books.append(BookRow("ch_before", AT + 5, "reverse", -7, "USD", ""))
    sides.count("ch_before", 7, at=AT - 1_000)
    work = sides.run(period)
    assert (work.outside, work.totals["USD"].matched, work.totals["USD"].here_micros) == (2, 1, 5)


def test_a_line_that_the_books_do_not_hold_is_judged_by_its_own_time_and_asked_for_near_the_period() -> None:
    period = Period(AT, AT + 100)
    sides = Sides(expected=[(K.MISSING_HERE, "ch_in"), (K.MISSING_HERE, "ch_timeless")])
    sides.count("ch_in", 5, at=AT + 99)
    sides.count("ch_timeless", 5, at=None)
    sides.count("ch_before", 5, at=AT - 1)
    sides.count("ch_after", 5, at=AT + 100)
    assert sides.run(period).outside == 2
    sides.expected = []
    assert sides.run(period, Elsewhere.OUTSIDE).outside == 4
    sides.expected = [(K.MISSING_HERE, line.charge_id) for line in sides.log]
    assert sides.run(period, Elsewhere.OTHER_CRAWLER).outside == 0


LINE = LogLine("ch_1", AT, "https://news.example/a", 10_000, "USD", "charged", 1)


def read(text: str) -> list[LogLine | BadLine]:
    return list(read_log(text.splitlines(keepends=True), KEYS))


def test_what_is_written_is_read_back() -> None:
    line = log_line("ch_1", AT, "https://news.example/a", Money(10_000, "USD")).decode()
    assert read(line) == [LINE]
    assert read(f"\n{line}\n{line}") == [LINE._replace(line=2), LINE._replace(line=4)]


def test_a_spreadsheet_of_charges_is_a_log_too() -> None:
    when = datetime.fromtimestamp(AT // 1_000_000, UTC)
    text = f'url,charge_id,currency,amount,charged_at,note\n"https://news.example/a",ch_1,USD,0.01,{when},"a\nb"\n'
    assert read(text) == [LINE._replace(line=3)]
    assert read("charge_id,amount_micros,currency\nch_1,10000,USD\n") == [LINE._replace(at_micros=None, url="", line=2)]


def test_receipts_are_read_only_when_their_signature_holds() -> None:
    good, forged = sign_receipt(RECEIPT, KEY), sign_receipt(RECEIPT, new_private_key())
    first, second = read(f"{good}\n{forged}\n")
    assert first == LogLine(
        *(RECEIPT.charge_id, RECEIPT.charged_at_micros, "news.example/articles/one?page=2", 10_000, "USD"),
        *("charged", 1),
    )
    assert isinstance(second, BadLine)
    assert "key" in second.reason
    other = new_private_key()
    assert isinstance(next(iter(read_log([good], {public_half(other).thumbprint: public_half(other)}))), BadLine)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('{"charge_id":"ch_1","amount_mic', "whole"),
        ('{"charge_id":"ch_1","amount_micros":-1,"currency":"USD"}', "amount"),
        ('{"charge_id":"ch_1","amount_micros":1.5,"currency":"USD"}', "amount"),
        ('{"charge_id":"ch_1","amount_micros":1}', "currency"),
        ('{"charge_id":["ch_1"],"amount_micros":1,"currency":"USD"}', "charge_id"),
        ('{"charge_id":"ch_1","amount_micros":1,"currency":"USD","charged_at":"noon"}', "noon"),
        ('{"charge_id":"ch_1","amount_micros":1,"currency":"USD","state":"free"}', "state"),
    ],
)
def test_a_line_that_cannot_be_read_is_named_and_the_rest_goes_on(line: str, why: str) -> None:
    good = '{"charge_id":"ch_2","amount_micros":1,"currency":"USD"}'
    bad, other = read(f"{line}\n{good}\n" if line.startswith("{") else line)
    assert isinstance(bad, BadLine)
    assert why in bad.reason
    assert isinstance(other, LogLine)


def test_a_charge_without_a_number_matches_nothing() -> None:
    (line,) = read('{"charge_id":null,"amount_micros":1,"currency":"USD"}')
    assert isinstance(line, LogLine)
    assert line.charge_id == "(line 1)"


def test_another_file_is_no_log() -> None:
    with pytest.raises(UnreadableLog, match="charge_id"):
        read("time,status\n1,2\n")
    assert read("\n\n") == []

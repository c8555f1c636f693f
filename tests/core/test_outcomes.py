"""Every way in which a request can end is in one group."""

from __future__ import annotations

from edge.core.decision import AdmitReason
from edge.core.outcomes import GROUP_OF, OutcomeGroup, group_of, outcomes_of
from edge.core.refusals import REFUSALS, RefusalCode
from edge.proxy.sale import SaleEnd


def test_every_outcome_has_a_group_and_no_other_word_has() -> None:
    every = {word.value for words in (RefusalCode, AdmitReason, SaleEnd) for word in words}
    assert set(GROUP_OF) == every


def test_the_groups_leave_none_out_and_none_twice() -> None:
    assert sum(len(outcomes_of(group)) for group in OutcomeGroup) == len(GROUP_OF)
    assert all(outcomes_of(group) for group in OutcomeGroup)


def test_what_names_a_price_counts_as_asked() -> None:
    demands = {code for code, text in REFUSALS.items() if text.status == 402} - {RefusalCode.CRAWLER_BLOCKED}
    assert {group_of(code.value) for code in demands} == {OutcomeGroup.ASKED}


def test_only_a_charge_is_sold_and_what_nobody_knows_is_a_failure() -> None:
    assert outcomes_of(OutcomeGroup.SOLD) == {SaleEnd.CHARGED.value}
    assert group_of("a word of a later version") is OutcomeGroup.FAILED

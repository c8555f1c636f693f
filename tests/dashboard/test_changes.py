"""What a draft changes, rule by rule."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from edge.core.money import Money
from edge.core.rules import Action, Rule, RuleSet, everything_else
from publisher_dashboard.changes import Kind, compare

FREE = everything_else(Action.ALLOW)


def rule(name: str, micros: int = 5_000) -> Rule:
    return Rule(name, where=f"/{name}/*", action=Action.CHARGE, price=Money(micros, "USD"))


def rules(*each: Rule, default: Rule = FREE) -> RuleSet:
    return RuleSet(each, default)


A, B, C, D = (rule(name) for name in "abcd")
sets = st.lists(
    st.builds(rule, st.sampled_from("abcdefg"), st.integers(1, 4)), unique_by=lambda one: one.name, max_size=7
).map(lambda found: rules(*found))


def test_equal_sets_differ_in_nothing() -> None:
    assert compare(rules(A, B), rules(A, B)) == ()


def test_a_new_a_changed_and_a_removed_rule_are_told_apart() -> None:
    dearer = rule("b", 8_000)
    changes = compare(rules(A, B), rules(dearer, C))
    assert [(one.kind, one.rule.name, one.from_position, one.to_position) for one in changes] == [
        (Kind.CHANGED, "b", 2, 1),
        (Kind.ADDED, "c", None, 2),
        (Kind.REMOVED, "a", 1, None),
    ]
    [edit] = changes[0].edits
    assert (edit.label, edit.before, edit.after) == ("price", Money(5_000, "USD"), Money(8_000, "USD"))


def test_as_few_rules_as_possible_are_called_moved() -> None:
    [moved] = compare(rules(A, B, C, D), rules(D, A, B, C))
    assert (moved.kind, moved.rule.name, moved.from_position, moved.to_position) == (Kind.MOVED, "d", 4, 1)
    assert len(compare(rules(A, B, C, D), rules(B, A, D, C))) == 2


def test_a_rule_that_only_changed_its_name_is_renamed_not_replaced() -> None:
    [change] = compare(rules(A, B), rules(A, replace(B, name="z")))
    assert change.kind is Kind.CHANGED
    assert [edit.label for edit in change.edits] == ["name"]


def test_another_spelling_of_a_name_is_a_change_of_the_name() -> None:
    [change] = compare(rules(A), rules(replace(A, name="A")))
    assert [(edit.before, edit.after) for edit in change.edits] == [("a", "A")]


def test_the_last_row_is_a_change_without_a_place() -> None:
    [change] = compare(rules(A), rules(A, default=everything_else(Action.BLOCK)))
    assert (change.kind, change.from_position, change.to_position) == (Kind.CHANGED, None, None)
    assert [edit.label for edit in change.edits] == ["action"]


def test_a_price_of_ten_times_the_old_one_is_noticed() -> None:
    for micros, jumps in ((49_999, False), (50_000, True)):
        [change] = compare(rules(A), rules(rule("a", micros)))
        assert change.jumps is jumps


@given(sets, sets)
def test_changes_account_for_every_rule(live: RuleSet, draft: RuleSet) -> None:
    changes = compare(live, draft)
    added = [one.rule for one in changes if one.kind is Kind.ADDED]
    removed = [one.rule for one in changes if one.kind is Kind.REMOVED]
    assert len(live.rules) - len(removed) + len(added) == len(draft.rules)
    assert {one.name for one in added}.isdisjoint(one.name for one in live.rules)
    assert (changes == ()) == (live == draft)
    assert all(one.edits for one in changes if one.kind is Kind.CHANGED)


@given(sets)
def test_everything_is_new_against_nothing(draft: RuleSet) -> None:
    assert [one.rule for one in compare(rules(), draft)] == list(draft.rules)

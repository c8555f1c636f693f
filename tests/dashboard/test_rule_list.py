"""Editing the ordered list: nothing is lost, nothing passes the last row."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.rules import NAME_CHARACTERS_MAX, Action, InvalidRule, Rule, RuleSet, everything_else
from publisher_dashboard.rule_list import (
    Direction,
    NoSuchRule,
    copy_name,
    find_rule,
    insert,
    move,
    put,
    remove,
    switch,
)

RULES = RuleSet(tuple(Rule(name) for name in ("one", "two", "three")), everything_else(Action.BLOCK))
MOVES = st.lists(st.tuples(st.sampled_from(["one", "TWO", "three"]), st.sampled_from(Direction)), max_size=12)


def names(rules: RuleSet) -> list[str]:
    return [rule.name for rule in rules.rules]


@given(MOVES)
def test_moving_keeps_every_rule_and_the_last_row(moves: list[tuple[str, Direction]]) -> None:
    rules = RULES
    for name, direction in moves:
        rules = move(rules, name, direction)
    assert sorted(names(rules)) == sorted(names(RULES))
    assert rules.default == RULES.default


@pytest.mark.parametrize("name", ["one", "two", "three"])
def test_down_undoes_up_except_at_the_top(name: str) -> None:
    back = move(move(RULES, name, Direction.UP), name, Direction.DOWN)
    assert (back == RULES) == (name != "one")


def test_a_rule_is_inserted_behind_another_or_last() -> None:
    assert names(insert(RULES, Rule("new"), "ONE")) == ["one", "new", "two", "three"]
    assert names(insert(RULES, Rule("new"), None)) == ["one", "two", "three", "new"]


def test_a_rule_is_replaced_switched_and_removed_in_its_place() -> None:
    assert names(put(RULES, "Two", Rule("deux"))) == ["one", "deux", "three"]
    assert [rule.enabled for rule in switch(RULES, "two", enabled=False).rules] == [True, False, True]
    assert names(remove(RULES, "two")) == ["one", "three"]


def test_two_rules_cannot_get_one_name() -> None:
    with pytest.raises(InvalidRule):
        insert(RULES, Rule("ONE"), None)
    with pytest.raises(InvalidRule):
        put(RULES, "two", Rule("Three"))


@pytest.mark.parametrize("name", ["everything else", "four", ""])
def test_what_is_not_in_the_list_is_told(name: str) -> None:
    for change in (
        lambda: find_rule(RULES, name),
        lambda: put(RULES, name, Rule("x")),
        lambda: remove(RULES, name),
        lambda: move(RULES, name, Direction.UP),
        lambda: insert(RULES, Rule("x"), name),
    ):
        with pytest.raises(NoSuchRule):
            change()


def test_a_copy_gets_a_free_name_however_many_there_are() -> None:
    rules = RULES
    for expected in ("one copy", "one copy 2", "one copy 3"):
        name = copy_name(rules, "one")
        assert name == expected
        rules = insert(rules, Rule(name), "one")
    long = RuleSet((Rule("x" * NAME_CHARACTERS_MAX),), RULES.default)
    assert len(insert(long, Rule(copy_name(long, "x" * NAME_CHARACTERS_MAX)), None).rules) == 2

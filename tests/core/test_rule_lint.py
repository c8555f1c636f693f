"""Doubtful rules are named with the one that is before them; nothing is said that is not sure."""

from __future__ import annotations

from dataclasses import replace

from edge.core.identity import CrawlerKind
from edge.core.money import Money
from edge.core.rule_lint import UNDERCUT_RULES_MAX, Doubt, finding_text, lint, undercut
from edge.core.rules import Action, Rule, RuleSet, Who, Window, everything_else

CENT = Money(10_000, "USD")
READS = Rule("reads", Who(kind=CrawlerKind.TRAINING), "/articles/*", Action.CHARGE, CENT)


def doubts(*rules: Rule) -> list[tuple[str, int, int]]:
    found = lint(RuleSet(rules, everything_else(Action.ALLOW)))
    return [(one.doubt.value, one.position, one.by_position) for one in found]


def test_two_rules_for_the_same_requests_contradict_or_repeat_each_other() -> None:
    dearer = replace(READS, name="dearer", price=Money(20_000, "USD"))
    again = replace(READS, name="again")
    blocked = replace(READS, name="blocked", action=Action.BLOCK, price=None)
    assert doubts(READS, dearer, again, blocked) == [("contradicts", 1, 0), ("repeats", 2, 0), ("contradicts", 3, 0)]


def test_rules_that_open_at_the_same_hours_are_compared_and_others_not() -> None:
    night = replace(READS, name="night", when=Window((0, 1), 0, 360))
    other = replace(night, name="other night", price=Money(1, "USD"))
    later = replace(night, name="later", when=Window((0, 1), 360, 720))
    assert doubts(night, later, other) == [("contradicts", 2, 0)]


def test_a_wider_rule_before_hides_a_narrower_one() -> None:
    narrow = Rule("opinion", READS.who, "/articles/opinion/*", Action.BLOCK)
    assert doubts(READS, narrow) == [("hidden", 1, 0)]
    assert doubts(narrow, READS) == []


def test_spelling_makes_no_other_scope() -> None:
    exact = Rule("a", where="/A/b", action=Action.BLOCK)
    assert doubts(exact, replace(exact, name="b", where="/a/b/", action=Action.ALLOW)) == [("contradicts", 1, 0)]
    named = Rule("c", Who(crawler="GPTBot"), "/x", Action.BLOCK)
    assert doubts(named, replace(named, name="d", who=Who(crawler="gptbot"))) == [("repeats", 1, 0)]


def test_rules_that_are_off_are_no_ones_business() -> None:
    assert doubts(replace(READS, enabled=False), replace(READS, name="again")) == []
    assert doubts(READS, replace(READS, name="again", enabled=False)) == []


def test_that_everything_else_is_never_reached_is_said() -> None:
    everyone = Rule("all", where="/*", action=Action.BLOCK)
    rules = RuleSet((READS, everyone), everything_else(Action.ALLOW))
    [found] = lint(rules)
    assert (found.doubt, found.position, found.by_position) == (Doubt.NOTHING_LEFT, 2, 1)
    assert finding_text(found, rules).startswith("Everything else is never reached, because rule 2 (all)")


def test_each_finding_is_a_sentence_with_both_rules() -> None:
    rules = RuleSet((READS, replace(READS, name="again")), everything_else(Action.ALLOW))
    assert finding_text(lint(rules)[0], rules) == "Rule 2 (again) repeats rule 1 (reads); remove it."


def undercuts(*rules: Rule) -> list[tuple[int, int]]:
    found = undercut(RuleSet(rules, everything_else(Action.ALLOW)))
    return [(one.position, one.by_position) for one in found]


def test_a_dearer_rule_for_a_part_of_the_pages_is_undercut_by_a_cheaper_one_for_some_crawlers_before_it() -> None:
    opinion = Rule("opinion", where="/articles/opinion/*", action=Action.CHARGE, price=Money(20_000, "USD"))
    assert undercuts(READS, opinion) == [(1, 0)]
    assert undercuts(opinion, READS) == []
    assert undercuts(replace(READS, enabled=False), opinion) == []
    assert undercuts(READS, replace(opinion, enabled=False)) == []


def test_a_cheaper_part_another_part_and_the_same_pages_for_all_others_are_not_undercut() -> None:
    opinion = Rule("opinion", where="/articles/opinion/*", action=Action.CHARGE, price=Money(20_000, "USD"))
    assert undercuts(READS, replace(opinion, price=Money(1_000, "USD"))) == []
    assert undercuts(READS, replace(opinion, where="/archive/*")) == []
    assert undercuts(READS, replace(opinion, where=READS.where)) == []
    assert undercuts(READS, replace(opinion, who=Who(kind=CrawlerKind.SEARCH))) == []
    assert undercuts(READS, replace(opinion, who=READS.who)) == []  # it is hidden, which is said


def test_of_a_very_long_list_nothing_is_said_about_undercutting() -> None:
    opinion = Rule("opinion", where="/articles/opinion/*", action=Action.CHARGE, price=Money(20_000, "USD"))
    others = [replace(READS, name=f"reads {number}") for number in range(UNDERCUT_RULES_MAX)]
    assert undercuts(*others[1:], opinion) != []
    assert undercuts(*others, opinion) == []

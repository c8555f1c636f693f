"""Rows become groups, groups become sums: bands, changes, examples, warnings, and nothing is lost on the way."""

from __future__ import annotations

from dataclasses import astuple

from edge.core.backtest import Replay
from edge.core.backtest_result import EXAMPLES_MAX, Backtest, Caution, Span
from edge.core.identity import CrawlerKind, RegisteredCrawler
from edge.core.money import Money
from edge.core.policy import Account, Policy, SitePolicy
from edge.core.recorded import Asker
from edge.core.replay import Fate
from edge.core.rule_index import compile_rules
from edge.core.rules import Action, Rule, RuleSet, Who, Window, everything_else

AGENT = "https://bot.example/"
BOT = RegisteredCrawler(1, "ExampleBot", "Example AI", CrawlerKind.TRAINING, AGENT)
POLICY = Policy(1, {}, {AGENT: BOT}, {(1, "USD"): Account(11, "USD", False)}, {})
PAYS = Asker("ExampleBot", "signed", "training", "Example AI", AGENT, 0, "GET", "max USD 0.006", "charged", 5_000, 200)
CLAIMS = Asker("GPTBot", "claimed", "training", "OpenAI", "", 0, "GET", "", "payment_required", 5_000, 402)
GOOGLE = Asker("Googlebot", "address", "search", "Google", "", 0, "GET", "", "allowed", None, 200)
CHATGPT = Asker("ChatGPT-User", "address", "assistant", "OpenAI", "", 0, "GET", "", "allowed", None, 200)
SUNDAY = 3 * 86_400_000_000
MONDAY = 4 * 86_400_000_000


def usd(micros: int) -> Money:
    return Money(micros, "USD")


def side(rules: RuleSet) -> SitePolicy:
    index = compile_rules(rules)
    return SitePolicy(7, 1, 20, "news.example", "http://o", "USD", None, False, False, True, None, index, 1)


def run(live: RuleSet, draft: RuleSet, *asked: tuple[Asker, str, int], at: int = MONDAY) -> Backtest:
    replay = Replay(side(live), side(draft), POLICY)
    askers = {str(number): asker for number, (asker, _, _) in enumerate(asked)}
    replay.add((str(number), at, target, weight, number) for number, (_, target, weight) in enumerate(asked))
    return replay.result(askers, Span(0, 2 * MONDAY))


def everywhere(price: int) -> RuleSet:
    return RuleSet((), everything_else(Action.CHARGE, usd(price)))


ALL_FREE = RuleSet((), everything_else(Action.ALLOW))


def test_money_stands_in_the_band_that_is_as_sure_as_it_is() -> None:
    silent = Asker(**{name: getattr(PAYS, name) for name in Asker.__dataclass_fields__} | {"offer": ""})
    found = run(everywhere(5_000), everywhere(8_000), (PAYS, "/a", 10), (silent, "/b", 3), (CLAIMS, "/c", 100))
    assert (found.live.offered.requests, found.live.offered.amount_micros) == (10, 50_000)
    assert (found.draft.offered.requests, found.draft.offered.amount_micros) == (0, 0)
    assert (found.draft.able.requests, found.draft.able.amount_micros) == (13, 13 * 8_000)
    assert found.draft.unable.amount_micros == 100 * 8_000
    assert found.difference_micros == -50_000


def test_what_changes_is_told_from_state_to_state_the_most_frequent_first() -> None:
    found = run(everywhere(5_000), everywhere(8_000), (PAYS, "/a", 10), (CLAIMS, "/c", 100))
    assert [(one.before.fate, one.after.fate, one.requests, one.difference_micros) for one in found.transitions] == [
        (Fate.UNPAID, Fate.UNPAID, 100, 0),
        (Fate.SOLD, Fate.TOO_DEAR, 10, -50_000),
    ]
    assert [one.before.price_micros for one in found.transitions] == [5_000, 5_000]
    assert found.changed == found.requests == 110
    assert run(everywhere(5_000), everywhere(5_000), (PAYS, "/a", 10)).changed == 0


def test_each_rule_is_held_against_itself() -> None:
    rule = Rule("articles", where="/articles/*", action=Action.CHARGE, price=usd(6_000))
    found = run(
        everywhere(5_000), RuleSet((rule,), everywhere(5_000).default), (PAYS, "/articles/1", 4), (PAYS, "/b", 1)
    )
    assert [astuple(one) for one in found.rules] == [
        ("articles", 0, 4, 0, 24_000),
        ("everything else", 5, 1, 25_000, 5_000),
    ]


def test_a_rule_with_hours_is_judged_by_when_each_request_came() -> None:
    sundays = Rule("sundays", action=Action.ALLOW, when=Window((6,), 0, 24 * 60))
    draft = RuleSet((sundays,), everywhere(5_000).default)
    assert [one.name for one in run(ALL_FREE, draft, (CLAIMS, "/a", 1), at=SUNDAY).rules if one.draft_requests] == [
        "sundays"
    ]
    assert run(ALL_FREE, draft, (CLAIMS, "/a", 1), at=MONDAY).changed == 1
    replay = Replay(side(ALL_FREE), side(draft), POLICY)
    replay.add(("0", at, "/a", 1, 0) for at in (SUNDAY, MONDAY, SUNDAY + 7 * 86_400_000_000))
    assert {one.name: one.draft_requests for one in replay.result({"0": CLAIMS}, Span(0, 1)).rules} == {
        "sundays": 2,
        "everything else": 1,
    }


def test_a_row_counts_for_what_it_stands_for() -> None:
    found = run(ALL_FREE, everywhere(5_000), (PAYS, "/a", 10), (PAYS, "/a", 11))
    assert (found.requests, found.rows, found.sample_of, found.is_sample) == (21, 2, 10, True)
    assert not run(ALL_FREE, ALL_FREE, (PAYS, "/a", 1)).is_sample


def test_examples_are_of_every_change_and_never_too_many() -> None:
    many = [(CLAIMS, f"/{place}/{number}", 1) for place in range(40) for number in range(5)]
    rules = tuple(
        Rule(f"r{place}", where=f"/{place}/*", action=Action.CHARGE, price=usd(1_000 + place)) for place in range(40)
    )
    found = run(ALL_FREE, RuleSet(rules, ALL_FREE.default), *many)
    assert len(found.transitions) == 40
    assert len(found.examples) == EXAMPLES_MAX
    assert {one.after for one in found.examples} == {one.after for one in found.transitions}
    assert all(one.target.startswith(f"/{(one.after.price_micros or 0) - 1_000}/") for one in found.examples)


def warned(found: Backtest) -> dict[Caution, tuple[int, tuple[str, ...]]]:
    return {one.caution: (one.requests, one.names) for one in found.warnings}


def test_search_engines_and_assistants_that_are_shut_out_are_named() -> None:
    found = warned(run(ALL_FREE, everywhere(5_000), (GOOGLE, "/a", 7), (CHATGPT, "/a", 2), (PAYS, "/a", 1)))
    assert found == {Caution.SEARCH: (7, ("Googlebot",)), Caution.ASSISTANT: (2, ("ChatGPT-User",))}


def test_a_price_ten_times_the_old_one_is_questioned() -> None:
    assert warned(run(everywhere(500), everywhere(5_000), (CLAIMS, "/a", 3))) == {Caution.PRICE_JUMP: (3, ("GPTBot",))}
    assert warned(run(everywhere(501), everywhere(5_000), (CLAIMS, "/a", 3))) == {}


def test_that_nobody_is_let_in_any_more_is_said() -> None:
    closed = RuleSet((), everything_else(Action.BLOCK))
    assert warned(run(ALL_FREE, closed, (CLAIMS, "/a", 3))) == {Caution.ALL_REFUSED: (3, ())}
    assert warned(run(closed, closed, (CLAIMS, "/a", 3))) == {}


def test_rules_that_no_request_met_are_named_unless_they_are_off() -> None:
    idle = Rule("idle", Who(crawler="Nobody"))
    off = Rule("off", Who(crawler="Nobody"), enabled=False)
    found = warned(run(ALL_FREE, RuleSet((idle, off), ALL_FREE.default), (CLAIMS, "/a", 3)))
    assert found == {Caution.NEVER_MATCHES: (0, ("idle",))}
    assert warned(run(ALL_FREE, RuleSet((idle,), ALL_FREE.default))) == {}

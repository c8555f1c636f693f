"""robots.txt as RFC 9309 reads it, held against another reader; and merged so that nothing gets more open."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from protego import Protego

from edge.core.identity import ClaimedCrawler, CrawlerKind
from edge.core.money import Money
from edge.core.rule_index import RuleIndex, compile_rules
from edge.core.rules import Action, Rule, RuleSet, Who, everything_else
from edge.core.signals.robots import parse_robots
from edge.core.signals.robots_merge import contradictions, merge_robots
from edge.core.signals.scopes import project

CENT = Money(10_000, "USD")
BASE = "https://news.example"
CRAWLERS = (
    ClaimedCrawler("GPTBot", "OpenAI", CrawlerKind.TRAINING),
    ClaimedCrawler("CCBot", "Common Crawl", CrawlerKind.TRAINING),
    ClaimedCrawler("Googlebot", "Google", CrawlerKind.SEARCH),
    ClaimedCrawler("curl", "", CrawlerKind.LIBRARY),
    ClaimedCrawler("AhrefsBot", "Ahrefs", CrawlerKind.SEO),
    ClaimedCrawler("Odd Name", "", CrawlerKind.TRAINING),
)
AGENTS = ("GPTBot", "CCBot", "Googlebot", "NewBot")
PATHS = ("/", "/a", "/a/b", "/a/b.pdf", "/private/x", "/b", "/b/c")
OWN = """\
# ours
User-agent: *
Disallow: /private/
Crawl-delay: 3

User-agent: CCBot
Disallow: /a/
Sitemap: https://news.example/sitemap.xml
"""


def rules_of(*rules: Rule, default: Action = Action.ALLOW) -> RuleIndex:
    price = CENT if default is Action.CHARGE else None
    return compile_rules(RuleSet(rules, everything_else(default, price)))


def merged(own: str, rules: RuleIndex, *, with_licence: bool = True) -> str:
    return merge_robots(own, BASE, rules, project(rules), CRAWLERS, with_licence=with_licence)


LINES = st.sampled_from(
    [
        "User-agent: *", "user-agent: GPTBot", "User-Agent: gptbot # x", "User-agent: CCBot", "User-agent: Googlebot",
        "Disallow: /", "Disallow: /a", "Disallow:", "Allow: /a/", "Disallow: /*.pdf$", "Allow: /a/b", "Disallow: /a/b",
        "Allow: /", "", "# words", "nonsense",
    ]
)  # fmt: skip


@given(st.lists(LINES, max_size=10))
def test_it_is_read_as_another_reader_reads_it(lines: list[str]) -> None:
    text = "\n".join(lines)
    other, ours = Protego.parse(text), parse_robots(text)
    for agent in AGENTS:
        for path in PATHS:
            assert ours.allows(agent, path) == other.can_fetch(BASE + path, agent), (agent, path)


ACTIONS = st.sampled_from([Action.ALLOW, Action.BLOCK])
WHOM = st.sampled_from([Who(), Who("GPTBot"), Who("CCBot"), Who(kind=CrawlerKind.TRAINING), Who(operator="Google")])


@given(
    st.lists(LINES, max_size=10),
    st.lists(st.tuples(WHOM, st.sampled_from(["*", "/a/*", "/a/b", "*.pdf", "/b*"]), ACTIONS), max_size=4),
)
def test_nothing_gets_more_open_and_what_is_blocked_is_disallowed(
    lines: list[str], given_rules: list[tuple[Who, str, Action]]
) -> None:
    own = "\n".join(lines)
    rules = rules_of(*(Rule(str(at), who, where, act) for at, (who, where, act) in enumerate(given_rules)))
    before, after = Protego.parse(own), Protego.parse(merged(own, rules))
    known = {crawler.name: crawler for crawler in CRAWLERS}
    for agent in AGENTS:
        for path in PATHS:
            assert before.can_fetch(BASE + path, agent) or not after.can_fetch(BASE + path, agent), (agent, path)
            crawler = known.get(agent)
            is_blocked = crawler is not None and rules.match(path, None, crawler, 0.0).rule.action is Action.BLOCK
            # An exception that the publisher disallows is not made, so only whole blocks are looked at here.
            if is_blocked and not any("llow: " in line for line in lines):
                assert not after.can_fetch(BASE + path, agent), (agent, path)


def test_every_line_of_the_publishers_own_stands() -> None:
    rules = rules_of(Rule("gpt", Who("GPTBot"), "/a/*", Action.BLOCK), default=Action.CHARGE)
    text = merged(OWN, rules)
    assert OWN in text
    head, foot = text.split(OWN)
    assert head.splitlines()[-2:] == ["License: https://news.example/license.xml", ""]
    assert parse_robots(text).other[0].value == "https://news.example/license.xml"
    assert foot.startswith("\n# Added by farebox")
    assert "User-agent: *\nContent-Signal: search=no, ai-input=no, ai-train=no\n" in foot
    assert "User-agent: GPTBot\nDisallow: /private/\nCrawl-delay: 3\nContent-Signal:" in foot
    assert "curl" not in foot
    assert "AhrefsBot" not in foot
    assert "Odd Name" not in foot


@pytest.mark.parametrize("who", [Who("ahrefsbot"), Who(operator="Ahrefs"), Who(kind=CrawlerKind.SEO)])
def test_a_crawler_that_a_rule_speaks_of_is_named_whatever_its_kind(who: Who) -> None:
    text = merged("", rules_of(Rule("seo", who, "/a/*", Action.BLOCK)))
    assert not parse_robots(text).allows("AhrefsBot", "/a/x")


def test_what_the_publisher_says_already_is_not_said_again() -> None:
    own = "License: https://rsl.example/\nUser-agent: *\nContent-Signal: search=yes\nContent-Usage: train-ai=n\n"
    assert merged(own, rules_of(default=Action.CHARGE)) == own


def test_without_a_robots_txt_ours_stands_alone() -> None:
    text = merged("", rules_of(), with_licence=False)
    assert text == (
        "# Added by farebox, from the pricing rules in force.\nUser-agent: *\n"
        "Content-Signal: search=yes, ai-input=yes, ai-train=yes\nContent-Usage: / search=y, train-ai=y\n"
    )


def test_a_last_group_without_lines_does_not_take_ours() -> None:
    text = merged("User-agent: Bad", rules_of(Rule("all", where="/a/*", action=Action.BLOCK)))
    robots = parse_robots(text)
    assert robots.allows("Bad", "/a/x")
    assert not robots.allows("Good", "/a/x")


def test_one_that_would_get_too_long_is_left_alone() -> None:
    own = "User-agent: *\nDisallow: /" + "x" * (500 * 1024)
    assert merged(own, rules_of()) == own


def test_crawlers_that_should_pay_and_may_not_come_are_found() -> None:
    rules = rules_of(Rule("free", where="/free/*"), Rule("a", where="/a/*", action=Action.CHARGE, price=CENT))
    own = parse_robots("User-agent: GPTBot\nUser-agent: Googlebot\nDisallow: /\n")
    found = contradictions(own, rules, CRAWLERS)
    assert [(one.pattern, one.price, one.crawlers) for one in found] == [
        ("/a/", CENT, ("GPTBot", "Googlebot")),
    ]
    assert contradictions(parse_robots(""), rules, CRAWLERS) == ()


@pytest.mark.parametrize("text", ["", "\ufeffUser-agent: *\nDisallow: /\n", "\x00\n:::\nuser-agent:\n"])
def test_no_text_is_an_error(text: str) -> None:
    parse_robots(text).allows("x", "/robots.txt")

"""What a log would have met: people and crawlers told apart, each question decided as the gate does, sums that hold."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from edge.core import log_estimate
from edge.core.access_log import LogLine
from edge.core.address_book import AddressBook, Feed, FeedCopy
from edge.core.catalogue import Catalogue
from edge.core.identity import CrawlerKind, Rung
from edge.core.log_estimate import Estimator, estimated_site, owner_of, total
from edge.core.log_reading import Readings
from edge.core.log_result import LogEstimate, from_document, result_of, to_document
from edge.core.money import Money
from edge.core.rule_index import compile_rules
from edge.core.rules import Action, Rule, RuleSet, Who, Window, everything_else

PERSON = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"
)
GPTBOT, CCBOT = "Mozilla/5.0 (compatible; GPTBot/1.2)", "CCBot/2.0"
PRICE = Money(5_000, "USD")
RULES = RuleSet(
    (
        Rule("blocked", Who(crawler="Bytespider"), action=Action.BLOCK),
        Rule("watched", Who(crawler="CCBot"), action=Action.MONITOR, price=Money(2_000, "USD")),
        Rule("articles", Who(kind=CrawlerKind.TRAINING), "/articles/*", Action.CHARGE, PRICE),
    ),
    everything_else(Action.ALLOW),
)
CATALOGUE = Catalogue.load()
HOUR = 3600


def line(agent: str | None = GPTBOT, target: str = "/articles/1", **other: Any) -> LogLine:
    return LogLine(1_790_000_000, "192.0.2.1", "GET", target, 200, agent)._replace(**other)


def estimate(lines: Iterable[LogLine], rules: RuleSet = RULES, **options: Any) -> LogEstimate:
    site = estimated_site(compile_rules(rules), "USD", "news.example")
    work = Estimator(site, CATALOGUE.classify, prove, **options)
    work.read(lines)
    return result_of(work.settle(), Readings(), site)


def prove(name: str, address: str) -> Rung:
    return {"203.0.113.9": Rung.ADDRESS, "198.51.100.6": Rung.IMPOSTOR}.get(address, Rung.CLAIMED)


def test_people_are_counted_and_never_priced() -> None:
    found = estimate([line(PERSON)] * 3 + [line()])
    assert (found.requests, found.people, found.whole.requests, found.worth_micros) == (4, 3, 1, 5_000)


def test_each_rule_does_to_a_log_what_it_does_at_the_gate() -> None:
    found = estimate([line()] * 4 + [line(target="/about")] + [line(CCBOT)] * 2 + [line("Bytespider")])
    tally = found.whole
    assert (tally.asked, tally.free, tally.watched, tally.blocked) == (4, 1, 2, 1)
    assert (tally.amount_micros, tally.watched_micros) == (20_000, 4_000)
    assert [row.name for row in found.crawlers] == ["GPTBot", "CCBot", "Bytespider"]
    assert total(row.tally for row in found.crawlers) == tally == total(row.tally for row in found.kinds)


@pytest.mark.parametrize(
    "other", [{"method": "HEAD"}, {"status": 404}, {"status": 301}, {"status": 304}, {"status": 204}]
)
def test_what_the_gate_would_not_sell_is_worth_nothing(other: dict[str, Any]) -> None:
    found = estimate([line(**other)])
    assert (found.whole.unsold, found.whole.asked, found.worth_micros) == (1, 0, 0)


def test_an_address_bears_out_a_name_or_accuses_it() -> None:
    rules = RuleSet((Rule("proved", Who(least=Rung.ADDRESS)),), everything_else(Action.CHARGE, PRICE))
    lines = [line(address="203.0.113.9"), line(), line(address="198.51.100.6")]
    found = estimate(lines, rules)
    assert (found.whole.free, found.whole.asked, found.whole.impostors) == (1, 2, 1)
    found = estimate(lines)
    assert (found.whole.proved, found.bands.proved.amount_micros, found.bands.unsigned.amount_micros) == (
        1,
        5_000,
        15_000,
    )


def test_pages_are_told_apart_by_how_likely_they_would_have_been_paid() -> None:
    offers = [
        ("crawler-max-price", "USD 0.01"),
        ("crawler-exact-price", "USD 0.01"),
        ("crawler-max-price", "EUR 1"),
        None,
    ]
    found = estimate([line(signs=True, offer=offer) for offer in offers] + [line(offer=offers[0])])
    bands = found.bands
    assert (bands.offered.requests, bands.signed.requests, bands.unsigned.requests) == (1, 3, 1)
    assert found.worth_micros == 25_000


def test_who_sheds_its_name_is_told_by_an_address_that_one_crawler_alone_publishes() -> None:
    book = AddressBook(
        [Feed("https://a.example", "OpenAI", ("GPTBot",)), Feed("https://b.example", "Both", ("CCBot", "Bytespider"))],
        [FeedCopy("https://a.example", ("20.0.0.0/24",), True), FeedCopy("https://b.example", ("21.0.0.0/24",), True)],
    )
    lines = [line(PERSON, address="20.0.0.9")] * 2 + [line(PERSON, address="21.0.0.9"), line("", address="20.0.0.9")]
    site = estimated_site(compile_rules(RULES), "USD", "news.example")
    work = Estimator(site, CATALOGUE.classify, book.weigh, owner_of(book, CATALOGUE.named))
    work.read([*lines, line(CCBOT, address="20.0.0.9")])
    found = result_of(work.settle(), Readings(), site)
    assert (found.people, {row.name: row.tally.requests for row in found.crawlers}) == (1, {"GPTBot": 3, "CCBot": 1})
    assert found.bands.proved.requests == 3


def test_a_browser_that_offers_a_price_is_a_crawler() -> None:
    found = estimate(
        [line(PERSON, offer=("crawler-max-price", "USD 0.01"))], RuleSet((), everything_else(Action.CHARGE, PRICE))
    )
    assert (found.people, found.whole.asked, found.crawlers[0].name) == (0, 1, "")


def test_a_window_of_time_is_judged_at_the_time_of_the_line() -> None:
    night = Rule("night", when=Window((0, 1, 2, 3, 4, 5, 6), 0, 360), action=Action.CHARGE, price=PRICE)
    midnight = 1_790_000_000 // 86_400 * 86_400
    lines = [line(second=midnight + HOUR), line(second=midnight + 12 * HOUR), line(second=midnight + 2 * HOUR)]
    found = estimate(lines, RuleSet((night,), everything_else(Action.ALLOW)))
    assert (found.whole.asked, found.whole.free) == (2, 1)


def test_a_month_is_said_from_an_hour_of_log_on() -> None:
    found = estimate([line(second=0), line(second=HOUR)])
    assert found.per_month(found.worth_micros) == 10_000 * 720
    assert estimate([line(second=0), line(second=HOUR - 1)]).per_month(1) is None
    assert estimate([]).per_month(1) is None


def test_lines_of_other_hosts_are_left_out_where_the_log_names_hosts() -> None:
    lines = [line(host="news.example"), line(host="other.example"), line()]
    assert (estimate(lines, own_host_only=True).requests, estimate(lines, own_host_only=True).other_hosts) == (2, 1)
    assert estimate(lines).requests == 3


def test_what_cannot_be_told_is_said() -> None:
    terms = RuleSet((), everything_else(Action.CHARGE, PRICE))
    found = estimate([line(None), line(method="", target="")], terms)
    assert (found.whole.requests, found.people) == (0, 0)
    said = " ".join(found.caveats)
    assert "no user agents" in said
    assert "1 lines hold no HTTP request" in said


@pytest.mark.parametrize("target", ["/a//b", "/%zz", "http://news.example/articles/1", "*", "/" + "x" * 9000, "/ä"])
def test_no_target_breaks_an_estimate(target: str) -> None:
    assert estimate([line(target=target)]).whole.requests == 1


def test_the_sums_are_the_same_however_often_the_table_is_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [line(target=f"/articles/{number % 7}", status=200 + number % 3) for number in range(100)]
    whole = estimate(lines)
    site = estimated_site(compile_rules(RULES), "USD", "news.example")
    work = Estimator(site, CATALOGUE.classify, prove)
    for one in lines:
        work.read([one])
        work.settle()
    assert result_of(work.settle(), Readings(), site) == whole


def test_a_user_agent_is_read_once() -> None:
    asked: list[str] = []
    site = estimated_site(compile_rules(RULES), "USD")
    work = Estimator(site, lambda agent: asked.append(agent))
    work.read([line(f"agent {number % 3}") for number in range(30)])
    assert len(asked) == 3


def test_a_kept_result_is_the_result() -> None:
    found = estimate([line(), line(CCBOT, signs=True), line(PERSON)])
    assert from_document(json.loads(json.dumps(to_document(found)))) == found


def test_the_table_of_questions_is_bounded() -> None:
    site = estimated_site(compile_rules(RULES), "USD")
    work = Estimator(site, CATALOGUE.classify)
    work.read(line(target=f"/articles/{number}") for number in range(log_estimate.QUESTIONS_MAX))
    assert work.sums.crawlers  # it was settled on the way

"""A rehearsal says what the gate would do to a request that nobody sent, and why."""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.decision import Admit, AskOrigin, Charge, DemandPayment, Refuse
from edge.core.identity import ClaimedCrawler, CrawlerKind, RegisteredCrawler, SignedCrawler, TokenCrawler, Visitor
from edge.core.money import Money
from edge.core.rates import Rate
from edge.core.refusal_fields import refusal_fields
from edge.core.rehearsal import (
    Announced,
    Caller,
    Holding,
    InvalidQuestion,
    Question,
    Rehearsal,
    Signing,
    read_address,
    read_port,
    rehearse,
    with_rules,
)
from edge.core.rule_index import compile_rules
from edge.core.rules import Action, Rule, RuleSet, Who, everything_else
from edge.core.terms import Offer, OfferKind
from tests.support.scene import ACCOUNT, AGENT, BROWSER, CRAWLER, HOST, NOW, PRICE, Scene, classify

SIGNING = Signing(CRAWLER)
GPTBOT = Announced("GPTBot/1.1")
CENT = Offer(OfferKind.MAX, PRICE)
DEAR = Offer(OfferKind.MAX, Money(5_000_000, "USD"))


def rehearsed(
    caller: Caller = SIGNING,
    offer: Offer | None = None,
    target: str = "/articles/1",
    *,
    scene: Scene | None = None,
    host: str = HOST,
    method: str = "GET",
) -> Rehearsal:
    question = Question(host, target, caller, offer, method)
    return rehearse(question, (scene or Scene()).policy(), classify, NOW)


# What is said


def test_a_token_is_judged_like_a_signature_and_stands_in_the_command_as_a_placeholder() -> None:
    rehearsal = rehearsed(Holding(CRAWLER), CENT)
    assert isinstance(rehearsal.decision, Charge)
    assert isinstance(rehearsal.identity, TokenCrawler)
    words = shlex.split(rehearsal.curl)
    assert "authorization: Bearer farebox_…" in words
    assert "idempotency-key: …" in words
    assert rehearsed(Holding(CRAWLER), CENT, scene=Scene(account=None)).status == 403


def test_a_registered_crawler_that_offers_enough_is_sold_the_page() -> None:
    rehearsal = rehearsed(SIGNING, DEAR)
    assert isinstance(rehearsal.decision, Charge)
    assert rehearsal.decision.price == PRICE
    assert isinstance(rehearsal.identity, SignedCrawler)
    assert rehearsal.status is None
    fields = dict(rehearsal.fields)
    assert fields["crawler-charged"] == "USD 0.01"
    assert {"crawler-receipt", "cache-control"} <= fields.keys()


def test_an_offer_that_is_too_low_counts_as_its_refusal_because_nothing_was_bought_before() -> None:
    rehearsal = rehearsed(SIGNING, Offer(OfferKind.EXACT, Money(1, "USD")))
    assert isinstance(rehearsal.decision, DemandPayment)
    assert rehearsal.decision.code == "exact_price_differs"
    assert rehearsal.status == 402


@pytest.mark.parametrize("caller", [SIGNING, GPTBOT])
def test_without_an_offer_the_price_is_said_as_the_gate_says_it(caller: Caller) -> None:
    rehearsal = rehearsed(caller)
    assert isinstance(rehearsal.decision, DemandPayment)
    assert (rehearsal.status, rehearsal.fields) == (402, refusal_fields(rehearsal.decision))


def test_what_may_be_free_is_said_before_the_answer_to_who_has_a_name_to_prove() -> None:
    rule = Rule("news", action=Action.CHARGE, price=PRICE, free_pages=10, recrawl_hours=24, rate=Rate(60, "minute"))
    scene = Scene(rules=(rule,))
    signing, claiming = rehearsed(SIGNING, scene=scene), rehearsed(GPTBOT, scene=scene)
    assert isinstance(signing.decision, DemandPayment)
    assert signing.terms == (
        "free within 24 hours of the last paid delivery of this page",
        "free while fewer than 10 pages of this month were free for it at this site",
        "429 for a crawler that asks more often than 60/minute, counted by each process",
    )
    assert claiming.terms == signing.terms[2:]
    assert rehearsed(SIGNING, DEAR, scene=scene).terms == signing.terms
    assert rehearsed(SIGNING, DEAR).terms == ()


def test_who_only_announces_a_name_cannot_pay() -> None:
    rehearsal = rehearsed(GPTBOT, DEAR)
    assert isinstance(rehearsal.decision, Refuse)
    assert rehearsal.decision.code == "signature_required"
    assert rehearsal.identity == ClaimedCrawler("GPTBot", "OpenAI", CrawlerKind.TRAINING)


def test_a_browser_passes_and_rules_are_not_asked() -> None:
    rehearsal = rehearsed(Announced(BROWSER), scene=Scene(rules=(Rule("no", action=Action.BLOCK),)))
    assert isinstance(rehearsal.decision, Admit)
    assert (rehearsal.identity, rehearsal.skipped, rehearsal.match) == (Visitor(), (), None)
    assert (rehearsal.status, rehearsal.fields) == (None, ())


@pytest.mark.parametrize(
    ("scene", "code"),
    [
        (Scene(account=None), "account_missing"),
        (Scene(account=replace(ACCOUNT, suspended=True)), "account_suspended"),
        (Scene(crawler=None), "crawler_unregistered"),
    ],
)
def test_the_account_and_the_register_are_judged_too(scene: Scene, code: str) -> None:
    rehearsal = rehearsed(SIGNING, DEAR, scene=scene)
    assert isinstance(rehearsal.decision, Refuse)
    assert rehearsal.decision.code == code


def test_a_strict_site_is_content_with_what_is_signed() -> None:
    assert isinstance(rehearsed(SIGNING, DEAR, "/a?b=c", scene=Scene(strict=True)).decision, Charge)


def test_the_scheme_that_the_public_sees_is_the_one_that_is_signed() -> None:
    policy = Scene().policy()
    site = replace(policy.sites[HOST], scheme="https")
    question = Question(HOST, "/a", SIGNING, DEAR, scheme="http")
    rehearsal = rehearse(question, with_rules(policy, site), classify, NOW)
    assert isinstance(rehearsal.decision, Charge)
    assert "https://news.example/a" in rehearsal.curl


def test_with_in_band_pricing_the_origin_has_the_word() -> None:
    rehearsal = rehearsed(GPTBOT, scene=Scene(in_band_pricing=True))
    assert isinstance(rehearsal.decision, AskOrigin)
    assert (rehearsal.status, rehearsal.fields) == (None, ())
    assert rehearsal.match == rehearsal.decision.match


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("/a/../b", "malformed_request"),
        ("/a//b", "ambiguous_target"),
        ("/%61", "ambiguous_target"),
        ("", "malformed_request"),
    ],
)
def test_an_address_that_cannot_be_sold_is_refused(target: str, code: str) -> None:
    rehearsal = rehearsed(SIGNING, DEAR, target)
    assert isinstance(rehearsal.decision, Refuse)
    assert (rehearsal.decision.code, rehearsal.status) == (code, 400)
    assert rehearsal.match == rehearsal.decision.match


def test_a_site_that_is_not_served_is_refused_without_an_identity() -> None:
    rehearsal = rehearsed(host="other.example")
    assert isinstance(rehearsal.decision, Refuse)
    assert (rehearsal.status, rehearsal.identity, rehearsal.match) == (421, None, None)


# Why


def test_the_rules_that_were_passed_over_come_with_their_reasons() -> None:
    rules = (
        Rule("off", enabled=False),
        Rule("theirs", Who(crawler="CCBot")),
        Rule("elsewhere", where="/archive/*"),
        Rule("ours", where="/articles/*", action=Action.CHARGE, price=PRICE),
    )
    rehearsal = rehearsed(SIGNING, DEAR, scene=Scene(rules=rules))
    assert [(skipped.rule.name, skipped.reason) for skipped in rehearsal.skipped] == [
        ("off", "is disabled"),
        ("theirs", "is for CCBot"),
        ("elsewhere", "does not cover this address, only /archive/*"),
    ]
    assert rehearsal.match == rehearsal.decision.match
    assert rehearsal.match is not None
    assert rehearsal.match.position == 3


@pytest.mark.parametrize("target", ["/robots.txt", "/.well-known/farebox/jwks.json", "/a//b", "/a/./b"])
def test_where_rules_are_not_asked_none_is_named(target: str) -> None:
    rehearsal = rehearsed(GPTBOT, target=target)
    assert (rehearsal.skipped, rehearsal.match) == ((), None)


@given(
    target=st.sampled_from(["/", "/articles/x", "/articles/x?a=1", "/members/", "/%41", "/a//b", "/robots.txt"]),
    caller=st.sampled_from([GPTBOT, Announced(""), Announced(BROWSER), SIGNING]),
    offer=st.sampled_from([None, CENT, DEAR, Offer(OfferKind.EXACT, PRICE), Offer(OfferKind.EXACT, DEAR.price)]),
    method=st.sampled_from(["GET", "HEAD", "POST"]),
)
def test_the_rule_that_is_shown_is_the_decisions_own(
    target: str, caller: Caller, offer: Offer | None, method: str
) -> None:
    rules = (Rule("members", where="/members/*", action=Action.BLOCK), Rule("A", Who(crawler="GPTBot"), "/A"))
    policy, question = Scene(rules=rules).policy(), Question(HOST, target, caller, offer, method)
    first, second = (rehearse(question, policy, classify, NOW) for _ in range(2))
    assert first.match == first.decision.match
    assert len(first.skipped) == (first.match.position if first.match else 0)
    assert first == second


def test_a_draft_is_rehearsed_beside_the_live_rules_and_changes_nothing() -> None:
    policy = Scene().policy()
    draft = compile_rules(RuleSet((), everything_else(Action.BLOCK)))
    drafted = with_rules(policy, replace(policy.sites[HOST], rules=draft))
    question = Question(HOST, "/a", GPTBOT)
    assert rehearse(question, drafted, classify, NOW).status == 403
    assert rehearse(question, policy, classify, NOW).status == 402
    assert drafted.crawlers is policy.crawlers


# How to ask the same


def test_the_command_line_asks_the_same_and_shows_no_signature() -> None:
    words = shlex.split(rehearsed(SIGNING, CENT, "/a?b='c'&d").curl)
    assert words[:4] == ["curl", "--include", "--path-as-is", "https://news.example/a?b='c'&d"]
    headers = dict(word.split(": ", 1) for word in words if ": " in word)
    assert headers["crawler-max-price"] == "USD 0.01"
    assert headers["user-agent"] == CRAWLER.name
    assert headers["signature"] == headers["signature-input"] == "…"
    assert not any("keyid" in word for word in words)
    assert headers["signature-agent"] == f'sig1="{AGENT}"'


def test_the_command_line_of_a_claim_is_complete() -> None:
    words = shlex.split(rehearsed(Announced("GPTBot/1.1; $(id)"), method="HEAD").curl)
    assert words == [
        "curl", "--include", "--request", "HEAD", "--path-as-is", "https://news.example/articles/1",
        "--header", "user-agent: GPTBot/1.1; $(id)",
    ]  # fmt: skip


# Addresses as people paste them


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("/a/b?c=d", ("https", "/a/b?c=d")),
        (" /a#top ", ("https", "/a")),
        ("https://news.example/a?b#c", ("https", "/a?b")),
        ("http://news.example/a", ("http", "/a")),
        ("news.example/a", ("https", "/a")),
        ("news.example", ("https", "/")),
        ("NEWS.example:8402/a", ("https", "/a")),
        ("/a//b", ("https", "/a//b")),
        ("articles/one?c=d", ("https", "/articles/one?c=d")),
        ("page.html", ("https", "/page.html")),
        ("/\u00fc b?q=\u00e9", ("https", "/%C3%BC%20b?q=%C3%A9")),
    ],
)
def test_an_address_is_read_as_it_is_pasted(text: str, address: tuple[str, str]) -> None:
    assert read_address(text, HOST) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://other.example/a",
        "ftp://news.example/a",
        "other.example/a",
        "a:b",
        "https:///a",
        "https://news.example@x/",
    ],
)
def test_an_address_of_another_site_or_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidQuestion, match=HOST):
        read_address(text, HOST)


def test_any_registered_crawler_can_be_rehearsed() -> None:
    other = RegisteredCrawler(2, "Other", "", CrawlerKind.SEARCH, "http://127.0.0.1:9000/keys")
    scene = Scene(crawler=other, rules=(Rule("search", Who(kind=CrawlerKind.SEARCH)),))
    rehearsal = rehearsed(Signing(other), scene=scene)
    assert isinstance(rehearsal.identity, SignedCrawler)
    assert rehearsal.identity.crawler == other
    assert isinstance(rehearsal.decision, Admit)


@pytest.mark.parametrize(
    ("typed", "port"),
    [
        ("https://news.example:8443/a", 8443),
        ("http://news.example:8402/a?b=c:9", 8402),
        ("news.example:8402/a", 8402),
        ("https://news.example:443/a", None),
        ("http://news.example:80/", None),
        ("https://news.example/a:1", None),
        ("/a:8402", None),
        ("articles/one", None),
    ],
)
def test_a_port_stays_in_the_command(typed: str, port: int | None) -> None:
    scheme, target = read_address(typed, HOST)
    assert read_port(typed) == port
    question = Question(HOST, target, GPTBOT, scheme=scheme, port=read_port(typed))
    authority = HOST if port is None else f"{HOST}:{port}"
    assert f"{scheme}://{authority}{target}" in shlex.split(rehearse(question, Scene().policy(), classify, NOW).curl)
    signed = rehearse(replace(question, caller=SIGNING, offer=CENT), Scene().policy(), classify, NOW)
    assert isinstance(signed.decision, Charge)

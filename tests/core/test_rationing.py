"""Who is counted together when a rule has a rate: nobody uses up what another may ask."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

from edge.core.decision import Admit, AdmitReason, Decision, Refuse
from edge.core.identity import (
    ClaimedCrawler,
    CrawlerKind,
    Identity,
    Rung,
    SignedCrawler,
    TokenCrawler,
    Visitor,
    stranger,
)
from edge.core.rates import Rate, RateLimiter
from edge.core.rationing import within_rate
from edge.core.refusals import RefusalCode
from edge.core.rule_index import Match
from edge.core.rules import Action, Rule
from edge.core.web_bot_auth import Verified
from tests.support.scene import CRAWLER, HOST, Scene

RULE = Rule("slow", rate=Rate(1, "hour"))
SITE = Scene().policy().sites[HOST]
CLAIM = ClaimedCrawler("GPTBot", "OpenAI", CrawlerKind.TRAINING)
PROOF = Verified("https://one.example/", "t", "sig1", frozenset(), 1, 2, None, b"s" * 64)
WHO: list[Identity] = [
    CLAIM,
    replace(CLAIM, name="CCBot"),
    replace(CLAIM, rung=Rung.IMPOSTOR),
    TokenCrawler(CRAWLER, 1, b"one"),
    TokenCrawler(replace(CRAWLER, crawler_id=99), 2, b"two"),
    SignedCrawler(stranger("https://one.example/"), PROOF),
    SignedCrawler(stranger("https://two.example/"), PROOF),
    Visitor(),
]


def asked(identity: Identity, rule: Rule = RULE) -> Decision:
    return Admit(SITE, AdmitReason.ALLOWED, identity, Match(0, rule))


def test_each_has_a_bucket_of_its_own_and_comes_back_to_it() -> None:
    limiter = RateLimiter()
    for identity in WHO:
        assert within_rate(asked(identity), limiter, 0.0) == asked(identity)
    for identity in WHO:
        refused = within_rate(asked(identity), limiter, 0.0)
        assert isinstance(refused, Refuse)
        assert (refused.code, refused.retry_after_seconds) == (RefusalCode.RATE_EXCEEDED, 3_600)
    assert all(one != other for one, other in combinations(WHO, 2))


def test_letter_case_and_what_is_bought_make_no_new_crawler() -> None:
    for one, same in (
        (CLAIM, replace(CLAIM, name="gptbot")),
        (TokenCrawler(CRAWLER, 1, b"one"), TokenCrawler(CRAWLER, 2, b"another")),
    ):
        limiter = RateLimiter()
        within_rate(asked(one), limiter, 0.0)
        assert isinstance(within_rate(asked(same), limiter, 0.0), Refuse)


def test_another_rule_or_site_counts_by_itself_and_what_has_no_rate_is_not_counted() -> None:
    limiter = RateLimiter()
    for _ in range(2):
        assert isinstance(within_rate(asked(CLAIM, replace(RULE, rate=None)), limiter, 0.0), Admit)
    assert isinstance(within_rate(asked(CLAIM), limiter, 0.0), Admit)
    assert isinstance(within_rate(asked(CLAIM, replace(RULE, name="other")), limiter, 0.0), Admit)
    elsewhere = Admit(replace(SITE, site_id=99), AdmitReason.ALLOWED, CLAIM, Match(0, RULE))
    assert isinstance(within_rate(elsewhere, limiter, 0.0), Admit)
    free = Admit(SITE, AdmitReason.FREE_PATH)
    assert within_rate(free, limiter, 0.0) is free


def test_a_block_is_a_block_however_often() -> None:
    limiter, rule = RateLimiter(), Rule("no", action=Action.BLOCK)
    blocked = Refuse(RefusalCode.CRAWLER_BLOCKED, "no", SITE, CLAIM, Match(0, rule))
    assert [within_rate(blocked, limiter, 0.0) for _ in range(3)] == [blocked] * 3

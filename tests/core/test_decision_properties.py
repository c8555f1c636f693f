"""What holds for every request under every policy: nobody is charged unproved, unasked, or more than they offered."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from edge.core.decision import ALWAYS_FREE_PATHS, Admit, AskOrigin, Charge, Decision, DemandPayment, Refuse, decide
from edge.core.identity import CrawlerKind, Rung, SignedCrawler
from edge.core.money import Money, parse_price
from edge.core.rules import Action, Rule, Who, Window, everything_else
from edge.core.target import Target
from edge.core.web_bot_auth import DirectoryDown, KeyUnknown
from tests.support.scene import ACCOUNT, BROWSER, CRAWLER, EXACT, HOST, MAX, NOW, Scene, Signature

MICROS = st.sampled_from([0, 1, 9_999, 10_000, 10_001, 5_000_000])
PRICES = st.builds(Money, MICROS, st.just("USD"))
PRICE_TEXTS = st.one_of(
    PRICES.map(str),
    st.sampled_from(["USD 0.010", "EUR 0.01", "", "0.01", "USD 0.01, USD 0.01"]),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12),
)
OFFERS = st.lists(st.tuples(st.sampled_from([MAX, EXACT]), PRICE_TEXTS), max_size=2, unique_by=lambda pair: pair[0])
PATHS = [
    "/articles/1",
    "/articles/1/",
    "/Articles/1",
    "/a/b?q=1",
    "/",
    "/a//b",
    "/a;b",
    "/%61",
    "/articles/%31",
    "/%7earticles/1",
    "/%c3%a9",
    "/a/../b",
    *ALWAYS_FREE_PATHS,
]
TARGETS = st.one_of(st.sampled_from(PATHS), st.text("/a.%2eFf?;:~#\\=&é ", max_size=12))
WHERES = st.sampled_from(["*", "/articles/*", "/articles/1", "/a/*", "/", "/:one", "*.html"])
WHO = st.builds(
    Who,
    st.sampled_from([None, "GPTBot", "ExampleBot"]),
    st.sampled_from([None, "OpenAI", "Example AI"]),
    st.sampled_from([None, *CrawlerKind]),
    st.sampled_from([None, Rung.CLAIMED, Rung.SIGNED]),
)
WINDOWS = st.sampled_from([None, Window((0, 1, 2, 3, 4, 5, 6), 0, 1440), Window((0,), 60, 120)])


ACTIONS = st.sampled_from([Action.CHARGE, Action.CHARGE, *Action])


def price_for(action: Action) -> st.SearchStrategy[Money | None]:
    return PRICES if action in (Action.CHARGE, Action.MONITOR) else st.none()


@st.composite
def rules(draw: st.DrawFn) -> tuple[Rule, ...]:
    made = []
    for number in range(draw(st.integers(0, 4))):
        action, enabled = draw(ACTIONS), draw(st.sampled_from([True, True, False]))
        when, query = draw(WINDOWS), draw(st.sampled_from([None, None, "q=1"]))
        price = draw(price_for(action))
        made.append(
            Rule(f"rule {number}", draw(WHO), draw(WHERES), action, price, enabled=enabled, when=when, query=query)
        )
    return tuple(made)


DEFAULTS = ACTIONS.flatmap(lambda action: price_for(action).map(lambda price: everything_else(action, price)))
PARTS: dict[str, st.SearchStrategy[Any]] = {
    "host": st.sampled_from([HOST, "other.example"]),
    "target": TARGETS,
    "method": st.sampled_from(["HEAD", "OPTIONS", "POST"]),
    "has_body": st.just(True),
    "user_agent": st.one_of(st.sampled_from(["GPTBot/1.1", BROWSER, ""]), st.text(max_size=8)),
    "offers": OFFERS.map(tuple),
    "signature": st.sampled_from(Signature),
    "age_seconds": st.sampled_from([299, 301, 700, -60, -61]),
    "lifetime_seconds": st.just(60),
    "key": st.sampled_from([KeyUnknown(), DirectoryDown(7)]),
    "crawler": st.sampled_from([None, replace(CRAWLER, suspended=True)]),
    "account": st.sampled_from([None, replace(ACCOUNT, suspended=True)]),
    "rules": rules(),
    "default": DEFAULTS,
    "strict": st.just(True),
    "in_band_pricing": st.just(True),
    "content_price": PRICES,
}


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    """A purchase in which some parts are otherwise: from good requests to nonsense, under every kind of policy."""
    changed = draw(st.sets(st.sampled_from(sorted(PARTS)), max_size=6))
    scene = Scene().but(**{name: draw(PARTS[name]) for name in sorted(changed)})
    if not scene.target.isascii() or any(text != text.strip() for _, text in scene.offers):
        scene = scene.but(signature=Signature.NONE)  # no signer would sign that
    covers = draw(st.lists(st.sampled_from(["@method", "@path", "@query", "@target-uri"]), unique=True))
    return scene.but(covers=("@authority", *covers, *(name for name, _ in scene.offers if draw(st.integers(0, 9)))))


WITHOUT_SHRINKING = settings(phases=[Phase.generate], max_examples=3000)


@pytest.mark.parametrize("outcome", [Admit, AskOrigin, DemandPayment, Refuse, Charge])
def test_the_scenes_lead_to_every_outcome(outcome: type[Decision]) -> None:
    find(scenes(), lambda scene: isinstance(scene.decide(), outcome), settings=WITHOUT_SHRINKING)


@pytest.mark.parametrize("code", [None, "signature_stale", "max_price_too_low"])
def test_the_scenes_lead_to_charges_of_both_kinds(code: str | None) -> None:
    def found(scene: Scene) -> bool:
        decision = scene.decide()
        return isinstance(decision, Charge) and (decision.otherwise.code if decision.otherwise else None) == code

    find(scenes(), found, settings=WITHOUT_SHRINKING)


def is_proved(scene: Scene) -> bool:
    """Whether the request proves a registered name, said without the code under test."""
    from_the_future = scene.age_seconds < -60
    return scene.signature is Signature.GOOD and scene.key is None and bool(scene.crawler) and not from_the_future


@settings(max_examples=400)
@given(scenes())
def test_every_request_is_decided_and_nobody_is_charged_who_may_not_be(scene: Scene) -> None:
    decision = scene.decide()  # that it does not raise is half of the test
    if not isinstance(decision, Charge):
        return
    request = scene.request()
    assert isinstance(decision.identity, SignedCrawler)
    assert is_proved(scene)
    assert decision.identity.crawler == scene.crawler == CRAWLER
    assert decision.account == scene.account == ACCOUNT
    assert decision.match.rule.action is Action.CHARGE
    assert (request.method, request.has_body, len(scene.offers)) == ("GET", False, 1)
    assert isinstance(request.resource, Target)
    assert request.resource.text == scene.target
    assert scene.covers is not None
    assert scene.offers[0][0] in scene.covers
    assert not scene.strict or "@target-uri" in scene.covers or {"@path", "@query"} <= set(scene.covers)


@settings(max_examples=400)
@given(scenes())
def test_what_is_charged_is_what_was_offered_and_what_the_rule_or_the_origin_asks(scene: Scene) -> None:
    decision = scene.decide()
    if isinstance(decision, DemandPayment | Charge):
        assert decision.price == (scene.content_price or decision.match.rule.price)
        assert decision.price.amount_micros > 0
    if isinstance(decision, Charge) and decision.otherwise is None:
        [(header, text)] = scene.offers
        offered = parse_price(text)
        assert offered == decision.price if header == EXACT else offered.amount_micros >= decision.price.amount_micros
        assert 0 <= max(scene.age_seconds, 0) <= min(300, scene.lifetime_seconds)


@given(scenes())
def test_a_blocked_page_is_never_sold_and_no_price_is_said(scene: Scene) -> None:
    decision = scene.but(rules=(Rule("no", action=Action.BLOCK),)).decide()
    assert not isinstance(decision, Charge | DemandPayment | AskOrigin)
    if isinstance(decision, Admit):
        assert decision.reason in ("free_path", "visitor")


@given(scenes(), st.sampled_from([signature for signature in Signature if signature is not Signature.GOOD]))
def test_who_has_proved_no_name_is_never_charged(scene: Scene, signature: Signature) -> None:
    decision = scene.but(signature=signature).decide()
    assert not isinstance(decision, Charge)
    assert not isinstance(decision.identity, SignedCrawler)


@given(scenes())
def test_the_same_request_is_decided_alike_every_time(scene: Scene) -> None:
    request, policy, knowledge = scene.request(), scene.policy(), scene.knowledge()
    first, second = (decide(request, policy, knowledge, NOW, scene.content_price) for _ in range(2))
    assert first == second

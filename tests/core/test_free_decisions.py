"""Which terms a decision names: for whom a page may be free, in which order, and what is answered if it is not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge.core.decision import Charge, DemandPayment
from edge.core.grants import FreePages, FreePeriod, Recrawl, Subscription
from edge.core.rehearsal import Announced, Question, Signing, rehearse
from edge.core.rules import Action, Rule
from edge.core.terms import Offer, OfferKind
from tests.support.scene import ACCOUNT, CRAWLER, HOST, NOW, PRICE, Scene, classify

RULE = Rule("news", action=Action.CHARGE, price=PRICE, licence="ai-train", free_pages=5, recrawl_unchanged=True)


def terms(scene: Scene, method: str = "GET", offer: Offer | None = None) -> tuple[str, ...]:
    question = Question(HOST, "/articles/1", Signing(CRAWLER), offer, method)
    return rehearse(question, scene.policy(), classify, NOW).terms


def subscription(number: int, **changes: object) -> Subscription:
    site = Scene().policy().sites[HOST]
    made = Subscription(number, site.publisher_id, site.site_id, None, 10, 0, None)
    return replace(made, **changes)  # type: ignore[arg-type]


def test_terms_are_tried_in_one_order_and_only_what_covers_the_page_is_named() -> None:
    ours = (subscription(1), subscription(2, site_id=99), subscription(3, site_id=None, licence="ai-train"))
    others = (subscription(4, licence="ai-input"), subscription(5, publisher_id=99))
    scene = Scene(rules=(RULE,), account=replace(ACCOUNT, subscriptions=(*ours, *others)))
    assert [sentence.split()[-3:] for sentence in terms(scene)] == [
        ["it", "was", "bought"],
        ["in", "this", "month"],
        ["in", "this", "month"],
        ["at", "this", "site"],
    ]


def test_a_subscription_needs_no_terms_of_the_rule() -> None:
    plain = Rule("news", action=Action.CHARGE, price=PRICE)
    assert terms(Scene(rules=(plain,))) == ()
    assert len(terms(Scene(rules=(plain,), account=replace(ACCOUNT, subscriptions=(subscription(1),))))) == 1


@pytest.mark.parametrize(
    "scene",
    [
        Scene(rules=(RULE,), account=None),
        Scene(rules=(RULE,), account=replace(ACCOUNT, suspended=True)),
        Scene(rules=(RULE,), crawler=None),
        Scene(rules=(replace(RULE, price=replace(PRICE, amount_micros=0)),)),
    ],
)
def test_who_may_not_pay_or_need_not_gets_none(scene: Scene) -> None:
    assert terms(scene) == ()


def test_only_get_is_granted_and_a_mere_name_earns_nothing() -> None:
    scene = Scene(rules=(RULE,))
    assert terms(scene, "HEAD", Offer(OfferKind.MAX, PRICE)) == ()
    question = Question(HOST, "/articles/1", Announced("GPTBot/1.1"))
    rehearsal = rehearse(question, scene.policy(), classify, NOW)
    assert isinstance(rehearsal.decision, DemandPayment)
    assert rehearsal.terms == ()


def test_the_values_are_what_the_rule_says() -> None:
    policy = Scene(rules=(replace(RULE, recrawl_hours=12, free_period=FreePeriod.DAY),)).policy()
    offered = Question(HOST, "/articles/1", Signing(CRAWLER), Offer(OfferKind.MAX, PRICE))
    decision = rehearse(offered, policy, classify, NOW).decision
    assert isinstance(decision, Charge)
    assert decision.grants == (Recrawl(12, True), FreePages(5, FreePeriod.DAY))

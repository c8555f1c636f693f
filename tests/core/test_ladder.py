"""Who asks: only a verified signature of a registered crawler is a name that pays; all else is a claim or a visitor."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.core.decision import DemandPayment, Refuse
from edge.core.identity import (
    STRANGER,
    ClaimedCrawler,
    CrawlerKind,
    Identity,
    RegisteredCrawler,
    Rung,
    SignedCrawler,
    TokenRefused,
    Visitor,
)
from edge.core.keys import public_half
from edge.core.ladder import identify
from edge.core.policy import Knowledge
from edge.core.refusals import RefusalCode
from edge.core.signature_faults import SignatureFault
from edge.core.web_bot_auth import DirectoryDown, Invalid, KeyUnknown, Unverified, sign_request
from tests.support.scene import AGENT_URL, BROWSER, COVERED, CRAWLER, KEY, NOW, Scene, Signature, classify

SIGNED = Scene(offers=())
UNSIGNED = Scene(offers=(), signature=Signature.NONE)
GPTBOT = ClaimedCrawler("GPTBot", "OpenAI", CrawlerKind.TRAINING)
NAMELESS = ClaimedCrawler("", "", CrawlerKind.OTHER)


def identity_of(scene: Scene) -> Identity:
    return identify(scene.request(), scene.policy(), scene.knowledge(), NOW)


def failure_of(identity: Identity) -> Invalid | Unverified | None:
    assert isinstance(identity, ClaimedCrawler)
    assert not isinstance(identity.failure, TokenRefused)
    return identity.failure


@pytest.mark.parametrize(
    ("user_agent", "identity"), [("GPTBot/1.1", GPTBOT), (BROWSER, Visitor()), ("", NAMELESS), ("curl/8", NAMELESS)]
)
def test_without_a_signature_the_user_agent_is_all_there_is(user_agent: str, identity: Identity) -> None:
    assert identity_of(UNSIGNED.but(user_agent=user_agent)) == identity


def test_a_missing_user_agent_counts_as_an_empty_one() -> None:
    request = UNSIGNED.request()
    without = replace(request, fields={name: text for name, text in request.fields.items() if name != "user-agent"})
    assert identify(without, UNSIGNED.policy(), UNSIGNED.knowledge(), NOW) == NAMELESS


@pytest.mark.parametrize("name", ["signature-agent", "crawler-exact-price", "crawler-max-price"])
def test_a_browser_with_a_crawlers_header_is_a_crawler(name: str) -> None:
    request = UNSIGNED.but(user_agent=BROWSER).request()
    marked = replace(request, fields={**request.fields, name: ""})
    assert identify(marked, UNSIGNED.policy(), UNSIGNED.knowledge(), NOW) == NAMELESS


@pytest.mark.parametrize("user_agent", ["ExampleBot/1.0", "GPTBot/1.1", BROWSER, ""])
def test_a_verified_signature_of_a_registered_crawler_names_it_whatever_the_user_agent(user_agent: str) -> None:
    identity = identity_of(SIGNED.but(user_agent=user_agent))
    assert isinstance(identity, SignedCrawler)
    assert identity.crawler == CRAWLER
    assert identity.proof.agent_url == AGENT_URL
    assert identity.expired is None


ASSISTANT = ClaimedCrawler("OneUser", "One", CrawlerKind.ASSISTANT, rung=Rung.ADDRESS)


@pytest.mark.parametrize(
    ("user_agent", "identity"), [(BROWSER, ASSISTANT), ("", ASSISTANT), ("curl/8", ASSISTANT), ("GPTBot/1.1", GPTBOT)]
)
def test_who_gives_no_name_is_whom_the_address_alone_belongs_to(user_agent: str, identity: Identity) -> None:
    scene = UNSIGNED.but(user_agent=user_agent)
    owned = replace(scene.knowledge(), owner={"192.0.2.1": ASSISTANT}.get)
    assert identify(scene.request(), scene.policy(), owned, NOW) == identity
    elsewhere = replace(scene.request(), peer="192.0.2.2")
    assert identify(elsewhere, scene.policy(), owned, NOW) == identify(
        elsewhere, scene.policy(), scene.knowledge(), NOW
    )


def test_a_signature_that_fails_leaves_whom_the_address_belongs_to() -> None:
    scene = Scene(signature=Signature.CORRUPT, user_agent=BROWSER)
    owned = replace(scene.knowledge(), owner=lambda address: ASSISTANT)
    found = identify(scene.request(), scene.policy(), owned, NOW)
    assert isinstance(found, ClaimedCrawler)
    assert (found.name, found.rung, type(found.failure)) == ("OneUser", Rung.ADDRESS, Invalid)


def test_who_has_signed_is_not_looked_up_in_the_catalogue() -> None:
    asked: list[str] = []

    def remember(user_agent: str) -> ClaimedCrawler | None:
        asked.append(user_agent)
        return classify(user_agent)

    knowledge = Knowledge(SIGNED.knowledge().find_key, remember)
    identify(SIGNED.request(), SIGNED.policy(), knowledge, NOW)
    assert asked == []
    identify(SIGNED.but(signature=Signature.CORRUPT).request(), SIGNED.policy(), knowledge, NOW)
    assert asked == ["ExampleBot/1.0"]


@pytest.mark.parametrize(
    ("signature", "fault"),
    [
        (Signature.CORRUPT, SignatureFault.BAD_SIGNATURE),
        (Signature.HALF, SignatureFault.HALF_SIGNED),
        (Signature.OTHER_HALF, SignatureFault.HALF_SIGNED),
        (Signature.UNREADABLE, SignatureFault.UNREADABLE),
    ],
)
@pytest.mark.parametrize(("user_agent", "claim"), [("GPTBot/1.1", GPTBOT), (BROWSER, NAMELESS), ("x", NAMELESS)])
def test_a_signature_that_fails_leaves_the_claim_and_the_reason(
    signature: Signature, fault: SignatureFault, user_agent: str, claim: ClaimedCrawler
) -> None:
    identity = identity_of(SIGNED.but(signature=signature, user_agent=user_agent))
    failure = failure_of(identity)
    assert isinstance(failure, Invalid)
    assert failure.fault is fault
    assert identity == replace(claim, failure=failure)


@pytest.mark.parametrize(
    ("key", "fault", "retry_after_seconds"),
    [(KeyUnknown(), SignatureFault.KEY_UNKNOWN, None), (DirectoryDown(30), SignatureFault.DIRECTORY_DOWN, 30)],
)
def test_a_signature_whose_key_is_not_to_be_had_proves_nothing(
    key: KeyUnknown | DirectoryDown, fault: SignatureFault, retry_after_seconds: int | None
) -> None:
    failure = failure_of(identity_of(SIGNED.but(key=key, user_agent="GPTBot/1.1")))
    assert isinstance(failure, Unverified)
    assert (failure.fault, failure.agent_url, failure.retry_after_seconds) == (fault, AGENT_URL, retry_after_seconds)


def test_a_good_signature_of_an_agent_that_nobody_registered_is_known_by_its_host_alone() -> None:
    """Such keys are to be had only where strangers' directories are read."""
    identity = identity_of(SIGNED.but(crawler=None, user_agent="GPTBot/1.1"))
    assert isinstance(identity, SignedCrawler)
    assert identity.crawler == RegisteredCrawler(STRANGER, "bot.example", "", CrawlerKind.OTHER, AGENT_URL)


def test_whoever_is_not_registered_hears_so_when_it_offers_to_pay() -> None:
    refused = SIGNED.but(crawler=None).offering("USD 0.01").decide()
    assert isinstance(refused, Refuse)
    assert refused.code is RefusalCode.CRAWLER_UNREGISTERED
    unpaid = SIGNED.but(crawler=None).decide()
    assert isinstance(unpaid, DemandPayment)


def test_an_expired_signature_names_its_crawler_and_says_that_it_is_expired() -> None:
    identity = identity_of(SIGNED.but(age_seconds=100, lifetime_seconds=60))
    assert isinstance(identity, SignedCrawler)
    assert identity.crawler == CRAWLER
    assert identity.expired is not None
    assert identity.expired.fault is SignatureFault.EXPIRED


def test_an_expired_signature_of_an_agent_that_nobody_registered_is_a_claim() -> None:
    failure = failure_of(identity_of(SIGNED.but(age_seconds=100, lifetime_seconds=60, crawler=None)))
    assert isinstance(failure, Invalid)
    assert failure.fault is SignatureFault.EXPIRED


def test_an_expired_signature_that_does_not_verify_names_nobody() -> None:
    scene = SIGNED.but(age_seconds=100, lifetime_seconds=60, signature=Signature.CORRUPT)
    assert isinstance(failure_of(identity_of(scene)), Invalid)


def test_nobody_signs_for_an_agent_with_a_key_that_is_not_that_agents() -> None:
    own_key = Ed25519PrivateKey.from_private_bytes(b"\x02" * 32)
    request = UNSIGNED.request()
    made = sign_request(request, own_key, "https://bot.example", COVERED, NOW, NOW + 60)
    failure = failure_of(
        identify(replace(request, fields={**request.fields, **made}), SIGNED.policy(), SIGNED.knowledge(), NOW)
    )
    assert isinstance(failure, Unverified)


def test_a_suspended_crawler_keeps_its_name() -> None:
    suspended = replace(CRAWLER, suspended=True)
    identity = identity_of(SIGNED.but(crawler=suspended))
    assert isinstance(identity, SignedCrawler)
    assert identity.crawler == suspended


@pytest.mark.parametrize("allowed", [False, True])
def test_an_agent_on_loopback_takes_part_only_where_that_is_allowed(allowed: bool) -> None:
    agent = "http://127.0.0.1:9000"
    request = UNSIGNED.request()
    made = sign_request(request, KEY, agent, COVERED, NOW, NOW + 60, allow_loopback_http=True)
    ours = replace(CRAWLER, agent_url=f"{agent}/.well-known/http-message-signatures-directory")
    knowledge = Knowledge(lambda agent_url, thumbprint: public_half(KEY), classify, allow_loopback_http=allowed)
    signed = replace(request, fields={**request.fields, **made})
    identity = identify(signed, SIGNED.but(crawler=ours).policy(), knowledge, NOW)
    assert isinstance(identity, SignedCrawler) is allowed


@pytest.mark.parametrize("rung", [Rung.IMPOSTOR, Rung.CLAIMED, Rung.REVERSE_DNS, Rung.ADDRESS])
@pytest.mark.parametrize("signature", [Signature.NONE, Signature.CORRUPT])
def test_a_claim_climbs_or_falls_by_what_its_address_says(signature: Signature, rung: Rung) -> None:
    asked: list[tuple[str, str]] = []

    def prove(name: str, address: str) -> Rung:
        asked.append((name, address))
        return rung

    scene = SIGNED.but(signature=signature, user_agent="GPTBot/1.1")
    knowledge = replace(scene.knowledge(), prove=prove)
    identity = identify(scene.request(), scene.policy(), knowledge, NOW)
    assert isinstance(identity, ClaimedCrawler)
    assert (identity.name, identity.rung) == ("GPTBot", rung)
    assert (identity.failure is None) is (signature is Signature.NONE)
    assert asked == [("GPTBot", "192.0.2.1")]


def test_of_who_has_signed_and_of_a_person_no_address_is_looked_up() -> None:
    def refuse(name: str, address: str) -> Rung:
        raise AssertionError("asked")

    for scene in (SIGNED, UNSIGNED.but(user_agent=BROWSER)):
        identify(scene.request(), scene.policy(), replace(scene.knowledge(), prove=refuse), NOW)

"""What a crawler's author is told: the step that failed, what would pass, and the base as this edge sees it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge.core.keys import public_half
from edge.core.policy import Account
from edge.core.request import CrawlRequest
from edge.core.signature_check import _STEP_OF, SignatureReport, Step, explain_signature
from edge.core.signature_faults import SignatureFault
from edge.core.web_bot_auth import DirectoryDown, KeyUnknown, examine
from tests.support.scene import ACCOUNT, AGENT_URL, KEY, NOW, Scene, Signature

SCENE = Scene()
UNBOUND = ("@authority", "signature-agent", "crawler-max-price")


def report_of(scene: Scene, request: CrawlRequest | None = None, trouble: str = "") -> SignatureReport:
    request = request or scene.request()
    examined = examine(request, scene.knowledge().find_key, NOW)
    return explain_signature(request, examined, scene.policy(), NOW, trouble)


def edited(**changes: str) -> CrawlRequest:
    """The signed request with a part of its ``signature-input`` replaced: ``old="new"``, underscores for nothing."""
    request = SCENE.request()
    fields = dict(request.fields)
    for name, text in changes.items():
        old, _, new = text.partition(" -> ")
        key = name.replace("_", "-")
        assert old in fields[key]
        fields[key] = fields[key].replace(old, new)
    return replace(request, fields=fields)


def failed(report: SignatureReport) -> list[str]:
    return [step.name for step in report.steps if step.passed is False]


def test_every_fault_has_its_step() -> None:
    assert set(_STEP_OF) == set(SignatureFault)


def test_a_signature_that_holds_passes_every_step_and_may_pay() -> None:
    report = report_of(SCENE)
    assert (report.outcome, report.agent, report.keyid) == ("verified", AGENT_URL, public_half(KEY).thumbprint)
    assert [step.passed for step in report.steps] == [True] * len(Step)
    assert {check.name: check.passed for check in report.to_pay} == dict.fromkeys(
        ("offer", "price_covered", "target_covered", "fresh", "registered", "account"), True
    )
    assert report.crawler == "ExampleBot"
    (base,) = report.bases.values()
    assert '"@method": GET\n' in base
    assert '"crawler-max-price": USD 0.01\n' in base


def test_an_unsigned_request_is_told_to_sign() -> None:
    report = report_of(SCENE.but(signature=Signature.NONE))
    assert (report.outcome, failed(report)) == ("unsigned", ["fields"])
    assert [step.passed for step in report.steps[1:]] == [None] * (len(Step) - 1)


@pytest.mark.parametrize(
    ("request_", "step"),
    [
        (SCENE.but(signature=Signature.HALF).request(), "fields"),
        (SCENE.but(signature=Signature.UNREADABLE).request(), "structure"),
        (edited(signature_input="created= -> created=x"), "structure"),
        (edited(signature_input='"@method" -> "@method" "@method"'), "structure"),
        (edited(signature_input='tag="web-bot-auth" -> tag="other"'), "tag"),
        (edited(signature_input=f"created={NOW} -> created={NOW + 120}"), "parameters"),
        (edited(signature_input=";expires= -> ;until="), "parameters"),
        (SCENE.but(covers=("@method", "signature-agent")).request(), "coverage"),
        (edited(signature_input=' "signature-agent";key="sig1" -> '), "coverage"),
        (edited(signature_agent="https: -> http:"), "agent"),
        (edited(signature_input='"@method" -> "x-not-sent"'), "base"),
        (SCENE.but(signature=Signature.CORRUPT).request(), "signature"),
        (replace(SCENE.request(), method="HEAD"), "signature"),
    ],
)
def test_the_step_that_failed_is_named_with_what_would_pass(request_: CrawlRequest, step: str) -> None:
    report = report_of(SCENE, request_)
    assert (report.outcome, failed(report)) == ("invalid", [step])
    at = [one.name for one in report.steps].index(step)
    assert [one.passed for one in report.steps] == [True] * at + [False] + [None] * (len(Step) - at - 1)
    assert report.steps[at].why == report.why != ""


def test_an_expired_signature_that_would_have_held_says_so() -> None:
    report = report_of(SCENE.but(age_seconds=100, lifetime_seconds=60))
    assert failed(report) == ["expiry"]
    assert {step.passed for step in report.steps[:-1]} == {True}


def test_of_an_expired_signature_without_a_key_nobody_knows_whether_it_held() -> None:
    report = report_of(SCENE.but(age_seconds=100, lifetime_seconds=60, key=KeyUnknown()))
    told = {step.name: step.passed for step in report.steps}
    assert [told[name] for name in ("agent", "key", "base", "signature", "expiry")] == [True, None, None, None, False]


@pytest.mark.parametrize("key", [KeyUnknown(), DirectoryDown(5)])
def test_a_key_that_cannot_be_had_is_unverified_and_the_trouble_is_told(key: KeyUnknown | DirectoryDown) -> None:
    report = report_of(SCENE.but(key=key), trouble="the host answers 404")
    assert (report.outcome, failed(report), report.why) == ("unverified", ["key"], "the host answers 404")
    assert report.bases


@pytest.mark.parametrize(
    ("scene", "name", "passed"),
    [
        (SCENE.but(offers=()), "offer", None),
        (SCENE.but(offers=()), "price_covered", None),
        (SCENE.offering("a penny"), "offer", False),
        (SCENE.but(covers=("@method", "@authority", "@target-uri", "signature-agent")), "price_covered", False),
        (SCENE.but(covers=("@authority", "signature-agent", "crawler-max-price")), "target_covered", None),
        (
            SCENE.but(covers=("@authority", "signature-agent", "crawler-max-price"), strict=True),
            "target_covered",
            False,
        ),
        (SCENE.but(age_seconds=301), "fresh", False),
        (SCENE.but(crawler=None), "registered", False),
        (SCENE.but(crawler=None), "account", None),
        (SCENE.but(account=None), "account", False),
        (SCENE.but(account=Account(ACCOUNT.account_id, "USD", suspended=True)), "account", False),
    ],
)
def test_what_paying_needs_besides_is_told(scene: Scene, name: str, passed: bool | None) -> None:
    report = report_of(scene)
    assert report.outcome == "verified"
    (check,) = [one for one in report.to_pay if one.name == name]
    assert check.passed is passed
    assert check.why or passed is None

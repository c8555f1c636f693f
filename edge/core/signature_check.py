"""Tell the author of a crawler, step by step, how its signature was read: which check failed, and what would pass.

Rules of this file

- The judgement is ``examine``'s own and is only laid out here, so that what the sandbox says is what the gate does.
- A step after the first that failed was not looked at and says so; nothing is guessed.
- Everything in a report is the caller's own: its request, its key, its registration. Nothing here needs hiding from a
  forger, who can compute all of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from edge.core.policy import Policy, SitePolicy
from edge.core.request import CrawlRequest
from edge.core.signature_base import build_base
from edge.core.signature_faults import Flaw, SignatureFault
from edge.core.signatures import FlawedSignature, LabelledSignature, parse_signatures
from edge.core.terms import Offer, OfferMistake, read_offer
from edge.core.web_bot_auth import (
    TAG,
    Examination,
    Invalid,
    Unsigned,
    Unverified,
    Verified,
    charge_freshness,
    covers_target,
)

_F = SignatureFault


class Step(StrEnum):
    """The checks in the order in which they are made."""

    FIELDS = "fields"
    STRUCTURE = "structure"
    TAG = "tag"
    PARAMETERS = "parameters"
    COVERAGE = "coverage"
    AGENT = "agent"
    KEY = "key"
    BASE = "base"
    SIGNATURE = "signature"
    EXPIRY = "expiry"


_STEP_OF: Mapping[SignatureFault, Step] = {
    _F.HALF_SIGNED: Step.FIELDS,
    _F.UNREADABLE: Step.STRUCTURE,
    _F.DUPLICATE_LABEL: Step.STRUCTURE,
    _F.DUPLICATE_PARAMETER: Step.STRUCTURE,
    _F.DUPLICATE_COMPONENT: Step.STRUCTURE,
    _F.TOO_MANY_LABELS: Step.STRUCTURE,
    _F.TOO_MANY_COMPONENTS: Step.STRUCTURE,
    _F.LABEL_WITHOUT_SIGNATURE: Step.STRUCTURE,
    _F.PARAMETER_TYPE: Step.STRUCTURE,
    _F.NO_TAG: Step.TAG,
    _F.NO_CREATED: Step.PARAMETERS,
    _F.NO_EXPIRES: Step.PARAMETERS,
    _F.NO_KEYID: Step.PARAMETERS,
    _F.ALGORITHM: Step.PARAMETERS,
    _F.WINDOW: Step.PARAMETERS,
    _F.CREATED_IN_FUTURE: Step.PARAMETERS,
    _F.AUTHORITY_NOT_COVERED: Step.COVERAGE,
    _F.AGENT_NOT_COVERED: Step.COVERAGE,
    _F.AGENT_MISSING: Step.AGENT,
    _F.AGENT_UNREADABLE: Step.AGENT,
    _F.AGENT_URL_REFUSED: Step.AGENT,
    _F.KEY_UNKNOWN: Step.KEY,
    _F.KEY_NOT_YET_VALID: Step.KEY,
    _F.KEY_EXPIRED: Step.KEY,
    _F.DIRECTORY_DOWN: Step.KEY,
    _F.UNKNOWN_COMPONENT: Step.BASE,
    _F.UNKNOWN_COMPONENT_PARAMETER: Step.BASE,
    _F.COMPONENT_MISSING: Step.BASE,
    _F.COMPONENT_VALUE: Step.BASE,
    _F.BAD_SIGNATURE: Step.SIGNATURE,
    _F.EXPIRED: Step.EXPIRY,
    _F.STALE: Step.EXPIRY,
}


@dataclass(frozen=True, slots=True)
class Checked:
    """One check: ``passed`` is None where it was not looked at; ``why`` says what failed and what would pass."""

    name: str
    passed: bool | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class SignatureReport:
    """All that can be said of one signed request.

    ``outcome`` is verified, invalid, unverified or unsigned. ``steps`` are those of the signature, ``to_pay`` what an
    offer needs besides. ``bases`` are the signature bases as this edge sees them, by label: compare them with yours.
    """

    outcome: str
    why: str
    steps: tuple[Checked, ...]
    to_pay: tuple[Checked, ...]
    agent: str | None
    keyid: str | None
    crawler: str | None
    bases: Mapping[str, str]


def explain_signature(
    request: CrawlRequest, examination: Examination, policy: Policy, now: float, key_trouble: str = ""
) -> SignatureReport:
    """Lay out what ``examine`` said of ``request`` at ``now`` (Unix seconds).

    ``key_trouble`` says why the agent's keys could not be had, where more is known of that.
    """
    match examination:
        case Verified():
            known = policy.crawlers.get(examination.agent_url)
            return SignatureReport(
                "verified",
                "",
                _steps(None, ""),
                tuple(_to_pay(request, examination, policy, now)),
                examination.agent_url,
                examination.thumbprint,
                known.name if known else None,
                _bases(request),
            )
        case Unsigned():
            why = "Neither Signature nor Signature-Input was sent; sign the request as accept-signature says."
            return SignatureReport("unsigned", why, _steps(Step.FIELDS, why), (), None, None, None, {})
        case Invalid():
            why = str(Flaw(examination.fault, examination.detail))
            steps = _steps(_failed_at(request, examination.fault), why)
            if examination.fault is _F.EXPIRED and examination.verified is None:
                steps = _unknown_from_key(steps)
            return SignatureReport("invalid", why, steps, (), None, None, None, _bases(request))
        case Unverified():
            why = key_trouble or examination.fault.sentence
            steps = _steps(_STEP_OF[examination.fault], why)
            agent, keyid = examination.agent_url, examination.thumbprint
            return SignatureReport("unverified", why, steps, (), agent, keyid, None, _bases(request))
        case _ as never:
            assert_never(never)


def _steps(failed: Step | None, why: str) -> tuple[Checked, ...]:
    """Everything before the failure passed; what comes after it was not looked at."""
    found, is_over = [], False
    for step in Step:
        if step is failed:
            found.append(Checked(step.value, False, why))
            is_over = True
        else:
            found.append(Checked(step.value, None if is_over else True))
    return tuple(found)


def _unknown_from_key(steps: Iterable[Checked]) -> tuple[Checked, ...]:
    """Expired, and the key is not to be had: whether it would have verified, nobody knows."""
    unseen = (Step.KEY, Step.BASE, Step.SIGNATURE)
    return tuple(Checked(one.name, None) if one.name in unseen else one for one in steps)


def _failed_at(request: CrawlRequest, fault: SignatureFault) -> Step:
    """The step of a fault; what reading the fields alone has found was found before anything else."""
    read = parse_signatures(request.fields.get("signature-input", ""), request.fields.get("signature", ""))
    found = read if isinstance(read, tuple) else ()
    is_of_reading = any(isinstance(one, FlawedSignature) and one.flaw.fault is fault for one in found)
    return Step.STRUCTURE if is_of_reading else _STEP_OF[fault]


def _bases(request: CrawlRequest) -> dict[str, str]:
    """The signature base of each label that is ours and can be read."""
    read = parse_signatures(request.fields.get("signature-input", ""), request.fields.get("signature", ""))
    bases = {}
    for one in read if isinstance(read, tuple) else ():
        if isinstance(one, LabelledSignature) and one.tag == TAG:
            base = build_base(one.components, one.parameters_text, request)
            bases[one.label] = str(base) if isinstance(base, Flaw) else base.decode("ascii", "backslashreplace")
    return bases


def _to_pay(request: CrawlRequest, proof: Verified, policy: Policy, now: float) -> Iterable[Checked]:
    """What an offer needs besides a signature that verifies, at the site that was asked."""
    site = policy.sites[request.host]
    offer = read_offer(request.fields, site.currency)
    yield _offered(offer, site)
    if isinstance(offer, Offer):
        named = f'"{offer.kind.value}"'
        covered = offer.kind.value in proof.covered
        yield Checked("price_covered", covered, "" if covered else f"Cover {named} with the signature.")
    else:
        yield Checked("price_covered", None)
    bound = covers_target(proof)
    advice = 'Cover "@target-uri", or "@path" with "@query": ' + (
        "this site asks for it." if site.strict else "strict sites ask for it, and a signature without can be replayed."
    )
    yield Checked("target_covered", bound if site.strict else (True if bound else None), "" if bound else advice)
    stale = charge_freshness(proof, now)
    yield Checked("fresh", stale is None, stale.sentence if stale else "")
    known = policy.crawlers.get(proof.agent_url)
    unknown = "Nobody has registered this agent here; /.well-known/farebox/register says how."
    yield Checked("registered", known is not None, "" if known else unknown)
    account = policy.accounts.get((known.crawler_id, site.currency)) if known else None
    can_pay = account is not None and not account.suspended
    lacking = f"There is no {site.currency} account that may pay; write to the operator."
    yield Checked("account", can_pay if known else None, "" if can_pay or not known else lacking)


def _offered(offer: Offer | OfferMistake | None, site: SitePolicy) -> Checked:
    match offer:
        case Offer():
            return Checked("offer", True)
        case None:
            return Checked("offer", None, f"No price was offered; try it with crawler-max-price: {site.currency} 0.01.")
        case OfferMistake(detail=detail):
            return Checked("offer", False, detail)
        case _ as never:
            assert_never(never)

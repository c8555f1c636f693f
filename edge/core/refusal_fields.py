"""The header fields of a refusal: what a crawler reads, as names and values in the order in which they are sent.

Pure, so that "test a URL" and ``farebox rules test`` show what the gate sends (a test holds both together).
"""

from __future__ import annotations

import re

from edge.core.decision import DemandPayment, Refuse
from edge.core.money import Money
from edge.core.policy import SitePolicy
from edge.core.refusals import REFUSALS, RefusalCode
from edge.core.signals.published import PATHS, RSL_TYPE, Signal

PROBLEM_PATH = "/.well-known/farebox/problems/"
REGISTER_PATH = "/.well-known/farebox/register"
VARY = (
    "Accept, Accept-Language, User-Agent, Authorization, Signature-Agent, Signature-Input, Signature, "
    "crawler-exact-price, crawler-max-price"
)
ACCEPT_SIGNATURE = (
    'sig1=("@method" "@authority" "@target-uri" "signature-agent";key="sig1" "crawler-max-price")'
    ';created;expires;tag="web-bot-auth"'
)
_ASKS_FOR_SIGNATURE = frozenset({400, 402})
_DETAIL_CHARACTERS_MAX = 500
_LINKABLE = ("https://", "http://", "mailto:")
_MAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9][A-Za-z0-9.-]{0,251}")


def contact_link(contact: str) -> str | None:
    """Where a contact leads: a web address, or ``mailto:`` of a mail address; None when it is something else."""
    if contact.startswith(_LINKABLE):
        return contact
    return f"mailto:{contact}" if _MAIL.fullmatch(contact) else None


def refusal_status(refusal: Refuse | DemandPayment) -> int:
    """The HTTP status: the rule's own for a block, else the code's."""
    own = refusal.status if isinstance(refusal, Refuse) else None
    return own or REFUSALS[refusal.code].status


def refusal_fields(refusal: Refuse | DemandPayment) -> tuple[tuple[str, str], ...]:
    """The fields of the problem+json answer in English, without its length and request id."""
    price, detail, retry_after_seconds = _terms(refusal)
    text = REFUSALS[refusal.code]
    status = refusal_status(refusal)
    fields = [
        ("content-type", "application/problem+json"),
        ("cache-control", "no-store"),
        ("vary", VARY),
        ("content-language", "en"),
    ]
    if text.crawler_error is not None:
        fields.append(("crawler-error", text.crawler_error.value))
    if price is not None:
        fields.append(("crawler-price", str(price)))
    if detail and _may_tell(refusal):
        fields.append(("crawler-error-detail", field_text(detail)))
    if status in _ASKS_FOR_SIGNATURE and text.crawler_error is not None:
        fields.append(("accept-signature", ACCEPT_SIGNATURE))
    if retry_after_seconds is not None:
        fields.append(("retry-after", str(retry_after_seconds)))
    if isinstance(refusal, Refuse) and refusal.rate is not None:
        fields += refusal.rate.fields
    if refusal.site is not None:
        fields.append(("link", _links(refusal.code, refusal.site)))
    return tuple(fields)


def told_detail(refusal: Refuse | DemandPayment) -> str:
    """The one reason as the body tells it, in the publisher's own letters; empty where it may not be told."""
    _, detail, _ = _terms(refusal)
    return detail if _may_tell(refusal) else ""


def _may_tell(refusal: Refuse | DemandPayment) -> bool:
    """Which check failed is the site's to tell or not; what a publisher wrote for the blocked is meant for them.

    A budget is the crawler's own, and known by its signature.
    """
    if isinstance(refusal, DemandPayment) and refusal.budget is not None:
        return True
    return refusal.site is None or refusal.site.error_detail or refusal.code is RefusalCode.CRAWLER_BLOCKED


def _links(code: RefusalCode, site: SitePolicy) -> str:
    links = [f'<{problem_path(code)}>; rel="help"']
    if code is RefusalCode.CRAWLER_UNREGISTERED:
        links.append(f'<{register_link(site)}>; rel="register"')
    if Signal.RSL in site.signals:
        links.append(f'<{PATHS[Signal.RSL]}>; rel="license"; type="{RSL_TYPE}"')
    contact = contact_link(site.contact or "")
    if code is RefusalCode.INSUFFICIENT_CREDITS and contact is not None and contact.isascii():
        links.append(f'<{contact}>; rel="payment"')
    return ", ".join(links)


def problem_path(code: RefusalCode) -> str:
    """Where a site explains a refusal code."""
    return f"{PROBLEM_PATH}{code.value}"


def register_link(site: SitePolicy) -> str:
    """Where a crawler registers: the page that the publisher named, else our own."""
    return site.register_url or REGISTER_PATH


def field_text(text: str) -> str:
    """A header field's value out of a sentence that may quote what a stranger sent: visible ASCII only."""
    return "".join(character if " " <= character <= "~" else "?" for character in text)[:_DETAIL_CHARACTERS_MAX]


def _terms(refusal: Refuse | DemandPayment) -> tuple[Money | None, str, int | None]:
    if isinstance(refusal, DemandPayment):
        over = refusal.budget
        return refusal.price, over.sentence if over else "", over.retry_after_seconds if over else None
    return None, refusal.detail, refusal.retry_after_seconds

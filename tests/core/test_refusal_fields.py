"""The header fields of a refusal: what is told, to whom, and that a crawler can act on it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.accept_signature import parse_accept_signature
from edge.core.decision import Charge, DemandPayment, Refuse
from edge.core.identity import SignedCrawler, Visitor
from edge.core.money import AMOUNT_MICROS_MAX, Money
from edge.core.refusal_fields import (
    ACCEPT_SIGNATURE,
    VARY,
    field_text,
    problem_path,
    refusal_fields,
    refusal_status,
    told_detail,
)
from edge.core.refusals import REFUSALS, RefusalCode
from edge.core.rule_index import Match
from tests.support.scene import PRICE, SOLD, Scene

SITE = Scene().site()
SILENT = replace(SITE, error_detail=False)
HEAD_BYTES_MAX = 2048


def fields_of(refusal: Refuse | DemandPayment) -> dict[str, str]:
    fields = refusal_fields(refusal)
    assert len({name for name, _ in fields}) == len(fields)
    return dict(fields)


def demand(code: RefusalCode = RefusalCode.PAYMENT_REQUIRED, price: Money = PRICE) -> DemandPayment:
    return DemandPayment(code, price, SITE, Visitor(), Match(0, SOLD))


@pytest.mark.parametrize("code", list(RefusalCode))
def test_every_code_has_its_status_and_its_word_and_is_never_cached(code: RefusalCode) -> None:
    refusal = Refuse(code, "the reason", SITE)
    fields = fields_of(refusal)
    text = REFUSALS[code]
    assert refusal_status(refusal) == text.status
    assert fields.get("crawler-error") == (text.crawler_error.value if text.crawler_error else None)
    assert fields["crawler-error-detail"] == "the reason"
    assert fields["cache-control"] == "no-store"
    assert fields["vary"] == VARY
    assert fields["content-type"] == "application/problem+json"
    links = [f'</.well-known/farebox/problems/{code}>; rel="help"']
    if code is RefusalCode.CRAWLER_UNREGISTERED:
        links.append('</.well-known/farebox/register>; rel="register"')
    assert fields["link"] == ", ".join(links)


def test_a_rules_own_status_replaces_the_codes() -> None:
    refusal = Refuse(RefusalCode.CRAWLER_BLOCKED, "no", SITE, status=402)
    assert refusal_status(refusal) == 402
    assert fields_of(refusal)["crawler-error"] == "CrawlerForbidden"


def test_only_a_demand_carries_a_price() -> None:
    assert fields_of(demand())["crawler-price"] == "USD 0.01"
    assert "crawler-error-detail" not in fields_of(demand())
    assert "crawler-price" not in fields_of(Refuse(RefusalCode.SIGNATURE_INVALID, "x", SITE))


@pytest.mark.parametrize("code", list(RefusalCode))
def test_a_signature_is_asked_for_where_one_would_help(code: RefusalCode) -> None:
    refusal = Refuse(code, "", SITE)
    asks = REFUSALS[code].status in (400, 402) and REFUSALS[code].crawler_error is not None
    assert ("accept-signature" in fields_of(refusal)) is asks


@pytest.mark.parametrize("seconds", [None, 0, 30])
def test_when_to_come_back_is_said_when_it_is_known(seconds: int | None) -> None:
    fields = fields_of(Refuse(RefusalCode.KEY_UNAVAILABLE, "x", SITE, retry_after_seconds=seconds))
    assert fields.get("retry-after") == (None if seconds is None else str(seconds))


def test_a_site_may_keep_the_reason_to_itself_but_not_what_it_wrote_for_the_blocked() -> None:
    secret = Refuse(RefusalCode.SIGNATURE_INVALID, "which check failed", SILENT)
    assert "crawler-error-detail" not in fields_of(secret)
    assert told_detail(secret) == ""
    blocked = Refuse(RefusalCode.CRAWLER_BLOCKED, "Schreiben Sie uns für eine Lizenz", SILENT)
    assert fields_of(blocked)["crawler-error-detail"] == "Schreiben Sie uns f?r eine Lizenz"
    assert told_detail(blocked) == "Schreiben Sie uns für eine Lizenz"


def test_before_a_site_is_known_the_reason_is_told_and_no_link_is_given() -> None:
    fields = fields_of(Refuse(RefusalCode.UNKNOWN_SITE, "no site named 'x' is served here"))
    assert fields["crawler-error-detail"] == "no site named 'x' is served here"
    assert "link" not in fields


@pytest.mark.parametrize(
    ("contact", "link"),
    [
        ("https://pay.example/", ', <https://pay.example/>; rel="payment"'),
        ("mailto:a@b.example", ', <mailto:a@b.example>; rel="payment"'),
        ("ads+bots@news.example", ', <mailto:ads+bots@news.example>; rel="payment"'),
        ("a@b.example>; rel=x", ""),
        ("call us", ""),
        ("https://münchen.example", ""),
        (None, ""),
    ],
)
def test_exhausted_credit_links_to_where_it_is_topped_up(contact: str | None, link: str) -> None:
    refusal = replace(demand(RefusalCode.INSUFFICIENT_CREDITS), site=replace(SITE, contact=contact))
    help_link = f'<{problem_path(RefusalCode.INSUFFICIENT_CREDITS)}>; rel="help"'
    assert fields_of(refusal)["link"] == help_link + link
    assert fields_of(replace(refusal, code=RefusalCode.PAYMENT_REQUIRED))["link"].count("rel=") == 1


def test_a_crawler_that_signs_what_accept_signature_names_can_pay_even_a_strict_site() -> None:
    parsed = parse_accept_signature(ACCEPT_SIGNATURE)
    assert isinstance(parsed, tuple)
    [wanted] = parsed
    assert (wanted.label, wanted.tag, wanted.created, wanted.expires) == ("sig1", "web-bot-auth", True, True)
    covers = tuple(name for name in wanted.components if "signature-agent" not in name)
    decision = Scene(covers=(*covers, "signature-agent"), strict=True).decide()
    assert isinstance(decision, Charge)
    assert isinstance(decision.identity, SignedCrawler)
    assert set(wanted.components) == decision.identity.proof.covered


@given(st.text(max_size=600))
def test_a_strangers_words_become_visible_ascii_of_bounded_length(text: str) -> None:
    written = field_text(text)
    assert len(written) == min(len(text), 500)
    assert all(" " <= character <= "~" for character in written)
    assert all(ours == theirs or ours == "?" for ours, theirs in zip(written, text, strict=False))


@given(st.sampled_from(list(RefusalCode)), st.text(max_size=2000), st.sampled_from([SITE, SILENT, None]))
def test_whatever_the_reason_the_head_is_small_and_safe(code: RefusalCode, detail: str, site: object) -> None:
    refusal = Refuse(code, detail, site, retry_after_seconds=300)  # type: ignore[arg-type]
    lines = [f"{name}: {value}" for name, value in refusal_fields(refusal)]
    assert all(line.isascii() and line.isprintable() for line in lines)
    assert len("\r\n".join(lines)) < HEAD_BYTES_MAX


def test_the_longest_demand_stays_under_two_kilobytes() -> None:
    for code in RefusalCode:
        refusal = demand(code, Money(AMOUNT_MICROS_MAX, "USD"))
        lines = [f"{name}: {value}" for name, value in refusal_fields(refusal)]
        assert len("\r\n".join(lines)) < HEAD_BYTES_MAX

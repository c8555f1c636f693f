"""Refusals on the wire: every code, form and language, as ASGI messages and as bytes."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.decision import DemandPayment, Refuse
from edge.core.identity import ClaimedCrawler, CrawlerKind
from edge.core.money import parse_price
from edge.core.policy import SitePolicy
from edge.core.refusal_texts import RefusalTexts
from edge.core.refusals import REFUSALS, RefusalCode
from edge.core.request import CrawlRequest
from edge.core.rule_index import Match, compile_rules
from edge.core.rules import Action, Rule, RuleSet, everything_else
from edge.core.signals.published import HELP_PAGE
from edge.core.target import read_target
from edge.proxy.messages import REMEMBERED_MAX, Answer, Refusal, Refusals

PRICE = parse_price("USD 0.005")
RULE = Rule(name="pages", action=Action.CHARGE, price=PRICE)
REASON = "the one reason"
REQUEST_ID = "node-2a"
DEMANDS = frozenset({RefusalCode.PAYMENT_REQUIRED, RefusalCode.MAX_PRICE_TOO_LOW, RefusalCode.EXACT_PRICE_DIFFERS})
FORMS = {
    "application/problem+json": "application/problem+json",
    "text/html": "text/html; charset=utf-8",
    "text/plain": "text/plain; charset=utf-8",
}
TEXTS = RefusalTexts.load()


def site(*, host: str = "news.example", error_detail: bool = True, contact: str | None = None) -> SitePolicy:
    return SitePolicy(
        site_id=1,
        publisher_id=1,
        publisher_account=20,
        host=host,
        origin="http://origin",
        currency="USD",
        scheme=None,
        strict=False,
        in_band_pricing=False,
        error_detail=error_detail,
        contact=contact,
        rules=compile_rules(RuleSet((RULE,), everything_else(Action.ALLOW))),
        rule_version=3,
    )


def refusal(code: RefusalCode, at: SitePolicy | None = None, reason: str = REASON) -> Refusal:
    at = at or site()
    identity = ClaimedCrawler("", "", CrawlerKind.OTHER)
    if code in DEMANDS:
        return DemandPayment(code, PRICE, at, identity, Match(0, RULE))
    return Refuse(code, reason, at, identity)


def request(accept: str | None = None, language: str | None = None, request_id: str = REQUEST_ID) -> CrawlRequest:
    wishes = {"accept": accept, "accept-language": language}
    return CrawlRequest(
        method="GET",
        scheme="https",
        authority="news.example",
        host="news.example",
        target="/a",
        path="/a",
        query=None,
        fields={"host": "news.example"} | {name: value for name, value in wishes.items() if value is not None},
        repeated={},
        resource=read_target("/a"),
        has_body=False,
        peer="192.0.2.1",
        request_id=request_id,
    )


def refusals(contact: str | None = None, operator: str = "Example Edge") -> Refusals:
    return Refusals(operator, TEXTS, contact)


def fields(answer: Answer) -> dict[str, str]:
    pairs = [(name.decode(), value.decode()) for name, value in answer.headers()]
    assert len(dict(pairs)) == len(pairs), "a field is there twice"
    return dict(pairs)


def problem(answer: Answer) -> dict[str, Any]:
    loaded = orjson.loads(answer.body)
    assert isinstance(loaded, dict)
    return loaded


class Page(HTMLParser):
    """A page as a browser reads it: its elements, its links and its text."""

    def __init__(self, body: bytes) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str | None] = []
        self.language: str | None = None
        self.text = ""
        self.feed(body.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "a":
            self.links.append(dict(attrs)["href"])
        if tag == "html":
            self.language = dict(attrs)["lang"]

    def handle_data(self, data: str) -> None:
        self.text += data


# Every code in every form


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("code", list(RefusalCode), ids=str)
def test_every_code_renders_in_every_form_and_language(code: RefusalCode, form: str) -> None:
    known = REFUSALS[code]
    renderer = refusals()
    for language in sorted(TEXTS.languages):
        answer = renderer.answer(refusal(code), request(form, language))
        sent = fields(answer)
        title, advice = TEXTS.of(code, language)
        assert answer.status == known.status
        assert sent["content-type"] == FORMS[form]
        assert sent["content-language"] == language
        assert sent["cache-control"] == "no-store"
        assert sent["x-request-id"] == REQUEST_ID
        assert sent["content-length"] == str(len(answer.body))
        assert sent.get("crawler-error") == (known.crawler_error.value if known.crawler_error else None)
        text = Page(answer.body).text if form == "text/html" else answer.body.decode()
        for part in (title, advice, REQUEST_ID):
            assert part in text


@pytest.mark.parametrize("code", list(RefusalCode), ids=str)
def test_what_could_not_be_read_is_answered_in_english_problem_json(code: RefusalCode) -> None:
    answer = refusals(contact="mailto:help@example.com").bad(code, REASON, REQUEST_ID)
    assert answer.status == REFUSALS[code].status
    assert fields(answer)["content-type"] == "application/problem+json"
    assert "link" not in fields(answer), "without a site there is no page to link to"
    assert problem(answer)["type"] == "about:blank"
    assert problem(answer)["detail"] == f"{REFUSALS[code].detail} ({REASON})"
    assert "links" not in problem(answer)


# The problem body (RFC 9457)


@pytest.mark.parametrize("code", list(RefusalCode), ids=str)
def test_a_problem_body_has_the_members_of_rfc_9457_and_ours_and_no_others(code: RefusalCode) -> None:
    answer = refusals().answer(refusal(code), request())
    body = problem(answer)
    assert body["type"] == f"https://news.example/.well-known/farebox/problems/{code.value}"
    assert body["title"] == REFUSALS[code].title
    assert body["status"] == answer.status
    assert body["instance"] == REQUEST_ID
    assert body["code"] == code.value
    ours = {"code", "links"} | ({"price", "accepts"} if code in DEMANDS else set())
    assert set(body) == {"type", "title", "status", "detail", "instance"} | ours


def test_the_price_is_in_the_body_as_it_is_in_the_header() -> None:
    answer = refusals().answer(refusal(RefusalCode.PAYMENT_REQUIRED), request())
    assert fields(answer)["crawler-price"] == "USD 0.005"
    assert problem(answer)["price"] == {"amount_micros": 5000, "currency": "USD", "display": "USD 0.005"}
    assert problem(answer)["accepts"] == [
        {"rail": "crawler-price", "headers": ["crawler-max-price", "crawler-exact-price"]}
    ]


@pytest.mark.parametrize("code", sorted(set(RefusalCode) - DEMANDS), ids=str)
def test_no_price_is_stated_where_none_is_demanded(code: RefusalCode) -> None:
    assert "crawler-price" not in fields(refusals().answer(refusal(code), request()))


@pytest.mark.parametrize(
    ("own", "general", "expected"),
    [
        ("https://news.example/crawlers", "mailto:edge@example.com", "https://news.example/crawlers"),
        (None, "mailto:edge@example.com", "mailto:edge@example.com"),
        ("ads@news.example", None, "mailto:ads@news.example"),
        ("call us", None, "call us"),
        (None, None, None),
    ],
)
def test_the_links_name_the_sites_contact_before_the_operators(
    own: str | None, general: str | None, expected: str | None
) -> None:
    asked = refusal(RefusalCode.ACCOUNT_MISSING, site(contact=own))
    links = problem(refusals(contact=general).answer(asked, request()))["links"]
    assert links["help"] == "/.well-known/farebox/problems/account_missing"
    assert links["keys"] == "/.well-known/farebox/jwks.json"
    assert links["register"] == "/.well-known/farebox/register"
    assert links.get("top_up") == expected


# Fields


@pytest.mark.parametrize("code", list(RefusalCode), ids=str)
def test_a_signature_is_asked_for_where_one_would_help(code: RefusalCode) -> None:
    asks = REFUSALS[code].status in (400, 402) and REFUSALS[code].crawler_error is not None
    sent = fields(refusals().answer(refusal(code), request()))
    assert ('tag="web-bot-auth"' in sent.get("accept-signature", "")) is asks


def test_vary_names_what_the_answer_depends_on() -> None:
    vary = fields(refusals().answer(refusal(RefusalCode.PAYMENT_REQUIRED), request()))["vary"].lower().split(", ")
    looked_at = {"accept", "accept-language", "user-agent", "signature", "signature-input", "signature-agent"}
    assert looked_at | {"crawler-exact-price", "crawler-max-price"} <= set(vary)


def test_a_refusal_that_time_will_heal_says_when_to_come_back() -> None:
    later = Refuse(RefusalCode.KEY_UNAVAILABLE, REASON, site(), retry_after_seconds=7)
    assert fields(refusals().answer(later, request()))["retry-after"] == "7"
    assert "retry-after" not in fields(refusals().answer(refusal(RefusalCode.KEY_UNAVAILABLE), request()))


def test_a_rule_may_block_with_its_own_status() -> None:
    blocked = Refuse(RefusalCode.CRAWLER_BLOCKED, "write to us", site(), status=402)
    answer = refusals().answer(blocked, request())
    assert answer.status == problem(answer)["status"] == 402
    assert answer.to_bytes(b"", with_body=True).startswith(b"HTTP/1.1 402 Payment Required\r\n")
    assert fields(answer)["crawler-error"] == "CrawlerForbidden"


@given(reason=st.text(), contact=st.text(max_size=40))
def test_no_reason_can_break_out_of_its_field_or_its_body(reason: str, contact: str) -> None:
    renderer = refusals()
    for form in FORMS:
        asked = refusal(RefusalCode.SIGNATURE_INVALID, site(contact=contact.replace("\x00", "")), reason)
        answer = renderer.answer(asked, request(form))
        head, _, body = answer.to_bytes(b"", with_body=True).partition(b"\r\n\r\n")
        assert body == answer.body
        assert len(head.split(b"\r\n")) == 1 + len(answer.headers())
        assert all(value.isascii() and b"\n" not in value for _, value in answer.headers())
        if form == "application/problem+json":
            assert problem(answer)["instance"] == REQUEST_ID


# What a person sees


def test_the_page_has_request_id_contact_price_and_a_plain_sentence() -> None:
    asked = refusal(RefusalCode.PAYMENT_REQUIRED, site(contact="https://news.example/crawlers"))
    page = Page(refusals(operator="Example Edge").answer(asked, request("text/html", "fr")).body)
    assert page.language == "fr"
    assert page.links == [HELP_PAGE, "https://news.example/crawlers"]
    for part in (REQUEST_ID, "USD 0.005", "402", "Example Edge", "payment_required", TEXTS.person("fr")):
        assert part in page.text


def test_a_mail_address_is_a_link_on_the_page() -> None:
    blocked = refusal(RefusalCode.CRAWLER_BLOCKED, site())
    page = Page(refusals(contact="ops@edge.example").answer(blocked, request("text/html", "en")).body)
    assert page.links == [HELP_PAGE, "mailto:ops@edge.example"]


def test_everything_on_the_page_is_escaped() -> None:
    markup = "<script>alert('1')</script><img src=x onerror=\"1\">"
    asked = refusal(RefusalCode.CRAWLER_BLOCKED, site(contact=f"https://x/{markup}"), markup)
    answer = refusals(operator=markup).answer(asked, request("text/html"))
    page = Page(answer.body)
    assert {"script", "img"}.isdisjoint(page.tags)
    assert page.links == [HELP_PAGE, f"https://x/{markup}"]
    assert page.text.count(markup) == 3, "detail, contact and operator, each as text"


@pytest.mark.parametrize("contact", ["javascript:alert(1)", "+1 555 0100", "data:text/html,x", " https://news.example"])
def test_only_web_and_mail_addresses_become_links(contact: str) -> None:
    asked = refusal(RefusalCode.CRAWLER_BLOCKED, site(contact=contact))
    page = Page(refusals().answer(asked, request("text/html")).body)
    assert page.links == [HELP_PAGE]
    assert contact in page.text


def test_the_page_loads_nothing_from_anywhere() -> None:
    answer = refusals().answer(refusal(RefusalCode.PAYMENT_REQUIRED), request("text/html"))
    assert fields(answer)["content-security-policy"] == "default-src 'none'; style-src 'unsafe-inline'"
    assert {"script", "img", "link", "iframe"}.isdisjoint(Page(answer.body).tags)
    assert "content-security-policy" not in fields(
        refusals().answer(refusal(RefusalCode.PAYMENT_REQUIRED), request("text/plain"))
    )


def test_the_text_form_is_one_line() -> None:
    answer = refusals().answer(refusal(RefusalCode.CRAWLER_BLOCKED), request("text/plain"))
    known = REFUSALS[RefusalCode.CRAWLER_BLOCKED]
    assert answer.body.decode() == f"{known.title}: {known.detail} ({REASON}) [{REQUEST_ID}]\n"


# Languages


def test_the_language_changes_the_words_and_nothing_that_a_program_reads() -> None:
    renderer = refusals()
    english = renderer.answer(refusal(RefusalCode.INVALID_PRICE), request(language="en"))
    german = renderer.answer(refusal(RefusalCode.INVALID_PRICE), request(language="de-CH, en;q=0.3"))
    differing = {name for name in fields(english) if fields(english)[name] != fields(german)[name]}
    assert differing == {"content-language", "content-length"}
    assert problem(german)["title"] == TEXTS.of(RefusalCode.INVALID_PRICE, "de")[0]
    assert {name for name in problem(english) if problem(english)[name] != problem(german)[name]} == {"title", "detail"}


# The site's wish not to explain


@pytest.mark.parametrize("form", FORMS)
def test_a_site_that_does_not_explain_gives_no_reason_anywhere(form: str) -> None:
    silent = refusal(RefusalCode.SIGNATURE_INVALID, site(error_detail=False))
    answer = refusals().answer(silent, request(form))
    assert REASON.encode() not in answer.to_bytes(b"", with_body=True)
    assert REFUSALS[RefusalCode.SIGNATURE_INVALID].detail in Page(answer.body).text


def test_a_site_that_explains_gives_the_reason_in_the_field_and_the_body() -> None:
    answer = refusals().answer(refusal(RefusalCode.SIGNATURE_INVALID), request())
    assert fields(answer)["crawler-error-detail"] == REASON
    assert problem(answer)["detail"].endswith(f"({REASON})")


# Bytes, and the memory behind them


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("code", [RefusalCode.PAYMENT_REQUIRED, RefusalCode.UNKNOWN_SITE], ids=str)
def test_the_bytes_say_what_the_asgi_messages_say(code: RefusalCode, form: str) -> None:
    answer = refusals().answer(refusal(code), request(form))
    head, _, body = answer.to_bytes(b"date: today\r\n", with_body=True).partition(b"\r\n\r\n")
    status_line, *lines = head.split(b"\r\n")
    assert status_line.split(b" ")[:2] == [b"HTTP/1.1", str(answer.status).encode()]
    written = [tuple(line.split(b": ", 1)) for line in lines]
    assert sorted(written) == sorted([*answer.headers(), (b"date", b"today")])
    assert body == answer.body


def test_the_answer_to_head_has_the_same_head_and_no_body() -> None:
    answer = refusals().answer(refusal(RefusalCode.PAYMENT_REQUIRED), request())
    whole = answer.to_bytes(b"", with_body=True)
    assert answer.to_bytes(b"", with_body=False) + answer.body == whole


def test_two_requests_share_everything_but_their_id() -> None:
    renderer = refusals()
    first, second = (
        renderer.answer(refusal(RefusalCode.PAYMENT_REQUIRED), request(request_id=request_id))
        for request_id in ("id-1", "id-2")
    )
    assert first.template is second.template
    assert problem(first) | {"instance": "id-2"} == problem(second)
    assert fields(second)["x-request-id"] == "id-2"


def test_what_one_site_says_is_never_said_for_another() -> None:
    renderer = refusals()
    code = RefusalCode.SIGNATURE_INVALID
    seen = [
        renderer.answer(refusal(code, at, reason), request()).body
        for at in (site(), site(host="other.example"), site(contact="mailto:a@b"), site(error_detail=False))
        for reason in ("one", "another")
    ]
    # The site that does not explain says the same for both reasons.
    assert len(set(seen)) == len(seen) - 1


def test_what_is_remembered_has_an_end() -> None:
    renderer = refusals()
    for number in range(REMEMBERED_MAX + 10):
        answer = renderer.answer(refusal(RefusalCode.SIGNATURE_INVALID, reason=f"reason {number}"), request())
        assert problem(answer)["detail"].endswith(f"(reason {number})")
    assert len(renderer._templates) <= REMEMBERED_MAX


@pytest.mark.parametrize("own", [None, "https://news.example/crawlers"])
def test_who_is_not_registered_is_led_to_where_that_is_done(own: str | None) -> None:
    at = replace(site(), register_url=own)
    where = own or "/.well-known/farebox/register"
    known = refusals()
    for _ in range(2):  # rendered, and remembered
        answer = known.answer(refusal(RefusalCode.CRAWLER_UNREGISTERED, at), request())
        assert problem(answer)["links"]["register"] == where
        assert f'<{where}>; rel="register"' in fields(answer)["link"]
    other = known.answer(
        refusal(RefusalCode.CRAWLER_UNREGISTERED, replace(at, register_url="https://b.example")), request()
    )
    assert problem(other)["links"]["register"] == "https://b.example"
    assert "register" not in fields(known.answer(refusal(RefusalCode.ACCOUNT_MISSING, at), request()))["link"]

"""Say no, and say it well: refusals as HTTP answers, in the form the client prefers.

Rules of this file: the status, the ``crawler-error`` word and the code come from ``core.refusals`` and nowhere
else; no answer of ours is ever cached; nothing internal (a stack, SQL, a file's name) can reach a body, because
bodies are made only of the closed list's texts, the one reason and the request's id.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import assert_never

import orjson

from edge.core.budgets import BudgetExceeded
from edge.core.decision import DemandPayment, Refuse
from edge.core.money import money_document
from edge.core.policy import SitePolicy
from edge.core.refusal_fields import (
    contact_link,
    problem_path,
    refusal_fields,
    refusal_status,
    register_link,
    told_detail,
)
from edge.core.refusal_texts import RefusalTexts
from edge.core.refusals import RefusalCode
from edge.core.request import CrawlRequest
from edge.core.signals.published import HELP_PAGE, PATHS, PRICES_PAGE, Signal
from edge.core.values import per_request
from edge.proxy.negotiation import BodyForm, Negotiator
from edge.proxy.refusal_page import PageWords, refusal_page

REMEMBERED_MAX = 2048
_INSTANCE = "\x00instance\x00"
_PAGE_POLICY = (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'")

Refusal = Refuse | DemandPayment


@cache
def status_line(status: int) -> bytes:
    """The first line of an answer; an unknown status has no phrase."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    return f"HTTP/1.1 {status} {phrase}\r\n".encode()


@dataclass(frozen=True, slots=True)
class Template:
    """A refusal with everything fixed but the request's id: rendered once, filled in for each request."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    head: bytes
    before: bytes
    after: bytes


@per_request
class Answer:
    """A whole answer of ours, ready to send as ASGI messages or as bytes.

    With ``closes`` nothing may follow it on its connection: what was asked could not be read, or has unread content.
    """

    template: Template
    request_id: str
    closes: bool = False

    @property
    def status(self) -> int:
        return self.template.status

    @property
    def body(self) -> bytes:
        """The body, with the request's id in it."""
        return self.template.before + self.request_id.encode() + self.template.after

    def headers(self) -> list[tuple[bytes, bytes]]:
        """The header fields, the length and the request's id included."""
        return [
            *self.template.headers,
            (b"x-request-id", self.request_id.encode()),
            (b"content-length", str(len(self.body)).encode()),
        ]

    def to_bytes(self, common_head: bytes, with_body: bool) -> bytes:
        """The answer as it goes over the wire; ``common_head`` holds header lines that every answer carries."""
        template = self.template
        request_id = self.request_id.encode()
        length = len(template.before) + len(request_id) + len(template.after)
        head = b"%b%bx-request-id: %b\r\ncontent-length: %d\r\n\r\n" % (template.head, common_head, request_id, length)
        return b"".join((head, template.before, request_id, template.after)) if with_body else head


class Refusals:
    """Renders refusals, remembering what it rendered: the same few answers are given all day.

    ``operator`` is the name that people read on the HTML page, ``contact`` what a site without its own names.
    """

    def __init__(self, operator: str, texts: RefusalTexts, contact: str | None = None) -> None:
        self._operator = operator
        self._contact = contact
        self._texts = texts
        self._negotiator = Negotiator(texts.languages)
        self._templates: dict[tuple[object, ...], Template] = {}

    def answer(self, refusal: Refusal, request: CrawlRequest) -> Answer:
        """The answer to a request that was read, in the form and language it prefers."""
        fields = request.fields
        form, language = self._negotiator.choose(fields.get("accept"), fields.get("accept-language"))
        return Answer(self._template(refusal, form, language), request.request_id, closes=request.has_body)

    def bad(
        self,
        code: RefusalCode,
        detail: str,
        request_id: str,
        retry_after_seconds: int | None = None,
        *,
        closes: bool = True,
    ) -> Answer:
        """The answer to something that could not even be read as a request; always problem JSON."""
        refusal = Refuse(code, detail, retry_after_seconds=retry_after_seconds)
        return Answer(self._template(refusal, BodyForm.PROBLEM, "en"), request_id, closes)

    def _template(self, refusal: Refusal, form: BodyForm, language: str) -> Template:
        site = refusal.site
        terms = (
            (refusal.price, refusal.budget)
            if isinstance(refusal, DemandPayment)
            else (refusal.status, refusal.detail, refusal.retry_after_seconds, refusal.rate)
        )
        where = (site.host, site.contact, site.error_detail, site.register_url, site.signals) if site else None
        key = (refusal.code, terms, where, form, language)
        known = self._templates.get(key)
        if known is None:
            if len(self._templates) >= REMEMBERED_MAX:
                self._templates.clear()  # details may quote strangers, so the memory must have an end
            known = self._templates[key] = self._render(refusal, form, language)
        return known

    def _render(self, refusal: Refusal, form: BodyForm, language: str) -> Template:
        status = refusal_status(refusal)
        fields = dict(refusal_fields(refusal))
        fields |= {"content-type": form.value, "content-language": language}
        problem = self._problem(refusal, status, language, told_detail(refusal))
        match form:
            case BodyForm.PROBLEM:
                body = orjson.dumps(problem).replace(orjson.dumps(_INSTANCE)[1:-1], _INSTANCE.encode())
            case BodyForm.TEXT:
                body = f"{problem['title']}: {problem['detail']} [{_INSTANCE}]\n".encode()
            case BodyForm.HTML:
                words = PageWords(language, self._texts.person(language), *self._texts.ways_on(language))
                contact = self._contact_of(refusal.site)
                body = refusal_page(problem, contact, self._operator, words, _INSTANCE).encode()
            case _:
                assert_never(form)
        before, _, after = body.partition(_INSTANCE.encode())
        headers = [(name.encode(), value.encode()) for name, value in fields.items()]
        if form is BodyForm.HTML:
            headers.append(_PAGE_POLICY)
        head = status_line(status) + b"".join(b"%b: %b\r\n" % pair for pair in headers)
        return Template(status, tuple(headers), head, before, after)

    def _contact_of(self, site: SitePolicy | None) -> str | None:
        return (site.contact if site else None) or self._contact

    def _problem(self, refusal: Refusal, status: int, language: str, reason: str) -> dict[str, object]:
        """The RFC 9457 members, with a mark where the request's id is filled in later."""
        site, code = refusal.site, refusal.code
        title, advice = self._texts.of(code, language)
        problem: dict[str, object] = {
            "type": f"https://{site.host}{problem_path(code)}" if site else "about:blank",
            "title": title,
            "status": status,
            "detail": f"{advice} ({reason})" if reason else advice,
            "code": code.value,
        }
        if isinstance(refusal, DemandPayment):
            problem["price"] = money_document(refusal.price.amount_micros, refusal.price.currency)
            if refusal.budget is not None:
                problem["budget"] = _budget(refusal.budget)
            problem["accepts"] = [{"rail": "crawler-price", "headers": ["crawler-max-price", "crawler-exact-price"]}]
        if site is not None:
            problem["links"] = _links(site, self._contact_of(site), code)
        return problem | {"instance": _INSTANCE}


def _budget(over: BudgetExceeded) -> dict[str, object]:
    """The budget that is used up, for a program that plans its crawl."""
    budget, currency = over.budget, over.budget.limit.currency
    return {
        "per": budget.per.value,
        "site": budget.host,
        "limit": money_document(budget.limit.amount_micros, currency),
        "spent": money_document(over.spent_micros, currency),
        "resets_at": over.resets_at,
    }


def _links(site: SitePolicy, contact: str | None, code: RefusalCode) -> dict[str, str]:
    links = {
        "help": problem_path(code),
        "keys": "/.well-known/farebox/jwks.json",
        "register": register_link(site),
        "guide": HELP_PAGE,
    }
    if Signal.PRICES in site.signals:
        links |= {"prices": PRICES_PAGE, "price_list": PATHS[Signal.PRICES]}
    if Signal.RSL in site.signals:
        links |= {"licence": PATHS[Signal.RSL]}
    return links | {"top_up": contact_link(contact) or contact} if contact else links

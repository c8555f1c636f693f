"""Judge a request that nobody sent: "what would happen if this crawler asked for this address?"

Rules of this file
- The answer comes from ``decide()`` itself, so that what a publisher is shown is what the gate does.
- A registered crawler is rehearsed with a real signature, made with a key that only this rehearsal believes; so the
  offer, the coverage and the account are judged too, and nothing is assumed.
- Nothing is charged and nobody's balance is looked at: whether there are funds is for the ledger alone.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import assert_never
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.core.api_token import PREFIX, ApiToken, make_token, token_digest
from edge.core.decision import Admit, AskOrigin, Charge, Decision, DemandPayment, Refuse, decide
from edge.core.errors import EdgeError
from edge.core.grants import grant_sentences
from edge.core.identity import ClaimedCrawler, Identity, RegisteredCrawler, Rung
from edge.core.keys import public_half
from edge.core.ladder import identify
from edge.core.policy import Knowledge, Policy, SitePolicy, nobodys, nothing_proved
from edge.core.refusal_fields import refusal_fields, refusal_status
from edge.core.refusals import RefusalCode
from edge.core.request import CrawlRequest
from edge.core.rule_index import Match, Skipped
from edge.core.target import Target, read_target, split_absolute
from edge.core.terms import CRAWLER_CHARGED, CRAWLER_RECEIPT, Offer
from edge.core.web_bot_auth import sign_request

# Not a secret: it proves a name to nobody but the rehearsal below, which hands out its public half.
_REHEARSAL_KEY_SEED = b"farebox rehearses; this is no key"[:32]
# The same: a token that is in force in this rehearsal alone.
_TOKEN = make_token(_REHEARSAL_KEY_SEED)
_SECRETS = ("signature", "signature-input", "authorization", "idempotency-key")
_PATH_PART = re.compile(r"[A-Za-z0-9._~%!$&'()*+,;=@?-]+")
_SIGNATURE_SECONDS = 60
_DEFAULT_PORTS = {"http": 80, "https": 443}
_COVERED = ("@method", "@authority", "@target-uri", "signature-agent")


class InvalidQuestion(EdgeError, ValueError):
    """A rehearsal that cannot be held; the message says what to write instead."""


@dataclass(frozen=True, slots=True)
class Announced:
    """Somebody who only says a name, by this User-Agent; a browser's is a person's. ``address`` is where from."""

    user_agent: str
    address: str = ""


@dataclass(frozen=True, slots=True)
class Signing:
    """A registered crawler that signs as it should."""

    crawler: RegisteredCrawler


@dataclass(frozen=True, slots=True)
class Holding:
    """A registered crawler that sends an API token which is in force at every site."""

    crawler: RegisteredCrawler


Caller = Announced | Signing | Holding


@dataclass(frozen=True, slots=True)
class Question:
    """One imagined request for ``target``, in origin form, at ``host``; ``port`` None is that of ``scheme``."""

    host: str
    target: str
    caller: Caller
    offer: Offer | None = None
    method: str = "GET"
    scheme: str = "https"
    port: int | None = None


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What would happen, and why.

    ``decision`` is final: a charge that could only collect an earlier one counts as its refusal, because nothing was
    bought before. ``terms`` says in words what may answer before it: the ledger, where the page may be free, and the
    rate. ``skipped`` are the rules before ``match`` with the first reason each did not decide; both are empty where
    rules are not asked. ``status`` is None where the origin's own is passed on, and ``fields`` are what the edge says
    or adds. ``curl`` is a command line that asks the same (what only the crawler has stands in it as a placeholder).
    """

    question: Question
    identity: Identity | None
    decision: Decision
    skipped: tuple[Skipped, ...]
    match: Match | None
    status: int | None
    fields: tuple[tuple[str, str], ...]
    curl: str
    terms: tuple[str, ...] = ()


def read_address(text: str, host: str) -> tuple[str, str]:
    """Read the address of a page of ``host``, a URL or a path, into (scheme, origin-form target).

    Raises ``InvalidQuestion``. A fragment is dropped and letters beyond ASCII are percent-encoded, as browsers and
    crawlers do. What names neither scheme nor host is a path, with or without its first slash.
    """
    text = _encoded(text.strip().partition("#")[0])
    if text.startswith("/"):
        return "https", text
    if _is_bare_path(text, host):
        return "https", f"/{text}"
    absolute = split_absolute(text if "://" in text else f"https://{text}")
    if absolute is None:
        raise InvalidQuestion(f"Write the address of a page, such as https://{host}/articles/one.")
    scheme, authority, target = absolute
    if authority.lower().partition(":")[0] != host:
        raise InvalidQuestion(f"This address is not on {host}; write a page of that site.")
    return scheme, target


def read_port(text: str) -> int | None:
    """The port of an address that ``read_address`` takes, where it names one beside its scheme's own."""
    absolute = split_absolute(text.strip() if "://" in text else f"https://{text.strip()}")
    if absolute is None or text.strip().startswith("/"):
        return None
    scheme, authority, _ = absolute
    port = authority.rpartition(":")[2] if ":" in authority.rpartition("]")[2] else ""
    is_port = port.isascii() and port.isdigit() and 0 < int(port) < 65536
    return int(port) if is_port and int(port) != _DEFAULT_PORTS[scheme] else None


def _encoded(text: str) -> str:
    """The same with its spaces and letters beyond ASCII percent-encoded, all else as it is (RFC 3986 section 2.1)."""
    return "".join(quote(one, errors="replace") if one == " " or not one.isascii() else one for one in text)


def _is_bare_path(text: str, host: str) -> bool:
    """Whether ``articles/one`` was typed for ``/articles/one``; a first part with a dot or port may be a host."""
    first, slash, _ = text.partition("/")
    if not first or "://" in text or first.lower().partition(":")[0] == host:
        return False
    return _PATH_PART.fullmatch(first) is not None and not (slash and "." in first)


def rehearse(
    question: Question,
    policy: Policy,
    classify: Callable[[str], ClaimedCrawler | None],
    now: float,
    prove: Callable[[str, str], Rung] = nothing_proved,
    owner: Callable[[str], ClaimedCrawler | None] = nobodys,
) -> Rehearsal:
    """Judge ``question`` at ``now`` (seconds since the epoch) under one policy; ``prove``, ``owner``: the ladder's."""
    key = Ed25519PrivateKey.from_private_bytes(_REHEARSAL_KEY_SEED)
    public = public_half(key)
    knowledge = Knowledge(lambda agent_url, thumbprint: public, classify, True, prove, owner)
    if isinstance(question.caller, Holding):
        policy = replace(policy, tokens={**policy.tokens, token_digest(_TOKEN): _token_of(question.caller.crawler)})
    request = _request(question, policy, key, int(now))
    decision = decide(request, policy, knowledge, now)
    terms = _terms(decision)
    if isinstance(decision, Charge) and decision.otherwise is not None:
        decision = decision.otherwise
    identity = identify(request, policy, knowledge, now) if request.host in policy.sites else None
    skipped, match = _chain(request, decision, identity, now)
    status, fields = _answer(decision)
    return Rehearsal(question, identity, decision, skipped, match, status, fields, _curl(question, request), terms)


def _token_of(crawler: RegisteredCrawler) -> ApiToken:
    return ApiToken(0, crawler, frozenset(), None)


def _terms(decision: Decision) -> tuple[str, ...]:
    """What comes before the decision's answer: what may make the page free, in order, and the rate of the rule."""
    grants = decision.grants if isinstance(decision, Charge) else ()
    said = [sentence for grant in grants for sentence in grant_sentences(grant)]
    rate = decision.match.rule.rate if decision.match is not None else None
    if rate is not None and not (isinstance(decision, Refuse) and decision.code is RefusalCode.CRAWLER_BLOCKED):
        said.append(f"429 for a crawler that asks more often than {rate}, counted by each process")
    return tuple(said)


def with_rules(policy: Policy, site: SitePolicy) -> Policy:
    """The same policy with one site's part replaced: the live rules by a draft's."""
    return replace(policy, sites={**policy.sites, site.host: site})


def _request(question: Question, policy: Policy, key: Ed25519PrivateKey, now: int) -> CrawlRequest:
    site = policy.sites.get(question.host)
    scheme = (site.scheme if site else None) or question.scheme
    path, mark, query = question.target.partition("?")
    fields = {"host": question.host, "accept": "*/*"}
    peer = ""
    match question.caller:
        case Announced(user_agent, peer):
            fields["user-agent"] = user_agent
        case Signing(crawler):
            fields["user-agent"] = crawler.name
        case Holding(crawler):
            fields |= {"user-agent": crawler.name, "authorization": f"Bearer {_TOKEN}", "idempotency-key": "rehearsal"}
        case _ as never:
            assert_never(never)
    if question.offer is not None:
        fields[question.offer.kind.value] = str(question.offer.price)
    unsigned = CrawlRequest(
        method=question.method,
        scheme=scheme,
        authority=question.host if question.port is None else f"{question.host}:{question.port}",
        host=question.host,
        target=question.target,
        path=path,
        query=query if mark else None,
        fields=fields,
        repeated={},
        resource=read_target(question.target),
        has_body=False,
        peer=peer,
        request_id="rehearsal",
    )
    if not isinstance(question.caller, Signing):
        return unsigned
    return _signed(unsigned, question.caller.crawler, question.offer, key, now)


def _signed(
    unsigned: CrawlRequest, crawler: RegisteredCrawler, offer: Offer | None, key: Ed25519PrivateKey, now: int
) -> CrawlRequest:
    if not isinstance(unsigned.resource, Target):
        return unsigned  # refused before anyone looks at a signature
    covered = (*_COVERED, offer.kind.value) if offer else _COVERED
    signature = sign_request(
        unsigned, key, crawler.agent_url, covered, now, now + _SIGNATURE_SECONDS, allow_loopback_http=True
    )
    return replace(unsigned, fields={**unsigned.fields, **signature})


def _chain(
    request: CrawlRequest, decision: Decision, identity: Identity | None, now: float
) -> tuple[tuple[Skipped, ...], Match | None]:
    """The rules that were passed over and the one that decided; nothing where ``decide`` did not ask them."""
    resource, site = request.resource, decision.site
    if decision.match is None or site is None or identity is None or not isinstance(resource, Target):
        return (), None
    return site.rules.explain(resource.path, resource.query, identity, now)


def _answer(decision: Decision) -> tuple[int | None, tuple[tuple[str, str], ...]]:
    match decision:
        case Refuse() | DemandPayment():
            return refusal_status(decision), refusal_fields(decision)
        case Charge(price=price):
            return None, (("cache-control", "private"), (CRAWLER_RECEIPT, "ch_…"), (CRAWLER_CHARGED, str(price)))
        case Admit() | AskOrigin():
            return None, ()
        case _ as never:
            assert_never(never)


def _curl(question: Question, request: CrawlRequest) -> str:
    """The same request for a terminal; what only the crawler's own key can make is a placeholder."""
    words = ["curl", "--include", "--path-as-is", f"{request.scheme}://{request.authority}{question.target}"]
    if question.method != "GET":
        words[2:2] = ["--request", question.method]
    fields = {name: value for name, value in request.fields.items() if name not in ("host", "accept")}
    if not isinstance(question.caller, Announced):
        fields = {name: _placeholder(name) if name in _SECRETS else value for name, value in fields.items()}
    for name, value in fields.items():
        words += ["--header", f"{name}: {value}"]
    return " ".join(shlex.quote(word) for word in words)


def _placeholder(name: str) -> str:
    return f"Bearer {PREFIX}…" if name == "authorization" else "…"

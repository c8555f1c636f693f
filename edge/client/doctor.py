"""What is wrong with a crawler before it crawls: its key file, its published directory, its clock, its signature.

Rules of this file
- Each check says what it found and, when that is bad, what to do; one that cannot be made is said to be skipped.
- Nothing is bought: the edge is asked with HEAD, which it verifies like a purchase and never charges.
"""

from __future__ import annotations

import secrets
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx2
import orjson

from edge.client.answers import Answer, refusal_of
from edge.client.errors import CrawlRefused, PageUnreachable
from edge.client.fetching import drive, quote
from edge.client.flow import NoAnswer, Send
from edge.client.identity import NONCE_BYTES, Identity, IdentityProblem, check_agent, nonce_from
from edge.client.paid_client import PaidClient
from edge.client.plan import failure_of
from edge.core.directory import MEDIA_TYPE, DirectoryFault, parse_directory, verify_directory_response
from edge.core.message import Request, Response
from edge.core.money import Money
from edge.core.terms import Offer, OfferKind

CLOCK_SECONDS_MAX = 60
DIRECTORY_BYTES_MAX = 64_000
DIRECTORY_SECONDS_MAX = 5.0
SANDBOX_PATH = "/.well-known/farebox/check-signature"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: ``is_good`` is None where it could not be made."""

    check: str
    is_good: bool | None
    says: str


def key_findings(path: Path) -> Iterator[Finding]:
    """Whether the key file is there, is a key, and is nobody else's to read."""
    try:
        Identity.load(path, "https://bot.example")
    except IdentityProblem as why:
        yield Finding("key", False, str(why))
        return
    is_open = stat.S_IMODE(path.stat().st_mode) & 0o077
    told = f"others on this machine can read it; chmod 600 {path}" if is_open else "it is yours alone"
    yield Finding("key", not is_open, told)


def directory_findings(identity: Identity, fetch: Callable[[str], httpx2.Response]) -> Iterator[Finding]:
    """Whether the agent's address publishes this key as verifiers want it."""
    where = check_agent(identity.agent).url
    began = time.monotonic()
    try:
        came = fetch(where)
    except (httpx2.HTTPError, httpx2.InvalidURL) as why:
        yield Finding("directory", False, f"{where} cannot be reached ({why}); publish your key set there")
        return
    if came.status_code != 200:
        moved = "; verifiers follow no redirect: give the agent's address where the keys really are"
        told = moved if came.has_redirect_location else ""
        yield Finding("directory", False, f"{where} answers {came.status_code} and not 200{told}")
        return
    keys = parse_directory(came.content)
    if isinstance(keys, DirectoryFault):
        yield Finding("directory", False, f"{where} is no key set; `farebox-crawl directory` prints one")
        return
    is_there = identity.thumbprint in {key.thumbprint for key in keys}
    missing = f"the key {identity.thumbprint} is not among the {len(keys)} at {where}; publish it, older ones may stay"
    yield Finding("directory", is_there, f"the key is published at {where}" if is_there else missing)
    yield from _shape(came, time.monotonic() - began)
    yield _proof(identity, where, came)
    yield from clock_findings(came.headers.get("date"), "directory")


def _shape(came: httpx2.Response, seconds: float) -> Iterator[Finding]:
    kind = came.headers.get("content-type", "").partition(";")[0].strip()
    told = "" if kind == MEDIA_TYPE else f"it is {kind or 'none'}, and should be {MEDIA_TYPE}"
    yield Finding("directory's media type", not told, told or "as it should be")
    size = len(came.content)
    yield Finding("directory's size", size <= DIRECTORY_BYTES_MAX, f"{size} bytes of at most {DIRECTORY_BYTES_MAX}")
    yield Finding("directory's speed", seconds < DIRECTORY_SECONDS_MAX, f"{seconds:.1f} of 5 seconds")


def _proof(identity: Identity, where: str, came: httpx2.Response) -> Finding:
    """The signature on the directory, which some verifiers require."""
    request = Request.from_parts("GET", where)
    response = Response.from_parts(200, came.headers.multi_items(), request)
    keys = parse_directory(came.content)
    assert isinstance(keys, tuple), "it was read before"
    proof = verify_directory_response(response, came.content, keys, time.time())
    if identity.thumbprint in proof.proved:
        return Finding("directory's signature", True, "the key signs its directory")
    if proof.flaws:
        told = f"{proof.flaws[0]}; renew it with `farebox-crawl directory --headers`"
        return Finding("directory's signature", False, told)
    return Finding("directory's signature", None, "there is none; some verifiers want one, this edge does not")


def clock_findings(date: str | None, whose: str) -> Iterator[Finding]:
    """This machine's clock beside a server's Date."""
    try:
        theirs = parsedate_to_datetime(date or "").timestamp()
    except ValueError:
        yield Finding("clock", None, f"the {whose} sends no Date to compare with")
        return
    ahead = round(time.time() - theirs)
    told = f"{abs(ahead)} seconds {'ahead of' if ahead > 0 else 'behind'} the {whose}'s"
    advice = "; set it by NTP, or signatures are refused"
    is_good = abs(ahead) <= CLOCK_SECONDS_MAX
    yield Finding("clock", is_good, told if is_good else told + advice)


def edge_findings(client: PaidClient, url: str) -> Iterator[Finding]:
    """Whether the edge before this page accepts the signature, and the account would pay."""
    yield _sandbox(client, url)
    seen: list[Answer] = []

    def send(step: Send) -> Answer | NoAnswer:
        came = client.send(step)
        if isinstance(came, Answer):
            seen.append(came)
        return came

    try:
        found = drive(quote(client.wallet, url), send)
    except CrawlRefused as why:
        yield Finding("edge", False, str(why))
        return
    except (httpx2.HTTPError, PageUnreachable) as why:
        yield Finding("edge", False, f"{url} cannot be reached ({why})")
        return
    yield from clock_findings(seen[-1].fields.get("date"), "edge")
    failure = failure_of(found)
    if failure is not None:
        told = f"{url}: {failure}; name a page that is there and has a price"
        yield Finding("edge", False if found.status == 421 else None, told)
        return
    if found.price is None:
        yield Finding("edge", None, f"{url} is free (status {found.status}); name a page with a price to test paying")
        return
    yield _offered(client, url, found.price)


def _sandbox(client: PaidClient, url: str) -> Finding:
    """What the edge's sandbox says of a signature; it carries no offer, for not every edge has a sandbox there."""
    where = urljoin(url, SANDBOX_PATH)
    ready = client.wallet.signed(where)
    came = client.send(Send(where, ready.headers))
    told = _report(came.body) if isinstance(came, Answer) else None
    if told is None:
        return Finding("signature", None, f"{where} has no sandbox to ask")
    if told["outcome"] == "verified":
        return Finding("signature", True, "the edge verifies it")
    steps = told.get("steps") or ()
    failed = next((step["name"] for step in steps if step.get("passed") is False), told["outcome"])
    return Finding("signature", False, f"{failed}: {told.get('why')}")


def _report(body: bytes) -> dict[str, Any] | None:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    is_report = isinstance(found, dict) and "outcome" in found and "steps" in found
    return found if is_report else None


def _offered(client: PaidClient, url: str, price: Money) -> Finding:
    """A good offer by HEAD is verified to the end and charged nothing (docs/protocol.md, "Deciding one request")."""
    nonce = nonce_from(secrets.token_bytes(NONCE_BYTES))
    offer = Offer(OfferKind.MAX, price)
    headers = client.wallet.identity.sign(url, {}, offer, time.time(), nonce, method="HEAD")
    came = client.send(Send(url, tuple(headers.items()), "HEAD"))
    if isinstance(came, NoAnswer):
        return Finding("edge", False, f"{url} cannot be reached ({came.reason})")
    refused = refusal_of(url, came)
    if refused is not None:
        return Finding("edge", False, str(refused))
    return Finding("edge", True,
                   f"your signature and an offer of {price} are accepted, nothing was charged; only a purchase shows"
                   " whether your account and its budgets cover it")  # fmt: skip

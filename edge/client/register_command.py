"""``farebox-crawl register``: ask an edge to register this crawler, and how that stands.

Exit codes: 0 asked, waiting or registered; 1 rejected, suspended or not reached; 2 wrong usage.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import httpx2
import orjson
import typer

from edge.client.identity import NONCE_BYTES, Identity, nonce_from
from edge.client.loopback import is_loopback
from edge.client.page_url import authority, page_url
from edge.core.content_digest import make_content_digest
from edge.core.errors import EdgeError
from edge.core.identity import CrawlerKind
from edge.core.plain_text import plain
from edge.core.refusal_fields import REGISTER_PATH

TIMEOUT_SECONDS = 30.0
KINDS = ", ".join(kind.value for kind in CrawlerKind)
ANSWER_BYTES_MAX = 65_536
STANDING = frozenset({"pending", "approved", "registered"})


class NotRegistered(EdgeError):
    """The edge said no, or could not be asked; the text says what to do."""


def register(
    edge: Annotated[str, typer.Argument(help="A site that sells its pages: https://news.example")],
    key: Annotated[Path, typer.Option("--key", help="Your key file, from keygen.")],
    agent: Annotated[str, typer.Option("--agent", help="Where your key is published: https://bot.example")],
    contact: Annotated[str | None, typer.Option("--contact", help="Mail address of a person of yours.")] = None,
    name: Annotated[str | None, typer.Option("--name", help="The name that reports shall use; else your host.")] = None,
    operator: Annotated[str | None, typer.Option("--operator", help="Who runs the crawler.")] = None,
    kind: Annotated[str | None, typer.Option("--kind", help=f"One of {KINDS}.")] = None,
    status: Annotated[bool, typer.Option("--status", help="Only ask how it stands.")] = False,
    connect: Annotated[str | None, typer.Option("--connect", help="HOST:PORT to connect to instead.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Ask to be registered where pages are sold, or how that stands; a person decides."""
    wish = {"contact": contact, "name": name, "operator": operator, "kind": kind}
    if status == (contact is not None):
        raise typer.BadParameter("say --contact you@example.com to ask, or --status to hear how it stands")
    route = urlsplit(f"//{connect}") if connect else None
    is_local = route is not None and is_loopback(route.hostname or "")
    url = page_url(edge, is_local=is_local).rstrip("/")
    url = f"{urlsplit(url).scheme}://{authority(url)}{REGISTER_PATH}"
    body = None if status else orjson.dumps({member: value for member, value in wish.items() if value is not None})
    headers = signed_headers(Identity.load(key, agent), url, body, time.time())
    answer = _send(url, headers, body, route.netloc if route else None)
    typer.echo(orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode() if as_json else _sentence(answer, agent))
    if answer.get("status") not in STANDING:
        raise typer.Exit(1)


def signed_headers(identity: Identity, url: str, body: bytes | None, now: float) -> dict[str, str]:
    """All headers of the signed request: a GET without a body, else a POST that covers it. ``now``: Unix seconds."""
    headers = {"accept": "application/json"}
    nonce = nonce_from(secrets.token_bytes(NONCE_BYTES))
    if body is None:
        return identity.sign(url, headers, None, now, nonce)
    headers |= {"content-type": "application/json", "content-digest": make_content_digest(body)}
    return identity.sign(url, headers, None, now, nonce, method="POST", also=("content-digest",))


def _send(url: str, headers: Mapping[str, str], body: bytes | None, route: str | None) -> dict[str, Any]:
    """Ask, and return the answer's document; raises ``NotRegistered``."""
    is_local = route is not None or is_loopback(urlsplit(url).hostname or "")
    address = httpx2.URL(url)
    lines = [("host", authority(url)), *headers.items()]
    extensions = {}
    if route is not None:
        to = urlsplit(f"//{route}")
        extensions = {"sni_hostname": address.raw_host.decode("ascii")}
        address = address.copy_with(host=to.hostname, port=to.port)
    try:
        with httpx2.Client(follow_redirects=False, timeout=TIMEOUT_SECONDS, trust_env=not is_local) as client:
            client.headers.clear()
            method = "GET" if body is None else "POST"
            answer = client.request(method, address, headers=lines, content=body, extensions=extensions)
    except httpx2.TransportError as why:
        raise NotRegistered(f"{url} cannot be reached ({why}); check the address.") from why
    try:
        document = orjson.loads(answer.content[:ANSWER_BYTES_MAX])
    except orjson.JSONDecodeError:
        document = None
    if not isinstance(document, dict):
        raise NotRegistered(f"{url} answered {answer.status_code} without a word; is it a farebox edge?")
    if answer.status_code == 404 and document.get("status") == "unknown":
        raise NotRegistered("This agent is not known there; ask with --contact you@example.com.")
    if answer.status_code not in (200, 202):
        said = document.get("detail") or document.get("title") or "no reason"
        raise NotRegistered(f"The edge answered {answer.status_code}: {plain(str(said), 500)}")
    return document


def _sentence(answer: Mapping[str, Any], agent: str) -> str:
    state = answer.get("status")
    if state == "registered":
        return f"{agent} is registered as {plain(str(answer.get('name')))}; top up its account, then crawl."
    if state == "pending":
        return f"{agent} asked on {plain(str(answer.get('asked_at')))}; a person decides, ask again with --status."
    if state == "approved":
        return f"{agent} is approved and will be known in a moment."
    reason = plain(str(answer.get("reason") or "no reason was given"), 500)
    return f"{agent} is {plain(str(state))}: {reason}"

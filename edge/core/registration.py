"""What a crawler writes when it asks to be registered, and what its signature has to cover. Pure.

Rules of this file
- Whoever asks is known by the signature alone: the agent URL is never taken from the body.
- A stranger wrote it and people will read it on terminals and pages: each value is one printable line of bounded
  length. A member that is not known is refused, so that a typing error is not a wish that went unheard.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from edge.core.content_digest import check_content_digest
from edge.core.identity import ClaimedCrawler, CrawlerKind
from edge.core.payments import line, read_object
from edge.core.plain_text import plain
from edge.core.web_bot_auth import Verified, covers_target

CONTENT_BYTES_MAX = 8_192
MEMBERS = ("contact", "name", "operator", "kind")
NAME_LENGTH_MAX = 100
OPERATOR_LENGTH_MAX = 200
CONTACT_LENGTH_MAX = 320

# As a crawler's name is stored: it goes into headers, rules and file names.
NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ._+-]{0,98}[A-Za-z0-9._+-])?")
_MAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a crawler asks to be registered as. ``contact`` is a mail address."""

    name: str
    operator: str
    kind: CrawlerKind
    contact: str


@dataclass(frozen=True, slots=True)
class NoWish:
    """A body that asks for nothing that can be had; ``detail`` says what would do."""

    detail: str


def read_wish(body: bytes, agent_url: str) -> Wish | NoWish:
    """Read ``{contact, name, operator, kind}``; all but the contact may be missing. The host makes a name."""
    document = read_object(body)
    if document is None:
        return NoWish("send one JSON object with 'contact', and 'name', 'operator' and 'kind' if you like")
    unknown = sorted(set(document) - set(MEMBERS))
    if unknown:
        return NoWish(f"{plain(str(unknown[0]), 60)!r} is not a member; there are {', '.join(MEMBERS)}")
    contact = line(document.get("contact"), CONTACT_LENGTH_MAX)
    if contact is None or not _MAIL.fullmatch(contact):
        return NoWish("'contact' is a mail address where the operator reaches a person, such as bots@example.com")
    name = line(document.get("name", default_name(agent_url)), NAME_LENGTH_MAX)
    if name is None or not NAME.fullmatch(name):
        return NoWish(f"'name' is at most {NAME_LENGTH_MAX} letters, digits, spaces and . _ + -")
    operator = document.get("operator", "")
    if operator != "" and (operator := line(operator, OPERATOR_LENGTH_MAX)) is None:
        return NoWish(f"'operator' is one line of at most {OPERATOR_LENGTH_MAX} characters")
    try:
        kind = CrawlerKind(document.get("kind", CrawlerKind.OTHER.value))
    except ValueError:
        return NoWish(f"'kind' is one of {', '.join(kind.value for kind in CrawlerKind)}")
    return Wish(name, operator, kind, contact)


def default_name(agent_url: str) -> str:
    """A name made of the agent's host, for who wishes for none."""
    host = urlsplit(agent_url).hostname or "crawler"
    return host[:NAME_LENGTH_MAX].strip(".-") or "crawler"


def advice(agent_url: str, name: str, known: ClaimedCrawler | None) -> str:
    """What is proved of one that asks, and what is only said; ``known`` is what its name is taken for."""
    host = urlsplit(agent_url).netloc
    text = f"proved: who asks holds a key that {host} publishes; name, operator and kind are its own word"
    if known is not None and known.operator and known.name.lower() == name.lower():
        text += f". {known.name} is the name of {known.operator}'s crawler: rules may name it, be sure it is theirs"
    return text


def binding_fault(proof: Verified, digest: str | None, body: bytes) -> str | None:
    """Why a good signature does not vouch for this request as a whole; None when it does."""
    if "@method" not in proof.covered or not covers_target(proof):
        return 'cover "@method" and "@target-uri" with the signature'
    if digest is None or "content-digest" not in proof.covered:
        return 'send content-digest, and cover "content-digest" with the signature'
    fault = check_content_digest(digest, body)
    return None if fault is None else f"the content is not what content-digest says ({fault.value})"

"""What a site's licences allow to be done with a page: RSL 1.0 documents that robots.txt names, read before crawling.

Rules of this file
- What a licence says is told, not obeyed: what a page is crawled for is known to the crawler's people alone.
- A document counts for pages of the host whose robots.txt names it, wherever it lies; of several patterns that match a
  page the longest counts (RSL 1.0 section 4, as in RFC 9309).
- It is a stranger's XML: bounded, UTF-8, and without a document type, so that nothing in it can grow or be fetched.

Source: RSL 1.0, sections 3 (elements) and 4 (association).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit
from xml.etree import ElementTree

from edge.client.answers import Answer, money_of
from edge.client.fetching import Conversation
from edge.client.flow import Send
from edge.client.spend_policy import domain_of
from edge.core.money import Money
from edge.core.signals.patterns import matches

LICENCE_BYTES_MAX = 512 * 1024
CONTENTS_MAX = 2_000
DOCUMENTS_MAX = 5
_RSL = "{https://rslstandard.org/rsl}"


@dataclass(frozen=True, slots=True)
class Licence:
    """One licence of a page: what it may be used for, what it may not, and how that is paid.

    ``permits`` and ``prohibits`` are words of RSL such as ``ai-train``. ``payment`` is RSL's type (``free``, ``crawl``,
    ``subscription`` ...), ``amount`` its price where it is one that we can write, ``terms`` where people read it.
    """

    permits: frozenset[str]
    prohibits: frozenset[str]
    payment: str | None
    amount: Money | None
    terms: str | None


@dataclass(frozen=True, slots=True)
class LicenceDocument:
    """One document at ``url``: the licences of each pattern of paths, at the host that it is for."""

    url: str
    contents: tuple[tuple[str, tuple[Licence, ...]], ...]

    def of_page(self, url: str) -> tuple[Licence, ...]:
        """What it says of a page; nothing where no pattern matches."""
        parts = urlsplit(url)
        path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        found = [content for content in self.contents if matches(content[0], path)]
        return max(found, key=lambda content: len(content[0]))[1] if found else ()


def read_licences(addresses: tuple[str, ...], host_url: str) -> Conversation[list[LicenceDocument]]:
    """Fetch and read the documents that a host's robots.txt names; what cannot be read is left out."""
    documents = []
    for address in addresses[:DOCUMENTS_MAX]:
        if urlsplit(address).scheme not in ("https", "http"):
            continue
        came = yield Send(address, (), most_bytes=LICENCE_BYTES_MAX)
        if isinstance(came, Answer) and came.status == 200 and came.fault is None:
            contents = parse_rsl(came.body, host_url)
            if contents is not None:
                documents.append(LicenceDocument(address, contents))
    return documents


def parse_rsl(body: bytes, host_url: str) -> tuple[tuple[str, tuple[Licence, ...]], ...] | None:
    """The patterns of a document that are for a host, with their licences; None for what is no RSL document."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return None
    if "<!DOCTYPE" in text:
        return None  # entities could grow without end (CWE-776)
    try:
        root = ElementTree.fromstring(text)  # noqa: S314 -- bounded, and without a document type
    except ElementTree.ParseError:
        return None
    if root.tag != f"{_RSL}rsl":
        return None
    found = []
    for content in list(root.iter(f"{_RSL}content"))[:CONTENTS_MAX]:
        pattern = _pattern(content.get("url", ""), host_url)
        if pattern is not None:
            found.append((pattern, tuple(_licence(one) for one in content.iter(f"{_RSL}license"))))
    return tuple(found)


def _pattern(written: str, host_url: str) -> str | None:
    """The path pattern of a ``url``; None where it is for another host."""
    absolute = urljoin(host_url, written or "/")
    if domain_of(absolute) != domain_of(host_url):
        return None
    parts = urlsplit(absolute)
    return f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"


def _licence(element: ElementTree.Element) -> Licence:
    payment = element.find(f"{_RSL}payment")
    amount = None if payment is None else payment.find(f"{_RSL}amount")
    standard = None if payment is None else payment.find(f"{_RSL}standard")
    return Licence(
        frozenset(_words(element, "permits")),
        frozenset(_words(element, "prohibits")),
        None if payment is None else payment.get("type"),
        None if amount is None else money_of(f"{amount.get('currency', '')} {(amount.text or '').strip()}"),
        None if standard is None or not standard.text else standard.text.strip(),
    )


def _words(element: ElementTree.Element, name: str) -> Iterator[str]:
    for one in element.findall(f"{_RSL}{name}"):
        if one.get("type") == "usage":
            yield from (one.text or "").split()

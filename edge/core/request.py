"""A crawl request as the gate understood it: frozen, complete, and nothing of the transport in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edge.core.target import Target, TargetFault


@dataclass(frozen=True, slots=True)
class CrawlRequest:
    """One request, read once; also the ``RequestView`` that signatures are checked against.

    ``host`` is the lower-case name alone, by which the site is found. ``authority`` keeps a port that is not
    the scheme's own (RFC 9421 section 2.2.3). ``target`` is the request-target as received and ``path`` and
    ``query`` its raw parts, which a signature covers; ``resource`` is its canonical reading, which is priced,
    matched and forwarded. ``fields`` maps lower-case names to values, repeated lines joined with ``", "``;
    ``repeated`` holds the separate lines of the names that came more than once. ``has_body`` is true when the
    framing announces content.
    """

    method: str
    scheme: str
    authority: str
    host: str
    target: str
    path: str
    query: str | None
    fields: Mapping[str, str]
    repeated: Mapping[str, tuple[str, ...]]
    resource: Target | TargetFault
    has_body: bool
    peer: str
    request_id: str

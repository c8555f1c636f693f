"""What the dashboard may ask the world about a site: DNS, the server behind it, the site itself as visitors reach it.

``farebox serve`` gives the real thing (``edge.proxy.site_checks``); without one nothing is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one question: ``good`` or not, and a sentence about it."""

    good: bool
    words: str


class SiteChecks(Protocol):
    """Each asks once, waits some seconds at most, and never raises."""

    def addresses(self, host: str) -> Sequence[str]:
        """The addresses that DNS knows of a host; none where it knows none."""

    def records(self, name: str) -> Sequence[str]:
        """The texts of a name's TXT records."""

    def page(self, url: str) -> str | None:
        """The beginning of a small text at a public https address; None when there is none."""

    def origin(self, origin: str, host: str) -> Answer:
        """Whether the server behind a site answers for its host."""

    def front(self, host: str) -> Answer:
        """Whether who asks the public name reaches this edge."""

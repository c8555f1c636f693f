"""What each host says to crawlers, asked once in a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock

from edge.client.paid_client import PaidClient
from edge.client.site_signals import SiteSignals
from edge.client.spend_policy import domain_of

ROBOTS_KEEP = "robots.txt does not allow it"


@dataclass
class Signals:
    """What each host says to crawlers, asked once; safe to share by threads."""

    client: PaidClient
    user_agent: str
    is_ignored: bool
    by_domain: dict[str, SiteSignals] = field(default_factory=dict)
    _turn: Lock = field(default_factory=Lock)

    def allow(self, url: str) -> bool:
        """Whether robots.txt lets us have a page."""
        if self.is_ignored or not domain_of(url):
            return True
        with self._turn:
            domain = domain_of(url)
            if domain not in self.by_domain:
                self.by_domain[domain] = self.client.signals(url)
            return self.by_domain[domain].allows(url, self.user_agent)

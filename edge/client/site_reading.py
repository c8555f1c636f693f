"""What a client reads of a site before it crawls: robots.txt, licences, the price list; each once while it counts."""

from __future__ import annotations

from edge.client.errors import RobotsForbid
from edge.client.fetching import Conversation, Quote, quote
from edge.client.licences import Licence, LicenceDocument, read_licences
from edge.client.price_lists import NoList, PriceLists
from edge.client.site_cache import SiteCache
from edge.client.site_signals import SiteSignals, read_signals
from edge.client.wallet import Wallet
from edge.core.money import Money

ROBOTS_SECONDS = 3_600.0
UNREACHABLE_SECONDS = 60.0


class SiteReading:
    """The memory of one client; its conversations are carried out by whoever holds the connections."""

    def __init__(self, wallet: Wallet, price_lists: bool) -> None:
        def clock() -> float:
            return wallet.now_micros() / 1_000_000

        self._wallet = wallet
        self._robots: SiteCache[SiteSignals] = SiteCache(clock)
        self._licences: SiteCache[list[LicenceDocument]] = SiteCache(clock)
        self._lists = PriceLists(wallet, SiteCache(clock)) if price_lists else None

    def robots(self, url: str) -> Conversation[SiteSignals]:
        """What the page's host says in robots.txt, not older than an hour."""
        found = self._robots.find(url)
        if found is None:
            found = yield from read_signals(url)
            self._robots.keep(url, found, UNREACHABLE_SECONDS if found.is_unreachable else ROBOTS_SECONDS)
        return found

    def licences(self, url: str) -> Conversation[tuple[Licence, ...]]:
        """What the licences that robots.txt names say of a page, each document not older than an hour."""
        found = self._licences.find(url)
        if found is None:
            said = yield from self.robots(url)
            found = yield from read_licences(said.licences, url)
            self._licences.keep(url, found, UNREACHABLE_SECONDS if said.is_unreachable else ROBOTS_SECONDS)
        return tuple(licence for document in found for licence in document.of_page(url))

    def check_robots(self, url: str) -> Conversation[None]:
        """Raise ``RobotsForbid`` where the policy obeys robots.txt and that does not allow the page."""
        agent = self._wallet.policy.robots_as
        if agent is None:
            return
        found = yield from self.robots(url)
        if not found.allows(url, agent):
            raise RobotsForbid(url, f"robots.txt does not allow it to {agent}; nothing was asked for")

    def read_list(self, url: str) -> Conversation[bool]:
        """Read the price list of a page's site, where it has one; whether there is one to go by."""
        if self._lists is None:
            return False
        return not isinstance((yield from self._lists.of(url)), NoList)

    def listed_price(self, url: str) -> Money | None:
        """What may be offered for a page at once, by a list that was read before: then nobody has to ask first.

        None where the policy would ask, or would not pay that: what the page itself says is what counts.
        """
        policy = self._wallet.policy
        if self._lists is None or policy.on_unknown_price != "ask":
            return None
        price = self._lists.remembered_price(url)
        return None if price is None or policy.why_not(url, price) is not None else price

    def quote(self, url: str) -> Conversation[Quote]:
        """What a page costs: by the site's list, else by asking the page."""
        yield from self.check_robots(url)
        if self._lists is not None:
            listed = yield from self._lists.quote(url)
            if listed is not None:
                return listed
        return (yield from quote(self._wallet, url))

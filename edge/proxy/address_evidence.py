"""What a client's address says about the crawler's name that it claims: one rung of the ladder, from memory.

Rules of this file (docs/protocol.md, "Who asks"; docs/decisions/0042)

- On the operator's own list: ``address``. Else a confirmed name in DNS: ``reverse-dns``.
- Beside all of its lists, each fetched lately: ``impostor``. While a lookup in DNS that could still clear it is under
  way it is a claim like any other: nobody is accused of what is not known yet.
- Where no list is published, nobody is an impostor: a wrong suffix would accuse every genuine visit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from edge.core.address_book import AddressBook
from edge.core.identity import ClaimedCrawler, Rung
from edge.core.policy import nobodys
from edge.proxy.reverse_dns import Finding, ReverseDns


class AddressEvidence:
    """``prove`` and ``owner`` are the core's; ``book`` is replaced whole when a list changes. ``reverse_dns`` None asks
    nobody, ``named`` is the catalogue's."""

    def __init__(
        self,
        book: AddressBook,
        suffixes: Mapping[str, tuple[str, ...]],
        reverse_dns: ReverseDns | None,
        named: Callable[[str], ClaimedCrawler | None] = nobodys,
    ) -> None:
        self.book = book
        self._named = named
        self._suffixes = suffixes
        self._reverse_dns = reverse_dns

    def prove(self, name: str, address: str) -> Rung:
        """How far ``address`` bears out ``name``, a name of the catalogue."""
        listed = self.book.lists(name, address)
        if listed:
            return Rung.ADDRESS
        finding = self._ask_dns(name, address)
        if finding is Finding.CONFIRMED:
            return Rung.REVERSE_DNS
        if listed is None or finding is Finding.PENDING or not self.book.accuses(name):
            return Rung.CLAIMED
        return Rung.IMPOSTOR

    def owner(self, address: str) -> ClaimedCrawler | None:
        """Who comes from an address that one crawler alone publishes as its own."""
        name = self.book.owner(address)
        crawler = None if name is None else self._named(name)
        return None if crawler is None else replace(crawler, rung=Rung.ADDRESS)

    def _ask_dns(self, name: str, address: str) -> Finding:
        suffixes = self._suffixes.get(name)
        if suffixes is None or self._reverse_dns is None or not self.book.is_public(address):
            return Finding.DENIED
        return self._reverse_dns.ask(address, suffixes)

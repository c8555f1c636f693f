"""The rungs between a signature and a claim: what the address says, and when it accuses."""

from __future__ import annotations

import pytest

from edge.core.address_book import AddressBook, Feed, FeedCopy
from edge.core.identity import Rung
from edge.proxy.address_evidence import AddressEvidence
from edge.proxy.reverse_dns import Finding, ReverseDns

LISTED, BESIDE = "9.9.9.9", "8.8.8.8"
FEED = Feed("https://one.example/ips.json", "One", ("OneBot", "NamedBot"))
SUFFIXES = {"NamedBot": ("one.example",), "OnlyNamed": ("two.example",)}


class Found(ReverseDns):
    """Reverse DNS that has found one thing for everybody."""

    def __init__(self, finding: Finding) -> None:
        self.finding = finding
        self.asked: list[str] = []

    def ask(self, address: str, suffixes: tuple[str, ...]) -> Finding:
        self.asked.append(address)
        return self.finding


def evidence(finding: Finding, *, accuses: bool = True) -> AddressEvidence:
    book = AddressBook([FEED], [FeedCopy(FEED.url, ("9.9.9.0/24",), accuses=accuses)])
    return AddressEvidence(book, SUFFIXES, Found(finding))


@pytest.mark.parametrize("finding", Finding)
@pytest.mark.parametrize("name", ["OneBot", "NamedBot"])
def test_a_listed_address_proves_the_name_whatever_dns_says(name: str, finding: Finding) -> None:
    assert evidence(finding).prove(name, LISTED) is Rung.ADDRESS
    assert evidence(finding, accuses=False).prove(name, LISTED) is Rung.ADDRESS


@pytest.mark.parametrize(
    ("name", "finding", "accuses", "rung"),
    [
        ("OneBot", Finding.DENIED, True, Rung.IMPOSTOR),
        ("OneBot", Finding.DENIED, False, Rung.CLAIMED),
        ("NamedBot", Finding.CONFIRMED, True, Rung.REVERSE_DNS),
        ("NamedBot", Finding.CONFIRMED, False, Rung.REVERSE_DNS),
        ("NamedBot", Finding.PENDING, True, Rung.CLAIMED),
        ("NamedBot", Finding.DENIED, True, Rung.IMPOSTOR),
        ("NamedBot", Finding.FAILED, True, Rung.IMPOSTOR),
        ("NamedBot", Finding.DENIED, False, Rung.CLAIMED),
        ("OnlyNamed", Finding.CONFIRMED, True, Rung.REVERSE_DNS),
        ("OnlyNamed", Finding.DENIED, True, Rung.CLAIMED),
        ("OnlyNamed", Finding.FAILED, True, Rung.CLAIMED),
        ("Another", Finding.CONFIRMED, True, Rung.CLAIMED),
        ("", Finding.CONFIRMED, True, Rung.CLAIMED),
    ],
)
def test_an_address_beside_the_lists_is_weighed(name: str, finding: Finding, accuses: bool, rung: Rung) -> None:
    assert evidence(finding, accuses=accuses).prove(name, BESIDE) is rung


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "not an address", ""])
def test_an_address_that_is_not_public_is_neither_accused_nor_asked_about(address: str) -> None:
    judge = Found(Finding.CONFIRMED)
    book = AddressBook([FEED], [FeedCopy(FEED.url, ("9.9.9.0/24",), accuses=True)])
    assert AddressEvidence(book, SUFFIXES, judge).prove("NamedBot", address) is Rung.CLAIMED
    assert judge.asked == []


def test_where_dns_is_not_to_be_asked_the_lists_alone_decide() -> None:
    book = AddressBook([FEED], [FeedCopy(FEED.url, ("9.9.9.0/24",), accuses=True)])
    assert AddressEvidence(book, SUFFIXES, None).prove("NamedBot", BESIDE) is Rung.IMPOSTOR

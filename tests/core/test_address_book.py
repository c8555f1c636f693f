"""Lists of addresses: read tolerantly, used strictly, and looked up as a plain walk would."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.address_book import (
    BODY_BYTES_MAX,
    PREFIXES_MAX,
    REMEMBERED_MAX,
    AddressBook,
    Feed,
    FeedCopy,
    FeedFault,
    Sources,
    load_seed,
    parse_feed,
)
from edge.core.catalogue import Catalogue

ONE = Feed("https://one.example/ips.json", "One", ("OneBot", "OneSearch"))
TWO = Feed("https://two.example/ips.json", "Two", ("OneBot",))


def body(*prefixes: object) -> bytes:
    return orjson.dumps({"creationTime": "2026-10-27T00:00:00Z", "prefixes": list(prefixes)})


def test_a_list_as_operators_publish_it_is_read() -> None:
    listed = body({"ipv6Prefix": "2001:4860:4801:10::/64"}, {"ipv4Prefix": "66.249.64.0/19"})
    assert parse_feed(listed) == ("66.249.64.0/19", "2001:4860:4801:10::/64")


@pytest.mark.parametrize(
    "document",
    [
        {"prefixes": [{"cidr": "66.249.64.0/19"}]},
        {"ranges": {"europe": [{"ip_prefix": "66.249.64.0/19", "service": "x"}]}},
        [{"prefix": "66.249.64.0/19"}, {"prefix": "not an address"}, {"prefix": 7}, "66.249.0.0/16"],
        {"$schema": "x", "prefixes": [{"ipv4Prefix": "66.249.64.1/19"}, {"ipv4Prefix": "66.249.64.0/24"}]},
    ],
)
def test_other_shapes_are_read_too(document: object) -> None:
    assert parse_feed(orjson.dumps(document)) == ("66.249.64.0/19",)


@pytest.mark.parametrize(
    ("sent", "fault"),
    [
        (b"<html>moved</html>", FeedFault.NOT_JSON),
        (b"[" * 100_000, FeedFault.NOT_JSON),
        (b"{}", FeedFault.NO_RANGES),
        (body(), FeedFault.NO_RANGES),
        (body({"ipv4Prefix": "0.0.0.0/0"}, {"ipv6Prefix": "2000::/3"}), FeedFault.NO_RANGES),
        (b" " * (BODY_BYTES_MAX + 1), FeedFault.TOO_LARGE),
        (
            body(*({"ipv4Prefix": f"1.{n >> 16}.{n >> 8 & 255}.{n & 255}/32"} for n in range(PREFIXES_MAX + 2))),
            FeedFault.TOO_MANY_RANGES,
        ),
    ],
)
def test_what_is_no_list_is_not_used(sent: bytes, fault: FeedFault) -> None:
    assert parse_feed(sent) is fault


def test_an_address_is_on_its_crawlers_lists_or_beside_them() -> None:
    book = AddressBook([ONE, TWO], [FeedCopy(ONE.url, ("9.9.9.0/24",)), FeedCopy(TWO.url, ("2600:1f28::/48",))])
    assert book.lists("OneBot", "9.9.9.255") is True
    assert book.lists("OneBot", "::ffff:9.9.9.1") is True
    assert book.lists("OneBot", "2600:1f28::1") is True
    assert book.lists("OneSearch", "2600:1f28::1") is False
    assert book.lists("OneBot", "9.9.10.0") is False
    assert book.lists("Another", "9.9.9.9") is None


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "::1", "fe80::1", "100.64.0.1", "192.0.2.1", "", "9.9.9"])
def test_an_address_that_nobody_on_the_internet_has_says_nothing(address: str) -> None:
    book = AddressBook([ONE], [FeedCopy(ONE.url, ("9.9.9.0/24",), accuses=True)])
    assert book.lists("OneBot", address) is None
    assert not book.is_public(address)


def test_a_book_accuses_only_where_every_list_of_the_crawler_is_here_and_recent() -> None:
    old, recent = FeedCopy(ONE.url, ("9.9.9.0/24",)), FeedCopy(ONE.url, ("9.9.9.0/24",), accuses=True)
    assert not AddressBook([ONE], [old]).accuses("OneBot")
    assert AddressBook([ONE], [recent]).accuses("OneBot")
    assert not AddressBook([ONE, TWO], [recent]).accuses("OneBot")
    assert AddressBook([ONE, TWO], [recent]).accuses("OneSearch")
    assert not AddressBook([ONE]).accuses("OneBot")


def test_a_list_of_one_crawler_alone_says_who_comes_from_it() -> None:
    three = Feed("https://three.example/ips.json", "Three", ("ThreeBot",))
    several = FeedCopy(ONE.url, ("9.9.9.0/24",), accuses=True)
    alone = FeedCopy(TWO.url, ("9.9.10.0/24", "2600:1f28::/48", "10.0.0.0/24"), accuses=True)
    other = FeedCopy(three.url, ("9.9.10.128/25", "9.9.12.0/24"), accuses=True)
    book = AddressBook([ONE, TWO, three], [several, alone, other])
    assert book.owner("9.9.9.1") is None, "two crawlers come from here"
    assert book.owner("9.9.10.0") == book.owner("9.9.10.127") == book.owner("2600:1f28::1") == "OneBot"
    assert book.owner("::ffff:9.9.10.1") == "OneBot"
    assert book.owner("9.9.10.128") is None, "two operators say that it is theirs"
    assert (book.owner("9.9.12.255"), book.owner("9.9.13.0"), book.owner("9.9.11.0")) == ("ThreeBot", None, None)
    assert book.owner("10.0.0.1") is None, "behind a front that nobody named it is the front's"
    assert book.owner("no address") is None


def test_an_old_copy_takes_nobody_for_a_crawler_who_does_not_say_so() -> None:
    assert AddressBook([TWO], [FeedCopy(TWO.url, ("9.9.10.0/24",))]).owner("9.9.10.1") is None


ranges = st.builds(
    lambda number, length: str(ip_network((number, length), strict=False)),
    st.integers(9 << 24, (9 << 24) + 4096),
    st.integers(20, 32),
)


@given(st.lists(ranges, min_size=1, max_size=30), st.integers((9 << 24) - 50, (9 << 24) + 5000))
def test_looking_up_finds_what_a_walk_through_the_list_finds(listed: list[str], number: int) -> None:
    address = ip_address(number)
    book = AddressBook([ONE], [FeedCopy(ONE.url, tuple(listed))])
    assert book.lists("OneBot", str(address)) is any(address in ip_network(text) for text in listed)


@given(st.lists(ranges, max_size=8), st.lists(ranges, max_size=8), st.integers((9 << 24) - 50, (9 << 24) + 5000))
def test_an_owner_is_whoever_alone_lists_the_address(ones: list[str], twos: list[str], number: int) -> None:
    address = ip_address(number)
    feeds = [Feed("https://a.example/", "A", ("A",)), Feed("https://b.example/", "B", ("B",))]
    lists = {"A": ones, "B": twos}
    copies = [FeedCopy(feed.url, tuple(lists[feed.operator]), accuses=True) for feed in feeds]
    found = [name for name, texts in lists.items() if any(address in ip_network(text) for text in texts)]
    assert AddressBook(feeds, copies).owner(str(address)) == (found[0] if len(found) == 1 else None)


def test_what_was_looked_up_is_remembered_within_bounds() -> None:
    book = AddressBook([ONE], [FeedCopy(ONE.url, ("9.9.9.0/24",))])
    for number in range(REMEMBERED_MAX + 1000):
        book.lists("OneBot", str(ip_address((9 << 24) + number)))
        book.owner(str(ip_address((9 << 24) + number)))
    assert book._remembered.cache_info().currsize == book.owner.cache_info().currsize == REMEMBERED_MAX


def test_the_shipped_lists_prove_names_of_the_catalogue_and_accuse_nobody() -> None:
    sources = Sources.load()
    names = Catalogue.load().names
    listed = {crawler for feed in sources.feeds for crawler in feed.crawlers}
    assert listed | set(sources.suffixes) <= names
    seeds = load_seed()
    assert {seed.url for seed in seeds} <= {feed.url for feed in sources.feeds}
    for seed in seeds:
        assert parse_feed(orjson.dumps({"prefixes": [{"prefix": text} for text in seed.ranges]})) == seed.ranges
    book = AddressBook(sources.feeds, (FeedCopy(seed.url, seed.ranges) for seed in seeds))
    assert book.lists("Googlebot", "66.249.66.1")
    assert book.lists("GPTBot", "20.171.206.1")
    assert book.lists("ClaudeBot", "216.73.217.42")
    assert not book.lists("GPTBot", "216.73.217.42")
    assert {feed.url.rpartition("/")[2] for feed in sources.feeds if feed.url not in {seed.url for seed in seeds}} == {
        "user-triggered-agents.json"
    }
    assert not any(book.accuses(name) for name in names)


def test_no_suffix_is_one_that_strangers_have_names_under() -> None:
    ends = {end for group in Sources.load().suffixes.values() for end in group}
    tenants = ("googleusercontent.com", "amazonaws.com", "com", "net")
    assert not any(tenant == end or tenant.endswith("." + end) for tenant in tenants for end in ends)

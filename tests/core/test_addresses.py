"""What is kept of an address says no more than was promised, for every address and however it is written."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.addresses import AddressForm, hashed_address, household, kept_address, read_address, truncated_address

KEY = b"k" * 32
IPV4 = st.integers(0, 2**32 - 1).map(IPv4Address)
IPV6 = st.integers(0, 2**128 - 1).map(IPv6Address)
SIX_TO_FOUR = st.integers(0, 2**112 - 1).map(lambda rest: IPv6Address((0x2002 << 112) | rest))
MAPPED = IPV4.map(lambda address: IPv6Address((0xFFFF << 32) | int(address)))
ADDRESSES = st.one_of(IPV4, IPV6, SIX_TO_FOUR, MAPPED)


def changed_below(address: IPv4Address | IPv6Address, bits: int, noise: int) -> IPv4Address | IPv6Address:
    """The same first ``bits``, anything after them."""
    free = address.max_prefixlen - bits
    return type(address)((int(address) >> free << free) | noise % 2**free)


@given(IPV4, st.integers(0, 2**32 - 1))
def test_of_an_ipv4_address_the_first_24_bits_are_kept(address: IPv4Address, noise: int) -> None:
    kept = truncated_address(str(address))
    assert ip_network(kept).prefixlen == 24
    assert address in ip_network(kept)
    assert kept == truncated_address(str(changed_below(address, 24, noise)))


@given(IPV6.filter(lambda one: one.ipv4_mapped is None and one.sixtofour is None), st.integers(0, 2**128 - 1))
def test_of_an_ipv6_address_the_first_48_bits_are_kept(address: IPv6Address, noise: int) -> None:
    kept = truncated_address(str(address))
    assert ip_network(kept).prefixlen == 48
    assert address in ip_network(kept)
    neighbour = changed_below(address, 48, noise)
    if read_address(str(neighbour)) == neighbour:  # beside ::ffff:0:0/96 lies another address's wrapping
        assert kept == truncated_address(str(neighbour))


@given(MAPPED)
def test_a_mapped_address_is_the_ipv4_address_in_every_form(address: IPv6Address) -> None:
    inner = str(address.ipv4_mapped)
    for text in (str(address), address.exploded, str(address).upper(), f"::ffff:{inner}", f"{address}%eth0"):
        for form in AddressForm:
            assert kept_address(text, form, KEY) == kept_address(inner, form, KEY)
        assert household(text) == inner


@given(SIX_TO_FOUR, st.integers(0, 255))
def test_a_6to4_address_says_no_more_than_24_bits_of_the_ipv4_address_in_it(address: IPv6Address, last: int) -> None:
    other = IPv6Address((int(address) & ~(0xFF << 80)) | (last << 80))
    assert truncated_address(str(address)) == truncated_address(str(other))


@given(ADDRESSES)
def test_neither_the_kept_network_nor_the_hash_holds_the_address(address: IPv4Address | IPv6Address) -> None:
    whole = str(read_address(str(address)))
    truncated = truncated_address(whole)
    network = ip_network(truncated)
    assert network.num_addresses >= 256
    assert truncated == truncated_address(str(network.network_address))
    assert whole not in hashed_address(whole, KEY)


@given(ADDRESSES, ADDRESSES)
def test_a_hash_tells_addresses_apart_and_needs_its_key(
    one: IPv4Address | IPv6Address, other: IPv4Address | IPv6Address
) -> None:
    alike = read_address(str(one)) == read_address(str(other))
    assert (hashed_address(str(one), KEY) == hashed_address(str(other), KEY)) == alike
    assert hashed_address(str(one), KEY) != hashed_address(str(one), b"another day")


@given(ADDRESSES)
def test_the_full_form_is_the_address_in_one_spelling(address: IPv4Address | IPv6Address) -> None:
    assert ip_address(kept_address(str(address), AddressForm.FULL, KEY)) == read_address(address.exploded)


@pytest.mark.parametrize("form", AddressForm)
@given(text=st.text())
def test_what_is_no_address_is_kept_as_nothing(form: AddressForm, text: str) -> None:
    kept = kept_address(text, form, KEY)
    assert (kept == "") == (read_address(text) is None)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("::ffff:203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
        ("fe80::1%eth0", "fe80::/48"),
        ("2002:cb00:714d::1", "2002:cb00:7100::/40"),
        ("::203.0.113.77", "::/48"),
        ("64:ff9b::203.0.113.77", "64:ff9b::/48"),
        ("unix:", ""),
        ("", ""),
    ],
)
def test_truncation_by_example(text: str, kept: str) -> None:
    assert truncated_address(text) == kept


@pytest.mark.parametrize(
    ("text", "place"),
    [("203.0.113.77", "203.0.113.77"), ("2001:db8::1:2:3:4", "2001:db8::/64"), ("somewhere", "somewhere")],
)
def test_a_household_is_an_ipv4_address_or_an_ipv6_64(text: str, place: str) -> None:
    assert household(text) == place

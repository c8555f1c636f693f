"""What is kept of a network address: a neighbourhood, a keyed hash, or all of it. Pure.

Rules of this file
- An IPv4 address inside an IPv6 one (``::ffff:203.0.113.7``, RFC 4291 section 2.5.5.2) is the IPv4 address. A zone
  (``%eth0``) is no part of an address.
- What is no address is kept as nothing at all: it could be anything.
- Limits in memory count whole addresses; what is written anywhere goes through ``kept_address``.
"""

from __future__ import annotations

import hmac
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

IPV4_BITS_KEPT = 24
IPV6_BITS_KEPT = 48
SIX_TO_FOUR_BITS_KEPT = 16 + IPV4_BITS_KEPT
"""Of 2002::/16 the 32 bits that follow are somebody's IPv4 address (RFC 3056 section 2)."""
HOUSEHOLD_BITS = 64
HASH_DIGITS = 32


class AddressForm(StrEnum):
    """How much of an address is written down; the values of ``FAREBOX_ADDRESSES``."""

    TRUNCATE = "truncate"
    HASH = "hash"
    FULL = "full"


def kept_address(text: str, form: AddressForm, key: bytes) -> str:
    """What may be written of an address; empty for what is none. ``key`` is for hashes alone."""
    match form:
        case AddressForm.TRUNCATE:
            return truncated_address(text)
        case AddressForm.HASH:
            return hashed_address(text, key)
        case AddressForm.FULL:
            return str(read_address(text) or "")


def truncated_address(text: str) -> str:
    """The network that an address lies in: ``203.0.113.0/24``, ``2001:db8:1::/48``."""
    address = read_address(text)
    if address is None:
        return ""
    return str(ip_network((address.packed, _bits_kept(address)), strict=False))


def hashed_address(text: str, key: bytes) -> str:
    """32 hexadecimal digits that only the key's holder can try addresses against (HMAC-SHA-256, RFC 2104)."""
    address = read_address(text)
    return "" if address is None else hmac.digest(key, address.packed, "sha256").hex()[:HASH_DIGITS]


def household(text: str) -> str:
    """What limits count as one: an IPv4 address, an IPv6 /64 (RFC 6177); any other text as it is."""
    address = read_address(text)
    if isinstance(address, IPv6Address):
        return str(ip_network((address.packed, HOUSEHOLD_BITS), strict=False))
    return text if address is None else str(address)


def read_address(text: str) -> IPv4Address | IPv6Address | None:
    """An address, without its zone and out of its IPv6 wrapping; None for what is none."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def _bits_kept(address: IPv4Address | IPv6Address) -> int:
    if isinstance(address, IPv4Address):
        return IPV4_BITS_KEPT
    return IPV6_BITS_KEPT if address.sixtofour is None else SIX_TO_FOUR_BITS_KEPT

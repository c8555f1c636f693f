"""Content-Digest: the hash of the content as sent, after any content coding (RFC 9530).

Only the two active algorithms count; the deprecated ones (md5, sha, …) are passed over as if they were not there.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum

from edge.core.fields import Malformed, parse_dictionary, serialise_dictionary

_HASHES: Mapping[str, Callable[[bytes], bytes]] = {
    "sha-256": lambda content: hashlib.sha256(content).digest(),
    "sha-512": lambda content: hashlib.sha512(content).digest(),
}


class DigestFault(StrEnum):
    """Why a digest does not vouch for the content."""

    UNREADABLE = "unreadable"
    NO_KNOWN_ALGORITHM = "no_known_algorithm"
    MISMATCH = "mismatch"


def make_content_digest(content: bytes, algorithms: Sequence[str] = ("sha-256",)) -> str:
    """The field value; raises ``KeyError`` for an algorithm other than ``sha-256`` and ``sha-512``."""
    return serialise_dictionary({name: (_HASHES[name](content), {}) for name in algorithms})


def parse_content_digest(text: str) -> Mapping[str, bytes] | DigestFault:
    """The digests of the active algorithms, by name; others are left out."""
    members = parse_dictionary(text)
    if isinstance(members, Malformed):
        return DigestFault.UNREADABLE
    digests = {name: member[0] for name, member in members.items() if name in _HASHES}
    known = {name: value for name, value in digests.items() if isinstance(value, bytes)}
    return known if len(known) == len(digests) else DigestFault.UNREADABLE


def check_content_digest(text: str, content: bytes) -> DigestFault | None:
    """``None`` when at least one active digest is given and every one that is given matches."""
    digests = parse_content_digest(text)
    if isinstance(digests, DigestFault):
        return digests
    if not digests:
        return DigestFault.NO_KNOWN_ALGORITHM
    matches = [hmac.compare_digest(_HASHES[name](content), digest) for name, digest in digests.items()]
    return None if all(matches) else DigestFault.MISMATCH

"""Content-Digest is made, read and held against the content."""

from __future__ import annotations

from typing import Any

import pytest

from edge.core.content_digest import DigestFault, check_content_digest, make_content_digest, parse_content_digest
from tests.support.vectors import vectors


@pytest.mark.parametrize("case", vectors("content_digest")["vectors"], ids=lambda case: case["source"])
def test_published_digests(case: dict[str, Any]) -> None:
    content, text = case["body"].encode(), case["content_digest"]
    assert check_content_digest(text, content) is None
    assert make_content_digest(content, [text.partition("=")[0]]) == text
    assert check_content_digest(text, content + b"x") is DigestFault.MISMATCH


def test_one_wrong_digest_spoils_a_right_one() -> None:
    mixed = f"{make_content_digest(b'a')}, {make_content_digest(b'b', ['sha-512'])}"
    assert check_content_digest(mixed, b"a") is DigestFault.MISMATCH


def test_two_right_digests_hold() -> None:
    assert check_content_digest(make_content_digest(b"a", ["sha-256", "sha-512"]), b"a") is None


@pytest.mark.parametrize("name", vectors("content_digest")["must_not_use"])
def test_deprecated_algorithms_do_not_count(name: str) -> None:
    assert check_content_digest(f"{name}=:AA==:", b"") is DigestFault.NO_KNOWN_ALGORITHM
    with pytest.raises(KeyError):
        make_content_digest(b"", [name])


@pytest.mark.parametrize(
    "text", ["sha-256", "sha-256=abc", 'sha-256="x"', "sha-256=:AA==:, sha-256=:AA==:", "sha-256=:"]
)
def test_what_does_not_parse_is_unreadable(text: str) -> None:
    assert parse_content_digest(text) is DigestFault.UNREADABLE
    assert check_content_digest(text, b"") is DigestFault.UNREADABLE

"""What the crawler's side puts on the wire."""

from __future__ import annotations

import pytest

from edge.core.keys import new_private_key, thumbprint_of
from edge.core.message import Request
from edge.core.request_signing import Dialect, sign_request

PRIVATE = new_private_key()
REQUEST = Request.from_parts("GET", "https://site.example/page", [("x", "1")])


@pytest.mark.parametrize(
    ("dialect", "agent", "field", "component"),
    [
        ("A", "https://bot.example", '"https://bot.example"', '"signature-agent"'),
        ("B", "https://bot.example/", 'sig1="https://bot.example"', '"signature-agent";key="sig1"'),
        (
            "B",
            "https://bot.example/keys",
            'sig1="https://bot.example/keys";type=jwks_uri',
            '"signature-agent";key="sig1"',
        ),
        ("C", "https://bot.example/keys", 'sig1="https://bot.example/keys"', '"signature-agent";key="sig1"'),
        (
            "C",
            "https://bot.example",
            'sig1="https://bot.example/.well-known/http-message-signatures-directory"',
            '"signature-agent";key="sig1"',
        ),
    ],
)
def test_each_dialect_is_spelled_as_its_draft_says(dialect: Dialect, agent: str, field: str, component: str) -> None:
    headers = sign_request(REQUEST, PRIVATE, agent, ("@method", "@authority"), 1, 2, "n", dialect)
    assert headers["signature-agent"] == field
    assert headers["signature-input"] == (
        f'sig1=("@method" "@authority" {component});created=1;expires=2;keyid="{thumbprint_of(PRIVATE)}"'
        ';nonce="n";tag="web-bot-auth"'
    )
    assert list(headers) == ["signature-agent", "signature-input", "signature"]


def test_the_agent_keeps_its_place_and_may_be_spelled_out() -> None:
    for name in ("signature-agent", '"signature-agent";key="s"'):
        headers = sign_request(REQUEST, PRIVATE, "https://bot.example", ("@authority", name, "x"), 1, 2, label="s")
        assert headers["signature-input"].startswith('s=("@authority" "signature-agent";key="s" "x");created=1')
        assert "nonce" not in headers["signature-input"]


@pytest.mark.parametrize(
    ("agent", "covered", "dialect"),
    [
        ("http://bot.example", ("@authority",), "B"),
        ("https://bot.example/keys", ("@authority",), "A"),
        ("https://bot.example", ("@authority", "missing"), "B"),
        ("https://bot.example", ("@authority", "@authority"), "B"),
        ("https://bot.example", ("@authority", '"x";new'), "B"),
    ],
)
def test_what_no_verifier_would_take_is_not_signed(agent: str, covered: tuple[str, ...], dialect: Dialect) -> None:
    with pytest.raises(ValueError, match=r"\."):
        sign_request(REQUEST, PRIVATE, agent, covered, 1, 2, dialect=dialect)


def test_the_same_request_signs_to_the_same_bytes() -> None:
    def sign() -> dict[str, str]:
        return sign_request(REQUEST, PRIVATE, "https://bot.example", ("@authority",), 1, 2, "n")

    assert sign() == sign()

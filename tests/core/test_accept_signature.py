"""Accept-Signature is built and read back."""

from __future__ import annotations

import pytest

from edge.core.accept_signature import SignatureRequest, build_accept_signature, parse_accept_signature
from edge.core.signature_faults import Flaw, SignatureFault

WANTED = SignatureRequest("sig1", ("@method", "@authority", '"signature-agent";key="sig1"'), tag="web-bot-auth")


def test_the_field_names_what_the_signer_shall_set() -> None:
    assert build_accept_signature([WANTED]) == (
        'sig1=("@method" "@authority" "signature-agent";key="sig1");created;expires;tag="web-bot-auth"'
    )


def test_what_was_built_reads_back() -> None:
    other = SignatureRequest("b", (), created=False, expires=False, keyid="k", nonce="n", alg="ed25519")
    assert parse_accept_signature(build_accept_signature([WANTED, other])) == (WANTED, other)


def test_the_example_of_the_rfc_is_read() -> None:
    text = (
        'sig1=("@method" "@target-uri" "@authority" "content-digest" "cache-control")'
        ';keyid="test-key-rsa-pss";created;tag="app-123"'
    )
    parsed = parse_accept_signature(text)
    assert isinstance(parsed, tuple)
    assert parsed[0].created
    assert not parsed[0].expires
    assert (parsed[0].keyid, parsed[0].tag) == ("test-key-rsa-pss", "app-123")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("sig1=(", SignatureFault.UNREADABLE),
        ("sig1=1", SignatureFault.UNREADABLE),
        ("sig1=(), sig1=()", SignatureFault.UNREADABLE),
        ('sig1=("X")', SignatureFault.UNKNOWN_COMPONENT),
        ("sig1=();tag=1", SignatureFault.PARAMETER_TYPE),
    ],
)
def test_what_cannot_be_honoured_is_refused(text: str, fault: SignatureFault) -> None:
    parsed = parse_accept_signature(text)
    assert isinstance(parsed, Flaw)
    assert parsed.fault is fault


def test_a_request_for_what_does_not_exist_is_not_built() -> None:
    with pytest.raises(ValueError, match="lower-case"):
        build_accept_signature([SignatureRequest("sig1", ("Date",))])

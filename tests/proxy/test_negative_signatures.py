"""Signatures that must not count, over real sockets: each is refused for its own reason, and nothing is charged."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from edge.core.catalogue import Catalogue
from edge.core.signature_faults import SignatureFault
from tests.support.edge_under_test import NOW, RICH, EdgeUnderTest
from tests.support.signing_crawler import COVERED, SigningCrawler, claimed

F = SignatureFault
PRICE = "crawler-max-price"
GOOD = RICH.paying("/page").decode("latin-1")
AGENT_COVERED = ' "signature-agent";key="sig1"'


def changed(old: str, new: str) -> bytes:
    """The good request with one thing changed after it was signed."""
    assert old in GOOD
    return GOOD.replace(old, new).encode("latin-1")


def without(name: str) -> bytes:
    """The good request without one header line."""
    lines = [line for line in GOOD.split("\r\n") if not line.lower().startswith(f"{name}:")]
    return "\r\n".join(lines).encode("latin-1")


def impersonating() -> bytes:
    """A stranger signs with its own key and names the agent of another."""
    text = SigningCrawler(9, NOW).paying("/page").decode("latin-1")
    return text.replace("https://bot9.example", "https://bot1.example").encode("latin-1")


CASES: dict[SignatureFault, bytes] = {
    F.HALF_SIGNED: without("signature-input"),
    F.UNREADABLE: changed("sig1=(", "sig1=(("),
    F.DUPLICATE_COMPONENT: changed('"@method"', '"@method" "@method"'),
    F.DUPLICATE_PARAMETER: changed(f";created={NOW}", f";created={NOW};created={NOW}"),
    F.LABEL_WITHOUT_SIGNATURE: changed("signature: sig1=", "signature: other="),
    F.PARAMETER_TYPE: changed(f";created={NOW}", f";created={NOW}.0"),
    F.NO_TAG: changed('tag="web-bot-auth"', 'tag="something-else"'),
    F.NO_CREATED: changed(f";created={NOW}", ""),
    F.NO_EXPIRES: changed(f";expires={NOW + 120}", ""),
    F.NO_KEYID: changed(f';keyid="{RICH.public_key.thumbprint}"', ""),
    F.ALGORITHM: changed(f";created={NOW}", f';created={NOW};alg="hmac-sha256"'),
    F.WINDOW: changed(f";expires={NOW + 120}", f";expires={NOW - 1}"),
    F.CREATED_IN_FUTURE: changed(f";created={NOW}", f";created={NOW + 100}"),
    F.AUTHORITY_NOT_COVERED: RICH.paying("/page", covered=("@method", "signature-agent", PRICE)),  # type: ignore[arg-type]
    F.AGENT_NOT_COVERED: changed(AGENT_COVERED, ""),
    F.AGENT_MISSING: without("signature-agent"),
    F.AGENT_UNREADABLE: changed('signature-agent: sig1="', "signature-agent: sig1=("),
    F.AGENT_URL_REFUSED: changed('sig1="https:', 'sig1="http:'),
    F.UNKNOWN_COMPONENT: changed('"@method"', '"@status"'),
    F.COMPONENT_MISSING: changed('"@method"', '"x-never-sent"'),
    F.BAD_SIGNATURE: changed("GET /page", "GET /another"),
    F.DUPLICATE_LABEL: changed("signature-input: sig1=", "signature-input: sig1=(), sig1="),
    F.TOO_MANY_LABELS: changed("signature-input: sig1=", "signature-input: a=(), b=(), c=(), d=(), sig1="),
    F.TOO_MANY_COMPONENTS: changed('"@method"', " ".join(['"@method"', *(f'"x-{number}"' for number in range(24))])),
    F.UNKNOWN_COMPONENT_PARAMETER: changed('"@method"', '"@method";newest'),
    F.COMPONENT_VALUE: changed('"@method"', '"x-latin"').replace(b"\r\n\r\n", b"\r\nx-latin: \xe4\r\n\r\n"),
    F.EXPIRED: RICH.signed("/page", f"{PRICE}: USD 1.00", created=NOW - 301),
    F.STALE: RICH.signed("/page", f"{PRICE}: USD 1.00", created=NOW - 301, seconds=3600),
    F.DIRECTORY_DOWN: impersonating(),  # the agent is asked for that key, and is down in these tests
}
OF_KEYS = {F.KEY_UNKNOWN, F.KEY_NOT_YET_VALID, F.KEY_EXPIRED}
"""Of what a directory lists: tests/proxy/test_key_directories.py, tests/core/test_web_bot_auth.py."""
UNVERIFIED = {F.AGENT_MISSING, F.DIRECTORY_DOWN}


@pytest.fixture(scope="module")
def edge(catalogue: Catalogue) -> Iterator[EdgeUnderTest]:
    with EdgeUnderTest(catalogue=catalogue) as edge:
        yield edge


@pytest.mark.parametrize("fault", CASES, ids=str)
def test_it_is_refused_for_its_own_reason(edge: EdgeUnderTest, fault: SignatureFault) -> None:
    answer = edge.ask(CASES[fault])
    word = "StrongAuthRequired" if fault in UNVERIFIED else "InvalidSignature"
    assert (answer.status, answer.fields["crawler-error"]) == (400, word)
    assert answer.fields["crawler-error-detail"].startswith(fault.sentence)
    assert edge.ledger.entries == []


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: RICH.signed("/page", f"{PRICE}: USD 1.00", covered=COVERED), f'cover "{PRICE}"'),
        (lambda: claimed("/page", f"{PRICE}: USD 1.00"), "sign the request"),
    ],
)
def test_a_signature_that_does_not_reach_for_paying_says_what_would(
    edge: EdgeUnderTest, make: Callable[[], bytes], said: str
) -> None:
    answer = edge.ask(make())
    assert answer.status == 400
    assert answer.fields["crawler-error-detail"].startswith(said)
    assert edge.ledger.entries == []


def test_a_signature_of_another_length_is_told_its_length(edge: EdgeUnderTest) -> None:
    line = next(line for line in GOOD.split("\r\n") if line.startswith("signature:"))
    answer = edge.ask(changed(line, "signature: sig1=:AAAA:"))
    assert answer.status == 400
    assert "3 bytes where a signature of ed25519 has 64" in answer.fields["crawler-error-detail"]


def test_no_two_reasons_are_said_alike() -> None:
    assert len({fault.sentence for fault in SignatureFault}) == len(SignatureFault)
    assert CASES.keys() | OF_KEYS == set(SignatureFault)


def test_the_request_that_they_were_made_of_is_a_good_one(catalogue: Catalogue) -> None:
    with EdgeUnderTest(catalogue=catalogue) as edge:
        assert edge.ask(GOOD.encode("latin-1")).status == 200

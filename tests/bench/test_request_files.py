"""What the load sends is what it says: framed as its script reads it, and no payment is the same twice."""

from __future__ import annotations

from base64 import b64decode
from json import loads

from benchmarks.measures import MEASURES
from benchmarks.peers.page import PAGE_BYTES, page
from benchmarks.request_files import HOST, Signer, claimed, framed, people, x402_payments
from benchmarks.samples import Series
from edge.core.keys import PublicKey, new_private_key, private_key_to_pem, public_half
from edge.core.message import Request
from edge.core.web_bot_auth import Verified, charge_freshness, examine

NOW = 1_800_000_000.0


def headers_of(raw: bytes) -> tuple[str, list[tuple[str, str]]]:
    head, end = raw.decode("ascii").split("\r\n\r\n")
    assert end == ""
    first, *lines = head.split("\r\n")
    assert first.startswith("GET /")
    assert first.endswith(" HTTP/1.1")
    return first.split()[1], [(name, value) for name, _, value in (line.partition(": ") for line in lines)]


def test_a_frame_tells_the_length_in_eight_digits() -> None:
    assert framed([b"abc", b""]) == b"00000003abc00000000"


def test_the_page_is_14_kb() -> None:
    assert len(page()) == PAGE_BYTES == 14_336


def test_claimed_crawlers_vary_in_name_and_path_and_offer_nothing() -> None:
    seen = [headers_of(raw) for raw in claimed(100)]
    assert len({path for path, _ in seen}) == 100
    assert len({dict(headers)["User-Agent"] for _, headers in seen}) > 8
    names = {name.lower() for _, headers in seen for name, _ in headers}
    assert not names & {"signature", "crawler-max-price", "payment-signature"}


def test_people_are_browsers() -> None:
    assert all("text/html" in dict(headers_of(raw)[1])["Accept"] for raw in people(10))


def test_every_signed_request_verifies_is_fresh_and_is_unlike_any_other() -> None:
    private_key = new_private_key()
    key = public_half(private_key)

    def find_key(agent_url: str, thumbprint: str) -> PublicKey:
        return key

    signatures = set()
    for raw in Signer(private_key_to_pem(private_key)).signed(20, NOW):
        path, headers = headers_of(raw)
        request = Request.from_wire("GET", path, headers, scheme="http")
        assert request.authority == HOST
        proof = examine(request, find_key, NOW + 280)
        assert isinstance(proof, Verified)
        assert charge_freshness(proof, NOW + 280) is None
        assert "crawler-max-price" in proof.covered
        signatures.add(request.fields["signature"])
    assert len(signatures) == 20


def test_every_x402_payment_has_a_nonce_of_its_own() -> None:
    payments = [loads(b64decode(dict(headers_of(raw)[1])["PAYMENT-SIGNATURE"])) for raw in x402_payments(20)]
    assert len({payment["payload"]["authorization"]["nonce"] for payment in payments}) == 20


def test_every_series_belongs_to_a_measure() -> None:
    assert {series for measure in MEASURES for series in measure.series} == set(Series)

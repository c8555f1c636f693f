"""Other people's signers buy at a real edge: the guide's TypeScript program, and the stock Python library."""

from __future__ import annotations

import asyncio
import datetime
import secrets
import time
from pathlib import Path

import orjson
import pytest
import requests
from http_message_signatures import HTTPMessageSigner, MappingKeyResolver, algorithms

from edge.core.directory import parse_directory
from edge.core.keys import thumbprint_of
from edge.core.receipts import Receipt, ReceiptState, verify_receipt
from edge.core.signature_agent import WELL_KNOWN_PATH
from tests.support.local_site import LocalSite, write_key
from tests.support.market import AGENT, crawler_key
from tests.support.npm_packages import install, run_node
from tests.support.page_origin import SMALL
from tests.support.system_stage import Stage

pytestmark = pytest.mark.system

PATIENCE_SECONDS = 120


@pytest.fixture
def site(sqlite_stage: Stage) -> LocalSite:
    site = LocalSite(sqlite_stage, {"/small/*": "USD 0.01"})
    sqlite_stage.edge()
    return site


def get(site: LocalSite, url: str, **headers: str) -> requests.Response:
    """Ask in a thread, while the origin serves."""
    return site.stage.do(asyncio.to_thread(requests.get, url, headers=headers, timeout=PATIENCE_SECONDS))


def receipt_of(site: LocalSite, charge_id: str) -> Receipt:
    """A receipt whose signature holds against the keys that the site publishes."""
    keys = parse_directory(get(site, site.url("/.well-known/farebox/jwks.json")).content)
    assert isinstance(keys, tuple)
    text = get(site, site.url(f"/.well-known/receipts/{charge_id}")).text.strip()
    receipt = verify_receipt(text, {key.thumbprint: key for key in keys})
    assert isinstance(receipt, Receipt), receipt
    return receipt


def test_the_guides_typescript_program_pays_once_and_its_receipt_holds(site: LocalSite, tmp_path: Path) -> None:
    program = install() / "pay.ts"
    url, key = site.url("/small/typescript?a=1&b=%C3%A4"), str(write_key(tmp_path))

    def pay(most: str) -> dict[str, object]:
        words = (url, key, AGENT, most)
        told: dict[str, object] = orjson.loads(site.stage.do(asyncio.to_thread(run_node, program, *words)))
        return told

    refused = pay("USD 0.009")
    assert (refused["status"], refused["price"]) == (402, "USD 0.01"), refused
    assert refused["error"] == "InvalidCrawlerMaxPrice"
    assert site.taken_micros() == 0
    paid = pay("USD 0.01")
    assert (paid["status"], paid["charged"], paid["bytes"]) == (200, "USD 0.01", len(SMALL)), paid
    assert site.taken_micros() == 10_000
    receipt = receipt_of(site, str(paid["receipt"]))
    assert (receipt.charge_id, receipt.target) == (paid["receipt"], "/small/typescript?a=1&b=%C3%A4")
    assert (str(receipt.price), receipt.state) == ("USD 0.01", ReceiptState.CHARGED)
    assert receipt.agent_url == AGENT + WELL_KNOWN_PATH


def signed_by_the_library(url: str) -> dict[str, str]:
    """A request of the stock Python library, that offers one cent."""
    key = crawler_key()
    resolver = MappingKeyResolver(public_keys={}, private_keys={thumbprint_of(key): key})
    message = requests.Request(
        "GET", url, headers={"signature-agent": f'bot="{AGENT}"', "crawler-max-price": "USD 0.01"}
    )
    prepared = message.prepare()
    now = datetime.datetime.fromtimestamp(int(time.time()), datetime.UTC)
    HTTPMessageSigner(signature_algorithm=algorithms.ED25519, key_resolver=resolver).sign(
        prepared,
        key_id=thumbprint_of(key),
        created=now,
        expires=now + datetime.timedelta(seconds=60),
        nonce=secrets.token_urlsafe(32),
        label="bot",
        tag="web-bot-auth",
        covered_component_ids=[
            "@method",
            "@authority",
            "@target-uri",
            '"signature-agent";key="bot"',
            "crawler-max-price",
        ],
    )
    return {name: str(value) for name, value in prepared.headers.items()}


def test_a_request_of_the_stock_python_library_pays_once(site: LocalSite) -> None:
    url = site.url("/small/python?q=1")
    headers = signed_by_the_library(url)
    answers = [get(site, url, **headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200], answers[0].headers
    assert {answer.headers["crawler-charged"] for answer in answers} == {"USD 0.01"}
    assert len({answer.headers["crawler-receipt"] for answer in answers}) == 1
    assert site.taken_micros() == 10_000
    changed = get(site, url, **{**signed_by_the_library(url), "crawler-max-price": "USD 0.02"})
    assert (changed.status_code, changed.headers["crawler-error"]) == (400, "InvalidSignature")
    assert site.taken_micros() == 10_000

"""What the stock npm package signs is verified: recorded requests of the guide for TypeScript."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from edge.core.keys import public_key_from_jwk
from edge.core.message import Request
from edge.core.web_bot_auth import KeyAnswer, KeyUnknown, Verified, covers_target, examine

RECORDED = orjson.loads((Path(__file__).parent / "vectors" / "npm_web_bot_auth.json").read_bytes())


def find_key(agent_url: str, thumbprint: str) -> KeyAnswer:
    key = public_key_from_jwk(RECORDED["key"])
    return key if getattr(key, "thumbprint", None) == thumbprint else KeyUnknown()  # type: ignore[return-value]


def examined(case: dict[str, Any], **changed: str) -> object:
    headers = {**case["headers"], **changed}
    created = int(headers["signature-input"].partition("created=")[2].partition(";")[0])
    return examine(Request.from_parts("GET", case["url"], headers.items()), find_key, created + 1)


@pytest.mark.parametrize("case", RECORDED["requests"], ids=lambda case: str(case["name"]))
def test_a_request_of_the_stock_npm_package_is_verified_with_its_offer(case: dict[str, Any]) -> None:
    proof = examined(case)
    assert isinstance(proof, Verified)
    assert covers_target(proof)
    assert {"@method", "crawler-max-price"} <= proof.covered
    assert not isinstance(examined(case, **{"crawler-max-price": "USD 99"}), Verified)

"""A request is read once and never changes; a signature is checked against what was received, not what it means."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import pytest

from edge.core.keys import public_half
from edge.core.target import Target
from edge.core.web_bot_auth import Examination, KeyAnswer, Verified, examine
from tests.support.scene import KEY, NOW, Scene

COVERED = ("@method", "@authority", "@scheme", "@request-target", "@target-uri", "@path", "@query", "crawler-max-price")
BUYING = Scene(target="/%61?q=%7e", covers=COVERED)


def examined(**changes: object) -> Examination:
    request = replace(BUYING.request(), **changes)  # type: ignore[arg-type]
    return examine(request, find_key, NOW)


def find_key(agent_url: str, thumbprint: str) -> KeyAnswer:
    return public_half(KEY)


def test_a_request_cannot_be_changed_after_it_was_read() -> None:
    with pytest.raises(FrozenInstanceError):
        BUYING.request().host = "other.example"  # type: ignore[misc]


def test_a_signature_covers_the_target_as_it_was_received() -> None:
    request = BUYING.request()
    assert isinstance(request.resource, Target)
    assert (request.target, request.resource.text) == ("/%61?q=%7e", "/a?q=~")
    assert isinstance(examined(), Verified)
    assert not isinstance(examined(target="/a?q=~", path="/a", query="q=~"), Verified)


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "HEAD"},
        {"scheme": "http"},
        {"authority": "news.example:8443"},
        {"target": "/b?q=%7e"},
        {"path": "/b"},
        {"query": "q=2"},
        {"query": None},
        {"fields": {**BUYING.request().fields, "crawler-max-price": "USD 9.00"}},
    ],
)
def test_each_part_that_is_signed_counts(changes: dict[str, object]) -> None:
    assert not isinstance(examined(**changes), Verified)


@pytest.mark.parametrize(
    "changes",
    [
        {"host": "other.example"},
        {"has_body": True},
        {"peer": "198.51.100.7"},
        {"request_id": "other"},
        {"resource": BUYING.but(target="/b").request().resource},
        {"fields": {**BUYING.request().fields, "x-other": "1"}},
    ],
)
def test_what_is_derived_or_not_covered_does_not_count(changes: dict[str, object]) -> None:
    assert isinstance(examined(**changes), Verified)

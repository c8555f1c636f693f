"""What is content of a request, and what is only around it."""

from __future__ import annotations

import pytest

from tests.support.edge_under_test import EdgeUnderTest
from tests.support.signing_crawler import request


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_much_content_in_one_piece_is_not_overhead(edge: EdgeUnderTest, framing: str) -> None:
    body = b"x" * 200_000
    line = f"Content-Length: {len(body)}" if framing == "length" else "Transfer-Encoding: chunked"
    sent = body if framing == "length" else b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    for _ in range(5):  # how much of it is read at once is the system's choice
        with edge.connect() as wire:
            wire.send(request("/free/a", line, method="POST"))
            assert wire.ask(sent, "POST").status == 200

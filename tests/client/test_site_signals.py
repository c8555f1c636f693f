"""robots.txt as RFC 9309 reads it, and what else it says to crawlers."""

from __future__ import annotations

import pytest

from edge.client.answers import Answer
from edge.client.fetching import Conversation
from edge.client.flow import NoAnswer, Send
from edge.client.site_signals import SiteSignals, read_signals

PAGE = "https://news.example/articles/1?q=1"
TEXT = b"""
# We sell.
User-agent: *
Disallow: /*.pdf$
Allow: /articles/
License: /license.xml
License: https://rsl.example/general   # RSL
Content-Signal: search=yes, ai-train=no

User-agent: ExampleBot
Disallow: /
Crawl-delay: 2
"""


def heard(flow: Conversation[SiteSignals], *events: Answer | NoAnswer) -> tuple[list[str], SiteSignals]:
    step = next(flow)
    asked = []
    left = list(events)
    while True:
        assert isinstance(step, Send)
        asked.append(step.url)
        try:
            step = flow.send(left.pop(0))
        except StopIteration as done:
            assert left == []
            return asked, done.value


def robots(body: bytes = b"", status: int = 200, **fields: str) -> Answer:
    return Answer(status, fields, body)


def test_rules_licences_and_signals_are_read() -> None:
    asked, found = heard(read_signals(PAGE), robots(TEXT))
    assert asked == ["https://news.example/robots.txt"]
    assert found.allows(PAGE, "OtherBot")
    assert not found.allows("https://news.example/a.pdf", "OtherBot")
    assert not found.allows(PAGE, "ExampleBot/1.0")
    assert found.delay_seconds("ExampleBot") == 2
    assert found.licences == ("https://news.example/license.xml", "https://rsl.example/general")
    assert found.content_signals == ("search=yes, ai-train=no",)


@pytest.mark.parametrize("answer", [robots(status=404), robots(status=403), robots(b"Disallow: /", 410), robots()])
def test_robots_that_are_not_there_allow_everything(answer: Answer) -> None:
    assert heard(read_signals(PAGE), answer)[1].allows(PAGE, "ExampleBot")


@pytest.mark.parametrize("event", [robots(status=503), NoAnswer("refused", was_sent=False)])
def test_robots_that_cannot_be_had_allow_nothing(event: Answer | NoAnswer) -> None:
    assert not heard(read_signals(PAGE), event)[1].allows(PAGE, "ExampleBot")


def test_redirects_are_followed_and_end() -> None:
    moved = robots(status=301, location="/r2")
    asked, found = heard(read_signals(PAGE), moved, robots(TEXT))
    assert asked == ["https://news.example/robots.txt", "https://news.example/r2"]
    assert not found.allows(PAGE, "ExampleBot")
    assert heard(read_signals(PAGE), *[moved] * 6)[1].allows(PAGE, "ExampleBot")
    assert heard(read_signals(PAGE), robots(status=302, location="ftp://x"))[1].allows(PAGE, "ExampleBot")

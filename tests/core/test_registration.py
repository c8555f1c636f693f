"""What a crawler may wish for, and what its signature has to vouch for."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.content_digest import make_content_digest
from edge.core.identity import CrawlerKind
from edge.core.registration import NoWish, Wish, binding_fault, default_name, read_wish
from edge.core.web_bot_auth import Verified

AGENT = "https://bot.example/.well-known/http-message-signatures-directory"
BODY = b'{"contact":"bots@bot.example"}'
WHOLE = frozenset({"@method", "@target-uri", "content-digest"})


def proof(covered: frozenset[str]) -> Verified:
    return Verified(AGENT, "thumb", "sig1", covered, 1, 2, None, b"")


def test_a_contact_is_enough_and_the_host_makes_a_name() -> None:
    assert read_wish(BODY, AGENT) == Wish("bot.example", "", CrawlerKind.OTHER, "bots@bot.example")
    full = {"contact": "a@b.example", "name": "Bot 1.0", "operator": "Bücher AG", "kind": "search"}
    assert read_wish(json.dumps(full).encode(), AGENT) == Wish(
        "Bot 1.0", "Bücher AG", CrawlerKind.SEARCH, "a@b.example"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"contact": None},
        {"contact": "nobody"},
        {"contact": "a@b.example\nBcc: all@b.example"},
        {"contact": "a@" + "b" * 400},
        {"contact": "<script>@b.example"},
        {"contact": "=cmd@b.example\t"},
        {"name": ""},
        {"name": "x" * 101},
        {"name": "\x1b[2J"},
        {"name": "<b>bot</b>"},
        {"name": 'bot"; drop'},
        {"name": "бот"},
        {"operator": "\u202eevil"},
        {"operator": "x" * 201},
        {"operator": "two\nlines"},
        {"operator": 5},
        {"kind": "spy"},
        {"kind": ["search"]},
        {"agent": "https://openai.com"},
    ],
    ids=str,
)
def test_what_could_harm_a_page_or_a_terminal_is_refused(change: dict[str, object]) -> None:
    document = {"contact": "bots@bot.example", **change}
    refused = read_wish(json.dumps(document).encode(), AGENT)
    if change == {"contact": "=cmd@b.example\t"}:
        assert isinstance(refused, Wish)  # a mail address may begin so; tables of ours are no spreadsheets
        return
    assert isinstance(refused, NoWish)
    assert refused.detail.isprintable()


@given(st.binary(max_size=100))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    assert isinstance(read_wish(body, AGENT), NoWish)


@given(st.from_regex(r"https://[a-z0-9.-]{1,120}/keys", fullmatch=True))
def test_the_name_of_any_host_is_a_name(url: str) -> None:
    made = read_wish(BODY, url)
    assert isinstance(made, NoWish) or made.name == default_name(url)


def test_the_signature_vouches_for_the_whole_request() -> None:
    digest = make_content_digest(BODY)
    assert binding_fault(proof(WHOLE), digest, BODY) is None
    for missing in WHOLE:
        assert binding_fault(proof(WHOLE - {missing}), digest, BODY) is not None
    assert binding_fault(proof(WHOLE), None, BODY) is not None
    assert "content-digest" in (binding_fault(proof(WHOLE), digest, BODY + b" ") or "")

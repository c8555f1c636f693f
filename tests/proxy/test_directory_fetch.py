"""Hostile servers on real sockets: whatever they do, the fetch ends in a value, in time, within its bounds."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from edge.core.directory import MAX_BODY_BYTES
from edge.proxy.address_guard import Vet, why_forbidden
from edge.proxy.directory_fetch import (
    FETCHES_AT_ONCE,
    AddressGuardedFetcher,
    Fetched,
    FetchFailure,
    FetchFault,
)
from tests.support.certificate import Certificate
from tests.support.fake_dns import FakeDns
from tests.support.raw_http import RawServer, answer, drip, silence

BODY = b'{"keys":[]}'


async def fetch_from(server: RawServer, path: str = "/keys.json", **options: Any) -> Fetched | FetchFailure:
    fetcher = AddressGuardedFetcher(allow_loopback_http=True, **options)
    try:
        return await fetcher(server.url(path))
    finally:
        await fetcher.close()


def fetched(reply: bytes | Callable[..., Awaitable[None]], **options: Any) -> Fetched | FetchFailure:
    async def go() -> Fetched | FetchFailure:
        async with RawServer(reply) as server:
            return await fetch_from(server, **options)

    return asyncio.run(go())


def fault(outcome: Fetched | FetchFailure) -> FetchFault:
    assert isinstance(outcome, FetchFailure), outcome
    return outcome.fault


def test_a_good_answer_comes_back_with_its_header_lines() -> None:
    outcome = fetched(answer(BODY, headers=["Cache-Control: max-age=5", "X-Two: a", "X-Two: b"]))
    assert isinstance(outcome, Fetched)
    assert (outcome.raw, outcome.body) == (BODY, BODY)
    assert [value for name, value in outcome.headers if name == "X-Two"] == ["a", "b"]


def test_the_request_asks_for_a_directory_and_carries_nothing_else() -> None:
    async def go() -> list[str]:
        async with RawServer(answer(BODY)) as server:
            await fetch_from(server, "/keys.json?v=%41")
            return server.requests[0].split("\r\n")

    lines = asyncio.run(go())
    assert lines[0] == "GET /keys.json?v=%41 HTTP/1.1"
    names = {line.partition(":")[0].lower() for line in lines[1:] if line}
    assert names == {"host", "accept", "accept-encoding", "user-agent", "connection"}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("301 Moved", FetchFault.REDIRECT),
        ("302 Found", FetchFault.REDIRECT),
        ("307 Temporary", FetchFault.REDIRECT),
        ("303 See Other", FetchFault.REDIRECT),
        ("308 Permanent", FetchFault.REDIRECT),
        ("304 Not Modified", FetchFault.STATUS),
        ("201 Created", FetchFault.STATUS),
        ("204 No Content", FetchFault.STATUS),
        ("206 Partial", FetchFault.STATUS),
        ("404 Not Found", FetchFault.STATUS),
        ("500 Oops", FetchFault.STATUS),
    ],
)
def test_only_200_counts(status: str, expected: FetchFault) -> None:
    body = b"" if status.startswith(("204", "304")) else BODY
    assert fault(fetched(answer(body, status, ["Location: http://127.0.0.1:1/"]))) is expected


def test_a_redirect_is_never_followed() -> None:
    async def go() -> tuple[Fetched | FetchFailure, list[str]]:
        async with RawServer(answer(BODY)) as target, RawServer(b"") as server:
            server.reply = answer(b"", "302 Found", [f"Location: {target.url()}"])
            return await fetch_from(server), target.requests

    outcome, followed = asyncio.run(go())
    assert fault(outcome) is FetchFault.REDIRECT
    assert followed == []


@pytest.mark.parametrize(("text", "seconds"), [("120", 120), ("999999999", 86_400), ("soon", None), ("-5", None)])
def test_the_wish_to_be_left_alone_is_reported(text: str, seconds: int | None) -> None:
    outcome = fetched(answer(b"", "503 Busy", [f"Retry-After: {text}"]))
    assert isinstance(outcome, FetchFailure)
    assert outcome.retry_after_seconds == seconds


async def _endless_head(server: RawServer, line: str, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X-More: " + b"a" * 1000 + b"\r\n")
        await writer.drain()


async def _endless_body(server: RawServer, line: str, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"1000\r\n" + b"a" * 0x1000 + b"\r\n")
        await writer.drain()


async def _broken_off(server: RawServer, line: str, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + BODY)
    await writer.drain()


async def _nonsense(server: RawServer, line: str, writer: asyncio.StreamWriter) -> None:
    writer.write(b"\x15\x03\x01\x00\x02\x02\x46\r\n\r\n")
    await writer.drain()


@pytest.mark.parametrize("handler", [silence, drip])
def test_a_slow_server_is_given_up_on(handler: Callable[..., Awaitable[None]]) -> None:
    assert fault(fetched(handler, fetch_seconds=0.2)) is FetchFault.TIMEOUT


def test_a_slow_name_lookup_is_given_up_on() -> None:
    async def never(host: str, port: int) -> Sequence[tuple[str, int]]:
        await asyncio.Event().wait()
        return []

    async def go() -> Fetched | FetchFailure:
        fetcher = AddressGuardedFetcher(lookup=never, fetch_seconds=0.1)
        outcome = await fetcher("https://bot.example")
        await fetcher.close()
        return outcome

    assert fault(asyncio.run(go())) is FetchFault.TIMEOUT


@pytest.mark.parametrize(
    ("handler", "expected"),
    [
        (_endless_body, FetchFault.TOO_LARGE),
        (_endless_head, FetchFault.MALFORMED),
        (_broken_off, FetchFault.BROKEN),
        (_nonsense, FetchFault.MALFORMED),
    ],
)
def test_a_server_that_breaks_the_bounds_is_cut_off(
    handler: Callable[..., Awaitable[None]], expected: FetchFault
) -> None:
    assert fault(fetched(handler)) is expected


def test_64_kib_are_accepted_and_one_byte_more_is_not() -> None:
    assert isinstance(fetched(answer(b" " * MAX_BODY_BYTES)), Fetched)
    assert fault(fetched(answer(b" " * (MAX_BODY_BYTES + 1)))) is FetchFault.TOO_LARGE


def test_a_compressed_answer_is_decoded_and_kept_as_sent() -> None:
    for coding, sent in (("gzip", gzip.compress(BODY)), ("deflate", zlib.compress(BODY))):
        outcome = fetched(answer(sent, headers=[f"Content-Encoding: {coding}"]))
        assert isinstance(outcome, Fetched)
        assert (outcome.raw, outcome.body) == (sent, BODY)


@pytest.mark.parametrize(
    ("sent", "coding", "expected"),
    [
        (gzip.compress(b" " * 50_000_000), "gzip", FetchFault.TOO_LARGE),
        (gzip.compress(BODY)[:-4], "gzip", FetchFault.BROKEN),
        (BODY, "gzip", FetchFault.ENCODING),
        (BODY, "br", FetchFault.ENCODING),
        (gzip.compress(gzip.compress(BODY)), "gzip, gzip", FetchFault.ENCODING),
    ],
    ids=["bomb", "cut", "not gzip", "brotli", "twice"],
)
def test_what_cannot_be_decoded_within_bounds_is_refused(sent: bytes, coding: str, expected: FetchFault) -> None:
    assert fault(fetched(answer(sent, headers=[f"Content-Encoding: {coding}"]))) is expected


@pytest.mark.parametrize(
    "url",
    [
        *("http://bot.example/", "https://bot.example:8443/", "https://user@bot.example/"),
        *("https://127.0.0.1/", "https://[::1]/", "https://[64:ff9b::7f00:1]/", "https://2130706433/"),
        *("https://0x7f.1/", "https://127.1/", "https://localhost/", "https://intranet/"),
        *("https://bot.example./", "https://bot.example\\@10.0.0.1/", "https://bot.example/../secret"),
        *("file:///etc/passwd", "gopher://bot.example/", "data:application/json,{}", "//bot.example/"),
        *("http://127.0.0.1:80/", "http://localhost/", ""),
    ],
)
def test_a_url_that_is_not_a_public_https_one_is_refused_without_a_lookup(url: str) -> None:
    dns = FakeDns([])
    assert fault(asyncio.run(_fetch_once(dns, url))) is FetchFault.URL_REFUSED
    assert dns.asked == []


@pytest.mark.parametrize("url", ["http://10.0.0.1:80/", "http://127.0.0.2/", "http://bot.example/", "http://[::1]:80/"])
def test_development_allows_http_on_loopback_only(url: str) -> None:
    async def go() -> Fetched | FetchFailure:
        fetcher = AddressGuardedFetcher(allow_loopback_http=True, lookup=FakeDns([]))
        outcome = await fetcher(url)
        await fetcher.close()
        return outcome

    assert fault(asyncio.run(go())) is FetchFault.URL_REFUSED


async def _fetch_once(dns: FakeDns, url: str, **options: Any) -> Fetched | FetchFailure:
    fetcher = AddressGuardedFetcher(lookup=dns, **options)
    try:
        return await fetcher(url)
    finally:
        await fetcher.close()


@pytest.mark.parametrize(
    "answers",
    [["127.0.0.1"], ["1.1.1.1", "127.0.0.1"], ["169.254.169.254"], ["::ffff:127.0.0.1"], ["64:ff9b::7f00:1"], []],
)
def test_a_name_that_resolves_to_a_private_address_gets_no_connection(answers: list[str]) -> None:
    async def go() -> tuple[Fetched | FetchFailure, int]:
        async with RawServer(answer(BODY)) as server:
            return await _fetch_once(FakeDns(answers), "https://bot.example/"), len(server.requests)

    outcome, seen = asyncio.run(go())
    assert fault(outcome) is FetchFault.ADDRESS_REFUSED
    assert seen == 0


def test_the_name_localhost_may_not_lead_elsewhere_in_development() -> None:
    async def go() -> Fetched | FetchFailure:
        fetcher = AddressGuardedFetcher(allow_loopback_http=True, lookup=FakeDns(["10.0.0.1"]))
        outcome = await fetcher("http://localhost:80/keys")
        await fetcher.close()
        return outcome

    assert fault(asyncio.run(go())) is FetchFault.ADDRESS_REFUSED


def test_a_name_that_does_not_resolve_is_a_value() -> None:
    async def no_such_name(host: str, port: int) -> Sequence[tuple[str, int]]:
        raise OSError(f"no address for {host}")

    async def go() -> Fetched | FetchFailure:
        fetcher = AddressGuardedFetcher(lookup=no_such_name)
        outcome = await fetcher("https://bot.example/")
        await fetcher.close()
        return outcome

    assert fault(asyncio.run(go())) is FetchFault.UNREACHABLE


def loopback_is_public(address: str) -> str | None:
    """The guard, relaxed for the one address on which a test can listen."""
    return None if address == "127.0.0.1" else why_forbidden(address)


async def _over_tls(
    certificate: Certificate, dns: FakeDns, url: str, vet: Vet
) -> tuple[Fetched | FetchFailure, list[str]]:
    async with RawServer(answer(BODY), certificate.server) as server:
        dns.port = server.port
        outcome = await _fetch_once(dns, url, tls=certificate.client, vet=vet)
        return outcome, server.requests


def test_the_connection_goes_to_the_vetted_address_under_the_name(tmp_path: Path) -> None:
    certificate, dns = Certificate(tmp_path, "bot.example"), FakeDns(["127.0.0.1"])
    outcome, requests = asyncio.run(_over_tls(certificate, dns, "https://bot.example/k", loopback_is_public))
    assert isinstance(outcome, Fetched)
    assert certificate.asked_for == ["bot.example"]
    assert "\r\nHost: bot.example\r\n" in requests[0]
    assert dns.asked == ["bot.example"]


def test_a_certificate_for_another_name_is_refused(tmp_path: Path) -> None:
    certificate = Certificate(tmp_path, "other.example")
    outcome, requests = asyncio.run(
        _over_tls(certificate, FakeDns(["127.0.0.1"]), "https://bot.example/k", loopback_is_public)
    )
    assert fault(outcome) is FetchFault.TLS
    assert requests == []


def test_a_name_that_is_rebound_after_the_check_reaches_nothing_new(tmp_path: Path) -> None:
    """DNS names an allowed address when it is checked, and a forbidden one, with a server behind it, ever after."""
    certificate, dns = Certificate(tmp_path, "bot.example"), FakeDns(["127.0.0.2"], ["127.0.0.1"])

    def only_the_second_is_public(address: str) -> str | None:
        return None if address == "127.0.0.2" else why_forbidden(address)

    async def go() -> tuple[int, list[Fetched | FetchFailure]]:
        async with (
            RawServer(answer(BODY), certificate.server, host="127.0.0.2") as public,
            RawServer(answer(BODY), certificate.server, port=public.port) as private,
        ):
            dns.port = public.port
            fetcher = AddressGuardedFetcher(lookup=dns, tls=certificate.client, vet=only_the_second_is_public)
            outcomes = [await fetcher("https://bot.example/k") for _ in range(3)]
            await fetcher.close()
            return private.open_most, outcomes

    connections, outcomes = asyncio.run(go())
    assert connections == 0
    assert isinstance(outcomes[0], Fetched)
    assert [fault(outcome) for outcome in outcomes[1:]] == [FetchFault.ADDRESS_REFUSED] * 2
    assert dns.asked == ["bot.example"] * 3, "one lookup for each connection, none in between"


def test_a_resolver_that_forgets_to_check_is_caught_at_the_socket(tmp_path: Path) -> None:
    """The guard changes its mind between the name and the socket: the last word counts."""
    certificate, said = Certificate(tmp_path, "bot.example"), iter([None])

    def first_yes_then_no(address: str) -> str | None:
        return next(said, "loopback")

    dns = FakeDns(["127.0.0.1"])
    outcome, requests = asyncio.run(_over_tls(certificate, dns, "https://bot.example/k", first_yes_then_no))
    assert fault(outcome) is FetchFault.ADDRESS_REFUSED
    assert requests == []


def test_one_host_is_asked_one_thing_at_a_time() -> None:
    async def slowly(server: RawServer, line: str, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.01)
        writer.write(answer(BODY))

    async def go() -> tuple[int, list[Fetched | FetchFailure]]:
        async with RawServer(slowly) as server:
            fetcher = AddressGuardedFetcher(allow_loopback_http=True)
            outcomes = await asyncio.gather(*(fetcher(server.url(f"/{number}")) for number in range(6)))
            await fetcher.close()
            return server.open_most, outcomes

    most, outcomes = asyncio.run(go())
    assert all(isinstance(outcome, Fetched) for outcome in outcomes)
    assert most == 1


def test_no_more_than_eight_hosts_are_asked_at_once() -> None:
    asked = 0
    may_go_on = asyncio.Event()

    async def count(host: str, port: int) -> Sequence[tuple[str, int]]:
        nonlocal asked
        asked += 1
        await may_go_on.wait()
        raise OSError("nobody there")

    async def go() -> int:
        fetcher = AddressGuardedFetcher(lookup=count)
        waiting = asyncio.gather(*(fetcher(f"https://bot{number}.example/") for number in range(30)))
        while asked < FETCHES_AT_ONCE:  # noqa: ASYNC110 -- the fake below counts, and has no event to wait for
            await asyncio.sleep(0)
        for _ in range(100):
            await asyncio.sleep(0)
        most = asked
        may_go_on.set()
        await waiting
        await fetcher.close()
        return most

    assert asyncio.run(go()) == FETCHES_AT_ONCE
    assert asked == 30


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert isinstance(fetched(answer(BODY)), Fetched)

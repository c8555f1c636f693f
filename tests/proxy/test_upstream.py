"""The way to the origin: what is sent, what is kept for the next request, and every way in which an origin fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from edge.core.refusals import RefusalCode
from edge.proxy.upstream import OriginAnswer, OriginFault, Upstream
from tests.support.scripted_origin import Play, ScriptedOrigin, Then, chunked, page
from tests.support.upstream_stage import LIMITS, clock, keeps_any_open, run, until

HEADERS = [("host", "news.example")]


async def fetch(
    upstream: Upstream, origin: ScriptedOrigin, target: str = "/a", method: str = "GET", *, sold: bool = True
) -> tuple[int, bytes]:
    """Ask, read to the end, and give the connection back."""
    answer = await upstream.ask(origin.url, method, target, HEADERS, sold=sold)
    try:
        return answer.status, await answer.read()
    finally:
        answer.release()


async def fault_of(upstream: Upstream, origin: ScriptedOrigin, target: str = "/a", method: str = "GET") -> RefusalCode:
    """The fault that asking or reading raises; afterwards the pool must still work."""
    with pytest.raises(OriginFault) as fault:
        await fetch(upstream, origin, target, method)
    assert await fetch(upstream, origin, "/good") == (200, b"page /good")
    return fault.value.code


def plays(*plays: Play) -> dict[str, Play]:
    return {f"/{number}": play for number, play in enumerate(plays)}


# What goes out


def test_the_target_goes_out_byte_for_byte() -> None:
    targets = ["/a?", "/a??b", "/a%2fb", "//a", "/a;b?c=%zz", "/caf%C3%A9", "/a?b=1&c=2#"]

    async def test(upstream: Upstream, origin: ScriptedOrigin) -> None:
        for target in targets:
            await fetch(upstream, origin, target)
        assert origin.targets() == targets

    run(test)


def test_text_outside_ascii_goes_out_as_the_bytes_it_came_in() -> None:
    async def test(upstream: Upstream, origin: ScriptedOrigin) -> None:
        answer = await upstream.ask(origin.url, "GET", "/a", [*HEADERS, ("x-name", "caf\xc3\xa9")])
        answer.release()
        assert origin.seen[0].fields["x-name"] == "caf\xc3\xa9"

    run(test)


@pytest.mark.parametrize("announced", [True, False])
def test_content_goes_out_as_it_was_framed(announced: bool) -> None:
    async def test(upstream: Upstream, origin: ScriptedOrigin) -> None:
        framing = [("content-length", "10")] if announced else []
        answer = await upstream.ask(origin.url, "POST", "/a", [*HEADERS, *framing], _pieces(b"hello", b"world"))
        assert (await answer.read(), origin.seen[0].body) == (b"page /a", b"helloworld")
        assert ("transfer-encoding" in origin.seen[0].fields) is not announced
        answer.release()

    run(test)


async def _pieces(*pieces: bytes, then: BaseException | None = None, forever: bool = False) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
        await asyncio.sleep(0)
    if forever:
        await asyncio.Event().wait()
    if then is not None:
        raise then


# Connections


def test_a_connection_is_used_again() -> None:
    async def test(upstream: Upstream, origin: ScriptedOrigin) -> None:
        origin.script["/chunks"] = [chunked(b"a", b"b")]
        origin.script["/head"] = [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"]
        origin.script["/none"] = [b"HTTP/1.1 204 No Content\r\n\r\n"]
        origin.script["/same"] = [b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"]
        for target, method in (
            ("/a", "GET"),
            ("/chunks", "GET"),
            ("/head", "HEAD"),
            ("/none", "GET"),
            ("/same", "GET"),
        ):
            await fetch(upstream, origin, target, method)
        assert await fetch(upstream, origin, "/a") == (200, b"page /a")
        assert origin.connections == 1

    run(test)


@pytest.mark.parametrize(
    "play",
    [
        [page(b"last", "Connection: close")],
        [page(b"last"), Then.CLOSE],
        [b"HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nlast"],
        [page(b"last") + b"garbage"],
        [page(b"last") + page(b"unasked")],
        [page(b"last"), b"HTTP/1.1 200 OK\r\nX-Second: 1\r\n\r\n"],
    ],
)
def test_a_connection_with_anything_left_on_it_is_not_used_again(play: Play) -> None:
    async def test(upstream: Upstream, origin: ScriptedOrigin) -> None:
        origin.script["/a"] = play
        answer = await upstream.ask(origin.url, "GET", "/a", HEADERS)
        assert (await answer.read(), len(answer.headers)) == (b"last", len(answer.headers))
        assert not any(name == b"x-second" for name, _ in answer.headers)
        answer.release()
        for number in range(3):
            assert await fetch(upstream, origin, f"/{number}") == (200, f"page /{number}".encode())
        assert origin.connections == 2

    run(test)


def test_a_connection_that_the_origin_closed_meanwhile_is_replaced() -> None:
    async def test(upstream: Upstream, origin: ScriptedOrigin) -> None:
        origin.script["/last"] = [page(b"x"), Then.CLOSE]
        for method in ("GET", "HEAD", "OPTIONS"):
            await fetch(upstream, origin, "/last")
            await until(lambda: not keeps_any_open(upstream))
            assert (await fetch(upstream, origin, "/a", method))[0] == 200

    run(test)


def test_a_body_that_is_not_read_ends_the_connection() -> None:
    async def test(upstream: Upstream, origin: ScriptedOrigin) -> None:
        origin.script["/large"] = [page(b"x" * 3_000_000)]
        answer = await upstream.ask(origin.url, "GET", "/large", HEADERS)
        answer.release()
        answer.release()
        assert await fetch(upstream, origin) == (200, b"page /a")
        assert origin.connections == 2

    run(test)


def test_no_more_connections_than_allowed_are_open_at_once() -> None:
    async def test(upstream: Upstream, origin: ScriptedOrigin) -> None:
        origin.answer = lambda seen: [Then.WAIT, page(b"x")]
        asking = [asyncio.create_task(fetch(upstream, origin, f"/{number}")) for number in range(12)]
        await until(lambda: len(origin.seen) == LIMITS.connections)
        await clock().settle()
        assert len(origin.seen) == LIMITS.connections
        origin.go_on()
        assert {status for status, _ in await asyncio.gather(*asking)} == {200}
        assert origin.connections == LIMITS.connections

    run(test)


def test_visitors_leave_room_for_payers_and_do_not_wait_for_ever() -> None:
    async def test(upstream: Upstream, origin: ScriptedOrigin) -> None:
        origin.answer = lambda seen: [page(b"sold")] if seen.target == "/sold" else [Then.WAIT, page(b"x")]
        visits = [asyncio.create_task(fetch(upstream, origin, f"/{number}", sold=False)) for number in range(6)]
        await until(lambda: len(origin.seen) == 3)
        await clock().settle()
        assert len(origin.seen) == 3
        assert await fetch(upstream, origin, "/sold") == (200, b"sold")
        await clock().let_pass(LIMITS.connect_seconds + 1, upstream.look)
        origin.go_on()
        outcomes = await asyncio.gather(*visits, return_exceptions=True)
        faults = [outcome.code for outcome in outcomes if isinstance(outcome, OriginFault)]
        assert faults == [RefusalCode.ORIGIN_TIMEOUT] * 3
        assert outcomes.count((200, b"x")) == 3

    run(test)


def test_content_short_of_what_was_announced_is_owed_by_its_connection_alone() -> None:
    async def test(upstream: Upstream, origin: ScriptedOrigin) -> None:
        origin.early["/up"] = page(b"no need", status="405 Method Not Allowed")
        length = ("content-length", "100")
        answer = await upstream.ask(origin.url, "POST", "/up", [*HEADERS, length], _pieces(b"x" * 10))
        assert (answer.status, await answer.read()) == (405, b"no need")
        answer.release()
        assert await fetch(upstream, origin) == (200, b"page /a")
        assert origin.targets() == ["/a"]

    run(test)


def test_an_answer_before_the_end_of_the_content_is_heard_and_the_connection_not_used_again() -> None:
    async def test(upstream: Upstream, origin: ScriptedOrigin) -> None:
        origin.early["/up"] = page(b"no need", status="413 Content Too Large")
        length = ("content-length", "100")
        answer = await upstream.ask(origin.url, "POST", "/up", [*HEADERS, length], _pieces(b"x" * 10, forever=True))
        assert (answer.status, await answer.read()) == (413, b"no need")
        answer.release()
        assert await fetch(upstream, origin) == (200, b"page /a")
        assert origin.targets() == ["/a"]

    run(test)


def test_content_that_breaks_off_ends_the_connection() -> None:
    async def test(upstream: Upstream, origin: ScriptedOrigin) -> None:
        gone = OriginFault(RefusalCode.REQUEST_TIMEOUT, "the client went away")
        with pytest.raises(OriginFault) as fault:
            await upstream.ask(origin.url, "POST", "/up", HEADERS, _pieces(b"half", then=gone))
        assert fault.value is gone
        assert await fetch(upstream, origin) == (200, b"page /a")
        assert origin.targets() == ["/a"]

    run(test)


def test_content_that_stalls_is_the_clients_fault_and_an_answer_that_stalls_the_origins() -> None:
    async def test(upstream: Upstream, origin: ScriptedOrigin) -> None:
        origin.script["/up"] = [Then.HANG]
        stalling = asyncio.create_task(upstream.ask(origin.url, "POST", "/up", HEADERS, _pieces(b"half", forever=True)))
        while not stalling.done():
            await clock().let_pass(60.0, upstream.look)
        with pytest.raises(OriginFault) as fault:
            await stalling
        assert fault.value.code is RefusalCode.REQUEST_TIMEOUT
        with pytest.raises(OriginFault) as fault:
            await upstream.ask(origin.url, "POST", "/up", HEADERS, _pieces(b"all"))
        assert fault.value.code is RefusalCode.ORIGIN_TIMEOUT

    run(test)


# Answers


def test_answers_of_every_framing_are_read_whole() -> None:
    framings: Sequence[Play] = (
        [page(b"body")],
        [chunked(b"bo", b"dy")],
        [chunked(b"body", end=b"0\r\nX-Trailer: 1\r\n\r\n")],
        [b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nbody", Then.CLOSE],
        [b"HTTP/1.0 200 OK\r\n\r\n", b"bo", b"dy", Then.CLOSE],
        [b"HTTP/1.1 100 Continue\r\n\r\n" + page(b"body")],
        [b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n", page(b"body")],
    )

    async def test(upstream: Upstream, origin: ScriptedOrigin) -> None:
        origin.script = plays(*framings)
        for target in origin.script:
            answer = await upstream.ask(origin.url, "GET", target, HEADERS)
            body = await answer.read()
            assert (answer.status, body) == (200, b"body"), target
            assert {name for name, _ in answer.headers}.isdisjoint({b"x-trailer", b"link"})
            answer.release()

    run(test)


def test_a_long_body_comes_in_pieces_and_waits_for_its_reader() -> None:
    async def test(upstream: Upstream, origin: ScriptedOrigin) -> None:
        origin.script["/large"] = [page(b"x" * 5_000_000)]
        answer = await upstream.ask(origin.url, "GET", "/large", HEADERS)
        await asyncio.sleep(0.05)
        sizes = [len(piece) async for piece in answer.chunks()]
        assert sum(sizes) == 5_000_000
        assert max(sizes) < 1_000_000
        answer.release()

    run(test)


@pytest.mark.parametrize(
    ("play", "code"),
    [
        ([Then.CLOSE], RefusalCode.ORIGIN_UNREACHABLE),
        ([Then.RESET], RefusalCode.ORIGIN_UNREACHABLE),
        ([Then.HANG], RefusalCode.ORIGIN_TIMEOUT),
        ([b"HTTP/1.1 200 OK\r\nContent-Le", Then.HANG], RefusalCode.ORIGIN_TIMEOUT),
        ([b"HTTP/1.1 100 Continue\r\n\r\n", Then.HANG], RefusalCode.ORIGIN_TIMEOUT),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", Then.HANG], RefusalCode.ORIGIN_TIMEOUT),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", Then.CLOSE], RefusalCode.ORIGIN_MALFORMED),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", Then.RESET], RefusalCode.ORIGIN_MALFORMED),
        ([chunked(b"half", end=b""), Then.CLOSE], RefusalCode.ORIGIN_MALFORMED),
        ([chunked(b"half", end=b"0\r\n"), Then.CLOSE], RefusalCode.ORIGIN_MALFORMED),
        ([chunked(b"half", end=b"zz\r\n")], RefusalCode.ORIGIN_MALFORMED),
        ([b"HTTP/1.0 200 OK\r\n\r\nhalf", Then.RESET], RefusalCode.ORIGIN_MALFORMED),
        ([b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"],
         RefusalCode.ORIGIN_MALFORMED),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nbody!"], RefusalCode.ORIGIN_MALFORMED),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 4, 4\r\n\r\nbody"], RefusalCode.ORIGIN_MALFORMED),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"], RefusalCode.ORIGIN_MALFORMED),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n"], RefusalCode.ORIGIN_MALFORMED),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
         RefusalCode.ORIGIN_MALFORMED),
        ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"], RefusalCode.ORIGIN_MALFORMED),
        ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
         RefusalCode.ORIGIN_MALFORMED),
        ([b"HTTP/1.1 200 OK\r\nX: a\x00b\r\n\r\n"], RefusalCode.ORIGIN_MALFORMED),
        ([b"HTTP/1.1 200 OK\r\nX: a\x08b\r\n\r\n"], RefusalCode.ORIGIN_MALFORMED),
        ([b"HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n"], RefusalCode.ORIGIN_MALFORMED),
        ([b"HTTP/1.1 200 OK\r\nBad Name: x\r\n\r\n"], RefusalCode.ORIGIN_MALFORMED),
        ([b"HTTP/1.1 200 OK\r\nX: a\r\n folded\r\n\r\n"], RefusalCode.ORIGIN_MALFORMED),
        ([b"HTTP/1.1 200 OK\nX: a\n\n"], RefusalCode.ORIGIN_MALFORMED),
        ([b"HTTP/1.1 999 Whatever\r\nContent-Length: 0\r\n\r\n"], RefusalCode.ORIGIN_MALFORMED),
        ([b"HTTP/1.1 099 Whatever\r\nContent-Length: 0\r\n\r\n"], RefusalCode.ORIGIN_MALFORMED),
        ([b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"], RefusalCode.ORIGIN_MALFORMED),
        ([b"SSH-2.0-OpenSSH_9.6\r\n"], RefusalCode.ORIGIN_MALFORMED),
        ([b"HTTP/1.1 200 OK\r\nX: " + b"x" * 5000 + b"\r\nContent-Length: 0\r\n\r\n"], RefusalCode.ORIGIN_MALFORMED),
        ([b"HTTP/1.1 200 OK\r\n" + b"X: 1\r\n" * 201 + b"Content-Length: 0\r\n\r\n"], RefusalCode.ORIGIN_MALFORMED),
        ([b"HTTP/1.1 200 OK\r\nX: ", *[b"x" * 1000] * 20], RefusalCode.ORIGIN_MALFORMED),
        ([*[b"HTTP/1.1 103 Early Hints\r\n\r\n"] * 300], RefusalCode.ORIGIN_MALFORMED),
    ],
)  # fmt: skip
def test_what_an_origin_does_wrong_is_its_fault(play: Play, code: RefusalCode) -> None:
    async def test(upstream: Upstream, origin: ScriptedOrigin) -> None:
        origin.script["/a"] = [*play, Then.HANG] if Then.CLOSE not in play and Then.RESET not in play else play
        assert await fault_of(upstream, origin) is code

    run(test)


def test_nobody_listening_is_the_origins_fault() -> None:
    async def test(upstream: Upstream, origin: ScriptedOrigin) -> None:
        for url in ("http://127.0.0.1:1", "http://nowhere.invalid"):
            with pytest.raises(OriginFault) as fault:
                await upstream.ask(url, "GET", "/", HEADERS)
            assert fault.value.code is RefusalCode.ORIGIN_UNREACHABLE

    run(test)


def test_a_body_that_has_no_place_is_left_out_of_the_answer() -> None:
    async def test(upstream: Upstream, origin: ScriptedOrigin) -> None:
        origin.script["/head"] = [page(b"body although HEAD")]
        origin.script["/same"] = [b"HTTP/1.1 304 Not Modified\r\n\r\nbody although 304"]
        assert await fetch(upstream, origin, "/head", "HEAD") == (200, b"")
        assert await fetch(upstream, origin, "/same") == (304, b"")
        assert await fetch(upstream, origin, "/a") == (200, b"page /a")
        assert origin.connections == 3

    run(test)


def test_patience_starts_anew_with_every_piece() -> None:
    async def test(upstream: Upstream, origin: ScriptedOrigin) -> None:
        answer: OriginAnswer = await upstream.ask(origin.url, "GET", "/slow", HEADERS)
        pieces = [piece async for piece in answer.chunks()]
        assert b"".join(pieces) == b"x" * 8
        answer.release()

    async def slowly(upstream: Upstream, origin: ScriptedOrigin) -> None:
        origin.pause = lambda: clock().let_pass(LIMITS.stall_seconds * 0.7, upstream.look)
        steps: list[bytes | Then] = [b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n"]
        for _ in range(8):
            steps += [Then.PAUSE, b"x"]
        origin.script["/slow"] = steps
        await test(upstream, origin)

    run(slowly)

"""A directory server that does what it likes: the right outcome each time, and no connection where none may go.

Connections are counted where they are made: every ``connect`` of this process is seen by an audit hook, and a server
listens on the forbidden side to see whether anybody comes.
"""

from __future__ import annotations

import asyncio
import gc
import gzip
import sys
import tracemalloc
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest

from edge.core.directory import MAX_BODY_BYTES
from edge.core.keys import new_private_key, public_half, public_key_to_jwk, public_keys_to_jwks
from edge.core.signature_agent import WELL_KNOWN_PATH
from edge.core.web_bot_auth import DirectoryDown, KeyAnswer, KeyUnknown
from edge.proxy.address_guard import why_forbidden
from edge.proxy.directory_fetch import FETCHES_AT_ONCE, AddressGuardedFetcher
from edge.proxy.key_directories import KeyDirectories
from edge.proxy.strangers import HELD_MAX
from tests.support.certificate import Certificate
from tests.support.fake_dns import FakeDns
from tests.support.raw_http import Handler, RawServer, answer, drip, silence

PUBLIC, FORBIDDEN = "127.0.0.2", "127.0.0.1"
AGENT = f"https://bot.example{WELL_KNOWN_PATH}"
KEY, OTHER = new_private_key(), new_private_key()
THUMBPRINT, OTHER_THUMBPRINT = public_half(KEY).thumbprint, public_half(OTHER).thumbprint
GOOD = answer(public_keys_to_jwks([public_half(KEY)]))
TEST_KEY_X = "JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs"
TEST_KEY = "poqkLGiymh_W0uP6PZFw-dvez3QJT5SolqXBCW38r0U"

CONNECTED: list[str] = []
"""Where this process connected to, as the audit hook saw it; a hook cannot be taken off, so it is put on once."""


def _note_connect(event: str, arguments: tuple[object, ...]) -> None:
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        CONNECTED.append(str(arguments[1][0]))


@pytest.fixture(scope="module", autouse=True)
def audit() -> None:
    sys.addaudithook(_note_connect)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return Certificate(tmp_path_factory.mktemp("tls"), "bot.example")


def only_one_is_public(address: str) -> str | None:
    """The guard, relaxed for the one address on which the public server of a test can listen."""
    return None if address == PUBLIC else why_forbidden(address)


@dataclass
class Scene:
    """The directories of one registered agent, whose host a hostile server is."""

    directories: KeyDirectories
    server: RawServer
    dns: FakeDns
    clock: list[float]

    async def ask(self, thumbprint: str = THUMBPRINT, *, after_seconds: float = 0) -> KeyAnswer:
        """As the gate does: look, wait if that can help, look again."""
        self.clock[0] += after_seconds
        self.directories.find(AGENT, thumbprint)
        await self.directories.ensure(AGENT, thumbprint)
        return self.directories.find(AGENT, thumbprint)

    def failure(self) -> str:
        view = self.directories.show(AGENT)
        assert view is not None
        return view.failure or ""


def play(
    certificate: Certificate, reply: bytes | Handler, act: Callable[[Scene], Awaitable[None]], *dns: Sequence[str]
) -> None:
    """Run one act; afterwards nobody has been to the forbidden side."""

    async def go() -> None:
        async with (
            RawServer(reply, certificate.server, host=PUBLIC) as server,
            RawServer(GOOD, certificate.server, host=FORBIDDEN, port=server.port) as forbidden,
        ):
            names = FakeDns(*(dns or ([PUBLIC],)), port=server.port)
            clock = [1_800_000_000.0]
            fetcher = AddressGuardedFetcher(
                lookup=names, tls=certificate.client, vet=only_one_is_public, fetch_seconds=1.0
            )
            directories = KeyDirectories(fetcher, lambda: {AGENT}, now=lambda: clock[0], random_unit=lambda: 0.5)
            CONNECTED.clear()
            try:
                await act(Scene(directories, server, names, clock))
            finally:
                await directories.close()
                await fetcher.close()
            assert forbidden.open_most == 0
            assert set(CONNECTED) <= {PUBLIC}

    asyncio.run(go())


async def _endless(server: RawServer, line: str, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"10000\r\n" + b"a" * 0x10000 + b"\r\n")
        await writer.drain()


def jwks(*keys: object) -> bytes:
    return answer(orjson.dumps({"keys": list(keys)}))


def small_order() -> object:
    return {"kty": "OKP", "crv": "Ed25519", "x": urlsafe_b64encode(b"\x01" + bytes(31)).rstrip(b"=").decode()}


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (silence, "timeout"),
        (drip, "timeout"),
        (_endless, "too_large"),
        (answer(b" " * (MAX_BODY_BYTES + 1)), "too_large"),
        (answer(gzip.compress(b" " * 50_000_000), headers=["Content-Encoding: gzip"]), "too_large"),
        (answer(b"", "302 Found", [f"Location: https://{FORBIDDEN}/"]), "redirect"),
        (answer(b"", "301 Moved", ["Location: https://www.bot.example/"]), "redirect"),
        (answer(b"", "503 Busy", ["Retry-After: 1"]), "status"),
        (answer(public_keys_to_jwks([public_half(KEY)]), content_type="text/html"), "media type"),
        (answer(b"<html>"), "not_json"),
        (answer(b'{"keys": {}}'), "not_a_key_set"),
        (jwks(*(public_key_to_jwk(public_half(KEY)) for _ in range(33))), "too_many_keys"),
    ],
)
def test_a_server_that_gives_no_usable_answer_leaves_the_crawler_unverified(
    certificate: Certificate, reply: bytes | Handler, said: str
) -> None:
    async def act(scene: Scene) -> None:
        assert isinstance(await scene.ask(), DirectoryDown)
        assert said in scene.failure()
        await scene.ask()
        assert len(scene.server.requests) == 1, "a failure is remembered"

    tracemalloc.start()
    try:
        play(certificate, reply, act)
        assert tracemalloc.get_traced_memory()[1] < 8 * 1024 * 1024
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "reply",
    [
        jwks(),
        jwks({"kty": "OKP", "crv": "Ed25519", "x": TEST_KEY_X}),
        jwks(small_order()),
        jwks({"kty": "RSA", "n": "AQAB", "e": "AQAB"}, {"kty": "OKP"}, "key", None),
    ],
    ids=["none", "the published test key", "small order", "others"],
)
def test_a_directory_without_a_usable_key_is_a_good_answer_that_knows_no_key(
    certificate: Certificate, reply: bytes
) -> None:
    async def act(scene: Scene) -> None:
        assert await scene.ask(TEST_KEY) == KeyUnknown()
        assert await scene.ask() == KeyUnknown()

    play(certificate, reply, act)


def test_a_bare_jwk_without_a_kid_is_read(certificate: Certificate) -> None:
    jwk = {name: value for name, value in public_key_to_jwk(public_half(KEY)).items() if name != "kid"}

    async def act(scene: Scene) -> None:
        assert await scene.ask() == public_half(KEY)
        assert CONNECTED == [PUBLIC], "the hook sees what is connected to"

    play(certificate, answer(orjson.dumps(jwk)), act)


def test_a_key_that_is_rotated_away_is_gone_with_the_next_good_answer(certificate: Certificate) -> None:
    async def act(scene: Scene) -> None:
        assert await scene.ask() == public_half(KEY)
        scene.server.reply = answer(public_keys_to_jwks([public_half(OTHER)]))
        assert await scene.ask(OTHER_THUMBPRINT, after_seconds=61) == public_half(OTHER)
        assert await scene.ask() == KeyUnknown()

    play(certificate, GOOD, act)


@pytest.mark.parametrize("then", [silence, answer(b"", "500 Oops"), answer(b"<html>")])
def test_a_server_that_fails_later_takes_no_key_away(certificate: Certificate, then: bytes | Handler) -> None:
    async def act(scene: Scene) -> None:
        assert await scene.ask() == public_half(KEY)
        scene.server.reply = then
        assert await scene.ask(after_seconds=2 * 86_400) == public_half(KEY)
        assert scene.failure()

    play(certificate, GOOD, act)


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        [PUBLIC, "127.0.0.1"],
        ["169.254.169.254"],
        ["168.63.129.16"],
        ["fd00:ec2::254"],
        ["64:ff9b::a9fe:a9fe"],
        ["64:ff9b:1::7f00:1"],
        ["::ffff:127.0.0.1"],
        ["::1"],
        ["10.0.0.1"],
        ["100.64.0.1"],
        ["2002:7f00:1::"],
    ],
)
def test_a_name_that_leads_inside_is_not_connected_to(certificate: Certificate, addresses: list[str]) -> None:
    async def act(scene: Scene) -> None:
        assert isinstance(await scene.ask(), DirectoryDown)
        assert "address_refused" in scene.failure()
        assert CONNECTED == []

    play(certificate, GOOD, act, addresses)


def test_a_name_that_is_rebound_to_loopback_after_its_first_answer_keeps_what_it_had(certificate: Certificate) -> None:
    async def act(scene: Scene) -> None:
        assert await scene.ask() == public_half(KEY)
        assert await scene.ask(after_seconds=2 * 86_400) == public_half(KEY)
        assert "address_refused" in scene.failure()
        assert len(scene.server.requests) == 1

    play(certificate, GOOD, act, [PUBLIC], [FORBIDDEN])


def test_a_hundred_thousand_made_up_agents_cost_eight_sockets_and_no_memory(tmp_path: Path) -> None:
    """With discovery on: each agent is another host, each request comes from another address."""
    certificate = Certificate(tmp_path, "*.made-up.example")

    async def go() -> tuple[int, list[int], int]:
        async with RawServer(answer(b"", "404 Not Found"), certificate.server, host=PUBLIC) as server:
            clock = [1_800_000_000.0]
            fetcher = AddressGuardedFetcher(
                lookup=FakeDns([PUBLIC], port=server.port), tls=certificate.client, vet=only_one_is_public
            )
            directories = KeyDirectories(fetcher, dict, discover=True, now=lambda: clock[0])
            held = []
            waiting: set[asyncio.Task[None]] = set()
            for number in range(100_000):
                clock[0] += 0.0022
                agent = f"https://bot{number}.made-up.example{WELL_KNOWN_PATH}"
                source = f"9.{number >> 16}.{number >> 8 & 255}.{number & 255}"
                assert directories.find(agent, THUMBPRINT) == KeyUnknown()
                if not directories.is_settled(agent, THUMBPRINT, source):
                    waiting.add(asyncio.create_task(directories.ensure(agent, THUMBPRINT, source)))
                if len(waiting) >= 32:
                    await asyncio.wait(waiting)
                    waiting.clear()
                if number in (50_000, 99_999):
                    gc.collect()
                    held.append(sys.getallocatedblocks())
            await directories.close()
            await fetcher.close()
            return server.open_most, held, len(server.requests)

    most, (early, late), asked = asyncio.run(go())
    assert 0 < most <= FETCHES_AT_ONCE
    assert HELD_MAX < asked < 1_000
    assert late - early < 20_000, "every agent would add some blocks"


def test_without_discovery_made_up_agents_cost_nothing() -> None:
    async def go() -> list[str]:
        dns = FakeDns([PUBLIC])
        fetcher = AddressGuardedFetcher(lookup=dns)
        directories = KeyDirectories(fetcher, dict)
        for number in range(10_000):
            agent = f"https://bot{number}.made-up.example{WELL_KNOWN_PATH}"
            assert directories.is_settled(agent, THUMBPRINT, "9.9.9.9")
            assert directories.find(agent, THUMBPRINT) == KeyUnknown()
        await fetcher.close()
        return dns.asked

    assert asyncio.run(go()) == []

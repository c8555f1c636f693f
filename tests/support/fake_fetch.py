"""The border to the network of key directories: answers from a table and remembers what it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.core.directory import MEDIA_TYPE
from edge.core.keys import public_half, public_keys_to_jwks
from edge.proxy.directory_fetch import Fetched, FetchFailure, FetchFault

HOST = "https://bot.example"
AGENT = f"{HOST}/.well-known/http-message-signatures-directory"


def served(
    body: bytes | Mapping[str, object], *headers: tuple[str, str], url: str = AGENT, content_type: str = MEDIA_TYPE
) -> Fetched:
    """A 200 answer with this body, JSON when it is a mapping."""
    sent = body if isinstance(body, bytes) else orjson.dumps(body)
    typed = () if any(name.lower() == "content-type" for name, _ in headers) else (("Content-Type", content_type),)
    return Fetched(url, (*typed, *headers), sent, sent)


def key_set(keys: Iterable[Ed25519PrivateKey], *headers: tuple[str, str]) -> Fetched:
    """An unsigned directory of the keys' public halves at ``AGENT``."""
    return served(public_keys_to_jwks(public_half(key) for key in keys), *headers)


DOWN = FetchFailure(FetchFault.UNREACHABLE, "nobody there")


class FakeFetch:
    """A ``Fetch`` over ``answers`` by URL. With ``hold`` set, answers wait until it is released."""

    def __init__(self, answers: Mapping[str, Fetched | FetchFailure | BaseException]) -> None:
        self.answers = dict(answers)
        self.asked: list[str] = []
        self.hold: asyncio.Event | None = None

    async def __call__(self, url: str) -> Fetched | FetchFailure:
        self.asked.append(url)
        if self.hold is not None:
            await self.hold.wait()
        answer = self.answers.get(url, DOWN)
        if isinstance(answer, BaseException):
            raise answer
        return answer

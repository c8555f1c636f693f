"""Read a published key set, from a file or an address, as commands that check signatures take it."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from edge.cli.terminal import CommandFailed
from edge.core.keys import PublicKey, public_key_from_jwk

FETCH_SECONDS = 10.0
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def read_key_set(where: str) -> dict[str, PublicKey]:
    """The Ed25519 keys of a JWK set (RFC 7517 section 5) by thumbprint; raises ``CommandFailed``.

    ``where`` is a file, or an https address: whoever can change what is fetched can forge what it proves.
    """
    body = _fetch(where) if where.startswith(("https://", "http://")) else _read(Path(where))
    try:
        listed: Any = orjson.loads(body)["keys"]
        found = [public_key_from_jwk(jwk, allow_test_keys=True) for jwk in listed]
    except (KeyError, TypeError, ValueError) as why:
        message = f"{where} is not a key set; get it from /.well-known/farebox/jwks.json of the site"
        raise CommandFailed(message) from why
    return {key.thumbprint: key for key in found if isinstance(key, PublicKey)}


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as why:
        raise CommandFailed(f"the key set {path} cannot be read ({why.strerror}); check its path") from why


def _fetch(address: str) -> bytes:
    import httpx2  # loads a whole HTTP client: not for commands that never fetch

    if not address.startswith("https://") and urlsplit(address).hostname not in _LOOPBACK:
        raise CommandFailed(f"{address} is not https; a key set that anybody on the way can change proves nothing")
    try:
        answer = httpx2.get(address, timeout=FETCH_SECONDS)
        answer.raise_for_status()
    except httpx2.HTTPError as why:
        raise CommandFailed(
            f"the key set {address} cannot be fetched ({why}); save it to a file and name that"
        ) from why
    return answer.content

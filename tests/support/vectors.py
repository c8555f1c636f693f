"""The published test vectors, read from `tests/core/vectors`."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.core.signatures import Algorithm, SigningKey, VerificationKey, signing_key, verification_key

_FOLDER = Path(__file__).parent.parent / "core" / "vectors"


def vectors(name: str) -> Any:
    """The parsed file `name`.json."""
    return json.loads((_FOLDER / f"{name}.json").read_text())


def rfc_signing_key(name: str) -> SigningKey:
    """A private key of RFC 9421 appendix B.1, or its shared secret."""
    entry = vectors("rfc9421_keys")["keys"][name]
    algorithm = Algorithm(entry["alg"])
    if algorithm is Algorithm.HMAC_SHA256:
        return signing_key(b64decode(entry["secret_base64"]), algorithm)
    loaded = serialization.load_pem_private_key(entry["private_pem"].encode(), password=None)
    assert isinstance(loaded, Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey)
    return signing_key(loaded, algorithm)


def rfc_verification_key(name: str) -> VerificationKey:
    """The public half of the same key."""
    private = rfc_signing_key(name)
    material = private.material
    public = material if isinstance(material, bytes) else material.public_key()
    return verification_key(public, private.algorithm)

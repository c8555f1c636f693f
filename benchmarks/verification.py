"""How many Ed25519 verifications one core makes: run as a process of its own, so that it can be pinned.

    python -m benchmarks.verification SECONDS

Checks the signature of a real request's signature base with the very call that the edge makes (`PublicKey.verifies`,
libsodium through PyNaCl) and nothing else, which is the part of a paid request that cannot be saved. Another library
here would be another yardstick: a slower one would make the edge look better than it is. Prints the count and the
seconds as JSON.
"""

from __future__ import annotations

import json
import sys
import time

from edge.core.keys import new_private_key, public_half

BASE = b"""\
"@method": GET
"@authority": pages.example
"@target-uri": http://pages.example/articles/12744
"signature-agent";key="sig1": "https://crawler.example"
"crawler-max-price": USD 0.005
"@signature-params": ("@method" "@authority" "@target-uri" "signature-agent";key="sig1" "crawler-max-price")\
;created=1795184155;expires=1795184445;keyid="rEkjgZ9VPcMP5vexIIr-OJsxexuIUwsvcJhSWupaLis"\
;nonce="91CtiqaFF9GpJQImgERZ2H7FxtsUVuTc";tag="web-bot-auth\""""
_PORTION = 200


def verifications(seconds: float) -> tuple[int, float]:
    """Verify for that long; return how often, and the time it took."""
    private_key = new_private_key()
    key, signature = public_half(private_key), private_key.sign(BASE)
    if not key.verifies(signature, BASE) or key.verifies(signature, BASE + b"x"):
        raise AssertionError("what is timed must tell a good signature from a bad one")
    count, began = 0, time.perf_counter()
    while (took := time.perf_counter() - began) < seconds or count == 0:
        for _ in range(_PORTION):
            key.verifies(signature, BASE)
        count += _PORTION
    return count, took


if __name__ == "__main__":
    verified, elapsed_seconds = verifications(float(sys.argv[1]))
    print(json.dumps({"count": verified, "seconds": elapsed_seconds}))

"""Codes of an authenticator app (TOTP, RFC 6238), and codes for when it is lost. Pure.

Rules of this file
- An app's secret is made of a service key and a salt: the database holds the salt alone, so a stolen one makes no code.
- A code counts once: whoever checks it is told which step of 30 seconds it stands for and keeps the newest.
- Clocks may differ by one step each way (RFC 6238 section 5.2), no more.
- A recovery code is 80 random bits, so its plain hash is enough.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from urllib.parse import quote

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.twofactor.totp import TOTP

SALT_BYTES = 16
SECRET_BYTES = 20
DIGITS = 6
STEP_SECONDS = 30
STEPS_AROUND = 1
RECOVERY_BYTES = 10

_PURPOSE = b"farebox one-time codes 1"
_CODE = re.compile(r"[0-9]{6}")


def totp_secret(key: Ed25519PrivateKey, salt: bytes) -> bytes:
    """The secret that a salt and a service key make: 20 bytes, as RFC 4226 section 4 recommends."""
    if len(salt) != SALT_BYTES:
        raise ValueError(f"a salt has {SALT_BYTES} bytes, not {len(salt)}")
    return HKDF(hashes.SHA256(), SECRET_BYTES, salt, _PURPOSE).derive(key.private_bytes_raw())


def secret_text(secret: bytes) -> str:
    """The secret as people type it into an app: base32 in groups of four."""
    text = base64.b32encode(secret).decode()
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def app_address(secret: bytes, account: str, issuer: str) -> str:
    """What the picture holds (Key URI format of the authenticator apps)."""
    key = base64.b32encode(secret).decode()
    return f"otpauth://totp/{quote(issuer)}:{quote(account)}?secret={key}&issuer={quote(issuer)}"


def code_at(secret: bytes, seconds: float) -> str:
    """The code that an app shows at a time."""
    # SHA-1 is what the apps use; HMAC is not hurt by its collisions (RFC 6238 section 1.2).
    return TOTP(secret, DIGITS, hashes.SHA1(), STEP_SECONDS).generate(int(seconds)).decode()  # noqa: S303


def matching_step(secret: bytes, typed: str, seconds: float) -> int | None:
    """The step that a code stands for, now or one step around now; None when it is wrong."""
    code = typed.replace(" ", "")
    if not _CODE.fullmatch(code):
        return None
    now = int(seconds) // STEP_SECONDS
    around = range(now - STEPS_AROUND, now + STEPS_AROUND + 1)
    right = [step for step in around if hmac.compare_digest(code_at(secret, step * STEP_SECONDS), code)]
    return right[-1] if right else None


def recovery_code(random_bytes: bytes) -> str:
    """A recovery code as people write it down: four groups of four letters and digits."""
    if len(random_bytes) != RECOVERY_BYTES:
        raise AssertionError(f"a recovery code is made of {RECOVERY_BYTES} random bytes")
    text = base64.b32encode(random_bytes).decode().lower()
    return "-".join(text[at : at + 4] for at in range(0, 16, 4))


def recovery_hash(typed: str) -> bytes:
    """What is stored of a recovery code, and looked up by; case, spaces and dashes do not matter."""
    plain = typed.strip().lower().replace("-", "").replace(" ", "")
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).digest()

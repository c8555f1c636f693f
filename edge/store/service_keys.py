"""Our own signing keys, as files: receipts are signed with the newest, the old ones go on proving old receipts.

Rules of this file:

- one PKCS8 PEM per key in ``<data_dir>/keys``, named by the time it was made and its thumbprint; the directory is
  0700 and the files 0600, and a key file that others can read is refused;
- a key appears whole or not at all: it is written beside its place and linked there, so that processes that start
  together agree on one first key;
- nothing is ever deleted here: a receipt must verify for ever.
"""

from __future__ import annotations

import os
import secrets
import stat
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.core.errors import EdgeError
from edge.core.keys import (
    PublicKey,
    new_private_key,
    private_key_from_pem,
    private_key_to_pem,
    public_half,
    public_keys_to_jwks,
)

FIRST_KEY_NAME = "00000000T000000000000Z-first.pem"
"""The first key's name says no time, so that two processes that make it at once meet in one file."""


class ServiceKeyProblem(EdgeError):
    """A service key that cannot be used; the message names the file and what to do."""


@dataclass(frozen=True, slots=True)
class ServiceKey:
    """One key of ours and the file that holds it."""

    private: Ed25519PrivateKey
    public: PublicKey
    path: Path


@dataclass(frozen=True, slots=True)
class ServiceKeys:
    """All keys of ours, oldest first; the last one signs."""

    keys: tuple[ServiceKey, ...]

    @property
    def current(self) -> ServiceKey:
        """The key that signs from now on."""
        return self.keys[-1]

    @property
    def by_thumbprint(self) -> dict[str, PublicKey]:
        """Every public half, as ``verify_receipt`` takes them."""
        return {key.public.thumbprint: key.public for key in self.keys}

    def jwks(self) -> bytes:
        """The key set that is published, the newest first (RFC 7517 section 5)."""
        return public_keys_to_jwks(key.public for key in reversed(self.keys))


def load_service_keys(data_dir: Path) -> ServiceKeys:
    """Read all keys, making the first one when there is none; raises ``ServiceKeyProblem``."""
    directory = data_dir / "keys"
    paths = sorted(directory.glob("*.pem"))
    if not paths:
        _write(directory, FIRST_KEY_NAME, new_private_key())
        paths = sorted(directory.glob("*.pem"))
    return ServiceKeys(tuple(_read(path) for path in paths))


def known_public_keys(data_dir: Path) -> dict[str, PublicKey]:
    """Every public half by thumbprint, without making a first key; raises ``ServiceKeyProblem``."""
    read = [_read(path).public for path in sorted((data_dir / "keys").glob("*.pem"))]
    return {key.thumbprint: key for key in read}


def rotate_service_keys(data_dir: Path, now: datetime) -> ServiceKeys:
    """Make a new signing key and keep the old ones; ``now`` is aware and names the new file."""
    load_service_keys(data_dir)
    key = new_private_key()
    made_at = now.astimezone(UTC).strftime("%Y%m%dT%H%M%S%fZ")
    _write(data_dir / "keys", f"{made_at}-{public_half(key).thumbprint[:8]}.pem", key)
    return load_service_keys(data_dir)


def _write(directory: Path, name: str, key: Ed25519PrivateKey) -> None:
    """Put a key file in its place; when the place is taken already, the file there stays."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = directory / f".{name}.{secrets.token_hex(8)}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(private_key_to_pem(key))
                file.flush()
                os.fsync(file.fileno())
            # link() fails where rename() would replace: the first of two processes wins, and both read its key.
            (directory / name).hardlink_to(draft)
        except FileExistsError:
            return
        finally:
            draft.unlink(missing_ok=True)
    except OSError as why:
        message = f"The key directory {directory} cannot be written ({why.strerror}); check FAREBOX_DATA_DIR."
        raise ServiceKeyProblem(message) from why


def _read(path: Path) -> ServiceKey:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            raise ServiceKeyProblem(f"The key file {path} can be read by others; run chmod 600 {path}.")
        key = private_key_from_pem(path.read_bytes())
    except OSError as why:
        raise ServiceKeyProblem(f"The key file {path} cannot be read ({why.strerror}); check its owner.") from why
    except ValueError as why:
        raise ServiceKeyProblem(f"The key file {path} is not usable: {why}; restore it from a backup.") from why
    return ServiceKey(key, public_half(key), path)

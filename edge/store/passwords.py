"""Passwords: Argon2id, a few at a time, and a rule of length that is easy to meet with a sentence.

Rules of this file
- Hashing takes 19 MiB and tens of milliseconds by intent, so only a few run at once and only some wait: a flood of
  sign-ins gets ``Busy`` and leaves the rest of the dashboard alone.
- An unknown person costs the same hash as a known one, so that the time of an answer tells nothing.
- 15 characters or more, 128 at most, no rules about their kind (NIST SP 800-63B; OWASP ASVS 5.0.0, 6.2).
"""

from __future__ import annotations

import unicodedata
from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from edge.core.errors import EdgeError

PASSWORD_CHARACTERS_MIN = 15
PASSWORD_CHARACTERS_MAX = 128
_DISTINCT_CHARACTERS_MIN = 5
_WELL_KNOWN = (
    "passwordpassword", "password1234567", "123456789012345", "1234567890123456", "qwertyuiopasdfgh",
    "qwertyuiop12345", "correcthorsebatterystaple", "correct horse battery staple", "abcdefghijklmnop",
)  # fmt: skip


class Busy(EdgeError):
    """Too many passwords are being checked just now; the caller answers 503 and asks to try again."""


def password_fault(password: str, email: str) -> str | None:
    """Say what is wrong with a new password of ``email``'s owner, in one sentence; None when nothing is."""
    text = password.casefold()
    if len(password) < PASSWORD_CHARACTERS_MIN:
        return f"Use at least {PASSWORD_CHARACTERS_MIN} characters; a short sentence is easy to remember."
    if len(password) > PASSWORD_CHARACTERS_MAX:
        return f"Use at most {PASSWORD_CHARACTERS_MAX} characters."
    if len(set(text)) < _DISTINCT_CHARACTERS_MIN or text in _WELL_KNOWN:
        return "This is one of the first that anyone would try; choose another."
    if email and email.casefold() in text:
        return "Do not use your email address as the password."
    return None


class Passwords:
    """Hashes and checks passwords on threads of its own; one for each process.

    ``at_once`` hashes run at the same time and ``waiting`` more may queue.
    """

    def __init__(self, hasher: PasswordHasher | None = None, *, at_once: int = 2, waiting: int = 20) -> None:
        # OWASP Password Storage Cheat Sheet: 19 MiB, two passes, one lane.
        self._hasher = hasher or PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="password")
        self._places = BoundedSemaphore(at_once + waiting)
        self._nobody = self._hasher.hash("nobody has this password")

    def hash(self, password: str) -> str:
        """Hash a new password; raises ``Busy``."""
        return self._run(password, None)

    def verify(self, stored: str | None, password: str) -> bool:
        """Check a password against a stored hash; None stands for an unknown person. Raises ``Busy``."""
        matches = self._run(password, stored or self._nobody) == "match"
        return matches and stored is not None

    def is_outdated(self, stored: str) -> bool:
        """Whether the hash was made with other parameters than today's, so that it is to be made anew."""
        return self._hasher.check_needs_rehash(stored)

    def close(self) -> None:
        """Stop the threads; a hash under way is finished."""
        self._threads.shutdown()

    def _run(self, password: str, stored: str | None) -> str:
        if not self._places.acquire(blocking=False):
            raise Busy("Too many people are signing in just now. Try again in a few seconds.")
        try:
            return self._threads.submit(self._work, password, stored).result()
        finally:
            self._places.release()

    def _work(self, password: str, stored: str | None) -> str:
        # Keyboards disagree about how they compose a letter; the person typed the same one (NIST SP 800-63B 3.1.1.2).
        text = unicodedata.normalize("NFKC", password[: 4 * PASSWORD_CHARACTERS_MAX])
        if stored is None:
            return self._hasher.hash(text)
        try:
            self._hasher.verify(stored, text)
        except (VerificationError, InvalidHashError):
            return "differs"
        return "match"

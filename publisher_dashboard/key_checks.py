"""What the dashboard may ask of a crawler's key directory: to look at it, or to fetch one that is known again.

The dashboard opens no connection to strangers by itself: whoever puts the programs together gives it these two.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

LOOK_EVERY_SECONDS = 20
"""One look a person in so many seconds."""
REFRESH_EVERY_MICROS = 60 * 1_000_000
"""One fetch of a directory in so many microseconds, whoever asks."""


@dataclass(frozen=True, slots=True)
class KeysAnswer:
    """What an agent's address gave: the thumbprints of its keys, or the ``trouble`` in a sentence.

    ``remarks`` say what was odd about a good answer, ``proved`` which keys signed it; it may be believed for
    ``ttl_seconds``.
    """

    agent_url: str
    keys: tuple[str, ...]
    trouble: str | None
    remarks: tuple[str, ...] = ()
    ttl_seconds: int = 0
    proved: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KeyChecks:
    """``look`` reads and keeps nothing, ``refresh`` fetches an agent that is registered and keeps the answer."""

    look: Callable[[str], KeysAnswer]
    refresh: Callable[[str], None]


def look_key(person_id: int, now_micros: int) -> str:
    """The key by which a person looks once in ``LOOK_EVERY_SECONDS`` (``edge.store.once``)."""
    slot = now_micros // (LOOK_EVERY_SECONDS * 1_000_000)
    return f"look-{person_id % 10**7:07}-{slot % 10**9:09}"

"""The mark of a column that holds a personal datum: how a person's rows are found by it, and what erasing does.

Rules of this file
- ``docs/privacy.md`` names exactly the columns that bear this mark; a test holds the two together.
- ``farebox person export`` and ``erase`` read the marks: a new column needs one, and no code there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

MARK = "personal"


class Finds(StrEnum):
    """What a column holds of a person, so that their rows can be found by it."""

    EMAIL = "email"
    EMAIL_OR_THING = "email, or what a thing is called"
    """A person by their address alone: a site or a rule may be called what somebody's commands are."""

    PERSON_ID = "person id"
    NOTHING = "nothing"
    """Free text, a hash, or something else of a row that another column finds."""


class OnErase(StrEnum):
    """What becomes of it when a person is erased."""

    DELETED = "row deleted"
    RENAMED = "pseudonym"
    EMPTIED = "emptied"
    KEPT = "kept"
    EXPIRES = "expires"
    """Nobody can be found by it, and it is soon gone by itself."""


@dataclass(frozen=True, slots=True)
class Personal:
    """One mark. ``secret`` is never exported; ``beside`` are the columns that say what a name stands under."""

    finds: Finds
    on_erase: OnErase
    secret: bool = False
    beside: tuple[str, ...] = field(default=())


def personal(
    on_erase: OnErase, finds: Finds = Finds.NOTHING, *, secret: bool = False, beside: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The ``info`` of a column with personal data."""
    return {MARK: Personal(finds, on_erase, secret, beside)}

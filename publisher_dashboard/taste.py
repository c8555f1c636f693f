"""How somebody likes the dashboard in this browser: its theme, and whether single keys do something. Kept in cookies.

Rules of this file: a cookie holds a word from a short list and nothing about the person; what is not on the list counts
as not chosen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from starlette.responses import Response

from publisher_dashboard.browser_safety import Address

THEME_COOKIE, KEYS_COOKIE = "farebox_theme", "farebox_keys"
_YEAR_SECONDS = 365 * 86_400


class Theme(StrEnum):
    """Which of the two looks; ``SYSTEM`` follows the device."""

    LIGHT = "light"
    DARK = "dark"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Taste:
    """What was chosen in this browser."""

    theme: Theme = Theme.SYSTEM
    keys: bool = True


def read_taste(cookies: Mapping[str, str]) -> Taste:
    """What a browser's cookies say."""
    return Taste(read_theme(cookies.get(THEME_COOKIE, "")), cookies.get(KEYS_COOKIE) != "off")


def read_theme(word: str) -> Theme:
    """The theme of that name; the device's for any other word."""
    return Theme(word) if word in tuple(Theme) else Theme.SYSTEM


def keep(response: Response, address: Address, name: str, value: str | None) -> None:
    """Write a choice into the browser for a year; None takes it out."""
    if value is None:
        response.delete_cookie(name, path="/", secure=address.secure, httponly=True, samesite="lax")
        return
    response.set_cookie(
        name, value, max_age=_YEAR_SECONDS, path="/", secure=address.secure, httponly=True, samesite="lax"
    )

"""How somebody likes the dashboard in this browser: its theme, its zone, and whether keys do something. In cookies.

Rules of this file: a cookie holds a word from a short list and nothing about the person; what is not on the list counts
as not chosen.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from starlette.responses import Response

from publisher_dashboard.browser_safety import Address

THEME_COOKIE, KEYS_COOKIE, ZONE_COOKIE = "farebox_theme", "farebox_keys", "farebox_zone"
UTC_ZONE = "UTC"
_ZONE = re.compile(r"[A-Za-z_]{1,20}(?:/[A-Za-z_-]{1,30}){1,2}")
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
    zone: str = UTC_ZONE


def read_taste(cookies: Mapping[str, str]) -> Taste:
    """What a browser's cookies say."""
    return Taste(
        read_theme(cookies.get(THEME_COOKIE, "")),
        cookies.get(KEYS_COOKIE) != "off",
        read_zone(cookies.get(ZONE_COOKIE, "")),
    )


def read_theme(word: str) -> Theme:
    """The theme of that name; the device's for any other word."""
    return Theme(word) if word in tuple(Theme) else Theme.SYSTEM


def read_zone(word: str) -> str:
    """A time zone of that name, as the machine knows them; UTC for any other word."""
    if not _ZONE.fullmatch(word):
        return UTC_ZONE
    try:
        return ZoneInfo(word).key
    except (ZoneInfoNotFoundError, OSError, ValueError):
        return UTC_ZONE


def zones() -> tuple[str, ...]:
    """The zones that one can choose: UTC first, then places by name."""
    return (UTC_ZONE, *sorted(name for name in available_timezones() if _ZONE.fullmatch(name) and name[:4] != "Etc/"))


def keep(response: Response, address: Address, name: str, value: str | None) -> None:
    """Write a choice into the browser for a year; None takes it out."""
    if value is None:
        response.delete_cookie(name, path="/", secure=address.secure, httponly=True, samesite="lax")
        return
    response.set_cookie(
        name, value, max_age=_YEAR_SECONDS, path="/", secure=address.secure, httponly=True, samesite="lax"
    )

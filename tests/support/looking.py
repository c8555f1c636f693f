"""Look at screens as axe does, in both themes at three widths, and keep book of what is asked of others.

Rules of this file
- A page is loaded once; theme and width then change under it, as they do for a person who turns a telephone. What
  depends on colours alone is all that is asked again in the second theme.
- A screen is looked at in every theme and width; its further states (those without a name) at the narrowest in one
  theme and at the widest in the other: they are made of the same parts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Literal

from playwright.sync_api import Browser, Page

from tests.support.browser_window import (
    Served,
    Window,
    open_disclosures,
    open_window,
    sign_in,
    violations,
    widths_wrong,
)
from tests.support.screens import NOBODY, Screen

Theme = Literal["light", "dark"]
LOOKS: tuple[tuple[int, tuple[Theme, ...]], ...] = (
    (360, ("light", "dark")),
    (768, ("light", "dark")),
    (1280, ("light", "dark")),
)
STATE_LOOKS: tuple[tuple[int, tuple[Theme, ...]], ...] = ((360, ("light",)), (1280, ("dark",)))
SINGULAR = frozenset({"is", "was", "has", "does", "stands", "waits", "address", "process", "always", "needs"})
COLOURS = ("color-contrast", "link-in-text-block")


def wrong_with(browser: Browser, served: Served, screens: Iterable[Screen]) -> list[str]:
    """Everything that is wrong with these screens, each looked at by whoever it is for."""
    wrong: list[str] = []
    for who, theirs in groupby(sorted(screens, key=lambda one: one.who), key=lambda one: one.who):
        context, window = open_window(browser, served, reduced_motion="reduce")
        if who != NOBODY:
            sign_in(window.page, who)
        for screen in theirs:
            wrong += _look_at(window, served, screen)
        context.close()
        wrong += [f"asked of another host: {url}" for url in window.requests if not url.startswith(served.address)]
        wrong += [f"complained: {one}" for one in window.complaints if "status of 4" not in one]
    return wrong


def _look_at(window: Window, served: Served, screen: Screen) -> Iterator[str]:
    page, place = window.page, screen.address
    page.set_viewport_size({"width": LOOKS[0][0], "height": 800})
    answer = page.goto(served.address_of(screen))
    assert answer is not None
    if answer.status != screen.status:
        yield f"{place}: {answer.status} and not {screen.status}"
    if page.get_by_role("heading", level=1).count() != 1:
        yield f"{place}: has not one heading of the first level"
    yield from (f"{place}: says “{one}”" for one in one_of_many(page.locator("body").inner_text()))
    for width, themes in LOOKS if screen.name else STATE_LOOKS:
        page.set_viewport_size({"width": width, "height": 800})
        if width == LOOKS[-1][0]:
            open_disclosures(page)
        yield from (f"{place} at {width}: {one}" for one in widths_wrong(page))
        yield from (f"{place} at {width} {one}" for one in _in_themes(page, themes))


def one_of_many(text: str) -> list[str]:
    """Where a text says one of several, as in "1 requests"."""
    found = re.findall(r"(?<![\w.,:/–$€£¥-])1 [a-z]+s\b(?! of the)", text)
    return [one for one in found if one.removeprefix("1 ") not in SINGULAR]


def _in_themes(page: Page, themes: Iterable[Theme]) -> Iterator[str]:
    for number, theme in enumerate(themes):
        page.emulate_media(color_scheme=theme)
        yield from (f"{theme}: {one}" for one in violations(page, COLOURS if number else ()))

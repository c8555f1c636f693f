"""Every screen in a real browser: accessible in both themes at three widths, asks nobody else, breaks no policy.

The list is ``tests/support/screens.py``; that it is whole is held against the table of routes. axe looks at each screen
(WCAG 2.2 A and AA and its best practices) in every theme and width: 0 violations. A page is loaded once; theme and
width then change under it, as they do for a person who turns a telephone. What depends on colours alone is all that is
asked again in the second theme.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page

from publisher_dashboard.app import ROUTES
from tests.support.browser_window import (
    Served,
    Window,
    open_disclosures,
    open_window,
    sign_in,
    violations,
    widths_wrong,
)
from tests.support.screens import NOBODY, SCREENS, Screen, is_page

THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
WIDTHS = (360, 768, 1280)
COLOURS = ("color-contrast", "link-in-text-block")


def test_every_page_is_in_the_list_of_screens() -> None:
    pages = [route.path for route in ROUTES if route.method == "GET" and is_page(route.path)]
    listed = {screen.route for screen in SCREENS}
    missing = [path for path in pages if path not in listed]
    assert not missing, f"no line in tests/support/screens.py shows {missing}: add one with an address that fills it"
    assert not listed - set(pages) - {""}, "a line in tests/support/screens.py is of no route"
    names = [screen.name for screen in SCREENS if screen.name]
    assert len(names) == len(set(names)), "two screens have one picture's name"


@pytest.mark.browser
@pytest.mark.lengthy
def test_every_screen_is_accessible_in_both_themes_and_asks_nobody_else(chromium: Browser, served: Served) -> None:
    wrong: list[str] = []
    for who, screens in groupby(sorted(SCREENS, key=lambda one: one.who), key=lambda one: one.who):
        context, window = open_window(chromium, served, reduced_motion="reduce")
        if who != NOBODY:
            sign_in(window.page, who)
        for screen in screens:
            wrong += look_at(window, served, screen)
        context.close()
        wrong += [f"asked of another host: {url}" for url in window.requests if not url.startswith(served.address)]
        wrong += [f"complained: {one}" for one in window.complaints if "status of 4" not in one]
    assert not wrong, "\n".join(wrong)


def look_at(window: Window, served: Served, screen: Screen) -> Iterator[str]:
    page = window.page
    page.set_viewport_size({"width": WIDTHS[0], "height": 800})
    answer = page.goto(served.address_of(screen))
    assert answer is not None
    place = screen.address
    if answer.status != screen.status:
        yield f"{place}: {answer.status} and not {screen.status}"
    if page.get_by_role("heading", level=1).count() != 1:
        yield f"{place}: has not one heading of the first level"
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        if width == WIDTHS[-1]:
            open_disclosures(page)
        yield from (f"{place} at {width}: {one}" for one in widths_wrong(page))
        yield from (f"{place} at {width} {one}" for one in in_both_themes(page))


def in_both_themes(page: Page) -> Iterator[str]:
    for theme in THEMES:
        page.emulate_media(color_scheme=theme)
        rules = () if theme == THEMES[0] else COLOURS
        yield from (f"{theme}: {one}" for one in violations(page, rules))

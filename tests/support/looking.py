"""Look at screens as axe does, in both themes at three widths, and keep book of what is asked of others.

Rules of this file
- A page is loaded once; theme and width then change under it, as they do for a person who turns a telephone. What
  depends on colours alone is all that is asked again in the second theme.
- The rows of a list are made by one template: those beyond the first ``ROWS`` are looked at once, and then left out.
  All are there when it is asked whether something is too wide.
- A screen is looked at in every theme and width; its further states (those without a name) at the narrowest in one
  theme and, by what depends on a look alone, at the widest in the other: they are made of the same parts. Forms with
  mistakes, and pages of those who may only look, are screens with a little more or less: one look each, in turn.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Literal

from playwright.sync_api import Browser, Page, Route

from tests.support.browser_window import (
    Served,
    Window,
    open_disclosures,
    open_window,
    sign_in,
    violations,
    widths_wrong,
)
from tests.support.hand import Hand
from tests.support.moments import Person
from tests.support.screens import NOBODY, Screen

Theme = Literal["light", "dark"]
Looks = tuple[tuple[int, tuple[Theme, ...]], ...]
LOOKS: Looks = (
    (360, ("light", "dark")),
    (768, ("light", "dark")),
    (1280, ("light", "dark")),
)
STATE_LOOKS: Looks = ((360, ("light",)), (1280, ("dark",)))
TURNS: tuple[Looks, ...] = (((360, ("dark",)),), ((768, ("light",)),), ((1280, ("dark",)),))
NARROW_LOOKS: Looks = ((360, ("light", "dark")),)
PAPER = 718
ROWS = 8
SHOW_ROWS = """([rows, shown]) => {
  for (const one of document.querySelectorAll(`main tbody tr:nth-child(n + ${rows + 1})`)) {
    one.style.display = shown ? "" : "none";
  }
}"""
SINGULAR = frozenset({"is", "was", "has", "does", "stands", "waits", "address", "process", "always", "needs"})
OF_A_LOOK = ("color-contrast", "link-in-text-block", "scrollable-region-focusable")
COLOURS = ("color-contrast", "link-in-text-block")


def wrong_with(browser: Browser, served: Served, screens: Iterable[Screen]) -> list[str]:
    """Everything that is wrong with these screens, each looked at by whoever it is for."""
    wrong: list[str] = []
    for who, theirs in groupby(sorted(screens, key=lambda one: one.who), key=lambda one: one.who):
        context, window = open_window(browser, served, reduced_motion="reduce")
        if who != NOBODY:
            sign_in(window.page, who)
        for screen in theirs:
            wrong += _open_and_look(window, served, screen)
        context.close()
        wrong += asked_or_complained(window, served)
    return wrong


def wrong_on_the_way(browser: Browser, served: Served, person: Person) -> list[str]:
    """Everything that is wrong wherever somebody stops on a walk through the dashboard."""
    wrong: list[str] = []
    here = replace(served, address=served.address.replace("127.0.0.1", person.host))
    context, window = open_window(browser, here, reduced_motion="reduce")
    # What loads itself again would be another page before it is looked at.
    context.route(re.compile(r"/review|/estimate\?of="), _once)
    hand = Hand(window.page, here)
    person.before(hand)
    if person.email != NOBODY:
        sign_in(window.page, person.email)
    for number, stop in enumerate(person.walk(hand)):
        looks = NARROW_LOOKS if stop.is_narrow else TURNS[number % 3] if stop.is_variant else STATE_LOOKS
        wrong += judge(window.page, stop.name, looks)
        wrong += _on_paper(window.page, stop.name) if stop.is_paper else ()
    context.close()
    return [*wrong, *asked_or_complained(window, here)]


def asked_or_complained(window: Window, served: Served) -> Iterator[str]:
    """What was asked of other hosts, and what the browser complained of, but for answers that say no."""
    yield from (f"asked of another host: {url}" for url in window.requests if not url.startswith(served.address))
    yield from (f"complained: {one}" for one in window.complaints if "responded with a status of" not in one)


def judge(page: Page, place: str, looks: Looks) -> Iterator[str]:
    """What is wrong with the page as it is, at these widths and in these themes; its disclosures open in the widest."""
    if page.get_by_role("heading", level=1).count() != 1:
        yield f"{place}: has not one heading of the first level"
    yield from (f"{place}: says “{one}”" for one in one_of_many(page.locator("body").inner_text()))
    for number, (width, themes) in enumerate(looks):
        page.set_viewport_size({"width": width, "height": 800})
        if width == LOOKS[-1][0]:
            open_disclosures(page)
        page.evaluate(SHOW_ROWS, [ROWS, True])
        yield from (f"{place} at {width}: {one}" for one in widths_wrong(page))
        if number:
            page.evaluate(SHOW_ROWS, [ROWS, False])
        rules = OF_A_LOOK if number and looks != LOOKS else ()
        yield from (f"{place} at {width} {one}" for one in _in_themes(page, themes, rules))


def one_of_many(text: str) -> list[str]:
    """Where a text says one of several, as in "1 requests"."""
    found = re.findall(r"(?<![\w.,:/–$€£¥-])1 [a-z]+s\b(?! of the)", text)
    return [one for one in found if one.removeprefix("1 ") not in SINGULAR]


def _open_and_look(window: Window, served: Served, screen: Screen) -> Iterator[str]:
    page, place = window.page, screen.address
    page.set_viewport_size({"width": LOOKS[0][0], "height": 800})
    answer = page.goto(served.address_of(screen))
    assert answer is not None
    if answer.status != screen.status:
        yield f"{place}: {answer.status} and not {screen.status}"
    yield from judge(page, place, LOOKS if screen.name else STATE_LOOKS)


def _in_themes(page: Page, themes: Iterable[Theme], rules: Sequence[str]) -> Iterator[str]:
    for number, theme in enumerate(themes):
        page.emulate_media(color_scheme=theme)
        yield from (f"{theme}: {one}" for one in violations(page, COLOURS if number else rules))


def _on_paper(page: Page, place: str) -> Iterator[str]:
    page.set_viewport_size({"width": PAPER, "height": 1000})
    page.emulate_media(media="print")
    yield from (f"{place} on paper: {one}" for one in widths_wrong(page))
    page.emulate_media(media="screen")


def _once(route: Route) -> None:
    answer = route.fetch(max_redirects=0)
    headers = {name: value for name, value in answer.headers.items() if name != "refresh"}
    route.fulfill(response=answer, headers=headers)

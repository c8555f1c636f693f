"""A publisher's screens in a real browser: accessible in both themes at three widths, ask nobody else, break no policy.

The list is ``tests/support/screens.py``; that it is whole is held against the table of routes. axe looks at each screen
(WCAG 2.2 A and AA and its best practices): 0 violations. The other doors' are in ``test_screens_of_other_doors.py``, so
that two processes share them.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from publisher_dashboard.routes import ROUTES
from tests.support.browser_window import Served
from tests.support.looking import one_of_many, wrong_with
from tests.support.screens import SCREENS, is_of_another_door, is_page


def test_every_page_is_in_the_list_of_screens() -> None:
    pages = [route.path for route in ROUTES if route.method == "GET" and is_page(route.path)]
    listed = {screen.route for screen in SCREENS}
    missing = [path for path in pages if path not in listed]
    assert not missing, f"no line in tests/support/screens.py shows {missing}: add one with an address that fills it"
    assert not listed - set(pages) - {""}, "a line in tests/support/screens.py is of no route"
    names = [screen.name for screen in SCREENS if screen.name]
    assert len(names) == len(set(names)), "two screens have one picture's name"


COUNTED = re.compile(r"(?:\|count|\|length) *\}\} +([a-z]+s)\b")
NOT_COUNTED = frozenset({"is", "was"})


def test_no_template_writes_a_word_for_several_beside_a_number_that_may_be_one() -> None:
    """Numbers with their words go through ``plural``."""
    found = [
        f"{path.name}: {word}"
        for path in sorted(Path("publisher_dashboard/templates").glob("*.html"))
        for word in COUNTED.findall(path.read_text(encoding="utf-8"))
        if word not in NOT_COUNTED
    ]
    # Those of a constant that is fourteen.
    assert found == ["crawler.html: days"]


def test_one_of_several_is_found_in_a_text() -> None:
    assert one_of_many("1 requests\n1 request, 21 pages, 1,000 pages, $1 pages 1 was 0.1 pages\tof 1 pages") == [
        "1 requests",
        "1 pages",
    ]


@pytest.mark.browser
@pytest.mark.lengthy
def test_every_screen_of_a_publisher_is_accessible_and_asks_nobody_else(chromium: Browser, served: Served) -> None:
    wrong = wrong_with(chromium, served, [one for one in SCREENS if not is_of_another_door(one)])
    assert not wrong, "\n".join(wrong)

"""The operator's screens, the crawler's portal and what strangers see: accessible, ask nobody else, break no policy."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from tests.support.browser_window import Served
from tests.support.looking import wrong_with
from tests.support.screens import SCREENS, is_of_another_door

pytestmark = [pytest.mark.browser, pytest.mark.lengthy]


def test_every_screen_of_the_other_doors_is_accessible_and_asks_nobody_else(chromium: Browser, served: Served) -> None:
    wrong = wrong_with(chromium, served, [one for one in SCREENS if is_of_another_door(one)])
    assert not wrong, "\n".join(wrong)

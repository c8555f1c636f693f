"""Every page of the dashboard in a real browser: accessible in both themes and four widths.

Every page is looked at by axe (WCAG 2.2 A and AA and its best practices): 0 violations.
"""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser

from edge.store.people import create_setup_link
from tests.support.browser_window import Served, look, open_window, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.lengthy]

THEMES = ("light", "dark")


@pytest.mark.parametrize("theme", THEMES)
def test_every_page_is_accessible_and_fits_its_width(chromium: Browser, served: Served, theme: Any) -> None:
    context, window = open_window(chromium, served, color_scheme=theme)
    page, wrong = window.page, []
    with served.database.write() as connection:
        link = create_setup_link(connection, int(served.clock() * 1_000_000))
    for path in ("/sign-in", f"/set-up/{link}", "/set-up/used"):
        page.goto(path)
        wrong += look(page, path)
    sign_in(page)
    for path in served.paths():
        page.goto(path)
        wrong += look(page, path)
    context.close()
    assert not wrong, "\n".join(wrong)

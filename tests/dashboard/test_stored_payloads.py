"""What is stored never runs: every screen over a database whose every name, path and note is soiled.

Each answer is read for markup that got through; what shows something soiled is opened in a real browser too, where
no dialog may open, no image be asked for, and the policy have nothing to report.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from tests.support.browser_window import Served, Window, open_window, sign_in
from tests.support.screens import NOBODY, OWNER, SCREENS
from tests.support.soil import ESCAPED, RAW, soil

pytestmark = [pytest.mark.browser, pytest.mark.lengthy]


def test_what_is_stored_never_runs_on_any_screen(chromium: Browser, served: Served) -> None:
    context, window = open_window(chromium, served)
    sign_in(window.page, OWNER)
    assert soil(served.database) > 200
    wrong: list[str] = []
    shown = [path for path in screens(served) if shows_something_soiled(window, path, wrong)]
    assert len(shown) >= 20, f"the payload stands on {len(shown)} screens alone: is it stored where pages look?"
    for path in shown:
        window.page.goto(path)
        # Beside the page's own, nothing was made of what is stored: no script, no image.
        if window.page.evaluate("document.querySelectorAll('img, script:not([src])').length"):
            wrong.append(f"{path}: something that is stored became an element")
    wrong += [one for one in window.complaints if "status of 4" not in one]
    wrong += [url for url in window.requests if not url.startswith(served.address) or url.endswith("/x")]
    context.close()
    assert not wrong, "\n".join(wrong)


def screens(served: Served) -> list[str]:
    return [served.address_of(one) for one in SCREENS if one.who in (OWNER, NOBODY)]


def shows_something_soiled(window: Window, path: str, wrong: list[str]) -> bool:
    answer = window.page.request.get(path)
    text = answer.text()
    wrong += [f"{path}: holds {raw}" for raw in RAW if raw in text]
    if answer.status >= 500:
        wrong.append(f"{path}: {answer.status}")
    if "x-soiled" in answer.headers:
        wrong.append(f"{path}: a line end became a field of the answer's head")
    return ESCAPED in text

"""What no address shows, in a real browser: shown once, answers to forms, questions, work under way, errors, paper.

The walks are in ``tests/support/moments.py``; they go one after the other through one dashboard.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser
from structlog.testing import capture_logs

from tests.support.browser_window import Served
from tests.support.looking import wrong_on_the_way
from tests.support.moments import WALKS

pytestmark = [pytest.mark.browser, pytest.mark.lengthy]


def test_what_forms_answer_with_is_accessible_and_asks_nobody_else(chromium: Browser, served: Served) -> None:
    with capture_logs() as said:
        wrong = [one for person in WALKS for one in wrong_on_the_way(chromium, served, person)]
    assert not wrong, "\n".join(wrong)
    assert [one["event"] for one in said if one["log_level"] == "error"] == ["a page broke"]

"""Single keys in a real browser: they go places, walk rows, move rules, list themselves, and can be turned off."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser_window import OURS, SITE, Served, open_window, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.lengthy]


@pytest.fixture
def page(chromium: Browser, served: Served) -> Iterator[Page]:
    context, window = open_window(chromium, served)
    sign_in(window.page)
    window.page.goto(f"{SITE}/rules")
    yield window.page
    context.close()


def places(page: Page) -> list[str]:
    return [name.strip() for name in page.locator("table.rules tbody th a").all_inner_texts()]


def test_keys_go_places_walk_rows_move_rules_and_list_themselves(page: Page) -> None:
    page.keyboard.press("j")
    page.keyboard.press("j")
    second = places(page)[1]
    expect(page.locator(":focus")).to_have_text(second)
    page.keyboard.press("Alt+ArrowUp")
    page.wait_for_url("**said=moved**")
    assert places(page)[0] == second
    expect(page.locator(":focus")).to_have_text(second)
    page.keyboard.press("k")
    expect(page.locator(":focus")).to_have_text(second)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("g")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()
    for keys, address in (("t", f"{SITE}/test"), ("ge", f"{OURS}/months"), ("go", OURS)):
        page.keyboard.type(keys)
        page.wait_for_url(f"**{address}")
    page.goto(f"{SITE}/rules")
    page.keyboard.press("n")
    page.wait_for_url("**/rules/new")
    name = page.get_by_label("Name", exact=True)
    name.focus()
    page.keyboard.type("tgn?/jk")
    expect(name).to_have_value("tgn?/jk")


def test_keys_that_are_turned_off_do_nothing(page: Page) -> None:
    page.goto("/account")
    page.get_by_label("Single keys go somewhere").uncheck()
    page.get_by_role("button", name="Keep").click()
    page.wait_for_url("**said=keys")
    page.goto(f"{SITE}/rules")
    page.keyboard.type("jt?go")
    expect(page.get_by_role("dialog", name="Keys")).to_have_count(0)
    assert page.evaluate("document.activeElement === document.body")
    assert page.url.endswith(f"{SITE}/rules")

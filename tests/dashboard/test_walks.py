"""The publisher's acts as people walk through them, by roles and labels: with scripts, without, and by keyboard alone.

The other doors' walks are in ``test_browser_doors.py``, the first run's in ``test_browser_first_run.py``.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from edge.core.money import Money
from edge.core.rules import Rule
from edge.store.rulesets import live_version
from tests.support.browser_window import OURS, SITE, Served, open_window, sign_in, wait_for_work
from tests.support.newsroom import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.lengthy]

BOTH = pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])


def live_rule(served: Served, name: str) -> tuple[int, Rule]:
    with served.database.read() as connection:
        live = live_version(connection, served.newsroom.site.site_id)
    assert live is not None
    return live.version, next(rule for rule in live.rules.rules if rule.name == name)


@BOTH
def test_a_price_is_changed_looked_at_published_and_rolled_back(
    chromium: Browser, served: Served, scripts: bool
) -> None:
    context, window = open_window(chromium, served, java_script_enabled=scripts)
    page = window.page
    sign_in(page)
    page.goto(f"{SITE}/rules")
    page.get_by_role("link", name="Archive", exact=True).click()
    page.get_by_label("Price in USD").fill("0.004")
    page.get_by_label("For", exact=True).select_option("one page")
    page.get_by_role("button", name="Save to draft").click()
    expect(page.get_by_role("status").first).to_have_text("The rule was changed in the draft.")
    page.get_by_role("link", name="Review and publish").click()
    wait_for_work(page)
    told = page.get_by_role("main").inner_text()
    assert "Decisions that change" in told
    assert "$0.0025" in told
    page.get_by_label("Why").fill("archives are worth more")
    page.get_by_role("button", name="Publish now").click()
    expect(page.get_by_role("status").first).to_contain_text("Published.")
    version, rule = live_rule(served, "Archive")
    assert (version, rule.price) == (5, Money(4_000, "USD"))
    page.get_by_role("link", name="History").click()
    page.get_by_role("button", name="Roll back to version 4").click()
    expect(page.get_by_role("status").first).to_contain_text("Rolled back.")
    version, rule = live_rule(served, "Archive")
    context.close()
    assert (version, rule.price) == (6, Money(2_500, "USD"))
    assert [url for url in window.requests if not url.startswith(served.address)] == []
    assert window.complaints == []


@BOTH
def test_somebody_is_invited_to_the_team_and_comes_in(chromium: Browser, served: Served, scripts: bool) -> None:
    context, window = open_window(chromium, served, java_script_enabled=scripts)
    page = window.page
    sign_in(page)
    page.goto(f"{OURS}/team")
    form = page.get_by_role("region", name="Invite somebody")
    form.get_by_label("Email").fill("ann@harbour.example")
    form.get_by_label("editor").check()
    form.get_by_role("button").click()
    link = page.get_by_label("Link").input_value()
    copy = page.get_by_role("button", name="Copy")
    if scripts:
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        copy.click()
        expect(page.get_by_role("status").filter(has_text="Copied.")).to_be_visible()
        assert page.evaluate("navigator.clipboard.readText()") == link
    else:
        expect(copy).to_be_hidden()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in**")
    page.goto(link)
    assert page.get_by_role("heading", level=1).inner_text() == "Join Harbour Press"
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password again").fill(PASSWORD)
    page.get_by_role("button", name="Make my account").click()
    page.wait_for_url(f"**{OURS}**")
    assert page.get_by_role("heading", level=1).inner_text() == "Overview"
    page.goto(f"{SITE}/rules")
    assert page.get_by_role("link", name="Add rule").count() == 1
    page.goto(f"{OURS}/team")
    told = page.get_by_role("main").inner_text()
    context.close()
    assert "Owners invite people" in told
    assert window.complaints == []


def test_a_price_is_changed_and_published_by_keyboard_alone(chromium: Browser, served: Served) -> None:
    context, window = open_window(chromium, served)
    page = window.page
    sign_in(page)
    page.keyboard.type("/")
    page.keyboard.type("archive")
    page.keyboard.press("Enter")
    page.wait_for_url("**/find?q=archive")
    page.keyboard.type("j")
    expect(page.locator(":focus")).to_have_text("Archive")
    page.keyboard.press("Enter")
    page.wait_for_url("**/rules#rule-*")
    to(page, "Archive", "j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/rules/edit**")
    to(page, "price", "Tab")
    page.keyboard.press("Control+A")
    page.keyboard.type("0.007")
    page.keyboard.press("Enter")
    page.wait_for_url("**said=changed**")
    to(page, "Review and publish", "Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/review")
    to(page, "Publish now", "Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**said=published")
    context.close()
    assert live_rule(served, "Archive")[1].price == Money(7_000, "USD")


def to(page: Page, wanted: str, key: str) -> None:
    """Press one key until the wanted thing has the focus, by its words or its id."""
    for _ in range(90):
        page.keyboard.press(key)
        if page.evaluate("(document.activeElement.innerText || document.activeElement.id).trim()") == wanted:
            return
    raise AssertionError(f"{key} does not lead to {wanted!r}")

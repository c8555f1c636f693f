"""The dashboard in a real browser: long names, paper, mistakes, without scripts, by keyboard alone."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page

from edge.store.people import create_setup_link
from edge.store.rulesets import live_version
from tests.support.browser_window import OURS, SITE, WIDTHS, Served, look, open_window, sign_in, violations
from tests.support.newsroom import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.lengthy]


def test_long_unbroken_names_break_no_page(chromium: Browser, served: Served) -> None:
    name = "W" * 100
    with served.database.write() as connection:
        connection.exec_driver_sql("UPDATE rule_set SET document = replace(document, 'Archive', ?)", (name,))
        connection.exec_driver_sql("UPDATE rule_draft SET document = replace(document, 'Archive', ?)", (name,))
        connection.exec_driver_sql("UPDATE publisher SET name = ? || id", (name,))
        connection.exec_driver_sql(
            "UPDATE crawler SET name = ? || id, name_key = lower(?) || id, operator = ?", (name, name, name)
        )
        connection.exec_driver_sql("UPDATE traffic SET crawler = ? || crawler, rule = ? || rule", (name, name))
    context, window = open_window(chromium, served)
    page, wrong = window.page, []
    sign_in(page)
    for path in served.paths():
        page.goto(path)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                wrong.append(f"{path} at {width}")
    context.close()
    assert not wrong, "\n".join(wrong)


def test_the_list_of_sites_is_accessible_when_it_is_open(chromium: Browser, served: Served) -> None:
    context, window = open_window(chromium, served, reduced_motion="reduce")
    sign_in(window.page)
    window.page.locator(".switcher summary").click()
    for theme in ("light", "dark"):
        window.page.emulate_media(color_scheme=theme)
        assert violations(window.page, within=".switcher") == []
    assert window.page.locator(".switcher a").count() > 1
    context.close()


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_filter_is_still_there_after_a_reload_and_after_going_back(
    chromium: Browser, served: Served, scripts: bool
) -> None:
    context, window = open_window(chromium, served, java_script_enabled=scripts)
    page = window.page
    sign_in(page)
    for path in (f"{OURS}/charges", f"{SITE}/activity"):
        page.goto(path)
        page.get_by_label("Rule", exact=True).fill("Long reads")
        page.get_by_role("button", name="Filter").click()
        page.wait_for_url(re.compile("rule=Long"))
        filtered, sums = page.url, page.locator(".sum").inner_text()
        page.reload()
        assert (page.url, page.locator(".sum").inner_text()) == (filtered, sums)
        page.locator("main tbody a").first.click()
        page.wait_for_url(lambda url: "rule=Long" not in url)
        page.go_back()
        page.wait_for_url(filtered)
        assert page.locator(".sum").inner_text() == sums
        assert page.get_by_label("Rule", exact=True).input_value() == "Long reads"
    context.close()


def test_the_rules_fit_on_a_sheet_of_paper(chromium: Browser, served: Served) -> None:
    context, window = open_window(chromium, served, viewport={"width": 718, "height": 1000})
    page = window.page
    sign_in(page)
    page.goto(f"{SITE}/rules")
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("[...document.querySelectorAll('.fits')].every(one => one.scrollWidth <= one.clientWidth)")
    context.close()


def test_forms_with_mistakes_and_the_conflict_page_are_accessible(chromium: Browser, served: Served) -> None:
    context, window = open_window(chromium, served)
    page, wrong = window.page, []
    sign_in(page)
    page.goto(f"{SITE}/rules/new")
    page.evaluate("document.querySelectorAll('form').forEach(one => { one.noValidate = true })")
    page.get_by_label("Address", exact=True).fill("no slash")
    page.get_by_label("Price in USD").fill("much")
    page.get_by_role("button", name="Add to draft").click()
    assert page.get_by_role("alert").inner_text().startswith("3 things to put right")
    wrong += look(page, "a form with mistakes")
    page.goto(f"{SITE}/rules/edit?rule=Archive")
    other = context.new_page()
    other.goto(f"{SITE}/rules")
    other.get_by_role("button", name="Move Archive up").click()
    page.get_by_label("Name", exact=True).fill("Old papers")
    page.get_by_role("button", name="Save to draft").click()
    assert page.get_by_role("heading", level=1).inner_text() == "Somebody was faster"
    wrong += look(page, "the conflict page")
    context.close()
    assert not wrong, "\n".join(wrong)


def test_nothing_is_asked_of_another_host_and_the_policy_stops_nothing_of_ours(
    chromium: Browser, served: Served
) -> None:
    context, window = open_window(chromium, served)
    sign_in(window.page)
    for path in served.paths():
        window.page.goto(path)
    context.close()
    hosts = {urlsplit(url).netloc for url in window.requests}
    assert hosts == {urlsplit(served.address).netloc}
    assert len(window.requests) > len(served.paths())
    assert [one for one in window.complaints if "status of 4" not in one] == []


def test_everything_works_without_javascript(chromium: Browser, served: Served) -> None:
    context, window = open_window(chromium, served, java_script_enabled=False, accept_downloads=True)
    page = window.page
    with served.database.write() as connection:
        link = create_setup_link(connection, int(served.clock() * 1_000_000))
    page.goto(f"/set-up/{link}")
    page.get_by_label("Your email").fill("new@harbour.example")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password again").fill(PASSWORD)
    page.get_by_role("button", name="Make my account").click()
    page.wait_for_url(f"**{OURS}?said=welcome")
    for path in served.paths():
        page.goto(path)
        assert page.get_by_role("heading", level=1).count() == 1
    page.goto(f"{SITE}/rules")
    page.get_by_label("More for Archive").click()
    page.get_by_role("link", name="Edit", exact=True).locator("visible=true").first.click()
    page.get_by_label("Price in USD").fill("4")
    page.get_by_label("For", exact=True).select_option("1,000 pages")
    page.get_by_role("button", name="Save to draft").click()
    page.get_by_role("button", name="Move Archive up").click()
    page.get_by_role("link", name="Review and publish").click()
    page.get_by_label("Why").fill("by hand")
    page.get_by_role("button", name="Publish now").click()
    assert "Published" in page.get_by_role("status").inner_text()
    page.goto(f"{OURS}/charges")
    page.get_by_label("Crawler").select_option("ExampleBot")
    page.get_by_role("button", name="Filter").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download CSV").click()
    assert download.value.suggested_filename == "charges.csv"
    assert "ExampleBot" in Path(download.value.path()).read_text(encoding="utf-8")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in?why=signed-out")
    context.close()


def test_a_draft_is_published_by_keyboard_alone(chromium: Browser, served: Served) -> None:
    context, window = open_window(chromium, served)
    page = window.page
    sign_in(page)
    page.goto(f"{SITE}/rules")
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to the page"
    page.keyboard.press("Enter")
    walk_to(page, "Review and publish")
    page.keyboard.press("Enter")
    page.wait_for_url("**/review")
    walk_to(page, "note")
    page.keyboard.type("without a mouse")
    walk_to(page, "Publish now")
    page.keyboard.press("Enter")
    page.wait_for_url("**/rules?said=published")
    context.close()
    with served.database.read() as connection:
        live = live_version(connection, served.newsroom.site.site_id)
    assert live is not None
    assert (live.version, live.note) == (5, "without a mouse")


def walk_to(page: Page, wanted: str) -> None:
    """Press Tab until the wanted thing has the focus; on the way each stop must be seen."""
    for _ in range(80):
        page.keyboard.press("Tab")
        assert shows_focus(page.locator(":focus")), f"{focused(page)!r} does not show that it has the focus"
        if focused(page) == wanted:
            return
    raise AssertionError(f"Tab does not lead to {wanted!r}")


def focused(page: Page) -> str:
    text = page.evaluate("document.activeElement.innerText || document.activeElement.id")
    return re.sub(r"\s+", " ", str(text)).strip()


def shows_focus(stop: Locator) -> bool:
    style = stop.evaluate("one => { const s = getComputedStyle(one); return [s.outlineStyle, s.outlineWidth] }")
    return bool(style[0] != "none" and float(style[1].removesuffix("px")) >= 1)


def test_what_a_crawler_or_a_person_wrote_runs_nowhere(chromium: Browser, served: Served) -> None:
    evil = "<img src=x onerror=alert(1)><script>alert(1)</script>"
    with served.database.write() as connection:
        for name in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").scalars().all():
            connection.exec_driver_sql(f'DROP TRIGGER "{name}"')
        connection.exec_driver_sql("UPDATE entry SET target = '/' || ?, rule = ?, request_id = ?", (evil, evil, evil))
        connection.exec_driver_sql(
            "UPDATE crawler SET name = ? || id, name_key = lower(?) || id, operator = ?", (evil, evil, evil)
        )
        connection.exec_driver_sql("UPDATE traffic SET crawler = ? || crawler", (evil,))
    context, window = open_window(chromium, served, user_agent=f"{evil} Chrome")
    sign_in(window.page)
    for path in served.paths():
        window.page.goto(path)
    context.close()
    assert {urlsplit(url).path for url in window.requests if url.endswith("/x")} <= {f"{SITE}/test"}
    assert [one for one in window.complaints if "status of 4" not in one] == []

"""The other doors as people walk through them: a refund seen by both sides, a month closed, a team let in, an agent."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page

from edge.core.ledger_state import Phase
from edge.store.entries import ChargeFilter, list_charges
from tests.dashboard.conftest import Clock
from tests.support.browser_window import Served, open_window, sign_in
from tests.support.newsroom import PASSWORD
from tests.support.screens import CRAWLER_TEAM

pytestmark = [pytest.mark.browser, pytest.mark.lengthy]

TWO_WEEKS_MINUTES = 14 * 24 * 60
LOOKS_MAX = 200


def paid_by_the_first_crawler(served: Served) -> str:
    with served.database.read() as connection:
        found = list_charges(connection, ChargeFilter(frozenset({1}), crawler_id=1)).charges
    return next(one.charge_id for one in found if one.state is Phase.LIVE)


def change_to(page: Page, email: str) -> None:
    page.context.clear_cookies()
    sign_in(page, email)


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_refund_is_seen_by_both_sides(chromium: Browser, served: Served, scripts: bool) -> None:
    context, window = open_window(chromium, served, java_script_enabled=scripts)
    page, charge = window.page, paid_by_the_first_crawler(served)
    change_to(page, "billing@harbour.example")
    page.goto(f"/publishers/1/charges/{charge}")
    page.get_by_role("link", name="Give it back").click()
    page.get_by_label("How much").select_option("All of it")
    page.get_by_label("Why").fill("the page was a stub")
    page.get_by_role("button", name="Give it back").click()
    assert page.get_by_role("heading", level=1).inner_text().startswith("Give $")
    page.get_by_role("button", name="Give it back").click()
    assert "Given back." in page.get_by_role("status").first.inner_text()
    change_to(page, CRAWLER_TEAM)
    page.goto(f"/portal/1/charges/{charge}")
    told = page.get_by_role("main").inner_text()
    context.close()
    assert "The money is yours again" in told
    assert "the page was a stub" in told
    assert "billing@harbour.example" not in told


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_month_is_closed_left_and_downloaded(chromium: Browser, served: Served, scripts: bool) -> None:
    clock = served.clock
    assert isinstance(clock, Clock)
    clock.pass_minutes(TWO_WEEKS_MINUTES)
    context, window = open_window(chromium, served, java_script_enabled=scripts, accept_downloads=True)
    page = window.page
    sign_in(page)
    page.goto("/operator/months")
    page.get_by_role("link", name="Look at it").click()
    page.get_by_role("button", name="Close November 2026").click()
    page.get_by_role("button", name="Close 2026-11 for ever").click()
    page.get_by_role("link", name="Crawlers' accounts").first.click()
    for _ in range(LOOKS_MAX):
        page.goto("/operator/months/2026-11")
        if page.get_by_role("heading", name="Closed", exact=True).count():
            break
    with page.expect_download() as downloading:
        page.get_by_role("link", name="CSV", exact=True).click()
    name = downloading.value.suggested_filename
    text = downloading.value.path().read_text(encoding="utf-8")
    context.close()
    assert name == "farebox-2026-11.csv"
    assert "Harbour Press" in text


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_registration_is_approved_and_its_team_let_in(chromium: Browser, served: Served, scripts: bool) -> None:
    context, window = open_window(chromium, served, java_script_enabled=scripts)
    page = window.page
    sign_in(page)
    page.goto("/operator/registrations/1")
    page.get_by_role("button", name="Register it").click()
    page.get_by_role("link", name="Invite its team").click()
    assert page.get_by_label("Email").input_value() == "team@new.example"
    page.get_by_role("button", name="Make the link").click()
    link = page.get_by_label("Link").input_value()
    context.clear_cookies()
    page.goto(link)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password again").fill(PASSWORD)
    page.get_by_role("button", name="Make my account").click()
    heading = page.get_by_role("heading", level=1).inner_text()
    page.get_by_role("link", name="Price search").first.click()
    page.get_by_label("Path or address").fill("/archive/2019/x")
    page.get_by_role("button", name="Search").click()
    found = page.get_by_role("main").inner_text()
    context.close()
    assert heading == "NewBot"
    assert "harbour.example" in found
    assert "$0.0025" in found

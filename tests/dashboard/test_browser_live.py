"""Following activity live in a browser: new rows come on top as the list draws them; what they say runs nowhere."""

from __future__ import annotations

from dataclasses import replace

import pytest
from playwright.sync_api import Browser, expect

from edge.store.activity import ActivityFilter, UserAgents, newest_of_site, write_activity
from tests.support.browser_window import SITE, Served, open_window, sign_in
from tests.support.newsroom import NOW, micros

pytestmark = [pytest.mark.browser]


def test_new_requests_come_on_top_until_one_stops_following(chromium: Browser, served: Served) -> None:
    context, window = open_window(chromium, served)
    page = window.page
    sign_in(page)
    page.goto(f"{SITE}/activity?outcome=asked")
    page.get_by_role("button", name="Follow live").click()
    first = page.locator("table.activity tbody tr").first
    expect(page.locator(".live-said")).to_contain_text("Live")
    site_id = served.newsroom.site.site_id
    with served.database.read() as connection:
        [row] = newest_of_site(connection, site_id, ActivityFilter(crawler="GPTBot"), 1)
    evil = "/<img src=x onerror=alert(1)>"
    with served.database.write() as connection:
        hidden = replace(row, number=98, target="/not-asked-for", outcome="allowed")
        write_activity(connection, UserAgents(), [replace(row, number=99, target=evil), hidden], micros(NOW))
    expect(first).to_contain_text("<img src=x")
    expect(page.get_by_text("/not-asked-for")).to_have_count(0)
    page.get_by_role("button", name="Stop following").click()
    expect(page.locator(".live-said")).to_have_text("Stopped.")
    context.close()
    assert [url for url in window.requests if url.endswith("/x")] == []
    assert window.complaints == []

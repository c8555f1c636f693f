"""Passkeys in a real browser with a virtual authenticator: added, signed in with, removed; nothing else opens."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page

from tests.support.browser_window import Served, open_window
from tests.support.newsroom import PASSWORD

pytestmark = pytest.mark.browser

OWNER = "owner@harbour.example"


def add_authenticator(page: Page) -> tuple[object, str]:
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
        "isUserVerified": True, "automaticPresenceSimulation": True,
    }  # fmt: skip
    made = session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return session, made["authenticatorId"]


def test_a_passkey_is_added_opens_alone_and_opens_nothing_once_removed(chromium: Browser, served: Served) -> None:
    context, window = open_window(chromium, served)
    page, base = window.page, served.address.replace("127.0.0.1", "localhost")
    session, authenticator = add_authenticator(page)
    page.goto(f"{base}/sign-in")
    page.get_by_label("Email").fill(OWNER)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/publishers/1")
    page.goto(f"{base}/account/security")
    page.get_by_label("Current password").last.fill(PASSWORD)
    page.get_by_role("button", name="Add a passkey").click()
    page.get_by_label("What do you call it?").fill("my phone")
    page.get_by_role("button", name="Ask my device").click()
    page.get_by_role("status").get_by_text("The passkey is added").wait_for()
    page.get_by_role("button", name="Sign out").click()

    page.get_by_role("button", name="Use a passkey").click()
    page.get_by_role("button", name="Ask my device").click()
    page.wait_for_url("**/publishers/1")
    assert page.get_by_text(OWNER).first.is_visible()

    page.goto(f"{base}/account/security")
    mine = page.get_by_role("listitem").filter(has_text="my phone")
    mine.get_by_text("Remove").first.click()
    mine.get_by_label("Current password").fill("not my password")
    mine.get_by_role("button", name="Remove my phone").click()
    page.get_by_text("This is not your current password.").wait_for()
    mine.get_by_label("Current password").fill(PASSWORD)
    mine.get_by_role("button", name="Remove my phone").click()
    page.get_by_role("status").get_by_text("The passkey was removed").wait_for()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Use a passkey").click()
    page.get_by_role("button", name="Ask my device").click()
    page.get_by_role("alert").get_by_text("is not known here").wait_for()
    # The refused sign-in is a 403 and the wrong password a 422, which the console names; nothing was refused by the
    # policy, no dialog opened.
    assert [one for one in window.complaints if "403" not in one and "422" not in one] == []
    session.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": authenticator})  # type: ignore[attr-defined]
    context.close()

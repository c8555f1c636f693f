"""What the operator does to a crawler's account: money, limits, tokens, people."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import func, select

from edge.core.api_token import token_digest
from edge.store.accounts import show as accounts_of
from edge.store.audit import audit_rows
from edge.store.crawler_people import find_invitation
from edge.store.crawler_tokens import list_tokens
from edge.store.crawlers import find_crawler
from edge.store.subscriptions import list_subscriptions
from edge.store.tables import crawler_token, entry
from tests.dashboard.conftest import Browser, House, hidden_in
from tests.dashboard.test_operating import operate

ARCHIVE = "/operator/crawlers/4"


def operator(house: House) -> Browser:
    operate(house)
    return house.signed_in("viewer@harbour.example")


def balance(house: House, name: str = "Deep Archive") -> int:
    with house.database.read() as connection:
        known = find_crawler(connection, name)
        return next(one.balance_micros for one in accounts_of(connection, known.crawler_id))


def entries(house: House) -> int:
    with house.database.read() as connection:
        return connection.execute(select(func.count()).select_from(entry)).scalar_one()


def form_of(browser: Browser, path: str, **typed: str) -> dict[str, str]:
    return {"act": hidden_in(browser.get(path).text, "act"), **typed}


def test_a_credit_is_asked_twice_and_given_once(house: House) -> None:
    browser, before = operator(house), balance(house)
    form = form_of(browser, f"{ARCHIVE}/credit", amount="12.50", currency="USD", reference="INV-7", reason="")
    asked = browser.post(f"{ARCHIVE}/credit", form)
    assert asked.status_code == 200
    assert "Credit $12.50 to Deep Archive?" in asked.text
    assert "INV-7" in asked.text
    assert balance(house) == before
    done = [browser.post(f"{ARCHIVE}/credit", {**form, "sure": "yes"}) for _ in range(2)]
    assert [answer.headers["location"].rpartition("=")[2] for answer in done] == ["credited", "credited-before"]
    assert balance(house) == before + 12_500_000
    with house.database.read() as connection:
        [row] = [one for one in audit_rows(connection) if one.reference == "INV-7"]
    assert row.author == "viewer@harbour.example"


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"amount": "much"}, "Write an amount such as"),
        ({"amount": "0"}, "A top-up of nothing"),
        ({"amount": "-5"}, "Write an amount such as"),
        ({"reference": " "}, "payment&#39;s reference"),
        ({"currency": "QQQ"}, "Choose one of these"),
        ({"reference": "invoice 2026-09", "sure": "yes"}, "was used for USD 250.00"),
    ],
)
def test_a_mistake_stands_beside_its_field_and_moves_nothing(
    quick_house: House, typed: dict[str, str], words: str
) -> None:
    browser, before = operator(quick_house), entries(quick_house)
    form = {"amount": "5", "currency": "USD", "reference": "INV-8", "reason": "kept as it was typed", **typed}
    answer = browser.post(f"{ARCHIVE}/credit", form)
    assert answer.status_code == 422
    assert words in answer.text
    assert "kept as it was typed" in answer.text
    assert entries(quick_house) == before


def test_terms_are_changed_and_noted_with_their_reason(quick_house: House) -> None:
    browser = operator(quick_house)
    form = {"currency": "USD", "terms": "postpaid", "limit": "100", "reason": "a contract was signed"}
    assert browser.post(f"{ARCHIVE}/terms", form).headers["location"] == f"{ARCHIVE}?said=terms"
    assert "postpaid, down to -$100.00" in browser.get(ARCHIVE).text
    assert browser.post(f"{ARCHIVE}/terms", form).status_code == 422
    with quick_house.database.read() as connection:
        assert [one.reason for one in audit_rows(connection)][-1] == "a contract was signed"
    assert browser.post(f"{ARCHIVE}/terms", {**form, "limit": "200", "reason": ""}).status_code == 422


@pytest.mark.parametrize("currency", ["", "USD"])
def test_a_suspended_account_is_resumed_from_the_same_page(quick_house: House, currency: str) -> None:
    browser = operator(quick_house)
    form = {"currency": currency, "reason": "the card was disputed"}
    assert browser.post(f"{ARCHIVE}/suspend", form).headers["location"].endswith("said=suspended")
    assert ">suspended<" in browser.get(ARCHIVE).text
    assert browser.post(f"{ARCHIVE}/resume", form).headers["location"].endswith("said=resumed")
    assert ">suspended<" not in browser.get(ARCHIVE).text


def test_a_budget_is_set_changed_and_removed(quick_house: House) -> None:
    browser = operator(quick_house)
    form = {"currency": "USD", "per": "day", "site": "", "amount": "5"}
    assert browser.post(f"{ARCHIVE}/budget", form).headers["location"].endswith("said=budget")
    browser.post(f"{ARCHIVE}/budget", {**form, "amount": "7"})
    assert "USD 7.00 a day" in browser.get(ARCHIVE).text
    assert browser.post(f"{ARCHIVE}/budget", {**form, "per": "site"}).status_code == 422
    assert browser.post(f"{ARCHIVE}/budget/remove", form).headers["location"].endswith("said=budget-removed")
    assert browser.post(f"{ARCHIVE}/budget/remove", form).headers["location"].endswith("said=same")
    assert browser.post(f"{ARCHIVE}/budget/remove", {**form, "per": "year"}).status_code == 404


def test_a_token_is_shown_once_made_once_and_revoked(house: House) -> None:
    browser = operator(house)
    form = form_of(browser, f"{ARCHIVE}/token", note="the night crawl", site="harbour.example", life="90", replaces="")
    made = browser.post(f"{ARCHIVE}/token", form)
    found = re.search(r'<textarea id="once"[^>]*>([^<]+)</textarea>', made.text)
    assert found is not None
    assert browser.post(f"{ARCHIVE}/token", form).headers["location"].endswith("said=done-before")
    with house.database.read() as connection:
        [stored] = list_tokens(connection, "Deep Archive")
        [digest] = connection.execute(select(crawler_token.c.digest)).scalars()
    assert digest == token_digest(found[1])
    page = browser.get(ARCHIVE).text
    assert found[1] not in page
    assert "the night crawl" in page
    other = "/operator/crawlers/1/token/revoke"
    assert browser.post(other, {"number": str(stored.token_id)}).status_code == 404
    assert browser.post(f"{ARCHIVE}/token/revoke", {"number": "x"}).status_code == 404
    browser.post(f"{ARCHIVE}/token/revoke", {"number": str(stored.token_id)})
    with house.database.read() as connection:
        assert list_tokens(connection, "Deep Archive")[0].revoked_at_micros is not None


def test_a_subscription_begins_once_and_ends(quick_house: House) -> None:
    browser = operator(quick_house)
    form = form_of(
        browser, f"{ARCHIVE}/subscription", site="harbour.example", pages="1000", licence="", reference="C-1"
    )
    assert browser.post(f"{ARCHIVE}/subscription", {**form, "pages": "many"}).status_code == 422
    said = [browser.post(f"{ARCHIVE}/subscription", form).headers["location"] for _ in range(2)]
    assert [one.rpartition("=")[2] for one in said] == ["subscribed", "done-before"]
    with quick_house.database.read() as connection:
        [view] = list_subscriptions(connection, int(quick_house.clock() * 1_000_000))
    number = str(view.terms.subscription_id)
    assert browser.post("/operator/crawlers/1/subscription/end", {"number": number}).status_code == 404
    assert (
        browser.post(f"{ARCHIVE}/subscription/end", {"number": number})
        .headers["location"]
        .endswith("=subscription-ended")
    )
    assert ">ended<" in browser.get(ARCHIVE).text


def test_an_invitation_is_a_link_for_one_address_that_can_be_taken_back(quick_house: House) -> None:
    browser = operator(quick_house)
    form = form_of(browser, f"{ARCHIVE}/invite", email="Ann@Archive.Example", role="owner")
    made = browser.post(f"{ARCHIVE}/invite", form).text
    found = re.search(r"/portal/join/([\w-]+)", made)
    assert found is not None
    now = int(quick_house.clock() * 1_000_000)
    with quick_house.database.read() as connection:
        invitation = find_invitation(connection, found[1], now)
    assert invitation is not None
    assert (invitation.email, invitation.crawler_name) == ("ann@archive.example", "Deep Archive")
    assert found[1] not in browser.get(ARCHIVE).text
    assert browser.post(f"{ARCHIVE}/invite", {**form, "act": "", "email": "nobody"}).status_code in (303, 422)
    browser.post(f"{ARCHIVE}/team/remove", {"email": "ann@archive.example"})
    with quick_house.database.read() as connection:
        assert find_invitation(connection, found[1], now) is None
    assert browser.post(f"{ARCHIVE}/team/remove", {"email": "ann@archive.example"}).status_code == 404


def test_every_form_of_a_crawler_opens(quick_house: House) -> None:
    browser = operator(quick_house)
    for path in ("credit", "terms", "suspend", "resume", "budget", "token", "subscription", "invite"):
        assert browser.get(f"{ARCHIVE}/{path}").status_code == 200, path
        assert browser.get(f"/operator/crawlers/4711/{path}").status_code == 404

"""A charge that is given back: by whom, how much, once, and as both sides see it."""

from __future__ import annotations

import csv
import io

import pytest

from edge.core.ledger_state import Phase
from edge.store.accounts import show as accounts_of
from edge.store.charge_story import charge_entries
from edge.store.entries import ChargeFilter, ChargeView, charge_by_id, list_charges
from publisher_dashboard.charge_pages import credited
from publisher_dashboard.rendering import money
from tests.dashboard.conftest import Browser, House, hidden_in
from tests.support.newsroom import sell_a_free_page


def latest(house: House, state: Phase = Phase.LIVE) -> ChargeView:
    with house.database.read() as connection:
        found = list_charges(connection, ChargeFilter(frozenset({1})), limit=60).charges
    return next(one for one in found if one.state is state)


def again(house: House, charge: ChargeView) -> tuple[Phase, int, int]:
    """Its state, what credit notes gave back of it, and what its crawler holds."""
    with house.database.read() as connection:
        found = charge_by_id(connection, charge.charge_id)
        assert found is not None
        given = credited(charge_entries(connection, charge.charge_id))
        return found.state, given, accounts_of(connection, charge.crawler_id)[0].balance_micros


def form_of(browser: Browser, path: str, **typed: str) -> dict[str, str]:
    return {
        "act": hidden_in(browser.get(path).text, "act"),
        "how": "whole",
        "amount": "",
        "reason": "by mistake",
        **typed,
    }


def said(answer: object) -> str:
    return str(answer.headers["location"]).rpartition("=")[2]  # type: ignore[attr-defined]


@pytest.mark.parametrize("role", ["owner", "billing"])
def test_a_whole_charge_is_given_back_once(house: House, role: str) -> None:
    browser, charge = house.signed_in(f"{role}@harbour.example"), latest(house)
    path = f"/publishers/1/charges/{charge.charge_id}/refund"
    _, _, before = again(house, charge)
    form = form_of(browser, path)
    asked = browser.post(path, form)
    assert "by mistake" in asked.text
    assert again(house, charge) == (Phase.LIVE, 0, before)
    assert [said(browser.post(path, {**form, "sure": "yes"})) for _ in range(2)] == ["given-back", "given-back-before"]
    assert again(house, charge) == (Phase.REVERSED, 0, before + charge.amount.amount_micros)
    page = browser.get(f"/publishers/1/charges/{charge.charge_id}").text
    assert f"Given back, by {role}@harbour.example" in page
    assert "by mistake" in page
    assert "/refund" not in page


def test_a_part_is_a_credit_note_that_a_double_click_writes_once(house: House) -> None:
    browser, charge = house.signed_in(), latest(house)
    path = f"/publishers/1/charges/{charge.charge_id}/refund"
    _, _, before = again(house, charge)
    form = form_of(browser, path, how="part", amount="0.0004", sure="yes")
    assert [said(browser.post(path, form)) for _ in range(2)] == ["given-back", "given-back-before"]
    assert again(house, charge) == (Phase.LIVE, 400, before + 400)
    page = browser.get(f"/publishers/1/charges/{charge.charge_id}").text
    assert "$0.0004" in page
    assert "stands" in page
    rest = form_of(browser, path, how="whole", sure="yes")
    assert said(browser.post(path, rest)) == "given-back"
    assert again(house, charge) == (Phase.LIVE, charge.amount.amount_micros, before + charge.amount.amount_micros)
    assert "/refund" not in browser.get(f"/publishers/1/charges/{charge.charge_id}").text


def test_a_part_that_was_given_back_is_in_no_sum_of_charges_any_more(house: House) -> None:
    browser, charge = house.signed_in(), latest(house)
    path = f"/publishers/1/charges/{charge.charge_id}/refund"

    def in_the_file() -> int:
        rows = csv.DictReader(io.StringIO(browser.get("/publishers/1/charges.csv").text, newline=""))
        return sum(int(row["earned_micros"]) for row in rows)

    before = in_the_file()
    browser.post(path, form_of(browser, path, how="part", amount="0.0004", sure="yes"))
    assert in_the_file() == before - 400
    page = browser.get("/publishers/1/charges").text
    assert f"<b>{money(before - 400, 'USD')}</b> from" in page
    assert "; of those that stand, $0.0004 was given back in part" in page
    assert "<small>$0.0004 given back</small>" in page


@pytest.mark.parametrize(
    "typed",
    [
        {"reason": ""},
        {"how": "part", "amount": "0"},
        {"how": "part", "amount": "-1"},
        {"how": "part", "amount": "900"},
        {"how": "part", "amount": "900", "sure": "yes"},
        {"how": "half"},
        {"how": "part", "amount": "0.0001", "sure": "yes", "act": "of nobody"},
    ],
)
def test_what_makes_no_sense_gives_nothing_back(quick_house: House, typed: dict[str, str]) -> None:
    browser, charge = quick_house.signed_in(), latest(quick_house)
    path = f"/publishers/1/charges/{charge.charge_id}/refund"
    before = again(quick_house, charge)
    assert browser.post(path, form_of(browser, path, **typed)).status_code == 422
    assert again(quick_house, charge) == before


@pytest.mark.parametrize("role", ["editor", "viewer"])
def test_who_sets_prices_or_looks_gives_no_money_back(quick_house: House, role: str) -> None:
    browser, charge = quick_house.signed_in(f"{role}@harbour.example"), latest(quick_house)
    path = f"/publishers/1/charges/{charge.charge_id}/refund"
    assert browser.get(path).status_code == 403
    assert browser.post(path, {"how": "whole", "reason": "x", "sure": "yes"}).status_code == 403
    assert "/refund" not in browser.get(f"/publishers/1/charges/{charge.charge_id}").text
    assert again(quick_house, charge)[0] is Phase.LIVE


def test_what_was_not_paid_cannot_be_given_back(quick_house: House) -> None:
    sell_a_free_page(quick_house.database, quick_house.newsroom)
    browser = quick_house.signed_in()
    for charge in (latest(quick_house), latest(quick_house, Phase.VOIDED)):
        assert charge.grant is not None or charge.state is Phase.VOIDED
        page = f"/publishers/1/charges/{charge.charge_id}"
        assert "/refund" not in browser.get(page).text
        assert browser.get(f"{page}/refund").status_code == 409

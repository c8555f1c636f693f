"""Signals: what is shown is what the edge publishes, beside the site's own; switching counts, and is written down."""

from __future__ import annotations

import html

import pytest

from edge.core.signals.published import PATHS, Signal
from edge.store.audit_events import AuditFilter, publisher_events
from edge.store.policy_version import read_policy_version
from edge.store.sites import find_site
from publisher_dashboard.own_documents import KEPT_SECONDS, OwnDocuments, Served
from tests.dashboard.conftest import House
from tests.support.own_server import ROBOTS

HOST = "harbour.example"
PATH = f"/sites/{HOST}/signals"


def signals_of(house: House, host: str = HOST) -> frozenset[Signal]:
    with house.database.read() as connection:
        return find_site(connection, host).signals


def part(page: str, signal: Signal) -> str:
    """The card of one signal."""
    return html.unescape(page.split(f'aria-labelledby="{signal.value}"')[1].split("</section>")[0])


def test_every_document_is_shown_as_the_live_rules_make_it(quick_house: House) -> None:
    page = quick_house.signed_in("viewer@harbour.example").get(PATH).text
    prices, licence = part(page, Signal.PRICES), part(page, Signal.RSL)
    assert '"site": "harbour.example"' in prices
    assert '"version": 4' in prices
    assert ">published<" in prices
    assert '<amount currency="USD">0.005</amount>' in licence
    assert ">off<" in licence
    assert '"tdm-reservation": 1' in part(page, Signal.TDMREP)
    assert 'href="https://harbour.example/.well-known/farebox/prices"' in page
    assert quick_house.servers.asked == []


def test_what_the_draft_would_change_is_shown_beside_it(quick_house: House) -> None:
    page = quick_house.signed_in().get(PATH).text
    before, after = part(page, Signal.RSL).split("With the draft")
    assert '<amount currency="USD">0.008</amount>' in after
    assert '<amount currency="USD">0.008</amount>' not in before


def test_the_sites_own_documents_are_asked_for_on_request_and_compared(quick_house: House) -> None:
    browser = quick_house.signed_in()
    page = browser.get(f"{PATH}?look=1").text
    assert sorted(path for _, _, path in quick_house.servers.asked) == sorted(PATHS.values())
    assert {(origin, host) for origin, host, _ in quick_house.servers.asked} == {("http://127.0.0.1:8000", HOST)}
    robots = part(page, Signal.ROBOTS)
    assert ROBOTS in robots
    assert 'class="plus">+User-agent: *' in robots
    assert 'class="minus"' not in robots
    assert "Ours would stand in front of it." in part(page, Signal.RSL)
    assert "it answers 404" in part(page, Signal.PRICES)
    assert "could not be asked: connection refused" in part(page, Signal.TDMREP)
    browser.get(f"{PATH}?look=1")
    assert len(quick_house.servers.asked) == len(PATHS)


def test_a_robots_txt_that_keeps_payers_away_is_said(quick_house: House) -> None:
    browser = quick_house.signed_in()
    page = html.unescape(browser.get(f"{PATH}?look=1").text)
    assert "GPTBot: $0.005 a page below <code>/articles/</code>" in page.split("keeps payers away.")[1]
    assert "keeps payers away" not in browser.get(PATH).text


def test_what_is_switched_counts_from_then_on_and_is_written_down(house: House) -> None:
    browser = house.signed_in("editor@harbour.example")
    with house.database.read() as connection:
        version = read_policy_version(connection)
    answer = browser.post(PATH, {"signal": "rsl", "on": "1"})
    assert answer.status_code == 303
    assert signals_of(house) == {Signal.PRICES, Signal.RSL}
    assert browser.post(PATH, {"signal": "prices", "on": "0", "look": "1"}).headers["location"] == (
        f"{PATH}?look=1&said=signal-off"
    )
    assert signals_of(house) == {Signal.RSL}
    assert browser.post(PATH, {"signal": "rsl", "on": "1"}).headers["location"] == f"{PATH}?said=same"
    with house.database.read() as connection:
        assert read_policy_version(connection) == version + 2
        events = publisher_events(connection, house.newsroom.publisher_id, AuditFilter(area="site"), 2)
    assert [event.details["signals"] for event in events] == [
        {"before": "prices rsl", "after": "rsl"},
        {"before": "prices", "after": "prices rsl"},
    ]
    assert events[0].author == "editor@harbour.example"
    assert "License: https://harbour.example/license.xml" in browser.get(PATH).text


@pytest.mark.parametrize("form", [{"signal": "nothing", "on": "1"}, {}])
def test_a_signal_that_is_none_is_not_switched(quick_house: House, form: dict[str, str]) -> None:
    assert quick_house.signed_in().post(PATH, form).status_code == 404
    assert signals_of(quick_house) == {Signal.PRICES}


def test_who_may_only_look_has_no_switch(quick_house: House) -> None:
    browser = quick_house.signed_in("viewer@harbour.example")
    assert "Switch on" not in browser.get(PATH).text
    assert browser.post(PATH, {"signal": "rsl", "on": "1"}).status_code == 403


def test_own_documents_are_kept_for_a_minute() -> None:
    now, asked = [0.0], []

    def read(origin: str, host: str, path: str) -> Served:
        asked.append(path)
        return Served(200, "text/plain", str(len(asked)))

    documents = OwnDocuments(read, lambda: now[0])
    assert documents.at("http://a", "a.example", "/robots.txt").text == "1"
    assert documents.at("http://a", "a.example", "/robots.txt").text == "1"
    now[0] = KEPT_SECONDS
    assert documents.at("http://a", "a.example", "/robots.txt").text == "2"
    with pytest.raises(AssertionError):
        documents.at("http://a", "a.example", "/secret")

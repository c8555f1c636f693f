"""Settings of a site and of a publisher: what is saved, what is asked once more, and two people at once."""

from __future__ import annotations

import pytest

from edge.store.audit_events import AuditFilter, publisher_events
from edge.store.people import find_person, set_operates
from edge.store.policy_version import read_policy_version
from edge.store.problems import UnknownName
from edge.store.sites import Site, find_site
from edge.store.statements import party_of_publisher
from tests.dashboard.conftest import Browser, House, hidden_in
from tests.support.newsroom import CANARY

SETTINGS = "/sites/harbour.example/settings"
PUBLISHER = "/publishers/1/settings"
FORM = {
    "origin": "http://127.0.0.1:8000",
    "scheme": "",
    "contact": "https://harbour.example/crawlers",
    "register_url": "",
}


def stored(house: House) -> Site:
    with house.database.read() as connection:
        return find_site(connection, "harbour.example")


def save(browser: Browser, form: dict[str, str], seen: str | None = None) -> object:
    mark = seen or hidden_in(browser.get(SETTINGS).text, "seen")
    return browser.post(SETTINGS, {**FORM, "seen": mark, **form})


def operator(house: House) -> Browser:
    with house.database.write() as connection:
        person = find_person(connection, "owner@harbour.example")
        assert person is not None
        set_operates(connection, person.person_id, True)
    return house.signed_in()


def actions(house: House) -> list[str]:
    with house.database.read() as connection:
        return [one.action for one in publisher_events(connection, 1, AuditFilter(), 5)]


def test_what_is_saved_is_what_the_edge_reads_next(house: House) -> None:
    browser = house.signed_in()
    with house.database.read() as connection:
        before = read_policy_version(connection)
    form = {"strict": "on", "keep_unconfirmed": "on", "case_sensitive_paths": "on", "in_band_pricing": "on"}
    answer = save(
        browser,
        {**form, "scheme": "https", "contact": "ads@harbour.example", "register_url": "https://harbour.example/bots"},
    )
    assert answer.headers["location"] == f"{SETTINGS}?said=settings-saved"  # type: ignore[attr-defined]
    now = stored(house)
    assert (now.strict, now.keep_unconfirmed, now.case_sensitive_paths, now.in_band_pricing) == (True, True, True, True)
    assert (now.error_detail, now.scheme, now.contact) == (False, "https", "ads@harbour.example")
    assert now.register_url == "https://harbour.example/bots"
    with house.database.read() as connection:
        assert read_policy_version(connection) != before
        [event, *_] = publisher_events(connection, 1, AuditFilter(area="site"), 5)
    assert event.details["strict"] == {"before": False, "after": True}
    assert "ads@harbour.example" not in str(event)
    page = browser.get(SETTINGS).text
    assert 'name="strict" value="on" checked' in page
    assert 'name="error_detail" value="on" checked' not in page


def test_saving_what_is_there_changes_nothing(quick_house: House) -> None:
    before = actions(quick_house)
    answer = save(quick_house.signed_in(), {"error_detail": "on"})
    assert answer.headers["location"] == f"{SETTINGS}?said=same"  # type: ignore[attr-defined]
    assert actions(quick_house) == before


def test_the_server_is_changed_by_who_runs_the_edge_and_asked_once_more(quick_house: House) -> None:
    browser = operator(quick_house)
    mark = hidden_in(browser.get(SETTINGS).text, "seen")
    form = {**FORM, "origin": "http://127.0.0.1:9000", "seen": mark, "error_detail": "on"}
    asked = browser.post(SETTINGS, form)
    assert asked.status_code == 200
    assert "Use the new server" in asked.text
    assert stored(quick_house).origin == "http://127.0.0.1:8000"
    sure = {name: hidden_in(asked.text, name) for name in ("origin", "seen", "sure", "error_detail", "contact")}
    assert browser.post(SETTINGS, sure).status_code == 303
    assert stored(quick_house).origin == "http://127.0.0.1:9000"


def test_an_owner_who_does_not_run_the_edge_cannot_say_where_requests_go(quick_house: House) -> None:
    browser = quick_house.signed_in()
    assert 'name="origin"' not in browser.get(SETTINGS).text
    form = {"origin": "http://169.254.169.254", "sure": "http://169.254.169.254", "error_detail": "on", "strict": "on"}
    assert save(browser, form).status_code == 303  # type: ignore[attr-defined]
    assert stored(quick_house).origin == "http://127.0.0.1:8000"
    assert stored(quick_house).strict


def test_two_who_save_at_once_both_see_both(house: House) -> None:
    first, second = house.signed_in(), house.signed_in()
    mark = hidden_in(first.get(SETTINGS).text, "seen")
    save(second, {"contact": "theirs@harbour.example", "error_detail": "on"})
    answer = save(first, {"contact": "mine@harbour.example", "error_detail": "on"}, mark)
    assert answer.status_code == 409  # type: ignore[attr-defined]
    page = answer.text  # type: ignore[attr-defined]
    assert "mine@harbour.example" in page
    assert "theirs@harbour.example" in page
    assert stored(house).contact == "theirs@harbour.example"
    again = {name: hidden_in(page, name) for name in ("seen", "contact", "error_detail")}
    assert first.post(SETTINGS, again).status_code == 303
    assert stored(house).contact == "mine@harbour.example"


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"register_url": "javascript:alert(1)"}, "register_url"),
        ({"scheme": "gopher"}, "scheme"),
        ({"contact": "x" * 321}, "contact"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(quick_house: House, form: dict[str, str], field: str) -> None:
    answer = save(quick_house.signed_in(), {**form, "strict": "on"})
    assert answer.status_code == 422  # type: ignore[attr-defined]
    assert f'id="{field}-error"' in answer.text  # type: ignore[attr-defined]
    assert 'name="strict" value="on" checked' in answer.text  # type: ignore[attr-defined]


def test_a_paused_site_is_not_served_until_it_is_resumed(house: House) -> None:
    browser = house.signed_in()
    assert "Keep serving it" in browser.get(f"{SETTINGS}/pause").text
    assert browser.post(f"{SETTINGS}/pause").status_code == 303
    with pytest.raises(UnknownName):
        stored(house)
    sites = browser.get("/publishers/1/sites").text
    assert "Paused" in sites
    assert browser.post("/publishers/1/sites/1/resume").headers["location"] == f"{SETTINGS}?said=site-resumed"
    assert stored(house).live_version == 4
    assert actions(house)[:2] == ["site.resumed", "site.paused"]


@pytest.mark.parametrize("role", ["editor", "billing", "viewer"])
def test_who_is_no_owner_reads_settings_and_changes_none(quick_house: House, role: str) -> None:
    browser = quick_house.signed_in(f"{role}@harbour.example")
    for path in (SETTINGS, PUBLISHER):
        page = browser.get(path).text
        assert "<form" not in page.split("<main", 1)[1].split("</main>")[0]
        assert browser.post(path, FORM).status_code == 403
    for path in (f"{SETTINGS}/pause", "/publishers/1/sites/1/resume"):
        assert browser.post(path).status_code == 403


def test_a_publishers_name_and_address_are_changed_once_and_seen_by_the_second(house: House) -> None:
    browser = house.signed_in()
    mark = hidden_in(browser.get(PUBLISHER).text, "seen")
    form = {"name": "Harbour & Tide", "email": "money@harbour.example", "seen": mark}
    assert browser.post(PUBLISHER, form).headers["location"] == f"{PUBLISHER}?said=settings-saved"
    assert "Harbour &amp; Tide" in browser.get(PUBLISHER).text
    late = browser.post(PUBLISHER, form | {"name": "Harbour Books"})
    assert late.status_code == 409
    assert "Harbour &amp; Tide" in late.text
    assert "Harbour Books" in late.text
    fresh = hidden_in(browser.get(PUBLISHER).text, "seen")
    taken = browser.post(PUBLISHER, {"name": f"the {CANARY} WEEKLY", "email": "a@b.example", "seen": fresh})
    assert taken.status_code == 422
    assert actions(house)[0] == "publisher.changed"


LETTERHEAD = "3 Quay Street\r\nHarbour 1000\r\n\r\nVAT XX 123 456 789\r\n"


def test_what_an_owner_writes_below_the_name_stands_on_statements_from_then_on(house: House) -> None:
    browser = house.signed_in()
    mark = hidden_in(browser.get(PUBLISHER).text, "seen")
    form = {"name": "Harbour Press", "email": "office@harbour.example", "letterhead": LETTERHEAD, "seen": mark}
    assert browser.post(PUBLISHER, form).headers["location"] == f"{PUBLISHER}?said=settings-saved"
    assert "3 Quay Street\nHarbour 1000\n\nVAT XX 123 456 789</textarea>" in browser.get(PUBLISHER).text
    with house.database.read() as connection:
        party = party_of_publisher(connection, 1)
        [event, *_] = publisher_events(connection, 1, AuditFilter(), 5)
    assert party.about == (*LETTERHEAD.strip().split("\r\n"), "office@harbour.example")
    assert event.details == {"letterhead": "changed"}
    late = browser.post(PUBLISHER, form | {"letterhead": "9 Other Street"})
    assert late.status_code == 409
    assert "9 Other Street" in late.text
    assert "3 Quay Street" in late.text


@pytest.mark.parametrize("lines", ["x" * 61, "\n".join("1234567"), "a\x07b"])
def test_what_does_not_fit_below_the_name_is_said_and_kept(quick_house: House, lines: str) -> None:
    browser = quick_house.signed_in()
    mark = hidden_in(browser.get(PUBLISHER).text, "seen")
    form = {"name": "Harbour Press", "email": "office@harbour.example", "letterhead": lines, "seen": mark}
    answer = browser.post(PUBLISHER, form)
    assert answer.status_code == 422
    assert 'id="letterhead-error"' in answer.text
    assert f">{lines}</textarea>" in answer.text

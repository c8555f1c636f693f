"""The crawler's door: its team sees its own account and no other, and changes its own limits."""

from __future__ import annotations

import csv
import html
import io
import re
import zipfile
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select

from edge.client.reconciling import statement_rows
from edge.core.ledger_state import Phase
from edge.core.money import Money, format_micros
from edge.core.month import Month
from edge.core.rules import Action, RuleSet, everything_else
from edge.store.account_corrections import take_back
from edge.store.accounts import credit, refund
from edge.store.budgets import show_budgets
from edge.store.charge_sums import sum_charges
from edge.store.crawler_people import TeamRole, crawler_memberships, invite, join_team, team_of
from edge.store.crawler_tokens import list_tokens
from edge.store.database import now_micros
from edge.store.entries import ChargeFilter, list_charges
from edge.store.month_reading import Part
from edge.store.month_totals import months_of, totals_of_entries
from edge.store.people import add_person, find_person
from edge.store.sample_site import add_sample
from edge.store.tables import budget, crawler_invitation, crawler_key, crawler_token
from publisher_dashboard.rendering import money
from publisher_dashboard.routes import ROUTES, Route
from publisher_dashboard.visit import TEAM_GRANTS, Need
from tests.dashboard.conftest import Browser, House, hidden_in, token_in
from tests.support.newsroom import PASSWORD, quick_passwords

MINE, THEIRS = 1, 2
PORTAL = [route for route in ROUTES if route.path.startswith("/portal/{crawler_id")]
CANARY_NOTE = "quokka"


def now(house: House) -> int:
    return int(house.clock() * 1_000_000)


def member(house: House, role: TeamRole = TeamRole.OWNER, crawler_id: int = MINE, name: str = "bot") -> Browser:
    email = f"{name}@example-ai.example"
    with house.database.write() as connection:
        person = find_person(connection, email) or add_person(
            connection, email, quick_passwords().hash(PASSWORD), now(house)
        )
        join_team(connection, person.person_id, crawler_id, role)
    return house.signed_in(email)


def charge_of(house: House, crawler_id: int) -> str:
    with house.database.read() as connection:
        found = list_charges(connection, ChargeFilter(crawler_id=crawler_id)).charges
    return next(one.charge_id for one in found if one.state is Phase.LIVE)


def filled(house: House, route: Route, crawler_id: int, charges_of: int | None = None) -> str:
    return (
        route.path.replace("{crawler_id:int}", str(crawler_id))
        .replace("{charge_id}", charge_of(house, charges_of or crawler_id))
        .replace("{month}", "2026-10")
        .replace("{name}", "csv")
    )


def ask(browser: Browser, route: Route, path: str) -> tuple[int, str]:
    form = {
        "currency": "USD", "per": "day", "amount": "1", "site": "", "number": "1", "role": "owner", "replaces": "",
        "email": "evil@example.com", "crawler_id": str(THEIRS), "act": "a" * 22, "life": "",
    }  # fmt: skip
    answer = browser.post(path, form) if route.method == "POST" else browser.get(path)
    return answer.status_code, answer.text


def state(house: House) -> list[int]:
    """Everything that a form of the portal could change."""
    with house.database.read() as connection:
        counts = [
            connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (budget, crawler_token, crawler_invitation)
        ]
        live = [one.revoked_at_micros or 0 for one in list_tokens(connection)]
        return [*counts, *live, len(team_of(connection, MINE)), len(team_of(connection, THEIRS))]


def test_every_route_of_the_portal_asks_for_the_crawlers_team() -> None:
    assert len(PORTAL) >= 20
    assert all(route.need in (Need.TEAM_SEE, Need.TEAM_CHANGE) for route in PORTAL)
    assert all(route.need is Need.TEAM_CHANGE for route in PORTAL if route.method == "POST")
    assert not [one for one in ROUTES if one.need in (Need.TEAM_SEE, Need.TEAM_CHANGE) and one not in PORTAL]


@pytest.mark.parametrize("role", TeamRole)
def test_another_crawlers_portal_does_not_exist(house: House, role: TeamRole) -> None:
    browser = member(house, role)
    member(house, crawler_id=THEIRS, name=CANARY_NOTE)
    before = state(house)
    for route in PORTAL:
        status, text = ask(browser, route, filled(house, route, THEIRS))
        assert status == 404, f"{route.method} {route.path}: {status}"
        assert CANARY_NOTE not in text
        assert "Corpusworks" not in text
    mixed = f"/portal/{MINE}/charges/{charge_of(house, THEIRS)}"
    assert browser.get(mixed).status_code == 404
    assert state(house) == before


@pytest.mark.parametrize("role", TeamRole)
def test_a_role_of_the_team_opens_what_it_grants(house: House, role: TeamRole) -> None:
    browser = member(house, role)
    before = state(house)
    for route in PORTAL:
        if route.method == "POST" and route.need in TEAM_GRANTS[role]:
            continue
        status, text = ask(browser, route, filled(house, route, MINE))
        assert status == (200 if route.need in TEAM_GRANTS[role] else 403), f"{route.method} {route.path}: {status}"
        assert "Corpusworks" not in text
    assert state(house) == before


def test_publishers_and_operators_are_in_no_team_and_a_team_is_no_publisher(quick_house: House) -> None:
    owner = quick_house.signed_in("owner@harbour.example")
    for route in PORTAL:
        assert ask(owner, route, filled(quick_house, route, MINE))[0] == 404
        assert ask(quick_house.new_browser(), route, filled(quick_house, route, MINE))[0] in (303, 403)
    team = member(quick_house)
    assert team.get("/").headers["location"] == f"/portal/{MINE}"
    for path in ("/publishers/1", "/sites/harbour.example/rules", "/operator/crawlers", "/operator/months"):
        assert team.get(path).status_code == 404
    assert "/publishers/" not in team.get(f"/portal/{MINE}").text


def test_the_overview_says_what_the_books_say(house: House) -> None:
    browser = member(house)
    with house.database.read() as connection:
        [total] = totals_of_entries(connection, Month(2026, 11), Part(crawler_id=MINE))
    page = browser.get(f"/portal/{MINE}").text
    assert money(total.amount_micros, "USD") in page
    assert "Spent by day" in page


def test_charges_and_statements_are_the_crawlers_own_and_sum(house: House) -> None:
    browser = member(house)
    with house.database.read() as connection:
        [found] = sum_charges(connection, ChargeFilter(crawler_id=MINE))
        months = {
            month.label: totals for month, _, totals in months_of(connection, Part(crawler_id=MINE), [Month(2026, 10)])
        }
    assert money(found.amount_micros, "USD") in browser.get(f"/portal/{MINE}/charges").text
    rows = list(csv.DictReader(io.StringIO(browser.get(f"/portal/{MINE}/charges.csv").text, newline="")))
    assert sum(int(row["spent_micros"]) for row in rows) == found.amount_micros
    assert {row["crawler"] for row in rows} == {"ExampleBot"}
    listed = browser.get(f"/portal/{MINE}/charges?crawler=Corpusworks").text
    assert "Corpusworks" not in listed
    report = browser.get(f"/portal/{MINE}/months/2026-10/files/csv").text
    lines = list(csv.DictReader(io.StringIO(report, newline="")))
    assert sum(int(row["amount_micros"]) for row in lines) == months["2026-10"][0].amount_micros
    page = browser.get(f"/portal/{MINE}/months/2026-10").text
    assert format_micros(months["2026-10"][0].amount_micros) in page
    assert "Payable" not in page
    assert browser.get(f"/portal/{MINE}/months/2026-10/files/focus").status_code == 200
    assert browser.get(f"/portal/{MINE}/months/2026-10/files/beancount").status_code == 404


def test_a_refund_is_seen_from_the_crawlers_side_without_who_gave_it(house: House) -> None:
    browser, charge_id = member(house), charge_of(house, MINE)
    refund(house.database, charge_id, reason="the page was broken", author="owner@harbour.example")
    page = browser.get(f"/portal/{MINE}/charges/{charge_id}").text
    assert "The money is yours again" in page
    assert "the page was broken" in page
    assert "owner@harbour.example" not in page
    assert "/refund" not in page


def test_a_team_sets_its_own_budgets_and_tokens(house: House) -> None:
    browser, below = member(house), f"/portal/{MINE}"
    form = {"currency": "USD", "per": "month", "site": "", "amount": "40"}
    assert browser.post(f"{below}/budget", form).headers["location"] == f"{below}/budgets?said=budget"
    assert "USD 40.00 a month" in browser.get(f"{below}/budgets").text
    with house.database.read() as connection:
        account = connection.execute(select(budget.c.account_id)).scalar_one()
        assert show_budgets(connection, [account])[0].set_by == "bot@example-ai.example"
    key = hidden_in(browser.get(f"{below}/token").text, "act")
    made = browser.post(f"{below}/token", {"act": key, "note": "", "site": "", "life": "90", "replaces": ""})
    assert "Copy the token now" in made.text
    with house.database.read() as connection:
        assert [one.crawler for one in list_tokens(connection)] == ["ExampleBot"]
    assert browser.post(f"{below}/budget/remove", form).headers["location"] == f"{below}/budgets?said=budget-removed"


def test_somebody_new_joins_by_the_link_and_nobody_else_can(house: House) -> None:
    with house.database.write() as connection:
        token = invite(connection, MINE, "New@Example-AI.example", TeamRole.VIEWER, author="op", now_micros=now(house))
    link = f"/portal/join/{token}"
    stranger = house.signed_in("viewer@harbour.example")
    assert "You are signed in as" in stranger.get(link).text
    assert stranger.post(f"{link}/accept").status_code == 403
    browser = house.new_browser()
    assert "Join ExampleBot" in browser.get(link).text
    assert browser.post(link, {"password": "short", "repeated": "short"}).status_code == 422
    done = browser.post(link, {"password": PASSWORD, "repeated": PASSWORD})
    assert done.headers["location"] == f"/portal/{MINE}?said=welcome"
    assert browser.get(f"/portal/{MINE}").status_code == 200
    assert browser.get(f"/portal/{MINE}/budget").status_code == 403
    assert house.new_browser().get(link).status_code == 410
    assert house.new_browser().post(link, {"password": PASSWORD, "repeated": PASSWORD}).status_code == 410


def test_who_has_an_account_joins_after_signing_in(quick_house: House) -> None:
    house = quick_house
    with house.database.write() as connection:
        token = invite(connection, MINE, "viewer@harbour.example", TeamRole.OWNER, author="op", now_micros=now(house))
    link = f"/portal/join/{token}"
    assert "Sign in to join" in house.new_browser().get(link).text
    browser = house.signed_in("viewer@harbour.example")
    browser.csrf = token_in(browser.get(link).text)
    assert browser.post(f"{link}/accept").headers["location"] == f"/portal/{MINE}?said=joined-team"
    assert browser.post(f"{link}/accept").headers["location"] == "/"
    with house.database.read() as connection:
        person = find_person(connection, "viewer@harbour.example")
        assert person is not None
        assert [one.role for one in crawler_memberships(connection, person.person_id)] == [TeamRole.OWNER]


def test_the_last_owner_of_a_team_stays_and_who_left_sees_nothing(quick_house: House) -> None:
    house = quick_house
    browser, other = member(house), member(house, TeamRole.VIEWER, name="other")
    gone = browser.post(f"/portal/{MINE}/team/remove", {"email": "bot@example-ai.example"})
    assert (gone.status_code, "last owner" in gone.text) == (409, True)
    browser.post(f"/portal/{MINE}/team/remove", {"email": "other@example-ai.example"})
    assert other.get(f"/portal/{MINE}").status_code == 404
    assert browser.post(f"/portal/{MINE}/team/remove", {"email": "nobody@example-ai.example"}).status_code == 404


def test_a_team_reads_what_it_and_the_operator_did_and_nobody_elses(quick_house: House) -> None:
    house, below = quick_house, f"/portal/{MINE}"
    browser, theirs = member(house), member(house, crawler_id=THEIRS, name="rival")
    key = hidden_in(browser.get(f"{below}/token").text, "act")
    browser.post(f"{below}/token", {"act": key, "note": "", "site": "", "life": "90", "replaces": ""})
    browser.post(f"{below}/budget", {"currency": "USD", "per": "month", "site": "", "amount": "40"})
    key = hidden_in(browser.get(f"{below}/invite").text, "act")
    browser.post(f"{below}/invite", {"act": key, "email": "late@example-ai.example", "role": "viewer"})
    with house.database.write() as connection:
        invite(connection, MINE, "boss@example-ai.example", TeamRole.OWNER, author="ops@edge.example", now_micros=1)
        invite(connection, THEIRS, "rivals-friend@bot.example", TeamRole.OWNER, author="x", now_micros=1)
    page = browser.get(f"{below}/audit").text
    for words in ("Made an API token", "budget: month", "late@example-ai.example", "bot@example-ai.example"):
        assert words in page
    assert "boss@example-ai.example" in page
    assert "the operator" in page
    for secret in ("ops@edge.example", "rivals-friend"):
        assert secret not in page
    assert "late@example-ai.example" not in theirs.get(f"/portal/{THEIRS}/audit").text
    assert theirs.get(f"{below}/audit").status_code == 404


def test_the_teams_log_tells_the_note_that_took_a_top_up_back(quick_house: House) -> None:
    browser = member(quick_house)
    credit(quick_house.database, MINE, Money(1_000_000, "USD"), reference="INV-7", author="ann")
    taken = take_back(quick_house.database, MINE, Money(1_000_000, "USD"), reason="booked twice", author="ann")
    page = browser.get(f"/portal/{MINE}/audit").text
    assert page.index("Wrote a debit note") < page.index(taken.reference) < page.index("INV-7")
    assert "</bdi> to <bdi>the operator</bdi>" in page
    assert ("ann</bdi>" in page, "booked twice" in page) == (False, False)


def test_a_teams_log_is_paged_to_its_end(quick_house: House) -> None:
    browser = member(quick_house)
    with quick_house.database.write() as connection:
        for number in range(60):
            invite(connection, MINE, f"n{number:02}@bot.example", TeamRole.VIEWER, author="x", now_micros=number + 1)
    found, path = [], f"/portal/{MINE}/audit"
    while path:
        page = browser.get(path).text
        found += re.findall(r"<bdi>(n\d\d@bot\.example)</bdi>", page)
        following = re.search(r'href="([^"]+)" rel="next"', page)
        path = html.unescape(following[1]) if following else ""
    assert found == [f"n{number:02}@bot.example" for number in reversed(range(60))]


@pytest.mark.parametrize("role", list(TeamRole), ids=str)
def test_who_was_taken_out_of_a_team_has_no_link_back(quick_house: House, role: TeamRole) -> None:
    browser, other = member(quick_house), member(quick_house, role, name="other")
    email = "other@example-ai.example"
    with quick_house.database.write() as connection:
        link = invite(connection, MINE, email, TeamRole.OWNER, author=email, now_micros=now(quick_house))
    browser.post(f"/portal/{MINE}/team/remove", {"email": email})
    other.post(f"/portal/join/{link}/accept")
    assert other.get(f"/portal/{MINE}").status_code == 404


def test_prices_are_those_that_the_edge_would_ask_of_this_crawler(quick_house: House) -> None:
    browser = member(quick_house)
    page = browser.get(f"/portal/{MINE}/prices?path=/archive/2019/x").text
    found = re.findall(r'rowheader"><bdi>([\w.-]+)</bdi>', page)
    assert "harbour.example" in found
    assert "$0.0025" in page
    one = browser.get(f"/portal/{MINE}/prices?path=https://harbour.example/archive/x").text
    assert re.findall(r'rowheader"><bdi>([\w.-]+)</bdi>', one) == ["harbour.example"]
    assert browser.get(f"/portal/{MINE}/prices?path=https://elsewhere.example/x").status_code == 422


def test_a_months_charges_are_the_file_that_crawlers_reconcile_with(quick_house: House, tmp_path: Path) -> None:
    browser = member(quick_house)
    answer = browser.get(f"/portal/{MINE}/months/2026-10/files/charges")
    assert answer.headers["content-disposition"] == 'attachment; filename="farebox-2026-10-draft.charges.csv"'
    path = tmp_path / "charges.csv"
    path.write_bytes(answer.content)
    with quick_house.database.read() as connection:
        [total] = totals_of_entries(connection, Month(2026, 10), Part(crawler_id=MINE))
    assert sum(row.amount_micros for row in statement_rows(path)) == total.amount_micros


def test_no_file_of_the_portal_names_who_gave_something_back(quick_house: House) -> None:
    with quick_house.database.read() as connection:
        october = ChargeFilter(crawler_id=MINE, until_micros=Month(2026, 10).end_micros)
        paid = [one for one in list_charges(connection, october).charges if one.state is Phase.LIVE]
    refund(quick_house.database, paid[0].charge_id, reason="a stub", author="owner@harbour.example")
    browser, this = member(quick_house), Month.of(now_micros()).label
    quick_house.clock.now = max(quick_house.clock.now, now_micros() / 1_000_000)
    browser.sign_in("bot@example-ai.example")
    for name in ("charges", "summary", "jsonl", "csv"):
        content = browser.get(f"/portal/{MINE}/months/{this}/files/{name}").text
        assert "owner@harbour.example" not in content, name
    assert "a stub" in browser.get(f"/portal/{MINE}/months/{this}/files/charges").text
    archive = zipfile.ZipFile(io.BytesIO(browser.get(f"/portal/{MINE}/months/{this}/files/zip").content))
    assert not [name for name in archive.namelist() if b"owner@harbour.example" in archive.read(name)]


def test_a_crawlers_team_is_never_shown_a_publishers_sample(house: House) -> None:
    watched = RuleSet((), everything_else(Action.MONITOR, Money(5_000, "USD")))
    with house.database.write() as connection:
        sample = add_sample(connection, 1, watched, "USD", "owner@tide.example", now(house))
    browser = member(house)
    for path in ("charges", "prices?path=/articles/one", "budget", "token"):
        page = browser.get(f"/portal/{MINE}/{path}").text
        assert "harbour.example" in page
        assert sample.host not in page
    assert "sample.invalid" not in browser.get("/portal/register").text


def test_the_portal_names_what_its_commands_need(house: House) -> None:
    page = member(house).get(f"/portal/{MINE}/keys").text
    [command] = re.findall(r"farebox-crawl doctor [^\n<]+", page)
    assert re.findall(r"--[a-z]+", command) == ["--key", "--agent", "--edge"]


@pytest.mark.parametrize(
    ("keys", "said"), [(1, "none: its key was given by hand"), (2, "none: its keys were given by")]
)
def test_of_keys_from_files_nobody_is_told_to_wait_for_a_directory(quick_house: House, keys: int, said: str) -> None:
    path, waits = f"/portal/{MINE}/keys", "none yet: the directory is fetched"
    browser = member(quick_house)
    assert waits in browser.get(path).text
    with quick_house.database.write() as connection:
        for number in range(keys):
            given = {"crawler_id": MINE, "thumbprint": f"key-{number}", "jwk": "{}", "added_at_micros": 1}
            connection.execute(insert(crawler_key).values(given))
    page = browser.get(path).text
    assert said in page
    assert waits not in page


def test_a_page_that_is_not_in_the_portal_is_no_publishers(quick_house: House) -> None:
    browser = member(quick_house)
    for path in (f"/portal/{THEIRS}", f"/portal/{MINE}/charges/none", "/nowhere"):
        answer = browser.get(path)
        assert answer.status_code == 404
        assert "another publisher" not in answer.text
        assert "another crawler\u2019s team" in answer.text
    assert "another publisher" in quick_house.signed_in().get("/nowhere").text

"""The month so far."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from sqlalchemy import Connection

from edge.core.month import Month
from edge.store.crawlers import list_crawlers
from edge.store.directories import save_failure
from edge.store.earnings import Period, earned_by_currency
from edge.store.planned import Plan, carry_out, plan_publication
from edge.store.publisher_tokens import NewPublisherToken, Scope, add_publisher_token
from edge.store.publishers import add_publisher
from edge.store.rulesets import find_draft, publish_rules, save_draft
from edge.store.site_values import EdgeAddresses
from edge.store.sites import SiteOptions, add_site, remove_site
from edge.store.traffic import TrafficKey, flush_traffic
from publisher_dashboard.ranges import read_range
from publisher_dashboard.rendering import money, percent
from tests.dashboard.api_client import ApiClient, new_client
from tests.dashboard.conftest import House
from tests.support.newsroom import NOW, micros, sell_a_free_page


def test_the_figures_are_those_of_the_month_so_far(house: House) -> None:
    page = house.signed_in().get("/publishers/1").text
    month = Month(2026, 11)
    with house.database.read() as connection:
        earned = earned_by_currency(connection, 1, Period(month.start_micros, month.end_micros))["USD"]
    assert f"<dd>{money(earned.amount_micros, 'USD')}</dd>" in page
    assert f"<dd>{earned.pages - earned.reversed_pages}</dd>" in page
    assert "1 to 20 November 2026" in page
    days = re.findall(r'<td class="n pages">(\d+)</td>', page)
    assert len(days) == 20
    assert sum(map(int, days)) == earned.pages


def test_the_price_of_a_thousand_is_not_the_rounded_average_a_thousand_times(quick_house: House) -> None:
    month = Month(2026, 11)
    with quick_house.database.read() as connection:
        earned = earned_by_currency(connection, 1, Period(month.start_micros, month.end_micros))["USD"]
    kept = earned.pages - earned.reversed_pages
    assert earned.amount_micros % kept, "an average that is exact shows nothing"
    page = quick_house.signed_in().get("/publishers/1").text
    assert f"{money(1000 * earned.amount_micros // kept, 'USD')} per 1,000" in page


def test_a_free_page_among_the_latest_is_called_free(quick_house: House) -> None:
    sell_a_free_page(quick_house.database, quick_house.newsroom)
    page = quick_house.signed_in().get("/publishers/1").text
    latest = page.split('id="latest-title"')[1].split("</section>")[0]
    assert latest.count(">free</span>") == 1


def test_refused_is_only_who_was_turned_away_not_people_served_pages_or_failures(quick_house: House) -> None:
    page = quick_house.signed_in().get("/publishers/1").text
    refusals = page.split('id="refused-title"')[1].split("</section>")[0]
    assert "2,202 requests" in refusals
    assert re.findall(r'<td class="n">([0-9,]+)</td>', refusals) == ["1,204", "841", "96", "61"]
    failures = page.split('id="failed-title"')[1].split("</section>")[0]
    assert re.findall(r'<td class="n">([0-9,]+)</td>', failures) == ["12"]
    for word in ("visitor", "charged</", "collected", "free_path", "9,120", "signature_required"):
        assert word not in page


def test_a_crawlers_row_says_the_numbers_that_its_acceptance_is_made_of(quick_house: House) -> None:
    page = quick_house.signed_in().get("/publishers/1?range=30d").text
    cell = r'class="{} n"[^>]*>([0-9,.]+)'
    table = page.split('class="cards top-crawlers"')[1].split("</table>")[0]
    found = [[re.search(cell.format(name), row) for name in ("asked", "paid", "rate")] for row in table.split("<tr")]
    rows = [[one[1] for one in row if one] for row in found if all(row)]
    assert rows
    for asked, paid, rate in rows:
        part = 100 * int(paid.replace(",", "")) / int(asked.replace(",", ""))
        assert abs(part - float(rate)) <= 0.5, (asked, paid, rate)


def test_acceptance_is_what_paid_of_what_was_asked(quick_house: House) -> None:
    page = quick_house.signed_in().get("/publishers/1").text
    assert f"<dt>Acceptance</dt><dd>{percent(310 / (310 + 1204 + 841 + 96))}</dd>" in page
    assert f"of those that can pay {percent(310 / (310 + 96))}" in page


def test_a_day_is_parted_into_what_became_of_its_crawls_and_people_are_in_none(quick_house: House) -> None:
    page = quick_house.signed_in().get("/publishers/1").text
    table = page.split('aria-label="Crawls by outcome, as a table"')[1].split("</table>")[0]
    assert re.findall(r'<th scope="col"[^>]*>([^<]+)</th>', table) == [
        "Day", "Paid", "Free", "Watched", "Asked, not paid", "Refused", "Failed", "Pages in the books", "Earned",
    ]  # fmt: skip
    today = table.split("20 Nov</th>")[1]
    assert re.findall(r'<td class="n">([0-9,]+)</td>', today) == ["310", "487", "2,120", "2,141", "61", "12"]
    assert f"of {310 + 487 + 2120 + 2141 + 61 + 12:,} crawls" in page


@pytest.mark.parametrize(
    ("word", "said", "days"),
    [
        ("last-month", "1 to 31 October 2026", 31),
        ("7d", "14 November to 20 November 2026", 7),
        ("30d", "22 October to 20 November 2026", 30),
        ("90d", "23 August to 20 November 2026", 90),
        ("nonsense", "1 to 20 November 2026", 20),
    ],
)
def test_the_days_are_chosen_in_the_address(quick_house: House, word: str, said: str, days: int) -> None:
    page = quick_house.signed_in().get(f"/publishers/1?range={word}").text
    assert f"<p>{said}, UTC" in page
    assert len(re.findall(r'<td class="n pages">', page)) == days
    period = read_range(word, micros(NOW)).period
    with quick_house.database.read() as connection:
        earned = earned_by_currency(connection, 1, period)["USD"]
    assert f"<dd>{money(earned.amount_micros, 'USD')}</dd>" in page
    assert sum(map(int, re.findall(r'<td class="n pages">(-?\d+)</td>', page))) == earned.pages


def test_what_needs_somebody_is_said_with_the_way_to_it(quick_house: House) -> None:
    with quick_house.database.write() as connection:
        key = TrafficKey(micros(NOW), quick_house.newsroom.site.site_id, "GPTBot", "impostor", "Long reads", "visitor")
        flush_traffic(connection, {key: 900})
        save_failure(connection, list_crawlers(connection)[-1].agent_url, "it answered 500", 1)
        publish_draft(connection, quick_house)
    page = quick_house.signed_in().get("/publishers/1").text
    todo = re.sub(r"<[^>]+>", " ", page.split('id="todo-title"')[1].split("</section>")[0])
    for said in (
        "The draft of harbour.example has",
        "Rule 5 of harbour.example, “Opinion”, never matches",
        "43% of GPTBot on harbour.example are impostors",
        "The keys of",
        "October 2026 is not closed yet",
    ):
        assert said in todo
    for href in re.findall(r'<a class="btn small[^"]*" href="([^"#]+)', page.split('id="todo-title"')[1]):
        assert quick_house.signed_in().get(href.replace("&amp;", "&")).status_code == 200


def todo_of(page: str) -> str:
    return re.sub(r"<[^>]+>", " ", page.split('id="todo-title"')[1].split("</section>")[0])


def test_a_planned_publication_that_failed_needs_somebody_until_it_is_seen_to(quick_house: House) -> None:
    site_id, owner, due = quick_house.newsroom.site.site_id, quick_house.signed_in(), micros(NOW) + 60_000_000
    with quick_house.database.write() as connection:
        draft = find_draft(connection, site_id)
        assert draft is not None
        plan = Plan(site_id, draft.revision, 4, None, "editor@harbour.example", micros(NOW), due)
        plan_publication(connection, plan)
    assert "as planned" not in owner.get("/publishers/1").text
    with quick_house.database.write() as connection:
        save_draft(connection, site_id, replace(draft.rules, rules=()), draft.revision, "editor@harbour.example", 1)
    assert "The draft of harbour.example will not go live as planned" in todo_of(owner.get("/publishers/1").text)
    with quick_house.database.write() as connection:
        assert carry_out(connection, site_id, due) is None
    todo = todo_of(owner.get("/publishers/1").text)
    assert "The draft of harbour.example was not published as planned" in todo
    assert "20 Nov 2026, 14:03 UTC: the draft was changed after it was planned." in todo
    assert "The draft of harbour.example has" not in todo
    assert owner.post("/sites/harbour.example/plan/cancel").status_code == 303
    assert "as planned" not in owner.get("/publishers/1").text


def publish_draft(connection: Connection, house: House) -> None:
    """The newsroom's draft, which has a rule that never matches, goes live; another draft waits."""
    site_id = house.newsroom.site.site_id
    draft = find_draft(connection, site_id)
    assert draft is not None
    publish_rules(connection, site_id, draft.rules, 4, None, "editor@harbour.example", micros(NOW))
    left = find_draft(connection, site_id)
    fewer = replace(draft.rules, rules=draft.rules.rules[1:])
    save_draft(connection, site_id, fewer, left.revision if left else None, "editor@harbour.example", 1)


def test_watching_shows_who_would_have_been_asked_and_for_how_much(quick_house: House) -> None:
    page = quick_house.signed_in().get("/publishers/1").text
    card = page.split('id="watched-title"')[1].split("</section>")[0]
    assert "2,120 requests, would have earned <b>$10.60</b>" in card
    assert re.search(
        r"GPTBot<small>kitchen.harbour.example</small></th><td[^>]*>Everything else</td>.*1,880.*\$9.40", card
    )
    assert "Bots without a name" in card


def test_watching_is_shown_before_anybody_has_paid(quick_house: House) -> None:
    with quick_house.database.write() as connection:
        assert add_publisher(connection, "New", "n@x.example", 1).publisher_id == 3
        connection.exec_driver_sql("UPDATE membership SET publisher_id = 3 WHERE role = 'owner' AND publisher_id = 1")
        connection.exec_driver_sql("UPDATE site SET publisher_id = 3 WHERE host = 'kitchen.harbour.example'")
    page = quick_house.signed_in().get("/publishers/3").text
    assert "No crawler has paid yet" in page
    assert "would have earned <b>$10.60</b>" in page
    assert "nobody was asked to pay" in page


def test_a_publisher_without_charges_is_told_what_to_do_next(quick_house: House) -> None:
    with quick_house.database.write() as connection:
        assert add_publisher(connection, "New", "n@x.example", 1).publisher_id == 3
        connection.exec_driver_sql("UPDATE membership SET publisher_id = 3 WHERE role = 'owner' AND publisher_id = 1")
        connection.exec_driver_sql("UPDATE site SET publisher_id = 3 WHERE host = 'kitchen.harbour.example'")
    owner = quick_house.signed_in()
    page = owner.get("/publishers/3").text
    assert "No crawler has paid yet" in page
    assert "/sites/kitchen.harbour.example/rules" in page
    assert "$0.00" in page
    assert "No charges yet" in owner.get("/publishers/3/charges").text


def test_sites_are_listed_with_what_is_live(quick_house: House) -> None:
    page = quick_house.signed_in().get("/publishers/1/sites").text
    assert "version 4 live" in page
    assert "version 1 live" in page
    assert page.count(">draft<") == 1


def test_with_several_sites_rules_and_tests_begin_with_a_choice_of_site(quick_house: House) -> None:
    owner = quick_house.signed_in()
    page = owner.get("/publishers/1").text
    for word, title in (("rules", "Pricing rules of which site?"), ("test", "Test a URL of which site?")):
        assert f'href="/publishers/1/sites?for={word}"' in page
        chooser = owner.get(f"/publishers/1/sites?for={word}").text
        assert title in chooser
        assert f'<h2><a href="/sites/kitchen.harbour.example/{word}">' in chooser


def test_crawls_count_with_the_money_of_their_site(quick_house: House) -> None:
    options = SiteOptions(origin="http://127.0.0.1:8000", currency="JPY")
    with quick_house.database.write() as connection:
        yen = add_site(connection, "tokyo.harbour.example", 1, options, EdgeAddresses(), micros(NOW))
        came = {("charged", "signed"): 3, ("payment_required", "claimed"): 1}
        keys = {
            TrafficKey(micros(NOW), yen.site_id, "YenBot", rung, "all", outcome): requests
            for (outcome, rung), requests in came.items()
        }
        flush_traffic(connection, keys)
    owner = quick_house.signed_in()
    dollars, yens = owner.get("/publishers/1").text, owner.get("/publishers/1?currency=JPY").text
    assert f"<dt>Acceptance</dt><dd>{percent(310 / (310 + 1204 + 841 + 96))}</dd>" in dollars
    assert "at sites with prices in USD" in dollars
    assert "YenBot" not in dollars
    assert "of 4 crawls at sites with prices in JPY" in yens
    assert "<dt>Acceptance</dt><dd>75%</dd>" in yens
    assert "<dd>¥0</dd>" in yens
    assert "GPTBot" not in yens.split('id="days-title"')[1].split('id="todo-title"')[0]
    assert "ExampleBot" not in yens.split('class="cards top-crawlers"')[1].split("</table>")[0]


@pytest.mark.parametrize("currency", ["EUR", "nonsense", ""])
def test_a_currency_that_there_is_none_of_shows_the_one_there_is(quick_house: House, currency: str) -> None:
    page = quick_house.signed_in().get(f"/publishers/1?currency={currency}").text
    with quick_house.database.read() as connection:
        month = Month(2026, 11)
        earned = earned_by_currency(connection, 1, Period(month.start_micros, month.end_micros))
    assert list(earned) == ["USD"]
    assert f"<dd>{money(earned['USD'].amount_micros, 'USD')}</dd>" in page


def test_crawls_of_a_paused_site_stay_beside_the_money_that_it_earned(quick_house: House) -> None:
    owner, api = quick_house.signed_in(), new_client(quick_house, Scope.READ)
    before, told = owner.get("/publishers/1").text, api.get("/api/v1/overview").json()
    with quick_house.database.write() as connection:
        remove_site(connection, "harbour.example", micros(NOW))
    page = owner.get("/publishers/1").text
    for part in ('<dl class="figs">(.*?)</dl>', 'aria-label="Crawls by outcome, as a table"(.*?)</table>'):
        assert re.findall(part, page, re.S) == re.findall(part, before, re.S)
    after = api.get("/api/v1/overview").json()
    assert {name: after[name] for name in after if name != "attention"} == {
        name: told[name] for name in told if name != "attention"
    }


def test_what_was_earned_is_shown_when_every_site_is_paused(quick_house: House) -> None:
    with quick_house.database.write() as connection:
        for host in ("harbour.example", "kitchen.harbour.example"):
            remove_site(connection, host, micros(NOW))
    page = quick_house.signed_in().get("/publishers/1").text
    assert "<dt>Earned this month</dt>" in page
    assert "Every site is paused" in page
    assert "No site yet" not in page
    assert "Add a site" not in page


def test_a_sample_is_in_no_number_beside_those_of_real_sites(quick_house: House) -> None:
    owner, api = quick_house.signed_in(), new_client(quick_house, Scope.READ)
    before, told = owner.get("/publishers/1").text, api.get("/api/v1/overview").json()
    assert owner.post("/publishers/1/sample").status_code == 303
    page = owner.get("/publishers/1").text
    for part in ('<dl class="figs">(.*?)</dl>', 'id="watched-title"(.*?)</section>', 'as a table"(.*?)</table>'):
        assert re.findall(part, page, re.S) == re.findall(part, before, re.S) != []
    assert api.get("/api/v1/overview").json() == told
    assert "Your sample site is in no number of this page." in page


def test_a_sample_alone_is_looked_at_but_never_told_to_a_program(quick_house: House) -> None:
    with quick_house.database.write() as connection:
        add_publisher(connection, "New", "n@x.example", micros(NOW))
        connection.exec_driver_sql("UPDATE membership SET publisher_id = 3 WHERE role = 'owner' AND publisher_id = 1")
    owner = quick_house.signed_in()
    assert owner.post("/publishers/3/sample").status_code == 303
    page = owner.get("/publishers/3").text
    assert 'id="watched-title"' in page
    assert "The traffic here is your sample site’s alone" in page
    with quick_house.database.write() as connection:
        _, token = add_publisher_token(
            connection, 3, NewPublisherToken("t", (Scope.READ,)), author="o@x.example", now_micros=micros(NOW)
        )
    told = ApiClient(quick_house.new_browser().client, token).get("/api/v1/overview").json()
    assert (told["crawls"], told["watched_would_earn"]) == (0, [])

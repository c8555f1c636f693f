"""The list of single requests, its filters, its file, one request, and following it live."""

from __future__ import annotations

import csv
import io
import random
import re
from dataclasses import dataclass, replace
from urllib.parse import urlencode

import pytest
from starlette.testclient import TestClient

from edge.core.catalogue import Catalogue
from edge.core.outcomes import GROUP_OF, OutcomeGroup
from edge.store.activity import Activity, ActivityFilter, UserAgents, newest_of_site, write_activity
from publisher_dashboard.app import create_app
from publisher_dashboard.outcome_words import GROUP_WORDS, ended
from publisher_dashboard.tails import Tails
from tests.dashboard.conftest import ORIGIN, Browser, House
from tests.support.newsroom import CANARY, NOW, micros, quick_passwords

PATH = "/sites/harbour.example/activity"
DAY_MICROS = 86_400_000_000


def rows_of(house: House) -> list[Activity]:
    with house.database.read() as connection:
        return newest_of_site(connection, house.newsroom.site.site_id, ActivityFilter(), 10_000)


def add(house: House, *rows: Activity) -> None:
    with house.database.write() as connection:
        write_activity(connection, UserAgents(), rows, micros(NOW))


def shown_count(page: str) -> int:
    found = re.search(r'id="activity-sum"[^>]*><span><b>([0-9,]+)</b>', page)
    assert found is not None
    return int(found[1].replace(",", ""))


def file_of(browser: Browser, query: str) -> list[dict[str, str]]:
    answer = browser.get(f"{PATH}.csv?{query}")
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_the_list_says_who_asked_for_what_and_why_it_ended_so(quick_house: House) -> None:
    page = quick_house.signed_in("viewer@harbour.example").get(PATH).text
    assert "“Long reads” asks $0.005: it did not sign" in page
    assert "“Long reads” asks $0.005, offered at most USD 0.002: it offered less" in page
    assert "“Members”: a rule blocks it" in page
    assert "/archive/2019/the-long-winter" in page
    assert CANARY not in page.casefold()


def test_the_number_on_the_screen_is_the_sum_of_the_file_for_any_filter(house: House) -> None:
    chance = random.Random(11)
    kept = rows_of(house)
    more = []
    for number in range(250):
        one = chance.choice(kept)
        at_micros = micros(NOW) - chance.randrange(6 * DAY_MICROS)
        outcome = chance.choice(sorted(GROUP_OF))
        more.append(
            replace(one, at_micros=at_micros, number=10**6 + number, outcome=outcome, requests=chance.choice((1, 9)))
        )
    add(house, *more)
    browser = house.signed_in()
    for _ in range(25):
        fields = {
            "crawler": ("ExampleBot", "(no name)", "nobody"),
            "kind": ("training", "search"),
            "proof": ("signed", "claimed"),
            "rule": ("Long reads", "everything else"),
            "outcome": (*(group.value for group in OutcomeGroup), "charged", "payment_required"),
            "status": ("200", "402"),
            "path": ("/articles/", "/archive/20", "/Articles"),
            "from": ("2026-11-17", "2026-11-20"),
            "to": ("2026-11-19", "2026-11-20"),
        }
        query = urlencode({name: chance.choice(some) for name, some in fields.items() if chance.random() < 0.3})
        page = browser.get(f"{PATH}?{query}")
        if page.status_code == 422:
            continue  # the last day is before the first
        assert shown_count(page.text) == sum(int(row["requests"]) for row in file_of(browser, query)), query


def test_a_filter_stands_in_the_form_the_file_and_the_next_page(quick_house: House) -> None:
    add(quick_house, *(replace(rows_of(quick_house)[0], number=10**6 + number) for number in range(60)))
    browser = quick_house.signed_in()
    query = "outcome=asked&path=%2Farticles%2F"
    page = browser.get(f"{PATH}?{query}").text
    assert '<option value="asked" selected>' in page
    assert 'value="/articles/"' in page
    assert f'href="{PATH}.csv?outcome=asked&amp;path=%2Farticles%2F"' in page
    following = re.search(r'href="([^"]*)" rel="next"', page)
    assert following is not None
    older = browser.get(following[1].replace("&amp;", "&")).text
    assert '<option value="asked" selected>' in older
    places = re.compile(r'data-place="([^"]+)"')
    assert set(places.findall(page)) & set(places.findall(older)) == set()
    assert "To the newest" in older


def test_a_sample_says_that_it_is_one(quick_house: House) -> None:
    page = quick_house.signed_in().get(PATH).text
    rows = rows_of(quick_house)
    assert shown_count(page) == sum(row.requests for row in rows)
    assert f"in {len(rows)} rows that were kept" in page
    assert "kept: a sample" not in quick_house.signed_in().get(f"{PATH}?crawler=CCBot&status=599").text


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("status=4x2", "a status such as 402"),
        ("status=0402999999999999999999999", "a status such as 402"),
        ("from=never", "a day like"),
    ],
)
def test_a_filter_that_makes_no_sense_lists_nothing_and_says_where(quick_house: House, query: str, said: str) -> None:
    browser = quick_house.signed_in()
    answer = browser.get(f"{PATH}?{query}")
    assert answer.status_code == 422
    assert said in answer.text
    assert "data-place" not in answer.text
    assert browser.get(f"{PATH}.csv?{query}").status_code == 422


def test_nothing_that_a_crawler_wrote_is_a_formula_in_the_file(quick_house: House) -> None:
    one = rows_of(quick_house)[0]
    add(quick_house, replace(one, number=9, user_agent="=1+1", offer="@x", method="-GET", target="/", crawler="+Bot"))
    [row] = file_of(quick_house.signed_in(), "crawler=%2BBot")
    assert all(value[:1] not in "=+-@" for value in row.values())


def test_one_request_is_told_with_the_rules_of_its_time(quick_house: House) -> None:
    browser = quick_house.signed_in()
    page = browser.get(f"{PATH}/{micros(NOW)}-1").text
    assert "Asked to pay: <bdi>GPTBot</bdi>" in page
    assert "The price is $0.005." in page
    assert '<a class="small" href="/sites/harbour.example/history/4">Version 4</a>' in page
    assert "<b>Partners</b><small>" in page
    assert "<b>Long reads</b> decides" in page
    assert "/test?url=https%3A%2F%2Fharbour.example%2Farticles%2Fthe-harbour-wakes&amp;agent=GPTBot%2F1.3" in page


def test_an_old_request_is_judged_by_the_rules_that_were_in_force_then(quick_house: House) -> None:
    old = replace(rows_of(quick_house)[0], at_micros=micros(NOW) - 66 * DAY_MICROS, number=4, target="/members/x")
    add(quick_house, old)
    page = quick_house.signed_in().get(f"{PATH}/{old.at_micros}-4").text
    assert ">Version 1</a>" in page
    assert "Everything else</b> decides" in page


@pytest.mark.parametrize("place", ["1-1", "x", "99999999999999999999-1", "1-9999999999999999999"])
def test_a_request_that_is_not_there_is_not_found(quick_house: House, place: str) -> None:
    assert quick_house.signed_in().get(f"{PATH}/{place}").status_code == 404


def test_a_rule_is_made_from_a_request(quick_house: House) -> None:
    browser = quick_house.signed_in("editor@harbour.example")
    page = browser.get(f"{PATH}/{micros(NOW)}-1").text
    link = re.search(r'href="(/sites/harbour.example/rules/new\?[^"]*)"', page)
    assert link is not None
    form = browser.get(link[1].replace("&amp;", "&")).text
    assert 'name="crawler" type="text" value="GPTBot"' in form
    assert 'name="address" type="text" value="/articles/"' in form
    assert 'name="before" value="Long reads"' in form
    assert "Make a rule" not in quick_house.signed_in("viewer@harbour.example").get(f"{PATH}/{micros(NOW)}-1").text


def test_a_rule_made_from_a_request_stands_above_the_one_that_decided_it(quick_house: House) -> None:
    browser = quick_house.signed_in("editor@harbour.example")
    rule = {"name": "Mine", "crawler": "GPTBot", "where": "starts", "address": "/articles/", "action": "charge"}
    form = {**rule, "price": "0.01", "before": "Long reads", "edition": browser.edition()}
    browser.post("/sites/harbour.example/rules/new", form)
    page = browser.get("/sites/harbour.example/rules").text
    assert page.index(">Mine</a>") < page.index(">Long reads</a>")
    assert "never matches" not in page[page.index(">Mine</a>") : page.index(">Long reads</a>")]


def test_every_outcome_is_said_in_words() -> None:
    for outcome in GROUP_OF:
        assert "_" not in ended(outcome)
        assert ended(outcome)[0].islower()
    assert set(GROUP_WORDS) == set(OutcomeGroup)


def test_following_live_sends_rows_that_fit_as_the_list_draws_them(house: House) -> None:
    browser = house.signed_in("viewer@harbour.example")
    answer = browser.get(f"{PATH}/live?crawler=GPTBot")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    assert re.findall(r"^id: (.*)$", answer.text, re.MULTILINE) == [f"{micros(NOW)}-1"]
    row = re.search(r'<tr role="row" data-place="[^"]*-1">.*?</tr>', browser.get(PATH).text)
    assert row is not None
    assert f"data: {row[0]}" in answer.text
    assert "id:" not in browser.get(f"{PATH}/live?crawler=Googlebot").text


def test_whoever_comes_back_gets_what_came_meanwhile(quick_house: House) -> None:
    browser = quick_house.signed_in()
    quick_house.clock.pass_minutes(1 / 6)
    late = replace(rows_of(quick_house)[0], at_micros=micros(NOW) + 5_000_000, number=77)
    add(quick_house, late)
    quick_house.clock.pass_minutes(1 / 6)
    again = browser.get(f"{PATH}/live", headers={"last-event-id": f"{micros(NOW)}-1"}).text
    assert f"id: {late.at_micros}-77" in again


@dataclass(slots=True)
class HurryingClock:
    """A day passes whenever somebody looks, once it is let go."""

    now: float
    is_let_go: bool = False

    def __call__(self) -> float:
        self.now += 86_400 * self.is_let_go
        return self.now


def test_a_stream_ends_with_its_session(quick_house: House, catalogue: Catalogue) -> None:
    browser = quick_house.signed_in()
    clock, passwords = HurryingClock(quick_house.clock()), quick_passwords()
    tails = Tails(life_seconds=600, look_seconds=0.01)
    app = create_app(quick_house.database, catalogue.classify, clock=clock, passwords=passwords, tails=tails)
    client = TestClient(app, base_url=ORIGIN, cookies=browser.client.cookies)
    clock.is_let_go = True
    clock.now -= 86_400
    text = client.get(f"{PATH}/live").text
    passwords.close()
    assert text.endswith("event: over\ndata: \n\n")
    assert tails.in_use == 0


def test_a_stream_for_which_there_is_no_place_says_so(quick_house: House, catalogue: Catalogue) -> None:
    browser, passwords = quick_house.signed_in(), quick_passwords()
    app = create_app(
        quick_house.database, catalogue.classify, clock=quick_house.clock, passwords=passwords, tails=Tails(0)
    )
    client = TestClient(app, base_url=ORIGIN, cookies=browser.client.cookies)
    assert "event: full" in client.get(f"{PATH}/live").text
    passwords.close()


def test_so_many_are_followed_at_once_and_no_more() -> None:
    tails = Tails(in_all_max=3, per_person_max=2)
    with tails.place(1) as first, tails.place(1) as second:
        assert (first, second) == (True, True)
        with tails.place(1) as third, tails.place(2) as other, tails.place(3) as last:
            assert (third, other, last) == (False, True, False)
        assert tails.in_use == 2
    assert tails.in_use == 0

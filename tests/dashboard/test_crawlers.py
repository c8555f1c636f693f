"""The list of crawlers, one of them, and deciding what it gets."""

from __future__ import annotations

import re

import pytest

from edge.core.rules import Action
from edge.store.activity import Activity, UserAgents, write_activity
from edge.store.address_feeds import save_feed_failure, save_ranges
from edge.store.robots import RobotsJudge, note_robots
from edge.store.rulesets import find_draft
from edge.store.traffic import DAY_MICROS, Span, TrafficKey, flush_traffic, start_of
from publisher_dashboard.rendering import percent
from publisher_dashboard.spark import draw_counts, spark_points
from publisher_dashboard.views.crawlers import DAYS, list_lines, period_of, tell_crawler
from tests.dashboard.conftest import Browser, House, hidden_in
from tests.dashboard.test_activity import rows_of
from tests.support.newsroom import CANARY, NOW, micros

LIST = "/sites/harbour.example/crawlers"


def count(house: House, crawler: str, rung: str, outcome: str, requests: int, days_ago: int = 0) -> None:
    start = start_of(Span.DAY, micros(NOW)) - days_ago * DAY_MICROS
    with house.database.write() as connection:
        key = TrafficKey(start, house.newsroom.site.site_id, crawler, rung, "everything else", outcome)
        flush_traffic(connection, {key: requests})


def names(page: str) -> list[str]:
    return re.findall(r'<a class="plain" href="[^"]*/crawlers/one\?[^"]*"><bdi>([^<]*)</bdi>', page)


def one(browser: Browser, name: str) -> str:
    answer = browser.get(f"{LIST}/one?name={name}")
    assert answer.status_code == 200, answer.text
    return answer.text


def test_everyone_who_came_is_listed_and_people_are_not(house: House) -> None:
    page = house.signed_in("viewer@harbour.example").get(LIST).text
    assert names(page)[:3] == ["GPTBot", "Bytespider", "Googlebot"]
    assert {"CCBot", "ExampleBot", "Deep Archive"} <= set(names(page))
    assert "9,120" not in page
    assert CANARY not in page.casefold()
    assert "OpenAI · Training" in page


def test_the_figures_of_a_crawler_are_those_of_the_traffic_and_the_ledger(house: House) -> None:
    with house.database.read() as connection:
        lines = {one.name: one for one in list_lines(connection, house.newsroom.site, micros(NOW), lambda _: None)}
    example = lines["ExampleBot"]
    assert (example.requests, example.sold, example.asked, example.turned_away) == (425, 310, 406, 96)
    assert example.acceptance == 310 / 406
    assert example.earned.amount_micros > 0
    assert lines["GPTBot"].acceptance == 0
    assert lines["Googlebot"].acceptance is None


def test_days_are_whole_days_and_older_ones_are_left_out(house: House) -> None:
    count(house, "GPTBot", "claimed", "allowed", 5, DAYS - 1)
    count(house, "GPTBot", "impostor", "allowed", 7, DAYS)
    with house.database.read() as connection:
        story = tell_crawler(connection, house.newsroom.site, "GPTBot", micros(NOW), lambda _: None)
    assert story is not None
    assert story.line.days[0] == 5
    assert story.line.days[-1] == 1204
    assert story.line.impostors == 0
    assert period_of(micros(NOW)).since_micros == story.starts[0]


def test_impostors_are_told_and_are_nobodys_best_proof(quick_house: House) -> None:
    count(quick_house, "Googlebot", "impostor", "crawler_blocked", 30)
    count(quick_house, "Googlebot", "address", "allowed", 3)
    page = quick_house.signed_in().get(LIST).text
    assert "30 by impostors" in page
    assert "From its published addresses" in page


@pytest.mark.parametrize(
    ("query", "first"),
    [("sort=name", "AnswerBot"), ("q=openai", "GPTBot"), ("kind=search", "Googlebot"), ("sort=paid", "ExampleBot")],
)
def test_the_list_is_narrowed_and_sorted_by_its_address(quick_house: House, query: str, first: str) -> None:
    page = quick_house.signed_in().get(f"{LIST}?{query}").text
    assert names(page)[0] == first
    assert "No crawler fits" in quick_house.signed_in().get(f"{LIST}?q=nobody").text


def test_one_crawler_is_told_with_its_pages_reasons_and_proof(quick_house: House) -> None:
    page = one(quick_house.signed_in(), "ExampleBot")
    assert "It offered less" in page
    assert "https://bot.example-ai.example" in page
    assert "/charges?crawler=ExampleBot&amp;site=harbour.example" in page
    assert 'class="path" href="/sites/harbour.example/activity?crawler=ExampleBot&amp;path=' in page
    assert "Signed" in page


def test_what_goes_against_robots_txt_is_told(quick_house: House) -> None:
    browser, site_id = quick_house.signed_in(), quick_house.newsroom.site.site_id
    assert "has not read your robots.txt yet" in one(browser, "ExampleBot")
    with quick_house.database.write() as connection:
        note_robots(connection, site_id, "User-agent: ExampleBot\nDisallow: /recipes/\n", 1)
        RobotsJudge().add(connection, rows_of(quick_house))
    assert "that your robots.txt did not allow it when it came" in one(browser, "ExampleBot")
    assert "asked for pages that your robots.txt allowed it when it came" in one(browser, "GPTBot")
    assert "against robots.txt" in browser.get(LIST).text


def test_a_crawler_that_never_came_is_not_found(quick_house: House) -> None:
    browser = quick_house.signed_in()
    assert browser.get(f"{LIST}/one?name=Nobody").status_code == 404
    assert browser.get(f"{LIST}/one").status_code == 404
    assert browser.get(f"{LIST}/one?name=(no+name)").status_code == 404


def decide(browser: Browser, name: str, **fields: str) -> tuple[int, str]:
    page = one(browser, name)
    form = {"name": name, "edition": hidden_in(page, "edition"), "crawler": "inherit", "kind": "inherit"} | fields
    answer = browser.post(f"{LIST}/one", form)
    return answer.status_code, answer.headers.get("location", answer.text)


def test_what_is_chosen_goes_into_the_draft_on_top(house: House) -> None:
    browser = house.signed_in("editor@harbour.example")
    status, where = decide(browser, "GPTBot", crawler="charge", crawler_price="0.02", kind="block")
    assert (status, where) == (303, f"{LIST}/one?name=GPTBot&said=chosen")
    with house.database.read() as connection:
        draft = find_draft(connection, house.newsroom.site.site_id)
    assert draft is not None
    top = draft.rules.rules[:2]
    assert [(rule.name, rule.action) for rule in top] == [("GPTBot", Action.CHARGE), ("Training", Action.BLOCK)]
    page = one(browser, "GPTBot")
    assert '<option value="charge" selected>' in page
    assert 'value="0.02"' in page
    assert '<span class="act charge">Charge</span>' in browser.get(f"{LIST}?q=GPTBot").text
    assert decide(browser, "GPTBot")[0] == 303
    with house.database.read() as connection:
        again = find_draft(connection, house.newsroom.site.site_id)
    assert again is not None
    assert "GPTBot" not in {rule.name for rule in again.rules.rules}


def test_a_price_that_is_missing_or_wrong_is_said_beside_it_and_nothing_is_saved(quick_house: House) -> None:
    browser = quick_house.signed_in("editor@harbour.example")
    for typed, said in (("", "Write a price per page"), ("abc", "is not an amount"), ("0", "choose Allow")):
        status, page = decide(browser, "GPTBot", crawler="charge", crawler_price=typed)
        assert status == 422
        assert said in page
    assert decide(browser, "GPTBot", crawler="fly")[0] == 422


def test_of_two_who_decide_at_once_the_second_is_told(quick_house: House) -> None:
    first, second = (quick_house.signed_in(f"{role}@harbour.example") for role in ("editor", "owner"))
    edition = hidden_in(one(second, "GPTBot"), "edition")
    assert decide(first, "GPTBot", crawler="block")[0] == 303
    form = {"name": "GPTBot", "edition": edition, "crawler": "allow", "kind": "inherit"}
    assert second.post(f"{LIST}/one", form).status_code == 409


def test_a_viewer_sees_no_form(quick_house: House) -> None:
    assert 'action="/sites/harbour.example/crawlers/one"' not in one(
        quick_house.signed_in("viewer@harbour.example"), "GPTBot"
    )


def test_a_chart_stays_in_its_frame() -> None:
    chart = draw_counts([(0, 0), (DAY_MICROS, 7), (2 * DAY_MICROS, 1204)])
    assert all(bar.x + bar.width <= chart.width and bar.y >= 0 for bar in chart.bars)
    assert chart.best is not None
    assert chart.best.count == 1204
    assert draw_counts([(0, 0)]).best is None
    assert spark_points((0, 3, 0)) == "0.0,20.0 42.0,2.0 84.0,20.0"


@pytest.mark.parametrize(("part", "said"), [(0, "0%"), (0.001, "<1%"), (0.999, "99%"), (1, "100%"), (0.125, "12%")])
def test_a_part_is_never_rounded_to_none_or_all(part: float, said: str) -> None:
    assert percent(part) == said


def came_from(house: House, *addresses: str) -> None:
    """Requests of GPTBot whose name was borne out by these addresses, as they are kept."""
    rows = [
        Activity(
            house.newsroom.site.site_id, micros(NOW), 900 + number, "GPTBot", "address", "training", "Long reads",
            "payment_required", 5_000, None, "GET", "/a", 402, "", address, 1,
        )
        for number, address in enumerate(addresses)
    ]  # fmt: skip
    with house.database.write() as connection:
        write_activity(connection, UserAgents(), rows, micros(NOW))


def test_the_evidence_says_which_list_how_old_and_which_range_matched(quick_house: House) -> None:
    url, owner = "https://openai.com/gptbot.json", quick_house.signed_in()
    came_from(quick_house, "20.171.206.0/24", "20.171.206.0/24", "198.51.100.0/24", "198.51.100.77", "d41d8cd98f00b204")
    page = one(owner, "GPTBot").split('id="lists-title"')[1].split("</section>")[0]
    told = re.sub("<[^>]+>", "", page)
    assert url in told
    assert "never read; the copy that came with farebox is of 2026-06-27" in told
    assert re.findall(r'class="path">([^<]*)</th><td class="path">([^<]*)<', page) == [
        ("20.171.206.0/24", "20.171.206.0/23")
    ]
    assert "Of 3 requests the range cannot be told" in told
    with quick_house.database.write() as connection:
        save_ranges(connection, url, ("198.51.100.64/26",), micros(NOW) - 3 * 3_600_000_000)
        save_feed_failure(connection, url, "it answered 500", micros(NOW))
    page = one(owner, "GPTBot").split('id="lists-title"')[1].split("</section>")[0]
    assert "read 3 hours ago" in page
    assert "it answered 500" in page
    # Of a network that is only in part on the list the part is named; an address lies in it for certain.
    assert set(re.findall(r'class="path">([^<]*)</th><td class="path">([^<]*)<', page)) == {
        ("198.51.100.0/24", "198.51.100.64/26"),
        ("198.51.100.77", "198.51.100.64/26"),
    }
    with quick_house.database.write() as connection:
        save_ranges(connection, url, ("198.51.100.64/26",), micros(NOW) - 8 * DAY_MICROS)
    assert "read 8 days ago; too old to call anybody an impostor" in one(owner, "GPTBot")


def test_of_a_crawler_without_a_list_it_is_said_that_its_address_proves_nothing(quick_house: House) -> None:
    assert "farebox knows no list of its addresses" in one(quick_house.signed_in(), "ExampleBot")

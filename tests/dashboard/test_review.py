"""The review shows what the draft would have done to recorded traffic, and publishes it now or at a time."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from edge.core.backtest_result import Backtest, Span, Sums
from edge.core.catalogue import Catalogue
from edge.proxy.publication_rounds import PublicationRounds
from edge.store.activity import Activity, UserAgents, write_activity
from edge.store.crawlers import list_crawlers
from edge.store.planned import find_plan
from edge.store.rulesets import live_version
from edge.store.tables import activity
from publisher_dashboard.backtest_jobs import FRESH_MICROS, KEPT, BacktestJobs, Job, Question
from publisher_dashboard.books_work import in_a_thread
from publisher_dashboard.changes import NOTHING_PUBLISHED
from tests.dashboard.conftest import Browser, House, hidden_in, open_house
from tests.support.newsroom import Newsroom

SITE = "/sites/harbour.example"
DAY = 86_400_000_000


def came(house: House, number: int, crawler: str = "GPTBot", days_ago: float = 1.0, **parts: object) -> Activity:
    plain = Activity(
        house.newsroom.site.site_id, int(house.clock() * 1_000_000 - days_ago * DAY), number, crawler, "claimed",
        "training", "Long reads", "payment_required", 5_000, None, "GET", f"/articles/{number}", 402, "", "", 1,
    )  # fmt: skip
    return replace(plain, **parts)  # type: ignore[arg-type]


def signed(house: House, number: int, offer: str | None, **parts: object) -> Activity:
    with house.database.read() as connection:
        agent = next(one.agent_url for one in list_crawlers(connection) if one.name == "ExampleBot")
    told = {"rung": "signed", "operator": "Example AI", "agent": agent, "offer": offer, "outcome": "charged"}
    return came(house, number, "ExampleBot", **{**told, "status": 200, **parts})  # type: ignore[arg-type]


def record(house: House, *rows: Activity) -> None:
    with house.database.write() as connection:
        connection.execute(activity.delete())
        write_activity(connection, UserAgents(), rows, int(house.clock() * 1_000_000))


@pytest.fixture
def editor(house: House) -> Browser:
    return house.signed_in("editor@harbour.example")


def words(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_the_three_sums_are_told_apart_and_held_against_the_live_version(house: House, editor: Browser) -> None:
    record(
        house, signed(house, 1, "max USD 0.01"), signed(house, 2, "max USD 0.006"), signed(house, 3, None),
        came(house, 4), came(house, 5), came(house, 6, days_ago=9),
    )  # fmt: skip
    said = words(editor.get(f"{SITE}/review").text)
    assert "5 requests of crawlers in the last 7 days" in said
    assert "live version: $0.01 , difference -$0.002" in said
    assert "Crawlers that offered enough $0.008 they paid, or would have at this price 1 request; live $0.01" in said
    assert "2 requests; live $0.005" in said, "one offered too little, one nothing"
    assert "Not able to pay today $0.016" in said
    assert "5 of 5 requests" in said
    assert "$0.005 402, too dear $0.008 1 -$0.005" in said
    assert "6 requests of crawlers in the last 30 days" in words(editor.get(f"{SITE}/review?days=30").text)


def test_each_change_says_what_it_is_worth(house: House, editor: Browser) -> None:
    record(house, signed(house, 1, "max USD 0.01"))
    said = words(editor.get(f"{SITE}/review").text)
    assert "Long reads price: was $0.005 → $0.008 +$0.003 $0.008 a page" in said


def test_every_sample_opens_test_a_url(house: House, editor: Browser) -> None:
    record(house, signed(house, 1, "max USD 0.006"), came(house, 2))
    page = editor.get(f"{SITE}/review").text
    links = re.findall(rf'href="({SITE}/test\?[^"]+)"', page)
    assert len(links) == 2
    pages = [editor.get(link.replace("&amp;", "&")) for link in links]
    assert [one.status_code for one in pages] == [200, 200]
    assert any("max_price_too_low" in one.text or "too low" in one.text.lower() for one in pages)


def test_shutting_a_search_engine_out_is_warned_of(house: House, editor: Browser) -> None:
    editor.post(f"{SITE}/rules/switch", {"edition": editor.edition(), "rule": "Search engines", "enabled": "off"})
    google: dict[str, Any] = {
        "rung": "address",
        "kind": "search",
        "outcome": "allowed",
        "status": 200,
        "price_micros": None,
    }
    record(house, came(house, 1, "Googlebot", target="/x", **google), came(house, 2, requests=9))
    said = words(editor.get(f"{SITE}/review").text)
    assert "1 request of search engines would not be let in any more: Googlebot." in said
    assert "Estimated from a sample: about 1 of 5 requests was recorded" in said


def test_without_traffic_the_page_says_what_would_be_there(house: House, editor: Browser) -> None:
    record(house)
    page = editor.get(f"{SITE}/review").text
    assert "No crawler came in the last 7 days" in page
    assert "Publish now" in page


def test_what_was_typed_is_kept_and_a_wrong_span_is_the_usual_one(house: House, editor: Browser) -> None:
    record(house, came(house, 1))
    for days in ("x", "0", "7000", "0010000000", "07", "7" + "0" * 5_000, ""):
        assert "in the last 7 days" in editor.get(f"{SITE}/review?days={days}").text


# At a time


def plan(browser: Browser, at: str, **changed: str) -> str:
    page = browser.get(f"{SITE}/review").text
    form = {"edition": hidden_in(page, "edition"), "live": hidden_in(page, "live"), "note": "at night", "when": "later"}
    answer = browser.post(f"{SITE}/publish", {**form, "at": at, **changed})
    return answer.text if answer.status_code != 303 else browser.get(answer.headers["location"]).text


def look(house: House) -> int:
    def report(what: str, error: BaseException) -> None:
        raise error

    return PublicationRounds(house.database, lambda: int(house.clock() * 1_000_000), report).look()


def live(house: House) -> int:
    with house.database.read() as connection:
        found = live_version(connection, house.newsroom.site.site_id)
    return found.version if found else 0


def test_a_publication_is_planned_and_carried_out_at_its_time(house: House, editor: Browser) -> None:
    page = plan(editor, "2026-11-20T15:00")
    assert "This draft goes live on" in page
    assert "20 Nov 2026, 15:00 UTC" in page
    house.clock.pass_minutes(57)
    assert (look(house), live(house)) == (0, 4)
    house.clock.pass_minutes(1)
    assert (look(house), live(house)) == (1, 5)
    assert "goes live on" not in house.signed_in().get(f"{SITE}/rules").text
    assert "at night" in house.signed_in().get(f"{SITE}/history").text


@pytest.mark.parametrize("at", ["2026-11-20T14:02", "2020-01-01T00:00", "2029-01-01T00:00", "soon", ""])
def test_a_time_that_cannot_be_is_said_at_its_field(house: House, editor: Browser, at: str) -> None:
    page = plan(editor, at)
    assert 'id="at-error"' in page
    assert ">at night</textarea>" in page
    with house.database.read() as connection:
        assert find_plan(connection, house.newsroom.site.site_id) is None


def test_a_change_to_the_draft_stops_the_plan_and_everybody_is_told(house: House, editor: Browser) -> None:
    plan(editor, "2026-11-20T15:00")
    editor.post(f"{SITE}/rules/switch", {"edition": editor.edition(), "rule": "Archive", "enabled": "off"})
    assert "It will not go live as planned" in editor.get(f"{SITE}/rules").text
    house.clock.pass_minutes(60)
    assert (look(house), live(house)) == (0, 4)
    editor = house.signed_in()
    page = editor.get(f"{SITE}/review").text
    assert "Not published." in page
    assert "the draft was changed after it was planned" in page
    assert editor.post(f"{SITE}/plan/cancel").status_code == 303
    assert "Not published." not in editor.get(f"{SITE}/review").text


def test_a_plan_can_be_given_up(house: House, editor: Browser) -> None:
    plan(editor, "2026-11-20T15:00")
    assert editor.post(f"{SITE}/plan/cancel").headers["location"].endswith("said=plan-given-up")
    assert editor.post(f"{SITE}/plan/cancel").headers["location"].endswith("said=same")
    house.clock.pass_minutes(60)
    assert (look(house), live(house)) == (0, 4)


def test_what_was_not_reviewed_is_not_planned(house: House, editor: Browser) -> None:
    assert "but the rules have changed" in plan(editor, "2026-11-20T15:00", live="3")
    with house.database.read() as connection:
        assert find_plan(connection, house.newsroom.site.site_id) is None
    viewer = house.signed_in("viewer@harbour.example")
    assert viewer.post(f"{SITE}/plan/cancel").status_code == 403


# Long ones


EMPTY: Backtest = Sums(NOTHING_PUBLISHED, NOTHING_PUBLISHED, "USD").result(Span(0, 1))
QUESTION = Question(1, 1, 1, 7)


class Shelf:
    """Holds back work until it is done by hand."""

    def __init__(self) -> None:
        self.work: list[Callable[[], None]] = []

    def __call__(self, work: Callable[[], None]) -> None:
        self.work.append(work)

    def finish(self) -> None:
        while self.work:
            self.work.pop(0)()


def test_a_long_backtest_is_left_and_come_back_to() -> None:
    shelf, asked = Shelf(), []
    jobs = BacktestJobs(shelf)

    def run(progress: Callable[[float], None]) -> Backtest:
        asked.append(1)
        progress(0.5)
        assert jobs.ask(QUESTION, 0, run, 0).part == 0.5
        return EMPTY

    assert not jobs.ask(QUESTION, 0, run, 0).is_done
    assert not jobs.ask(QUESTION, 5, run, 0).is_done
    shelf.finish()
    assert jobs.ask(QUESTION, 9, run, 0).result is EMPTY
    assert len(asked) == 1, "whoever asks the same gets the same"
    jobs.ask(QUESTION, FRESH_MICROS + 1, run, 0)
    shelf.finish()
    assert len(asked) == 2, "after a while the traffic is another"


def test_a_page_that_waits_looks_again_by_itself_and_holds_no_form_to_lose(
    newsroom_file: tuple[Path, Newsroom], sqlite_newsroom_url: str, catalogue: Catalogue
) -> None:
    shelf = Shelf()
    for house in open_house(sqlite_newsroom_url, newsroom_file[1], catalogue, later=shelf):
        browser = house.signed_in("editor@harbour.example")
        waiting = browser.get(f"{SITE}/review")
        assert "Looking at the last 7 days" in waiting.text
        assert waiting.headers["refresh"] == "1"
        assert 'name="note"' not in waiting.text
        hasty = browser.get(f"{SITE}/review?wait=no")
        assert "refresh" not in hasty.headers
        assert 'name="note"' in hasty.text
        shelf.finish()
        done = browser.get(f"{SITE}/review")
        assert "refresh" not in done.headers
        assert "What it would have earned" in done.text
        assert 'name="note"' in done.text


def test_a_backtest_that_breaks_says_so_and_can_be_asked_again() -> None:
    def broken(progress: Callable[[float], None]) -> Backtest:
        raise OSError("away")

    jobs = BacktestJobs(lambda work: work())
    assert jobs.ask(QUESTION, 0, broken, 0).failed
    assert jobs.ask(QUESTION, FRESH_MICROS + 1, lambda progress: EMPTY, 0).result is EMPTY


def test_no_more_answers_are_kept_than_there_is_room_for() -> None:
    jobs, runs = BacktestJobs(lambda work: work()), []

    def run(progress: Callable[[float], None]) -> Backtest:
        runs.append(1)
        return EMPTY

    for number in range(KEPT + 5):
        jobs.ask(replace(QUESTION, site_id=number), 0, run, 0)
    jobs.ask(replace(QUESTION, site_id=KEPT + 4), 0, run, 0)
    assert len(runs) == KEPT + 5
    jobs.ask(replace(QUESTION, site_id=0), 0, run, 0)
    assert len(runs) == KEPT + 6


def test_a_newer_edition_of_the_rules_replaces_what_was_asked_about_older_ones() -> None:
    shelf, ran = Shelf(), list[str]()
    jobs = BacktestJobs(shelf)

    def named(name: str) -> Callable[[Callable[[float], None]], Backtest]:
        def run(progress: Callable[[float], None]) -> Backtest:
            ran.append(name)
            if name == "first":
                for revision in (2, 3, 4):  # somebody goes on editing, with the page open
                    jobs.ask(replace(QUESTION, revision=revision), 0, named(f"revision {revision}"), 0)
                jobs.ask(replace(QUESTION, revision=2, days=30), 0, named("late and old"), 0)
            progress(0.5)
            ran.append(f"{name} went on")
            return EMPTY

        return run

    jobs.ask(QUESTION, 0, named("first"), 0)
    jobs.ask(replace(QUESTION, site_id=2), 0, named("another site"), 0)
    assert len(shelf.work) == 1, "what waits has no thread"
    shelf.finish()
    went_on = [name for name in ran if name.endswith(" went on")]
    assert went_on == ["another site went on", "revision 4 went on", "late and old went on"]
    assert "revision 2" not in ran
    assert jobs.ask(replace(QUESTION, revision=4), 0, named("again"), 0).result is EMPTY
    assert not jobs.ask(replace(QUESTION, live_version=2), 0, named("published"), 0).is_done


def test_a_second_reader_waits_for_the_answer_that_the_first_asked_for() -> None:
    begun, may_end, seen = Event(), Event(), list[Job]()
    jobs = BacktestJobs(in_a_thread)

    def run(progress: Callable[[float], None]) -> Backtest:
        begun.set()
        assert may_end.wait(60)
        return EMPTY

    assert not jobs.ask(QUESTION, 0, run, 0).is_done
    assert begun.wait(60)
    second = Thread(target=lambda: seen.append(jobs.ask(QUESTION, 0, run, 60)))
    second.start()
    may_end.set()
    second.join()
    assert [job.result for job in seen] == [EMPTY]

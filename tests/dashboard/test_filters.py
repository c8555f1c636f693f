"""Whatever is asked for, the file of a filter sums to the number on the screen, and the form says what was asked."""

from __future__ import annotations

import csv
import io
import random
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from edge.core.catalogue import Catalogue
from edge.core.identity import CrawlerKind, Rung
from edge.core.money import parse_price
from edge.core.outcomes import GROUP_OF, OutcomeGroup
from edge.store import schema
from edge.store.activity import Activity, ActivityFilter, UserAgents, newest_of_site, write_activity
from edge.store.crawler_people import TeamRole, join_team
from edge.store.database import Database
from edge.store.earned_days import sum_next_day
from edge.store.people import Role, add_person, grant, set_operates
from publisher_dashboard.app import create_app
from tests.dashboard.conftest import ORIGIN, Browser, Clock, House, token_in
from tests.support.generated_month import GENERATED, generated_month
from tests.support.newsroom import NOW, PASSWORD, micros, quick_passwords

READS_ONLY = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
"""The house is built once a test: what is asked changes nothing in it."""
LISTS = ("/publishers/1/charges", "/publishers/2/charges", "/operator/charges", "/portal/1/charges")
SYMBOLS = {"$": "USD", "€": "EUR"}
DAY_MICROS = 86_400_000_000
ACTIVITY = "/sites/harbour.example/activity"


class _Form(HTMLParser):
    """What the filter of a page is filled with: the value of each field that is not empty."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.values: dict[str, str] = {}
        self._select = ""
        self.feed(page.partition('<form class="filters')[2].partition("</form>")[0])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        match tag:
            case "select":
                self._select = known["name"] or ""
            case "option" if self._select and "selected" in known:
                self._keep(self._select, known["value"])
            case "input":
                self._keep(known["name"] or "", known["value"])

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = ""

    def _keep(self, name: str, value: str | None) -> None:
        if value:
            self.values[name] = value


@dataclass(frozen=True, slots=True)
class Sum:
    """What some charges of one currency come to."""

    earned_micros: int = 0
    paid: int = 0
    suspended: int = 0
    given_back: int = 0
    credited_micros: int = 0


def shown(page: str) -> dict[str, Sum]:
    """The sums as a person reads them above the list."""
    line = re.search(r'<div class="sum" role="status">(.*?)</div>', page, re.S)
    assert line is not None
    found = {}
    for part in re.findall(r"<span>(.*?)</span>", line[1], re.S):
        text = unescape(re.sub(r"<[^>]+>", "", part))
        whole = re.match(r"(-?[$€][0-9.,]+) from ([0-9,]+) paid page", text)
        if whole is None:
            assert text in ("Nothing to sum.", "Nothing is listed or summed until the days are right."), text
            continue
        currency, earned = amount_of(whole[1])
        credited = re.search(r"; of those that stand, (\S+) was given back in part", text)
        found[currency] = Sum(
            earned,
            number_of(whole[2]),
            number_of(told(text, r", ([0-9,]+) in suspense")),
            number_of(told(text, r", ([0-9,]+) given back")),
            amount_of(credited[1])[1] if credited else 0,
        )
    return some(found)


def summed(rows: list[dict[str, str]]) -> dict[str, Sum]:
    """What a file adds up to."""
    found: dict[str, Sum] = {}
    for row in rows:
        before, state = found.get(row["currency"], Sum()), row["state"]
        earned = int(row.get("earned_micros") or row["spent_micros"])
        text = row.get("earned") or row["spent"]
        assert parse_price(f"{row['currency']} {text}").amount_micros == earned, "both spell one amount"
        found[row["currency"]] = Sum(
            before.earned_micros + earned,
            before.paid + (state == "paid"),
            before.suspended + (state == "in suspense"),
            before.given_back + state.startswith("given back"),
            before.credited_micros + int(row["credited_micros"]),
        )
    return some(found)


def some(sums: Mapping[str, Sum]) -> dict[str, Sum]:
    return {currency: one for currency, one in sums.items() if one != Sum()}


def told(text: str, pattern: str) -> str:
    found = re.search(pattern, text)
    return found[1] if found else "0"


def number_of(text: str) -> int:
    return int(text.replace(",", ""))


def amount_of(text: str) -> tuple[str, int]:
    currency = SYMBOLS[text.lstrip("-")[0]]
    micros_of = parse_price(f"{currency} {text.lstrip('-')[1:].replace(',', '')}").amount_micros
    return currency, -micros_of if text.startswith("-") else micros_of


def file_of(browser: Browser, path: str, query: str) -> list[dict[str, str]]:
    answer = browser.get(f"{path}.csv?{query}")
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


def asked(**values: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, str]]:
    """Some of these fields, each with one of its values."""
    return st.fixed_dictionaries({}, optional=values)


def days(first: date, last: date) -> st.SearchStrategy[str]:
    return st.dates(first, last).map(date.isoformat)


CHARGES = asked(
    site=st.sampled_from(("news1.example", "blog.example", "third.example", "no.such.example")),
    crawler=st.sampled_from(("Bot1", "Bot2", "bot1", 'No "such" <bot> & Co.')),
    rule=st.sampled_from(("long reads", "archive", "everything else", "no such rule", "a&b=c+d%20é", '">')),
    **dict.fromkeys(("from", "to"), days(date(2025, 8, 28), date(2025, 11, 3))),
)
REQUESTS = asked(
    crawler=st.sampled_from(("ExampleBot", "GPTBot", "(no name)", 'No "such" <bot> & Co.')),
    kind=st.sampled_from((*CrawlerKind, "no such kind")).map(str),
    proof=st.sampled_from((*(rung.label for rung in Rung), "none")),
    rule=st.sampled_from(("Long reads", "everything else", "no such rule", "a&b=c+d%20é")),
    outcome=st.sampled_from((*(group.value for group in OutcomeGroup), *sorted(GROUP_OF), "no such outcome")),
    status=st.sampled_from(("200", "402", "403", "599")),
    path=st.sampled_from(("/articles/", "/archive/20", "/Articles", "articles", "/archive/%", "/_rchive")),
    **dict.fromkeys(("from", "to"), days(date(2026, 11, 14), date(2026, 11, 21))),
)


@pytest.fixture
def books(tmp_path: Path, catalogue: Catalogue) -> Iterator[Browser]:
    """Generated books, half of their days summed, read by somebody who is let in at every door."""
    database, passwords = Database.open(f"sqlite:///{tmp_path / 'books.db'}"), quick_passwords()
    schema.upgrade(database)
    generated_month(database, 8)
    while sum_next_day(database, GENERATED.start_micros + 3 * DAY_MICROS):
        pass
    email = "reader@news.example"
    with database.write() as connection:
        person = add_person(connection, email, passwords.hash(PASSWORD), 0)
        for publisher_id in (1, 2):
            grant(connection, person.person_id, publisher_id, Role.BILLING)
        join_team(connection, person.person_id, 1, TeamRole.VIEWER)
        set_operates(connection, person.person_id, True)
    app = create_app(database, catalogue.classify, clock=Clock(), passwords=passwords)
    browser = Browser(TestClient(app, base_url=ORIGIN))
    browser.csrf = token_in(browser.get("/account").text) if browser.sign_in(email).status_code == 303 else ""
    yield browser
    passwords.close()
    database.close()


def test_the_file_of_charges_sums_to_the_screen_whatever_is_asked_at_every_door(books: Browser) -> None:
    came = Counter[str]()

    @READS_ONLY
    @given(st.sampled_from(LISTS), CHARGES)
    def look(path: str, wanted: dict[str, str]) -> None:
        query = urlencode(wanted)
        page = books.get(f"{path}?{query}")
        assert says_what_was_asked(page.text, path, wanted), (path, query)
        if page.status_code == 422:
            assert wanted["to"] < wanted["from"]
            assert shown(page.text) == {}
            assert books.get(f"{path}.csv?{query}").status_code == 422
            return
        assert page.status_code == 200
        rows = file_of(books, path, query)
        assert shown(page.text) == summed(rows), (path, query)
        came["something" if rows else "nothing"] += 1

    for path in LISTS:  # where nothing is narrowed every fate is in it
        assert shown(books.get(path).text) == summed(file_of(books, path, ""))
    whole = shown(books.get("/operator/charges").text)
    assert set(whole) == {"EUR", "USD"}
    assert min(whole["USD"].paid, whole["USD"].suspended, whole["USD"].given_back) > 0
    assert sum(one.credited_micros for one in whole.values()) > 0
    look()
    assert min(came["something"], came["nothing"]) > 0, came


def test_the_file_of_requests_sums_to_the_screen_whatever_is_asked(quick_house: House) -> None:
    generate_requests(quick_house, 300)
    browser = quick_house.signed_in()
    came = Counter[str]()

    @READS_ONLY
    @given(REQUESTS)
    def look(wanted: dict[str, str]) -> None:
        query = urlencode(wanted)
        page = browser.get(f"{ACTIVITY}?{query}")
        assert says_what_was_asked(page.text, ACTIVITY, wanted), query
        if page.status_code == 422:
            assert wanted["to"] < wanted["from"]
            assert browser.get(f"{ACTIVITY}.csv?{query}").status_code == 422
            return
        told_here = re.search(r'id="activity-sum"[^>]*><span><b>([0-9,]+)</b>', page.text)
        assert told_here is not None
        rows = file_of(browser, ACTIVITY, query)
        assert number_of(told_here[1]) == sum(int(row["requests"]) for row in rows), query
        came["something" if rows else "nothing"] += 1

    look()
    assert min(came["something"], came["nothing"]) > 0, came


def says_what_was_asked(page: str, path: str, wanted: Mapping[str, str]) -> bool:
    """The form is filled from the address: sent again as it is, it asks the same. So do the links to the file."""
    # A crawler's team has one crawler alone: whatever the address says of it is not heard, and not said either.
    heard = {name: value for name, value in wanted.items() if name != "crawler" or "/portal/" not in path}
    files = [urlsplit(unescape(href)) for href in re.findall(r'href="([^"]*\.csv[^"]*)"', page)]
    linked = all(one.path == f"{path}.csv" and dict(parse_qsl(one.query)) == heard for one in files)
    return linked and _Form(page).values == heard


def generate_requests(house: House, number: int) -> None:
    chance = random.Random(11)
    with house.database.read() as connection:
        kept = newest_of_site(connection, house.newsroom.site.site_id, ActivityFilter(), 1_000)
    rows = [one_more(chance, chance.choice(kept), 10**6 + index) for index in range(number)]
    with house.database.write() as connection:
        write_activity(connection, UserAgents(), rows, micros(NOW))


def one_more(chance: random.Random, like: Activity, number: int) -> Activity:
    return replace(
        like,
        number=number,
        at_micros=micros(NOW) - chance.randrange(6 * DAY_MICROS),
        outcome=chance.choice(sorted(GROUP_OF)),
        requests=chance.choice((1, 9, 1200)),
    )

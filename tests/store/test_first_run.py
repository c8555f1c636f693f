"""The way in, on both databases: claims hold nothing, samples leave nothing, estimates are kept, requests are seen."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import func, select

from edge.core.money import Money
from edge.core.rules import Action, RuleSet, everything_else
from edge.store.arrivals import arrivals_of, sites_seen, strangers_hosts
from edge.store.audit_events import Action as Occasion
from edge.store.audit_events import AuditFilter, publisher_events
from edge.store.database import Database
from edge.store.first_steps import are_dismissed, dismiss_first_steps
from edge.store.log_estimates import KEPT_MAX, delete_estimate, find_estimate, keep_estimate, list_estimates
from edge.store.month_reading import Part
from edge.store.policy import load_policy
from edge.store.problems import InvalidValue, NameTaken, UnknownName
from edge.store.publishers import add_publisher
from edge.store.sample_site import add_sample, find_sample, remove_sample
from edge.store.site_claims import (
    CLAIMS_MAX,
    claim_site,
    find_claim,
    list_claims,
    note_proof,
    take_up_claim,
    withdraw_claim,
)
from edge.store.site_values import EdgeAddresses
from edge.store.sites import SiteOptions, add_site, list_sites
from edge.store.statements import receipts_at
from edge.store.tables import activity, traffic, traffic_day, traffic_minute
from edge.store.traffic import DAY_MICROS, MINUTE_MICROS, TrafficKey, flush_traffic
from tests.support.kept_log import estimate_of

NOW = 1_800_000_000_000_000
AUTHOR = "owner@news.example"
EDGE = EdgeAddresses()
WANTED = SiteOptions(origin="http://10.0.0.9", currency="EUR")
WATCHED = RuleSet((), everything_else(Action.MONITOR, Money(5_000, "USD")))


@pytest.fixture
def publishers(database: Database) -> tuple[int, int]:
    with database.write() as connection:
        names = ("News", "Others")
        ours, theirs = (add_publisher(connection, name, AUTHOR, NOW).publisher_id for name in names)
    return ours, theirs


def test_two_may_claim_one_host_and_one_is_served(database: Database, publishers: tuple[int, int]) -> None:
    ours, theirs = publishers
    with database.write() as connection:
        mine = claim_site(connection, ours, "Shop.example", WANTED, EDGE, AUTHOR, NOW)
        other = claim_site(connection, theirs, "shop.example", WANTED, EDGE, AUTHOR, NOW)
        again = claim_site(connection, ours, "shop.example", replace(WANTED, currency="USD"), EDGE, AUTHOR, NOW + 1)
        assert (again.claim_id, again.proof, again.currency) == (mine.claim_id, mine.proof, "USD")
        assert mine.proof != other.proof
        assert len(list_claims(connection)) == 2
        assert list_sites(connection) == []
    assert "shop.example" not in load_policy(database).sites
    with database.write() as connection:
        made = take_up_claim(connection, again, EDGE, AUTHOR, NOW)
        assert (made.host, made.publisher_id, made.origin) == ("shop.example", ours, "http://10.0.0.9")
        with pytest.raises(UnknownName):
            take_up_claim(connection, again, EDGE, AUTHOR, NOW)
        with pytest.raises(NameTaken):
            claim_site(connection, theirs, "shop.example", WANTED, EDGE, AUTHOR, NOW)
    assert "shop.example" in load_policy(database).sites
    with pytest.raises(NameTaken), database.write() as connection:
        take_up_claim(connection, other, EDGE, AUTHOR, NOW)
    with database.read() as connection:
        assert [one.publisher_id for one in list_claims(connection)] == [theirs]


def test_a_proof_is_noted_and_forgotten(database: Database, publishers: tuple[int, int]) -> None:
    with database.write() as connection:
        claim = claim_site(connection, publishers[0], "shop.example", WANTED, EDGE, AUTHOR, NOW)
        note_proof(connection, claim, "dns", NOW + 1)
        found = find_claim(connection, "shop.example", publishers[0])
        assert (found.proved_how, found.proved_at_micros) == ("dns", NOW + 1)
        note_proof(connection, claim, None, NOW + 2)
        assert find_claim(connection, "shop.example", publishers[0]) == claim
        with pytest.raises(UnknownName):
            find_claim(connection, "shop.example", publishers[1])
        assert withdraw_claim(connection, claim, author=AUTHOR, now_micros=NOW)
        assert not withdraw_claim(connection, claim, author=AUTHOR, now_micros=NOW)


def test_who_asked_is_who_named_the_server_that_is_asked_for_now(
    database: Database, publishers: tuple[int, int]
) -> None:
    moved = replace(WANTED, origin="http://10.0.0.77")
    with database.write() as connection:
        first = claim_site(connection, publishers[0], "shop.example", WANTED, EDGE, AUTHOR, NOW)
        same = claim_site(connection, publishers[0], "shop.example", WANTED, EDGE, "token x (fbp_a…)", NOW + 1)
        other = claim_site(connection, publishers[0], "shop.example", moved, EDGE, "token x (fbp_a…)", NOW + 2)
        written = publisher_events(connection, publishers[0], AuditFilter(area="site"), 9)
    assert [(one.action, one.author, one.subject, one.details["origin"]) for one in written] == [
        ("site.asked", "token x (fbp_a…)", "shop.example", "http://10.0.0.77"),
        ("site.asked", AUTHOR, "shop.example", "http://10.0.0.9"),
    ]
    assert same == first
    assert (other.made_by, other.made_at_micros, other.claim_id) == ("token x (fbp_a…)", NOW + 2, first.claim_id)


def test_a_publisher_has_so_many_claims_at_most(database: Database, publishers: tuple[int, int]) -> None:
    with database.write() as connection:
        for number in range(CLAIMS_MAX):
            claim_site(connection, publishers[0], f"{number}.example", WANTED, EDGE, AUTHOR, NOW)
        with pytest.raises(InvalidValue):
            claim_site(connection, publishers[0], "more.example", WANTED, EDGE, AUTHOR, NOW)
        claim_site(connection, publishers[1], "more.example", WANTED, EDGE, AUTHOR, NOW)


def test_a_statement_never_sends_anybody_to_a_sample_for_receipts(
    database: Database, publishers: tuple[int, int]
) -> None:
    ours, _ = publishers
    parts = (Part(publisher_id=ours), Part(crawler_id=1))
    with database.write() as connection:
        add_sample(connection, ours, WATCHED, "USD", AUTHOR, NOW)
        assert [receipts_at(connection, part) for part in parts] == [None, None]
        add_site(connection, "shop.example", ours, WANTED, EDGE, NOW)
        for part in parts:
            assert receipts_at(connection, part) == "https://shop.example/.well-known/receipts/"


def test_a_sample_comes_and_goes_with_all_its_traffic(database: Database, publishers: tuple[int, int]) -> None:
    ours, theirs = publishers
    with database.write() as connection:
        other = add_sample(connection, theirs, WATCHED, "USD", AUTHOR, NOW)
    before = counts(database)
    with database.write() as connection:
        made = add_sample(connection, ours, WATCHED, "USD", AUTHOR, NOW)
        assert add_sample(connection, ours, WATCHED, "USD", AUTHOR, NOW) == made
        assert (made.live_version, find_sample(connection, ours)) == (1, made)
    assert all(after > was for after, was in zip(counts(database), before, strict=True))
    with database.read() as connection:
        latest = connection.execute(select(func.max(activity.c.at_micros))).scalar_one()
        last_hour = connection.execute(select(func.max(traffic_minute.c.minute_micros))).scalar_one()
    assert latest <= NOW
    assert last_hour <= NOW
    with database.write() as connection:
        assert remove_sample(connection, ours, AUTHOR, NOW)
        assert not remove_sample(connection, ours, AUTHOR, NOW)
        assert find_sample(connection, theirs) == other
        written = publisher_events(connection, ours, AuditFilter(), 9)
    told = {event.action: event.details for event in written if "sample" in event.details}
    assert told == {Occasion.SITE_ADDED: {"sample": True}, Occasion.SITE_CHANGED: {"sample": False}}
    assert counts(database) == before


def test_an_estimate_is_kept_for_its_site_until_it_is_deleted(database: Database, publishers: tuple[int, int]) -> None:
    with database.write() as connection:
        first, second = (
            add_site(connection, host, publishers[0], WANTED, EDGE, NOW).site_id for host in ("a.example", "b.example")
        )
        found = estimate_of(WATCHED, NOW)
        number = keep_estimate(connection, first, ("access.log", "the draft"), found, AUTHOR, NOW)
        [kept] = list_estimates(connection, first)
        assert (kept.estimate, kept.log_name, kept.rules_name) == (found, "access.log", "the draft")
        assert find_estimate(connection, second, number) is None
        assert not delete_estimate(connection, second, number, author=AUTHOR, now_micros=NOW)
        for _ in range(KEPT_MAX - 1):
            keep_estimate(connection, first, ("x" * 900, "y" * 900), found, AUTHOR, NOW)
        with pytest.raises(InvalidValue):
            keep_estimate(connection, first, ("one more", ""), found, AUTHOR, NOW)
        assert delete_estimate(connection, first, number, author="token x", now_micros=NOW)
        keep_estimate(connection, second, ("another's", ""), found, AUTHOR, NOW)
        written = publisher_events(connection, publishers[0], AuditFilter(area="estimate"), 2 * KEPT_MAX)
    assert len(written) == KEPT_MAX + 2
    told = [(one.action, one.author, one.site, one.subject, one.details) for one in (*written[:2], written[-1])]
    assert told == [
        ("estimate.kept", AUTHOR, "b.example", "another's", {"under": ""}),
        ("estimate.deleted", "token x", "a.example", "access.log", {"under": "the draft"}),
        ("estimate.kept", AUTHOR, "a.example", "access.log", {"under": "the draft"}),
    ]


def test_the_first_and_the_last_request_are_seen(database: Database) -> None:
    def key(at_micros: int, site_id: int, outcome: str = "visitor") -> TrafficKey:
        return TrafficKey(at_micros, site_id, "", "", "", outcome)

    with database.write() as connection:
        assert arrivals_of(connection, 7, NOW - MINUTE_MICROS).first_day_micros is None
        flush_traffic(connection, {key(NOW - 3 * DAY_MICROS, 7): 4, key(NOW, 7): 2, key(NOW, 8): 9})
        flush_traffic(connection, {key(NOW, 0, "unknown_site"): 5, key(NOW - 2 * DAY_MICROS, 0, "unknown_site"): 50})
        found = arrivals_of(connection, 7, NOW - 60 * MINUTE_MICROS)
        assert found.first_day_micros == (NOW - 3 * DAY_MICROS) // DAY_MICROS * DAY_MICROS
        assert (found.last_minute_micros, found.requests_lately) == (NOW // MINUTE_MICROS * MINUTE_MICROS, 2)
        assert sites_seen(connection, [7, 9]) == {7}
        assert sites_seen(connection, []) == set()
        assert strangers_hosts(connection, NOW - 60 * MINUTE_MICROS) == 5


def test_first_steps_are_put_aside_once(database: Database, publishers: tuple[int, int]) -> None:
    with database.write() as connection:
        assert not are_dismissed(connection, publishers[0])
        dismiss_first_steps(connection, publishers[0], AUTHOR, NOW)
        dismiss_first_steps(connection, publishers[0], "another", NOW)
        assert are_dismissed(connection, publishers[0])
        assert not are_dismissed(connection, publishers[1])


def counts(database: Database) -> list[int]:
    with database.read() as connection:
        tables = (traffic_minute, traffic, traffic_day, activity)
        return [connection.execute(select(func.count()).select_from(table)).scalar_one() for table in tables]

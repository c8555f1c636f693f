"""Registrations: asked once for each agent, bounded, and decided by a person; on both databases."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge.core.identity import CrawlerKind
from edge.core.money import parse_price
from edge.core.registration import Wish
from edge.store import accounts, registrations
from edge.store.accounts import Terms
from edge.store.audit_events import AuditFilter, crawler_events, operators_events
from edge.store.crawlers import NewCrawler, add_crawler, find_crawler
from edge.store.database import Database
from edge.store.deletion import delete_some
from edge.store.erasure import erase_person
from edge.store.policy import load_policy
from edge.store.policy_version import read_policy_version
from edge.store.problems import InvalidValue, NameTaken, UnknownName
from edge.store.registrations import PENDING_DAYS, REJECTED_DAYS, Approval, Asked, Registration
from edge.store.tables import registration

NOW = 1_800_000_000_000_000
DAY = 86_400_000_000
AGENT = "https://bot.example/.well-known/http-message-signatures-directory"
WISH = Wish("ExampleBot", "Example Inc.", CrawlerKind.SEARCH, "bots@bot.example")


def ask(database: Database, agent: str = AGENT, wish: Wish = WISH, now: int = NOW) -> Asked:
    with database.write() as connection:
        return registrations.ask(connection, agent, "thumb", "news.example", wish, now)


def waiting(database: Database, *, all_: bool = False) -> list[Registration]:
    with database.read() as connection:
        return registrations.list_registrations(connection, decided_too=all_)


def approve(database: Database, number: int, approval: Approval | None = None) -> Registration:
    with database.write() as connection:
        return registrations.approve(
            connection, number, approval or Approval(), author="operator", reason=None, now_micros=NOW
        )


def reject(database: Database, number: int, reason: str = "not yours") -> Registration:
    with database.write() as connection:
        return registrations.reject(connection, number, author="operator", reason=reason, now_micros=NOW)


def test_an_agent_has_one_registration_and_may_change_its_wish(database: Database) -> None:
    assert ask(database) is Asked.NEW
    assert ask(database, wish=replace(WISH, contact="new@bot.example"), now=NOW + 1) is Asked.AGAIN
    (row,) = waiting(database)
    assert (row.contact, row.asked_at_micros, row.asked_again_at_micros) == ("new@bot.example", NOW, NOW + 1)


def test_an_erased_contact_leaves_the_registration_so_that_the_agent_cannot_ask_again(database: Database) -> None:
    ask(database)
    reject(database, 1)
    erase_person(database, WISH.contact, author="operator", reason="they asked", now_micros=NOW)
    assert ask(database) is Asked.DECIDED
    [row] = waiting(database, all_=True)
    assert (row.state, row.contact.startswith("erased-")) == ("rejected", True)


def test_who_decided_what_is_in_the_operators_log(database: Database) -> None:
    ask(database)
    reject(database, 1)
    made = approve(database, 1)
    with database.read() as connection:
        events = operators_events(connection, AuditFilter(), 10)
        [own] = crawler_events(connection, made.crawler_id or 0, AuditFilter(), 10)
    assert [(one.action, one.subject, one.author) for one in events] == [
        ("registration.approved", "ExampleBot", "operator"),
        ("registration.rejected", AGENT, "operator"),
    ]
    assert own.action == "registration.approved"


def test_approving_makes_a_crawler_with_an_empty_account_that_the_edge_knows(database: Database) -> None:
    ask(database)
    (row,) = waiting(database)
    with database.read() as connection:
        before = read_policy_version(connection)
    done = approve(database, row.number)
    assert (done.state, done.decided_by) == ("approved", "operator")
    assert waiting(database) == []
    with database.read() as connection:
        made = find_crawler(connection, "ExampleBot")
        (account,) = accounts.show(connection, made.crawler_id)
        assert read_policy_version(connection) > before
    assert (made.agent_url, made.operator, made.kind) == (AGENT, "Example Inc.", CrawlerKind.SEARCH)
    assert (account.terms, account.balance_micros, account.floor_micros) == ("prepaid", 0, 0)
    policy = load_policy(database)
    assert AGENT in policy.crawlers
    assert (made.crawler_id, "USD") in policy.accounts
    with pytest.raises(InvalidValue, match="approved already"):
        approve(database, row.number)
    with pytest.raises(InvalidValue, match="suspend"):
        reject(database, row.number)
    assert ask(database, wish=replace(WISH, name="Other")) is Asked.DECIDED
    assert waiting(database, all_=True)[0].name == "ExampleBot"


def test_who_approves_may_say_otherwise(database: Database) -> None:
    ask(database)
    (row,) = waiting(database)
    terms = Approval("Bot7", "", CrawlerKind.OTHER, "EUR", Terms.POSTPAID, parse_price("EUR 5"))
    approve(database, row.number, terms)
    with database.read() as connection:
        made = find_crawler(connection, "Bot7")
        (account,) = accounts.show(connection, made.crawler_id)
    assert (made.operator, made.kind, account.code, account.floor_micros) == (
        "", CrawlerKind.OTHER, f"crawler:{made.crawler_id}:EUR", -5_000_000,
    )  # fmt: skip


def test_a_taken_name_is_refused_and_nothing_is_half_done(database: Database) -> None:
    with database.write() as connection:
        add_crawler(connection, NewCrawler("ExampleBot", "https://other.example"), NOW)
    ask(database)
    (row,) = waiting(database)
    with pytest.raises(NameTaken):
        approve(database, row.number)
    assert [one.state for one in waiting(database)] == ["pending"]
    assert approve(database, row.number, Approval(name="ExampleBot 2")).state == "approved"


def test_a_rejection_has_a_reason_and_can_be_undone(database: Database) -> None:
    ask(database)
    (row,) = waiting(database)
    with pytest.raises(InvalidValue, match="why"):
        reject(database, row.number, " ")
    assert reject(database, row.number).reason == "not yours"
    with pytest.raises(InvalidValue, match="rejected already"):
        reject(database, row.number)
    assert ask(database) is Asked.DECIDED
    assert approve(database, row.number).state == "approved"
    with pytest.raises(UnknownName):
        reject(database, row.number + 1)


def test_strangers_fill_only_so_much(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registrations, "WAITING_MAX", 3)
    for number in range(3):
        assert ask(database, f"https://bot{number}.example/k", replace(WISH, name=f"b{number}")) is Asked.NEW
    assert ask(database) is Asked.FULL
    assert ask(database, "https://bot0.example/k") is Asked.AGAIN
    approve(database, waiting(database)[0].number)
    assert ask(database) is Asked.NEW


def test_rejected_registrations_take_no_place_of_those_that_wait(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registrations, "WAITING_MAX", 3)
    monkeypatch.setattr(registrations, "REJECTED_MAX", 2)
    for number in range(3):
        ask(database, f"https://bot{number}.example/k", replace(WISH, name=f"b{number}"))
    assert ask(database) is Asked.FULL
    for row in waiting(database):
        reject(database, row.number)
    assert [row.agent_url for row in waiting(database, all_=True)] == [
        "https://bot1.example/k", "https://bot2.example/k",
    ]  # fmt: skip
    assert ask(database, "https://bot2.example/k") is Asked.DECIDED
    assert ask(database) is Asked.NEW


def test_one_host_fills_only_its_own_share(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registrations, "HOST_WAITING_MAX", 2)
    for number in range(2):
        assert ask(database, f"https://many.example/{number}", replace(WISH, name=f"b{number}")) is Asked.NEW
    assert ask(database, "https://many.example/2") is Asked.FULL
    assert ask(database, "https://many.example/1") is Asked.AGAIN
    assert ask(database) is Asked.NEW


def test_what_nobody_decided_and_what_was_rejected_goes_in_time(database: Database) -> None:
    for number, asked_at in enumerate((NOW, NOW - (PENDING_DAYS + 1) * DAY, NOW)):
        ask(database, f"https://bot{number}.example/k", replace(WISH, name=f"b{number}"), asked_at)
    reject(database, waiting(database)[2].number)

    def sweep(now: int) -> int:
        with database.write() as connection:
            return delete_some(connection, registration, registrations.over(now))

    assert sweep(NOW) == 1
    assert [row.agent_url for row in waiting(database)] == ["https://bot0.example/k"]
    assert sweep(NOW + (REJECTED_DAYS + 1) * DAY) == 2
    assert waiting(database, all_=True) == []

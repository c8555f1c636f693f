"""A person's data is found wherever it stands, and is gone afterwards wherever the books allow it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from sqlalchemy import insert, select, update

from edge.core.budgets import Per
from edge.core.ledger import EntryKind
from edge.store.accounts import refund
from edge.store.alerts import set_alert
from edge.store.audit import audit_rows
from edge.store.audit_events import AuditFilter, crawler_events
from edge.store.budgets import BudgetPlace, set_budget
from edge.store.crawler_people import TeamRole, find_invitation, invite
from edge.store.database import Database
from edge.store.erasure import erase_person
from edge.store.people import LastOwner, Role, create_setup_link, find_person, grant
from edge.store.person_data import Who, export_person, places
from edge.store.policy_version import read_policy_version
from edge.store.problems import UnknownName
from edge.store.rulesets import discard_draft, find_draft, history, save_draft
from edge.store.service_keys import load_service_keys
from edge.store.sessions import find_session, open_session
from edge.store.subscriptions import NewSubscription, begin_subscription
from edge.store.tables import (
    crawler,
    erasure,
    metadata,
    month_close,
    operator_token,
    person,
    publisher,
    registration,
    site,
    subscription,
    unmatched_payment,
    webhook_event,
)
from edge.store.tables.personal import OnErase
from edge.store.verify import verify
from edge.store.webhook_endpoints import NewEndpoint, add_endpoint
from tests.support.newsroom import NOW, Newsroom, build, micros, usd

AT = micros(NOW)
OWNER = "owner@harbour.example"
EDITOR = "editor@harbour.example"


@pytest.fixture
def newsroom(database: Database, tmp_path: Path) -> Newsroom:
    """A newsroom in which the owner has left a name everywhere that one can be left."""
    made = build(database, charges=4)
    with database.read() as connection:
        bot = connection.execute(select(crawler.c.id).order_by(crawler.c.id).limit(1)).scalar_one()
    set_budget(database, BudgetPlace(bot, "USD", Per.MONTH), usd("500"), author=OWNER)
    set_alert(database, bot, usd("1"), author=OWNER)
    begin_subscription(
        database, NewSubscription(bot, "USD", made.publisher_id, None, "all", 1, None), author="operator"
    )
    refund(database, made.charge_ids[0], reason="a wrong page", author=OWNER)
    with database.write() as connection:
        add_endpoint(
            connection,
            NewEndpoint("https://hooks.example/", (), made.publisher_id, None, created_by=OWNER),
            load_service_keys(tmp_path / "data"),
            AT,
        )
        draft = find_draft(connection, made.site.site_id)
        assert draft is not None
        discard_draft(connection, made.site.site_id, draft.revision)
        version = history(connection, made.site.site_id)[0]
        save_draft(connection, made.site.site_id, version.rules, None, OWNER, AT)
        connection.execute(update(site).where(site.c.id == made.site.site_id).values(contact="Owner@Harbour.example"))
        connection.execute(update(publisher).where(publisher.c.id == made.publisher_id).values(email=OWNER))
        create_setup_link(connection, AT, email=OWNER, publisher_id=made.publisher_id)
        connection.execute(update(subscription).values(set_by=OWNER))
        told = {"id": "evt_1", "event": "rules.published", "subject": "", "at_micros": AT}
        connection.execute(insert(webhook_event).values(body=f'{{"published_by":"{OWNER}"}}', **told))
        closed = {"closed_at_micros": AT, "closed_by": OWNER, "closing_reason": "sent back"}
        names = dict.fromkeys(("reference", "payment", "crawler", "stated", "reason"), "x")
        times = {"happened_at_micros": AT, "received_at_micros": AT}
        connection.execute(
            insert(unmatched_payment).values(kind="payment", source="stripe", **names, **times, **closed)
        )
        token = {"name": "x", "token_hash": b"x" * 32, "may_credit": False, "created_at_micros": AT}
        revoked = {"revoked_at_micros": AT, "revoked_by": OWNER}
        connection.execute(insert(operator_token).values(created_by=OWNER, **token, **revoked))
        asking = {"thumbprint": "x", "name": "x", "operator": "", "kind": "other", "host": "news.example"}
        since = {"asked_at_micros": AT, "asked_again_at_micros": AT, "decided_at_micros": AT}
        for agent, contact, author in (("a", OWNER, "root"), ("b", "bots@bot.example", OWNER)):
            decided = {"agent_url": agent, "contact": contact, "decided_by": author, "state": "rejected"}
            connection.execute(insert(registration).values(**asking, **since, **decided))
        erased = {"pseudonym": "erased-before", "erased_at_micros": AT, "reason": "", "done": "{}"}
        connection.execute(insert(erasure).values(erased_by=OWNER, **erased))
    return made


def close_a_month(database: Database) -> None:
    """Only the row that names a person: whether closed months hold is another test's."""
    month = {"month": "2026-10", "closed_at_micros": AT, "manifest": "{}", "token": "signed", "names": "{}"}
    with database.write() as connection:
        connection.execute(insert(month_close).values(closed_by=OWNER, **month))


def standing(database: Database, name: str) -> set[str]:
    """Every place of the whole database where a text holds the name."""

    def found() -> Iterator[str]:
        with database.read() as connection:
            for table in metadata.tables.values():
                for row in connection.execute(select(table)).mappings():
                    yield from (f"{table.name}.{at}" for at, text in row.items() if name in str(text).lower())

    return set(found())


def treated(*ways: OnErase) -> set[str]:
    """The places that erasing treats so."""
    return {f"{place.table.name}.{place.column.name}" for place in places() if place.mark.on_erase in ways}


def person_id(database: Database, email: str) -> int:
    with database.read() as connection:
        found = find_person(connection, email)
    assert found is not None
    return found.person_id


def erase(database: Database, name: str = OWNER, *, even_last_owner: bool = True) -> dict[str, int]:
    done = erase_person(
        database, name, author="root", reason="asked to", now_micros=AT, even_last_owner=even_last_owner
    )
    return done.changed


def export(database: Database, name: str = OWNER) -> dict[str, dict[str, object]]:
    with database.read() as connection:
        return export_person(connection, Who.find(connection, name))


def test_an_export_holds_every_place_where_the_name_stands(database: Database, newsroom: Newsroom) -> None:
    close_a_month(database)
    with database.write() as connection:
        open_session(connection, person_id(database, OWNER), "Firefox", AT)
    exported = export(database)
    assert standing(database, OWNER) | {"membership.person_id", "session.person_id"} == set(exported)
    assert len(exported) > 15, "the newsroom's owner has left a name in nearly all of them"
    assert orjson.loads(orjson.dumps(exported)) == exported


def test_an_export_opens_nothing(database: Database, newsroom: Newsroom) -> None:
    with database.write() as connection:
        open_session(connection, person_id(database, OWNER), "Firefox", AT)
        secrets = connection.execute(select(person.c.password_hash).where(person.c.email == OWNER)).scalar_one()
    text = orjson.dumps(export(database)).decode()
    assert secrets not in text
    assert "csrf" not in text
    assert "hash" not in text
    assert '"user_agent":"Firefox"' in text
    assert "2026-11-20T" in text, "times as people write them"


def test_nobody_elses_data_is_exported(database: Database, newsroom: Newsroom) -> None:
    assert EDITOR not in orjson.dumps(export(database)).decode()
    assert export(database, "nobody@harbour.example") == {}
    assert export(database, "own%@harbour.example") == {}
    assert export(database, "harbour.example") == {}


def test_a_name_is_found_in_any_spelling_and_that_of_a_command_too(database: Database, newsroom: Newsroom) -> None:
    assert export(database, " Owner@HARBOUR.example ") == export(database)
    with database.write() as connection:
        connection.execute(update(site).values(contact="alice (command line)"))
    assert set(export(database, "Alice")) == {"site.contact"}


def test_after_erasing_the_name_stands_in_the_books_alone(database: Database, newsroom: Newsroom) -> None:
    close_a_month(database)
    kept = standing(database, OWNER) & treated(OnErase.KEPT, OnErase.EXPIRES)
    changed = erase(database)
    assert standing(database, OWNER) == kept | {"webhook_event.body"}
    assert changed["person.email"] == 1
    assert changed["rule_set.published_by"] == 2
    assert not set(changed) & kept


def test_one_pseudonym_stands_for_the_person_everywhere(database: Database, newsroom: Newsroom) -> None:
    expected = standing(database, OWNER) & treated(OnErase.RENAMED)
    done = erase_person(database, OWNER, author="root", reason="asked to", now_micros=AT, even_last_owner=True)
    renamed = standing(database, done.pseudonym)
    # The links that they made are not renamed: they are gone.
    assert renamed == expected - {"invitation.invited_by"} | {"erasure.pseudonym", "entry.evidence"}


@pytest.mark.parametrize("maker", [OWNER, "owner@Harbour.example (command line)"])
def test_with_a_person_go_the_links_that_they_made_for_a_crawlers_team(
    database: Database, newsroom: Newsroom, maker: str
) -> None:
    with database.write() as connection:
        bot = connection.execute(select(crawler.c.id).order_by(crawler.c.id).limit(1)).scalar_one()
        kept = invite(connection, bot, "me@else.example", TeamRole.OWNER, author=maker, now_micros=AT)
        others = invite(connection, bot, "new@bot.example", TeamRole.VIEWER, author=EDITOR, now_micros=AT)
    done = erase_person(database, OWNER, author="root", reason="asked to", now_micros=AT, even_last_owner=True)
    with database.read() as connection:
        assert find_invitation(connection, kept, AT) is None
        assert find_invitation(connection, others, AT) is not None
        [taken] = [one for one in crawler_events(connection, bot, AuditFilter(), 9) if "revoked" in one.action]
        named = crawler_events(connection, bot, AuditFilter(author=done.pseudonym), 9)
    assert (taken.action, taken.author, taken.subject) == ("team.invitation-revoked", "root", "me@else.example")
    assert ("team.invited", "me@else.example") in [(one.action, one.subject) for one in named]


def test_erasing_ends_sessions_and_links_at_once(database: Database, newsroom: Newsroom) -> None:
    with database.write() as connection:
        token = open_session(connection, person_id(database, OWNER), "Firefox", AT)
    erase(database)
    with database.read() as connection:
        assert find_session(connection, token, AT) is None
        assert find_person(connection, OWNER) is None


def test_the_last_owner_is_erased_only_on_request(database: Database, newsroom: Newsroom) -> None:
    before = standing(database, OWNER)
    with pytest.raises(LastOwner, match=r"Harbour Press.*--yes"):
        erase(database, even_last_owner=False)
    assert standing(database, OWNER) == before
    with database.write() as connection:
        grant(connection, person_id(database, EDITOR), newsroom.publisher_id, Role.OWNER)
    assert erase(database, even_last_owner=False)


def test_who_owns_nothing_is_erased_without_asking(database: Database, newsroom: Newsroom) -> None:
    assert erase(database, EDITOR, even_last_owner=False)["membership.person_id"] == 1
    assert standing(database, EDITOR) == set()
    assert standing(database, OWNER) > {"person.email", "entry.author"}


def test_an_erasure_is_recorded_and_noted_in_the_chain_without_the_name(database: Database, newsroom: Newsroom) -> None:
    done = erase_person(database, OWNER, author="root", reason="asked to", now_micros=AT, even_last_owner=True)
    with database.read() as connection:
        row = connection.execute(select(erasure).where(erasure.c.pseudonym == done.pseudonym)).one()
        notes = [one for one in audit_rows(connection) if one.kind is EntryKind.NOTE]
    assert (row.erased_at_micros, row.erased_by, row.reason) == (AT, "root", "asked to")
    assert orjson.loads(row.done) == {"changed": done.changed, "kept": done.kept}
    assert notes[-1].publisher == "Harbour Press"
    assert orjson.loads(notes[-1].what or "") == {"erased": done.pseudonym}
    assert (notes[-1].author, notes[-1].reason) == ("root", "asked to")


def test_the_books_hold_after_an_erasure(database: Database, newsroom: Newsroom) -> None:
    erase(database)
    assert not verify(database).faults


def test_the_edges_hear_of_a_contact_that_is_gone(database: Database, newsroom: Newsroom) -> None:
    with database.read() as connection:
        before = read_policy_version(connection)
    erase(database)
    with database.read() as connection:
        assert read_policy_version(connection) == before + 1


def test_nobody_is_not_erased(database: Database, newsroom: Newsroom) -> None:
    with pytest.raises(UnknownName, match="nothing is kept"):
        erase(database, "nobody@harbour.example")
    with database.read() as connection:
        assert len(connection.execute(select(erasure)).all()) == 1


def test_a_second_erasure_finds_what_was_kept_and_changes_nothing(database: Database, newsroom: Newsroom) -> None:
    erase(database)
    assert erase(database) == {}

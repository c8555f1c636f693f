"""Tokens are shown once and kept as digests; revoking and replacing reach the policy."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from edge.core.api_token import token_digest
from edge.store.crawler_tokens import NewToken, add_token, find_token, list_tokens, revoke_token
from edge.store.crawlers import NewCrawler, add_crawler
from edge.store.database import Database
from edge.store.policy import current_version, load_policy
from edge.store.problems import InvalidValue, UnknownName
from edge.store.tables import crawler_token

NOW = 1_800_000_000_000_000
HOUR = 3_600_000_000


@pytest.fixture(autouse=True)
def crawlers(database: Database) -> None:
    with database.write() as connection:
        add_crawler(connection, NewCrawler("LateBot", "https://late.example"), NOW)
        add_crawler(connection, NewCrawler("OtherBot", "https://other.example"), NOW)


def test_a_token_is_in_the_policy_by_its_digest_and_nowhere_by_itself(database: Database) -> None:
    before = current_version(database)
    with database.write() as connection:
        text, kept = add_token(connection, NewToken("latebot", note="crawl farm 1", expires_at_micros=NOW + HOUR), NOW)
        stored = str(connection.execute(select(crawler_token)).all())
    assert text not in stored
    assert kept.hint == text[:14]
    assert current_version(database) > before
    token = load_policy(database).tokens[token_digest(text)]
    assert (token.crawler.name, token.hosts, token.expires_at) == ("LateBot", frozenset(), (NOW + HOUR) / 1e6)


def test_a_revoked_token_leaves_the_policy_and_stays_listed(database: Database) -> None:
    with database.write() as connection:
        text, kept = add_token(connection, NewToken("LateBot"), NOW)
    with database.write() as connection:
        revoke_token(connection, kept.token_id, NOW + 1)
        again = revoke_token(connection, kept.token_id, NOW + 2)
    assert again.revoked_at_micros == NOW + 1
    assert token_digest(text) not in load_policy(database).tokens
    with database.read() as connection:
        assert [token.state_at(NOW) for token in list_tokens(connection, "LateBot")] == ["revoked"]


def test_a_token_that_replaces_another_leaves_it_a_while_and_takes_its_sites(database: Database) -> None:
    with database.write() as connection:
        _, old = add_token(connection, NewToken("LateBot"), NOW)
        _, new = add_token(connection, NewToken("LateBot", replaces=old.token_id, overlap_micros=HOUR), NOW)
        changed = find_token(connection, old.token_id)
    assert (changed.expires_at_micros, new.expires_at_micros) == (NOW + HOUR, None)
    assert [changed.state_at(NOW + HOUR - 1), changed.state_at(NOW + HOUR)] == ["in force", "expired"]
    with database.write() as connection:
        _, third = add_token(connection, NewToken("LateBot", replaces=old.token_id, overlap_micros=9 * HOUR), NOW)
        assert find_token(connection, old.token_id).expires_at_micros == NOW + HOUR  # never longer than it had
    assert third.token_id > new.token_id


def test_what_cannot_be_is_refused(database: Database) -> None:
    with database.write() as connection:
        _, theirs = add_token(connection, NewToken("OtherBot"), NOW)
        with pytest.raises(UnknownName):
            add_token(connection, NewToken("Nobody"), NOW)
        with pytest.raises(UnknownName):
            add_token(connection, NewToken("LateBot", sites=("nowhere.example",)), NOW)
        with pytest.raises(UnknownName):
            revoke_token(connection, 999, NOW)
        for wrong in (
            NewToken("LateBot", expires_at_micros=NOW),
            NewToken("LateBot", replaces=theirs.token_id),
            NewToken("LateBot", note="two\nlines"),
        ):
            with pytest.raises(InvalidValue):
                add_token(connection, wrong, NOW)


def test_there_is_an_end_to_the_tokens_in_force(database: Database) -> None:
    with database.write() as connection:
        for _ in range(100):
            add_token(connection, NewToken("LateBot"), NOW)
        with pytest.raises(InvalidValue, match="revoke some first"):
            add_token(connection, NewToken("LateBot"), NOW)
        add_token(connection, NewToken("OtherBot"), NOW)

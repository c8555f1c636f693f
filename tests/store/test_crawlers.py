"""Crawlers are known by the URL of their keys; keys from files are as strict as fetched ones."""

from __future__ import annotations

import pytest
from sqlalchemy import insert, select

from edge.core.identity import CrawlerKind
from edge.core.keys import new_private_key, public_half, public_key_to_jwk
from edge.store.crawlers import NewCrawler, add_crawler, find_crawler, list_crawlers, suspend_crawler
from edge.store.database import Database
from edge.store.policy_version import read_policy_version
from edge.store.problems import InvalidValue, NameTaken, UnknownName
from edge.store.tables import account, crawler_key

NOW = 1_795_000_000_000_000
DIRECTORY = "https://bot.example/.well-known/http-message-signatures-directory"


def add(database: Database, new: NewCrawler) -> int:
    with database.write() as connection:
        return add_crawler(connection, new, NOW).crawler_id


def test_a_crawler_is_stored_under_the_url_that_its_signatures_resolve_to(database: Database) -> None:
    add(database, NewCrawler("ExampleBot", "https://Bot.example/", CrawlerKind.TRAINING, "Example Inc."))
    with database.read() as connection:
        found = find_crawler(connection, "examplebot")
    assert (found.name, found.agent_url, found.kind) == ("ExampleBot", DIRECTORY, CrawlerKind.TRAINING)
    assert (found.operator, found.suspended, found.keys) == ("Example Inc.", False, ())


def test_keys_are_stored_by_their_computed_thumbprint_and_without_extras(database: Database) -> None:
    key = public_half(new_private_key())
    jwk = {**public_key_to_jwk(key), "kid": "my-favourite-key", "x5u": "https://elsewhere.example"}
    add(database, NewCrawler("ExampleBot", "https://bot.example", keys=[jwk, jwk]))
    with database.read() as connection:
        assert find_crawler(connection, "ExampleBot").keys == (key.thumbprint,)
        assert "elsewhere" not in connection.execute(select(crawler_key.c.jwk)).scalar_one()


@pytest.mark.parametrize(
    ("jwk", "sentence"),
    [
        ("text", "not a JSON Web Key"),
        ({"kty": "OKP", "crv": "Ed25519", "x": "AAAA", "d": "AAAA"}, "private half"),
        ({"kty": "OKP", "crv": "Ed25519", "x": "JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs"}, "test key"),
        ({"kty": "OKP", "crv": "Ed25519", "x": "A" * 43}, "small order"),
    ],
)
def test_a_key_that_proves_nothing_is_refused(database: Database, jwk: object, sentence: str) -> None:
    with pytest.raises(InvalidValue, match=sentence):
        add(database, NewCrawler("ExampleBot", "https://bot.example", keys=[jwk]))
    with database.read() as connection:
        assert list_crawlers(connection) == []


def test_loopback_agents_are_for_development_only(database: Database) -> None:
    with pytest.raises(InvalidValue, match="https"):
        add(database, NewCrawler("ExampleBot", "http://127.0.0.1:9000"))
    add(database, NewCrawler("ExampleBot", "http://127.0.0.1:9000", allow_dev=True))


def test_name_and_agent_are_each_taken_once_and_the_answer_says_which(database: Database) -> None:
    add(database, NewCrawler("ExampleBot", "https://bot.example"))
    with pytest.raises(NameTaken, match="choose another name"):
        add(database, NewCrawler("examplebot", "https://other.example"))
    with pytest.raises(NameTaken, match="registered already, as ExampleBot"):
        add(database, NewCrawler("Other", "https://bot.example/"))


@pytest.mark.parametrize("name", ["", "two\nlines", "Bötchen", "a,b", 'a"b', "x" * 101, " - "])
def test_a_name_can_stand_in_a_header_and_in_a_rule(database: Database, name: str) -> None:
    with pytest.raises(InvalidValue, match="letters, digits"):
        add(database, NewCrawler(name, "https://bot.example"))


def test_suspending_stops_crawler_and_accounts_and_tells_the_edge(database: Database) -> None:
    crawler_id = add(database, NewCrawler("ExampleBot", "https://bot.example"))
    other_id = add(database, NewCrawler("Other", "https://other.example"))
    with database.write() as connection:
        for owner in (crawler_id, other_id):
            connection.execute(insert(account).values(account_row(owner)))
        before = read_policy_version(connection)
    with database.write() as connection:
        assert suspend_crawler(connection, "ExampleBot", True, NOW).suspended
        suspended = select(account.c.owner_id).where(account.c.suspended)
        assert connection.execute(suspended).scalars().all() == [crawler_id]
        assert read_policy_version(connection) == before + 1
    with database.write() as connection:
        assert not suspend_crawler(connection, "ExampleBot", False, NOW).suspended
        assert connection.execute(suspended).all() == []


def account_row(crawler_id: int) -> dict[str, object]:
    return {
        "code": f"crawler:{crawler_id}:USD",
        "currency": "USD",
        "owner_kind": "crawler",
        "owner_id": crawler_id,
        "terms": "prepaid",
        "balance_micros": 0,
        "floor_micros": 0,
        "suspended": False,
    }


def test_an_unknown_crawler_says_where_to_look(database: Database) -> None:
    with database.read() as connection, pytest.raises(UnknownName, match="farebox crawler list"):
        find_crawler(connection, "Nobody")


def test_the_list_is_in_order_of_names_with_their_keys(database: Database) -> None:
    keys = [public_half(new_private_key()) for _ in range(2)]
    add(database, NewCrawler("beta", "https://beta.example", keys=[public_key_to_jwk(key) for key in keys]))
    add(database, NewCrawler("Alpha", "https://alpha.example"))
    with database.read() as connection:
        alpha, beta = list_crawlers(connection)
    assert (alpha.name, beta.name) == ("Alpha", "beta")
    assert set(beta.keys) == {key.thumbprint for key in keys}

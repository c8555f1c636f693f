"""Crawlers: the parties that can pay, known by the URL of their keys.

Rules of this file:

- a crawler is its normalised agent URL: the same text that its signatures resolve to;
- a key from a file counts for that agent alone, and is checked as strictly as a fetched one;
- suspending stops the crawler and all its accounts at once: the edge hears of it through the policy version, and the
  ledger refuses by the account itself in the meantime.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from edge.core.identity import CrawlerKind
from edge.core.keys import KeyFault, PublicKey, public_key_from_jwk, public_key_to_jwk
from edge.core.registration import NAME
from edge.core.signature_agent import normalise_agent_url
from edge.core.signature_faults import Flaw
from edge.store.policy_version import bump_policy_version
from edge.store.problems import InvalidValue, NameTaken, UnknownName
from edge.store.tables import account, crawler, crawler_key

_OPERATOR_LENGTH_MAX = 200


@dataclass(frozen=True, slots=True)
class NewCrawler:
    """What registering a crawler takes; ``agent`` is a host's URL or that of its key set, ``keys`` JWKs as parsed.

    ``allow_dev`` lets agents on loopback and published test keys in.
    """

    name: str
    agent: str
    kind: CrawlerKind = CrawlerKind.OTHER
    operator: str = ""
    keys: Sequence[object] = ()
    allow_dev: bool = False


@dataclass(frozen=True, slots=True)
class Crawler:
    """A registered crawler; ``keys`` are the thumbprints of keys given in files."""

    crawler_id: int
    name: str
    agent_url: str
    kind: CrawlerKind
    operator: str
    suspended: bool
    created_at_micros: int
    keys: tuple[str, ...]


def add_crawler(connection: Connection, new: NewCrawler, now_micros: int) -> Crawler:
    """Register a crawler, without an account yet; raises ``InvalidValue`` and ``NameTaken``."""
    values: dict[str, Any] = {
        "name": _read_name(new.name),
        "name_key": new.name.strip().lower(),
        "agent_url": read_agent(new.agent, new.allow_dev),
        "kind": new.kind.value,
        "operator": _read_operator(new.operator),
        "suspended": False,
        "created_at_micros": now_micros,
    }
    keys = [read_key(jwk, new.allow_dev) for jwk in new.keys]
    try:
        with connection.begin_nested():
            crawler_id = connection.execute(insert(crawler).values(values).returning(crawler.c.id)).scalar_one()
    except IntegrityError as why:
        raise _taken(connection, values) from why
    _insert_keys(connection, crawler_id, keys, now_micros)
    bump_policy_version(connection, now_micros)
    return find_crawler(connection, values["name"])


def list_crawlers(connection: Connection) -> list[Crawler]:
    """All crawlers by name."""
    keys: dict[int, list[str]] = {}
    for row in connection.execute(
        select(crawler_key).order_by(crawler_key.c.added_at_micros, crawler_key.c.thumbprint)
    ):
        keys.setdefault(row.crawler_id, []).append(row.thumbprint)
    rows = connection.execute(select(crawler).order_by(crawler.c.name_key))
    return [_crawler(row, keys.get(row.id, ())) for row in rows]


def find_crawler(connection: Connection, name: str) -> Crawler:
    """The crawler of that name, case aside; raises ``UnknownName``."""
    row = connection.execute(select(crawler).where(crawler.c.name_key == name.strip().lower())).one_or_none()
    if row is None:
        raise UnknownName(f"no crawler named {name!r} is registered; `farebox crawler list` shows all", "crawler")
    keys = select(crawler_key.c.thumbprint).where(crawler_key.c.crawler_id == row.id)
    ordered = keys.order_by(crawler_key.c.added_at_micros, crawler_key.c.thumbprint)
    return _crawler(row, connection.execute(ordered).scalars())


def crawler_by_id(connection: Connection, crawler_id: int) -> Crawler | None:
    """The crawler of that number."""
    row = connection.execute(select(crawler).where(crawler.c.id == crawler_id)).one_or_none()
    if row is None:
        return None
    keys = select(crawler_key.c.thumbprint).where(crawler_key.c.crawler_id == crawler_id)
    ordered = keys.order_by(crawler_key.c.added_at_micros, crawler_key.c.thumbprint)
    return _crawler(row, connection.execute(ordered).scalars())


def find_payer(connection: Connection, text: str, allow_dev: bool = False) -> int | None:
    """The id of the crawler that a payment names, by its name or its agent's URL; None where there is no such one."""
    named = crawler.c.name_key == text.strip().lower()
    agent = normalise_agent_url(text.strip(), allow_loopback_http=allow_dev)
    if not isinstance(agent, Flaw):
        named = crawler.c.agent_url == agent  # no name holds a slash
    number: int | None = connection.execute(select(crawler.c.id).where(named)).scalar_one_or_none()
    return number


def suspend_crawler(connection: Connection, name: str, suspended: bool, now_micros: int) -> Crawler:
    """Stop a crawler from paying, or let it again; raises ``UnknownName``."""
    found = find_crawler(connection, name)
    connection.execute(update(crawler).where(crawler.c.id == found.crawler_id).values(suspended=suspended))
    owned = (account.c.owner_kind == "crawler") & (account.c.owner_id == found.crawler_id)
    connection.execute(update(account).where(owned).values(suspended=suspended))
    bump_policy_version(connection, now_micros)
    return find_crawler(connection, name)


def read_agent(text: str, allow_dev: bool) -> str:
    """The normalised identity URL of an agent; raises ``InvalidValue``."""
    identity = normalise_agent_url(text, allow_loopback_http=allow_dev)
    if isinstance(identity, Flaw):
        raise InvalidValue(f"{identity.fault.sentence} ({identity.detail})", "agent")
    return identity


def read_key(jwk: object, allow_dev: bool) -> PublicKey:
    """A public key from a JWK; raises ``InvalidValue`` with what is wrong with it."""
    key = public_key_from_jwk(jwk, allow_test_keys=allow_dev)
    if isinstance(key, KeyFault):
        raise InvalidValue(key.sentence, "key")
    return key


def _insert_keys(connection: Connection, crawler_id: int, keys: Sequence[PublicKey], now_micros: int) -> None:
    unique = {key.thumbprint: key for key in keys}
    rows = [
        {
            "crawler_id": crawler_id,
            "thumbprint": thumbprint,
            "jwk": orjson.dumps(public_key_to_jwk(key)).decode(),
            "added_at_micros": now_micros,
        }
        for thumbprint, key in unique.items()
    ]
    if rows:
        connection.execute(insert(crawler_key), rows)


def _read_name(text: str) -> str:
    name = text.strip()
    if not NAME.fullmatch(name):
        raise InvalidValue(f"{text!r} is not a crawler's name; use letters, digits, spaces and . _ + -", "name")
    return name


def _read_operator(text: str) -> str:
    operator = text.strip()
    if len(operator) > _OPERATOR_LENGTH_MAX or not operator.isprintable():
        raise InvalidValue(f"an operator is one line of at most {_OPERATOR_LENGTH_MAX} characters", "operator")
    return operator


def _taken(connection: Connection, values: Mapping[str, Any]) -> NameTaken:
    """Which of the two unique things is taken, and by whom."""
    other = connection.execute(select(crawler.c.name).where(crawler.c.agent_url == values["agent_url"])).scalar()
    if other is not None:
        return NameTaken(f"{values['agent_url']} is registered already, as {other}", "agent")
    return NameTaken(f"a crawler named {values['name']!r} is registered already; choose another name", "name")


def _crawler(row: Row[tuple[Any, ...]], keys: Any) -> Crawler:
    return Crawler(
        crawler_id=row.id,
        name=row.name,
        agent_url=row.agent_url,
        kind=CrawlerKind(row.kind),
        operator=row.operator,
        suspended=row.suspended,
        created_at_micros=row.created_at_micros,
        keys=tuple(keys),
    )

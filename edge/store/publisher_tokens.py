"""API tokens of a publisher's programs: made once, shown once, kept as a hash, limited in what and where.

Rules of this file
- A token is looked for within its publisher; of another it does not exist.
- It may do what its scopes say and no more, at the sites that it names; what a scope covers on a route is one table
  of the dashboard (``publisher_dashboard.visit``).
- A token that replaces another leaves that one in force for a while, so that a program changes without a gap.
- Everything that changes a token is in the publisher's audit log, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson
from sqlalchemy import Connection, Row, func, insert, or_, select, update

from edge.store.audit_events import Action, record
from edge.store.bearer_tokens import bearer_hash, new_bearer_token, opened_by, token_author
from edge.store.database import Database
from edge.store.planned import stop_plans_of
from edge.store.problems import InvalidValue, UnknownName
from edge.store.sites import list_sites
from edge.store.tables import publisher_token
from edge.store.team import revoke_invitations_of

PREFIX = "fbp_"
NAME_LENGTH_MAX = 100
TOKENS_MAX = 50
"""Of one publisher, in force at once."""

OVERLAP_MICROS_MAX = 7 * 86_400 * 1_000_000
_HINT_LENGTH = 10


class Scope(StrEnum):
    """What a token may do for its publisher."""

    READ = "read"
    PRICES = "prices"
    REPORTS = "reports"
    TEAM = "team"
    REFUNDS = "refunds"


@dataclass(frozen=True, slots=True)
class NewPublisherToken:
    """What making a token takes; ``hosts`` empty means all sites of the publisher, now and later."""

    name: str
    scopes: Collection[Scope]
    hosts: Collection[str] = ()
    expires_at_micros: int | None = None


@dataclass(frozen=True, slots=True)
class PublisherToken:
    """One token as stored, without what opens anything; ``hosts`` empty means every site of the publisher."""

    token_id: int
    publisher_id: int
    name: str
    hint: str
    scopes: frozenset[Scope]
    hosts: tuple[str, ...]
    created_by: str
    created_at_micros: int
    expires_at_micros: int | None
    used_at_micros: int | None
    revoked_at_micros: int | None
    revoked_by: str | None

    def state_at(self, now_micros: int) -> str:
        """``in force``, ``expired`` or ``revoked``."""
        if self.revoked_at_micros is not None:
            return "revoked"
        has_expired = self.expires_at_micros is not None and self.expires_at_micros <= now_micros
        return "expired" if has_expired else "in force"

    def covers(self, host: str) -> bool:
        """Whether it counts at this site of its publisher."""
        return not self.hosts or host in self.hosts

    @property
    def author(self) -> str:
        """How logs name what is done with it."""
        return token_author(self.name, self.hint)


def add_publisher_token(
    connection: Connection, publisher_id: int, new: NewPublisherToken, *, author: str, now_micros: int
) -> tuple[PublisherToken, str]:
    """Make a token and return it with its text, which nobody can read again. Raises ``InvalidValue``."""
    name = _read_name(new.name)
    if not new.scopes:
        raise InvalidValue("choose at least one thing that the token may do", "scopes")
    if new.expires_at_micros is not None and new.expires_at_micros <= now_micros:
        raise InvalidValue("a token must expire in the future", "expires")
    hosts = _read_hosts(connection, publisher_id, new.hosts)
    if _in_force(connection, publisher_id, now_micros) >= TOKENS_MAX:
        raise InvalidValue(f"there are {TOKENS_MAX} tokens in force; revoke some first", "name")
    made, text = _insert(
        connection, publisher_id, name, new.scopes, hosts, new.expires_at_micros, author=author, now_micros=now_micros
    )
    _tell(connection, Action.TOKEN_MADE, made, author, now_micros)
    return made, text


def rotate_publisher_token(
    connection: Connection, publisher_id: int, token_id: int, overlap_micros: int, *, author: str, now_micros: int
) -> tuple[PublisherToken, str]:
    """Make a token like this one; this one opens for ``overlap_micros`` more.

    Raises ``UnknownName`` and ``InvalidValue``.
    """
    assert 0 <= overlap_micros <= OVERLAP_MICROS_MAX, "an overlap is a week at most"
    old = find_publisher_token(connection, publisher_id, token_id)
    if old.state_at(now_micros) != "in force":
        raise InvalidValue("this token opens nothing any more; make a new one", "token")
    ends = now_micros + overlap_micros
    row = publisher_token.c
    # It asks again whether the token is in force: of two who rotate or revoke at once, one comes too late.
    mine = (row.id == token_id) & row.revoked_at_micros.is_(None)
    sooner = or_(row.expires_at_micros.is_(None), row.expires_at_micros > ends)
    if connection.execute(update(publisher_token).where(mine, sooner).values(expires_at_micros=ends)).rowcount == 0:
        still = connection.execute(select(row.id).where(mine, row.expires_at_micros > now_micros)).first()
        if still is None:
            raise InvalidValue("this token was revoked meanwhile; make a new one", "token")
    # The new one lives as long as the old one was meant to, counted from now.
    lives = None if old.expires_at_micros is None else old.expires_at_micros - old.created_at_micros
    made, text = _insert(
        connection,
        publisher_id,
        old.name,
        old.scopes,
        old.hosts,
        None if lives is None else now_micros + lives,
        author=author,
        now_micros=now_micros,
    )
    _tell(connection, Action.TOKEN_ROTATED, made, author, now_micros, replaces=old.hint)
    return made, text


def revoke_publisher_token(
    connection: Connection, publisher_id: int, token_id: int, *, author: str, now_micros: int
) -> PublisherToken:
    """Take a token back, at once and for good; doing it again changes nothing. Raises ``UnknownName``."""
    known = find_publisher_token(connection, publisher_id, token_id)
    row = publisher_token.c
    change = update(publisher_token).where(row.id == token_id, row.revoked_at_micros.is_(None))
    if connection.execute(change.values(revoked_at_micros=now_micros, revoked_by=author)).rowcount == 1:
        stop_plans_of(connection, publisher_id, known.author, "the token that planned it was revoked")
        revoke_invitations_of(connection, publisher_id, known.author, author=author, now_micros=now_micros)
        _tell(connection, Action.TOKEN_REVOKED, known, author, now_micros)
    return find_publisher_token(connection, publisher_id, token_id)


def list_publisher_tokens(connection: Connection, publisher_id: int) -> list[PublisherToken]:
    """All tokens of a publisher, the newest first, revoked ones too."""
    row = publisher_token.c
    query = select(publisher_token).where(row.publisher_id == publisher_id).order_by(row.id.desc())
    return [_token(found) for found in connection.execute(query)]


def find_publisher_token(connection: Connection, publisher_id: int, token_id: int) -> PublisherToken:
    """One token of a publisher; raises ``UnknownName``."""
    row = publisher_token.c
    mine = (row.id == token_id) & (row.publisher_id == publisher_id)
    found = connection.execute(select(publisher_token).where(mine)).one_or_none()
    if found is None:
        raise UnknownName(f"there is no token {token_id}", "token")
    return _token(found)


def check_publisher_token(database: Database, text: str, now_micros: int) -> PublisherToken | None:
    """The token that opens with this text now, or None; notes its use to the hour. Raises ``LedgerUnavailable``."""
    row = publisher_token.c
    alive = row.revoked_at_micros.is_(None) & or_(row.expires_at_micros.is_(None), row.expires_at_micros > now_micros)
    found = opened_by(database, publisher_token, text, alive, now_micros)
    return None if found is None else _token(found)


def _insert(
    connection: Connection,
    publisher_id: int,
    name: str,
    scopes: Collection[Scope],
    hosts: Sequence[str],
    expires_at_micros: int | None,
    *,
    author: str,
    now_micros: int,
) -> tuple[PublisherToken, str]:
    text = new_bearer_token(PREFIX)
    values = {
        "publisher_id": publisher_id,
        "name": name,
        "token_hash": bearer_hash(text),
        "hint": text[:_HINT_LENGTH],
        "scopes": ",".join(_scope_words(scopes)),
        "hosts": orjson.dumps(hosts).decode() if hosts else None,
        "created_by": author,
        "created_at_micros": now_micros,
        "expires_at_micros": expires_at_micros,
    }
    made = connection.execute(insert(publisher_token).values(values).returning(publisher_token.c.id)).scalar_one()
    return find_publisher_token(connection, publisher_id, made), text


def _tell(
    connection: Connection, action: Action, token: PublisherToken, author: str, now_micros: int, **more: object
) -> None:
    record(
        connection,
        action,
        author=author,
        now_micros=now_micros,
        publisher_id=token.publisher_id,
        subject=token.name,
        details={"token": token.hint, "may": _scope_words(token.scopes), "sites": list(token.hosts), **more},
    )


def _in_force(connection: Connection, publisher_id: int, now_micros: int) -> int:
    row = publisher_token.c
    alive = or_(row.expires_at_micros.is_(None), row.expires_at_micros > now_micros)
    query = select(func.count()).where(row.publisher_id == publisher_id, row.revoked_at_micros.is_(None), alive)
    return connection.execute(query).scalar_one()


def _read_name(text: str) -> str:
    name = text.strip()
    if not name or len(name) > NAME_LENGTH_MAX or not name.isprintable():
        raise InvalidValue(f"a token's name is one line of 1 to {NAME_LENGTH_MAX} characters", "name")
    return name


def _read_hosts(connection: Connection, publisher_id: int, hosts: Collection[str]) -> list[str]:
    own = {one.host for one in list_sites(connection, publisher_id)}
    unknown = sorted(set(hosts) - own)
    if unknown:
        raise InvalidValue("choose among your own sites", "hosts")
    return sorted(set(hosts))


def _scope_words(scopes: Collection[Scope]) -> list[str]:
    return [scope.value for scope in Scope if scope in scopes]


def _token(row: Row[tuple[Any, ...]]) -> PublisherToken:
    return PublisherToken(
        token_id=row.id,
        publisher_id=row.publisher_id,
        name=row.name,
        hint=row.hint,
        scopes=frozenset(Scope(word) for word in row.scopes.split(",")),
        hosts=tuple(orjson.loads(row.hosts)) if row.hosts else (),
        created_by=row.created_by,
        created_at_micros=row.created_at_micros,
        expires_at_micros=row.expires_at_micros,
        used_at_micros=row.used_at_micros,
        revoked_at_micros=row.revoked_at_micros,
        revoked_by=row.revoked_by,
    )

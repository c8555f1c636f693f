"""API tokens of registered crawlers: made, listed, replaced and revoked.

Rules of this file

- The token itself is returned once, by ``add_token``, and is nowhere afterwards; what is kept is its digest.
- A revoked or expired token stays listed. Revoking is final; the edges hear of it through the policy version.
- A token that replaces another leaves that one in force for a while, so that a crawler changes without a gap.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, Row, insert, select, update

from edge.core.api_token import TOKEN_BYTES, ApiToken, make_token, token_digest
from edge.core.identity import RegisteredCrawler
from edge.store.audit_events import Action, record
from edge.store.crawlers import find_crawler
from edge.store.policy_version import bump_policy_version
from edge.store.problems import InvalidValue, UnknownName
from edge.store.sites import find_site
from edge.store.tables import crawler, crawler_token

NOTE_LENGTH_MAX = 200
TOKENS_MAX = 100
"""Of one crawler, in force at once."""

_HINT_LENGTH = 14
_MICROS = 1_000_000


@dataclass(frozen=True, slots=True)
class NewToken:
    """What making a token takes; ``sites`` empty means all, ``replaces`` is the token that it takes over from.

    The one that is replaced counts for ``overlap_micros`` more, and its sites are taken over where none are given.
    """

    crawler: str
    sites: Sequence[str] = ()
    note: str = ""
    expires_at_micros: int | None = None
    replaces: int | None = None
    overlap_micros: int = 0


@dataclass(frozen=True, slots=True)
class StoredToken:
    """A token as people may see it; ``hosts`` empty means every site. Times in microseconds since the epoch."""

    token_id: int
    crawler: str
    hint: str
    hosts: tuple[str, ...]
    note: str
    created_at_micros: int
    expires_at_micros: int | None
    revoked_at_micros: int | None

    def state_at(self, now_micros: int) -> str:
        """``in force``, ``expired`` or ``revoked``."""
        if self.revoked_at_micros is not None:
            return "revoked"
        has_expired = self.expires_at_micros is not None and self.expires_at_micros <= now_micros
        return "expired" if has_expired else "in force"


def add_token(
    connection: Connection, new: NewToken, now_micros: int, *, author: str | None = None
) -> tuple[str, StoredToken]:
    """Make a token: its text, and what is kept of it; raises ``UnknownName`` and ``InvalidValue``.

    With an ``author`` it is in the log of the crawler's team; without one the caller notes it elsewhere.
    """
    owner = find_crawler(connection, new.crawler)
    if new.expires_at_micros is not None and new.expires_at_micros <= now_micros:
        raise InvalidValue("a token must expire in the future", "expires")
    hosts = sorted({find_site(connection, host).host for host in new.sites})
    if new.replaces is not None:
        old = find_token(connection, new.replaces)
        if old.crawler != owner.name:
            raise InvalidValue(f"token {new.replaces} is one of {old.crawler}, not of {owner.name}", "replaces")
        hosts = hosts or list(old.hosts)
        _expire(connection, old, now_micros + new.overlap_micros)
    if _in_force(connection, owner.crawler_id, now_micros) >= TOKENS_MAX:
        raise InvalidValue(f"{owner.name} has {TOKENS_MAX} tokens in force; revoke some first", "crawler")
    text = make_token(secrets.token_bytes(TOKEN_BYTES))
    values = {
        "crawler_id": owner.crawler_id,
        "digest": token_digest(text),
        "hint": text[:_HINT_LENGTH],
        "hosts": orjson.dumps(hosts).decode() if hosts else None,
        "note": _read_note(new.note),
        "created_at_micros": now_micros,
        "expires_at_micros": new.expires_at_micros,
    }
    token_id = connection.execute(insert(crawler_token).values(values).returning(crawler_token.c.id)).scalar_one()
    bump_policy_version(connection, now_micros)
    made = find_token(connection, token_id)
    if author is not None:
        details: dict[str, object] = {"sites": hosts, "replaces": new.replaces}
        _tell(connection, Action.TOKEN_MADE, owner.crawler_id, made, author, now_micros, details)
    return text, made


def list_tokens(connection: Connection, crawler_name: str | None = None) -> list[StoredToken]:
    """Every token there ever was, oldest first; of one crawler when it is named. Raises ``UnknownName``."""
    query = _tokens().order_by(crawler_token.c.id)
    if crawler_name is not None:
        query = query.where(crawler_token.c.crawler_id == find_crawler(connection, crawler_name).crawler_id)
    return [_stored(row) for row in connection.execute(query)]


def find_token(connection: Connection, token_id: int) -> StoredToken:
    """One token by its number; raises ``UnknownName``."""
    row = connection.execute(_tokens().where(crawler_token.c.id == token_id)).one_or_none()
    if row is None:
        raise UnknownName(f"there is no token {token_id}; `farebox crawler token list` shows all", "token")
    return _stored(row)


def revoke_token(connection: Connection, token_id: int, now_micros: int, *, author: str | None = None) -> StoredToken:
    """Take a token back for good; doing it again changes nothing. Raises ``UnknownName``. ``author`` as above."""
    known = find_token(connection, token_id)
    mine = (crawler_token.c.id == token_id) & crawler_token.c.revoked_at_micros.is_(None)
    done = connection.execute(update(crawler_token).where(mine).values(revoked_at_micros=now_micros))
    bump_policy_version(connection, now_micros)
    if author is not None and done.rowcount == 1:
        owner = find_crawler(connection, known.crawler)
        _tell(connection, Action.TOKEN_REVOKED, owner.crawler_id, known, author, now_micros, {})
    return find_token(connection, token_id)


def tokens_in_force(connection: Connection, crawlers: Mapping[int, RegisteredCrawler]) -> dict[str, ApiToken]:
    """What the edge decides by: every token that was not revoked, by digest; when one ends is looked at there."""
    rows = connection.execute(select(crawler_token).where(crawler_token.c.revoked_at_micros.is_(None)))
    return {
        row.digest: ApiToken(row.id, crawlers[row.crawler_id], frozenset(_hosts(row)), _seconds(row.expires_at_micros))
        for row in rows
    }


def _tell(
    connection: Connection,
    action: Action,
    crawler_id: int,
    what: StoredToken,
    author: str,
    now_micros: int,
    details: Mapping[str, object],
) -> None:
    record(
        connection,
        action,
        author=author,
        now_micros=now_micros,
        crawler_id=crawler_id,
        subject=f"{what.hint}…",
        details=details,
    )


def _expire(connection: Connection, old: StoredToken, at_micros: int) -> None:
    """Let a token end then, unless it ends sooner anyway."""
    if old.expires_at_micros is None or old.expires_at_micros > at_micros:
        mine = crawler_token.c.id == old.token_id
        connection.execute(update(crawler_token).where(mine).values(expires_at_micros=at_micros))


def _in_force(connection: Connection, crawler_id: int, now_micros: int) -> int:
    query = _tokens().where(crawler_token.c.crawler_id == crawler_id)
    return sum(_stored(row).state_at(now_micros) == "in force" for row in connection.execute(query))


def _tokens() -> Any:
    joined = crawler_token.join(crawler, crawler.c.id == crawler_token.c.crawler_id)
    return select(crawler_token, crawler.c.name.label("crawler_name")).select_from(joined)


def _stored(row: Row[tuple[Any, ...]]) -> StoredToken:
    return StoredToken(
        token_id=row.id,
        crawler=row.crawler_name,
        hint=row.hint,
        hosts=tuple(_hosts(row)),
        note=row.note,
        created_at_micros=row.created_at_micros,
        expires_at_micros=row.expires_at_micros,
        revoked_at_micros=row.revoked_at_micros,
    )


def _hosts(row: Row[tuple[Any, ...]]) -> list[str]:
    hosts: list[str] = orjson.loads(row.hosts) if row.hosts else []
    return hosts


def _seconds(micros: int | None) -> float | None:
    return None if micros is None else micros / _MICROS


def _read_note(text: str) -> str:
    note = text.strip()
    if len(note) > NOTE_LENGTH_MAX or not note.isprintable():
        raise InvalidValue(f"a note is one line of at most {NOTE_LENGTH_MAX} characters", "note")
    return note

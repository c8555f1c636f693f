"""Who is signed in: opaque tokens in the browser, their hashes here, and two clocks that end them.

Rules of this file
- A session ends 30 minutes after it was last used and 12 hours after it began, whichever comes first.
- Every function works inside the transaction of the connection it is given; times are microseconds (UTC).
- Signing in always makes a new token; an old one is never carried over (session fixation).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from edge.store.people import MINUTE_MICROS, new_token, token_hash
from edge.store.tables import person, session

IDLE_MICROS = 30 * MINUTE_MICROS
ABSOLUTE_MICROS = 12 * 60 * MINUTE_MICROS
TOUCH_EVERY_MICROS = MINUTE_MICROS
_USER_AGENT_CHARACTERS = 400


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser. ``handle`` names it on pages and in forms; it is a hash of a hash and opens nothing."""

    token_hash: bytes
    person_id: int
    email: str
    csrf_token: str
    created_at_micros: int
    seen_at_micros: int
    user_agent: str | None

    @property
    def handle(self) -> str:
        """A name for lists of sessions."""
        return token_hash(self.token_hash.hex()).hex()[:24]

    def is_due(self, now_micros: int) -> bool:
        """Whether its last use is old enough to be written down: once a minute, not once a page."""
        return now_micros - self.seen_at_micros >= TOUCH_EVERY_MICROS


def open_session(connection: Connection, person_id: int, user_agent: str, now_micros: int) -> str:
    """Begin a session and return its token, which is stored nowhere; sweeps the ended ones."""
    connection.execute(delete(session).where(ended_sessions(now_micros)))
    token = new_token()
    row = {
        "token_hash": token_hash(token),
        "person_id": person_id,
        "csrf_token": new_token(),
        "created_at_micros": now_micros,
        "seen_at_micros": now_micros,
        "expires_at_micros": now_micros + ABSOLUTE_MICROS,
        "user_agent": user_agent[:_USER_AGENT_CHARACTERS],
    }
    connection.execute(insert(session).values(row))
    return token


def find_session(connection: Connection, token: str, now_micros: int) -> Session | None:
    """The living session of a token."""
    return next(_sessions(connection, (session.c.token_hash == token_hash(token)) & _alive(now_micros)), None)


def touch(connection: Connection, found: Session, now_micros: int) -> None:
    """Write down that the session is in use."""
    connection.execute(
        update(session).where(session.c.token_hash == found.token_hash).values(seen_at_micros=now_micros)
    )


def sessions_of(connection: Connection, person_id: int, now_micros: int) -> tuple[Session, ...]:
    """A person's living sessions, the last used first."""
    found = _sessions(connection, (session.c.person_id == person_id) & _alive(now_micros))
    return tuple(sorted(found, key=lambda one: -one.seen_at_micros))


def end(connection: Connection, found: Session) -> None:
    """End one session."""
    connection.execute(delete(session).where(session.c.token_hash == found.token_hash))


def end_others(connection: Connection, person_id: int, kept: bytes | None) -> int:
    """End a person's sessions but ``kept``; returns how many."""
    others = session.c.person_id == person_id
    if kept is not None:
        others &= session.c.token_hash != kept
    return connection.execute(delete(session).where(others)).rowcount


def ended_sessions(now_micros: int) -> ColumnElement[bool]:
    """For statements: the sessions that nobody can use any more."""
    return ~_alive(now_micros)


def _alive(now_micros: int) -> ColumnElement[bool]:
    return (session.c.expires_at_micros > now_micros) & (session.c.seen_at_micros > now_micros - IDLE_MICROS)


def _sessions(connection: Connection, where: ColumnElement[bool]) -> Iterator[Session]:
    columns = (
        session.c.token_hash,
        session.c.person_id,
        person.c.email,
        session.c.csrf_token,
        session.c.created_at_micros,
        session.c.seen_at_micros,
        session.c.user_agent,
    )
    rows = connection.execute(select(*columns).join(person, person.c.id == session.c.person_id).where(where))
    return (Session(*row) for row in rows)

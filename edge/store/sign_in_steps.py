"""Sign-ins that are half way through: a password was right and a code is asked for, or a passkey has to sign something.

Rules of this file
- What the form carries is a random token; here is its hash. It is good for five minutes and for one sign-in.
- Anybody may ask for a passkey's challenge, so those are counted by address and bounded in all.
- A try is counted before the code is looked at, by one conditional statement, so that no number of tries at once is
  more than the limit; and codes of one account are counted over all its half-finished sign-ins.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from edge.store.people import MINUTE_MICROS, Person, count_recent, new_token, record_from, token_hash
from edge.store.tables import person, sign_in_attempt, sign_in_step

STEP_LIFE_MICROS = 5 * MINUTE_MICROS
TRIES_PER_STEP = 5
CODES_PER_ACCOUNT = 10
"""Within the window of tries of passwords. Who gets here knows the password, so this limit may be tight."""

CHALLENGES_PER_ADDRESS = 50
"""Of passkeys, within the same window, of one address; many people may sit behind one."""

CHALLENGES_WAITING_MAX = 2_000
"""Of passkeys, in all: no more rows of strangers than that, however many addresses they have."""


@dataclass(frozen=True, slots=True)
class Step:
    """A sign-in that waits; ``who`` is None for a passkey, which says itself whose it is."""

    token_hash: bytes
    who: Person | None
    challenge: bytes | None


def begin_step(
    connection: Connection, now_micros: int, *, person_id: int | None = None, challenge: bytes | None = None
) -> str:
    """Begin to wait; return what the form has to carry. Sweeps those that ended."""
    connection.execute(delete(sign_in_step).where(ended_steps(now_micros)))
    token = new_token()
    row = {
        "token_hash": token_hash(token),
        "person_id": person_id,
        "challenge": challenge,
        "tries": 0,
        "expires_at_micros": now_micros + STEP_LIFE_MICROS,
    }
    connection.execute(insert(sign_in_step).values(row))
    return token


def count_challenge(connection: Connection, address: str, now_micros: int, key: bytes) -> bytes:
    """Count that an address asks for a passkey's challenge; to be committed before ``begin_challenge`` is called."""
    return record_from(connection, "passkey", address, now_micros, key)


def begin_challenge(connection: Connection, asker: bytes, now_micros: int, challenge: bytes) -> str | None:
    """Begin to wait for a passkey of anybody's, for who was counted as ``asker``; None when too many are asked for.

    Strangers write these rows, so they are bounded: of one address within the window, and in all while they wait.
    """
    connection.execute(delete(sign_in_step).where(ended_steps(now_micros)))
    waiting = select(func.count()).select_from(sign_in_step).where(sign_in_step.c.person_id.is_(None))
    if connection.execute(waiting).scalar_one() >= CHALLENGES_WAITING_MAX:
        return None
    if count_recent(connection, asker, now_micros) > CHALLENGES_PER_ADDRESS:
        return None
    return begin_step(connection, now_micros, challenge=challenge)


def try_step(connection: Connection, token: str, now_micros: int, key: bytes) -> Step | None:
    """Count a try with a step that still waits, and return it; None when it is over or tried too often.

    To be committed before the code is looked at. ``key`` is the day's, as for tries of passwords.
    """
    mine = (sign_in_step.c.token_hash == token_hash(token)) & ~ended_steps(now_micros)
    free = sign_in_step.c.tries < TRIES_PER_STEP
    counted = update(sign_in_step).where(mine, free).values(tries=sign_in_step.c.tries + 1)
    if connection.execute(counted).rowcount != 1:
        return None
    joined = sign_in_step.outerjoin(person, person.c.id == sign_in_step.c.person_id)
    columns = (sign_in_step.c.token_hash, sign_in_step.c.challenge, person.c.id, person.c.email, person.c.password_hash)
    row = connection.execute(select(*columns).select_from(joined).where(mine)).one()
    who = None if row.id is None else Person(row.id, row.email, row.password_hash)
    challenge = None if row.challenge is None else bytes(row.challenge)
    if who is not None and not _count_code(connection, who, now_micros, key):
        return None
    return Step(bytes(row.token_hash), who, challenge)


def end_step(connection: Connection, step: Step) -> bool:
    """The sign-in is through; True for exactly one caller."""
    mine = sign_in_step.c.token_hash == step.token_hash
    return connection.execute(delete(sign_in_step).where(mine)).rowcount == 1


def forgive_codes(connection: Connection, who: Person, key: bytes) -> None:
    """A code was right: the tries of this account's codes no longer count."""
    connection.execute(delete(sign_in_attempt).where(sign_in_attempt.c.subject_hash == _subject(who, key)))


def ended_steps(now_micros: int) -> ColumnElement[bool]:
    """For statements: those that nobody can go on from."""
    return sign_in_step.c.expires_at_micros <= now_micros


def _count_code(connection: Connection, who: Person, now_micros: int, key: bytes) -> bool:
    subject = _subject(who, key)
    connection.execute(insert(sign_in_attempt).values(subject_hash=subject, attempted_at_micros=now_micros))
    return count_recent(connection, subject, now_micros) <= CODES_PER_ACCOUNT


def _subject(who: Person, key: bytes) -> bytes:
    return hmac.digest(key, f"second step\0{who.email}".encode(), "sha256")

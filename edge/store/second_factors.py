"""Apps that show codes, and recovery codes: turned on after a first right code, each code good once.

Rules of this file
- A code is taken by one conditional statement: of two who send the same code at once, one comes too late.
- An app whose service key is gone makes no code; recovery codes and the operator's command still open.
- What changes is in the person's own log, in the same transaction.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select, update

from edge.core import one_time_codes
from edge.store.audit_events import Action, record
from edge.store.insertion import insert_new
from edge.store.people import Person
from edge.store.service_keys import ServiceKeys
from edge.store.tables import code_app, passkey, recovery_code, sign_in_step

RECOVERY_CODES = 10


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """What a person signs in with beside the password."""

    has_app: bool
    recovery_codes: int
    passkeys: int


def second_factor(connection: Connection, person_id: int) -> SecondFactor:
    """What somebody has."""
    app = connection.execute(select(code_app.c.confirmed_at_micros).where(code_app.c.person_id == person_id)).first()
    codes = select(func.count()).where(recovery_code.c.person_id == person_id)
    keys = select(func.count()).where(passkey.c.person_id == person_id)
    return SecondFactor(
        app is not None and app.confirmed_at_micros is not None,
        connection.execute(codes).scalar_one(),
        connection.execute(keys).scalar_one(),
    )


def begin_app(connection: Connection, person_id: int, keys: ServiceKeys) -> bytes | None:
    """The secret of a new app, which counts after ``confirm_app``; None when one is in use already."""
    salt = secrets.token_bytes(one_time_codes.SALT_BYTES)
    values = {"salt": salt, "key_thumbprint": keys.current.public.thumbprint, "last_step": 0}
    mine = (code_app.c.person_id == person_id) & code_app.c.confirmed_at_micros.is_(None)
    is_first = insert_new(connection, code_app, {"person_id": person_id, **values})
    if not is_first and connection.execute(update(code_app).where(mine).values(values)).rowcount != 1:
        return None
    return one_time_codes.totp_secret(keys.current.private, salt)


def pending_secret(connection: Connection, person_id: int, keys: ServiceKeys) -> bytes | None:
    """The secret of an app that was begun and has not shown a right code yet."""
    return _secret(connection, person_id, keys, confirmed=False)


def confirm_app(
    connection: Connection, person: Person, keys: ServiceKeys, typed: str, now_micros: int
) -> tuple[str, ...] | None:
    """Turn the second step on by a first right code, and return recovery codes, which are shown once; None if wrong."""
    secret = _secret(connection, person.person_id, keys, confirmed=False)
    step = None if secret is None else one_time_codes.matching_step(secret, typed, now_micros / 1_000_000)
    if step is None:
        return None
    mine = (code_app.c.person_id == person.person_id) & code_app.c.confirmed_at_micros.is_(None)
    values = {"confirmed_at_micros": now_micros, "last_step": step}
    if connection.execute(update(code_app).where(mine).values(values)).rowcount != 1:
        return None
    _note(connection, Action.SECOND_FACTOR_ON, person.email, person.email, now_micros)
    return new_recovery_codes(connection, person, now_micros)


def take_code(connection: Connection, person_id: int, keys: ServiceKeys, typed: str, now_micros: int) -> bool:
    """Whether a code of the app is right now and was not used before; it is used then."""
    secret = _secret(connection, person_id, keys, confirmed=True)
    step = None if secret is None else one_time_codes.matching_step(secret, typed, now_micros / 1_000_000)
    if step is None:
        return False
    unused = (code_app.c.person_id == person_id) & (code_app.c.last_step < step)
    return connection.execute(update(code_app).where(unused).values(last_step=step)).rowcount == 1


def take_recovery_code(connection: Connection, person: Person, typed: str, now_micros: int) -> bool:
    """Whether this is one of the person's recovery codes; it is gone then."""
    row = recovery_code.c
    mine = (row.person_id == person.person_id) & (row.code_hash == one_time_codes.recovery_hash(typed))
    if connection.execute(delete(recovery_code).where(mine)).rowcount != 1:
        return False
    left = second_factor(connection, person.person_id).recovery_codes
    _note(connection, Action.RECOVERY_CODE_USED, person.email, person.email, now_micros, left=left)
    return True


def new_recovery_codes(connection: Connection, person: Person, now_micros: int) -> tuple[str, ...]:
    """Ten codes in place of all before, shown once."""
    codes = tuple(
        one_time_codes.recovery_code(secrets.token_bytes(one_time_codes.RECOVERY_BYTES)) for _ in range(RECOVERY_CODES)
    )
    connection.execute(delete(recovery_code).where(recovery_code.c.person_id == person.person_id))
    rows = [{"person_id": person.person_id, "code_hash": one_time_codes.recovery_hash(code)} for code in codes]
    connection.execute(insert(recovery_code), rows)
    _note(connection, Action.RECOVERY_CODES_MADE, person.email, person.email, now_micros)
    return codes


def turn_off(connection: Connection, person: Person, *, author: str, now_micros: int, passkeys: bool = False) -> bool:
    """Take app and recovery codes away, with ``passkeys`` those too; whether there was anything."""
    tables = (code_app, recovery_code, sign_in_step, *((passkey,) if passkeys else ()))
    gone = [connection.execute(delete(table).where(table.c.person_id == person.person_id)).rowcount for table in tables]
    if not any(gone):
        return False
    _note(connection, Action.SECOND_FACTOR_OFF, author, person.email, now_micros)
    return True


def _secret(connection: Connection, person_id: int, keys: ServiceKeys, *, confirmed: bool) -> bytes | None:
    state = code_app.c.confirmed_at_micros.is_not(None) if confirmed else code_app.c.confirmed_at_micros.is_(None)
    row = connection.execute(select(code_app).where(code_app.c.person_id == person_id, state)).first()
    key = None if row is None else next((one for one in keys.keys if one.public.thumbprint == row.key_thumbprint), None)
    return None if row is None or key is None else one_time_codes.totp_secret(key.private, bytes(row.salt))


def _note(connection: Connection, action: Action, author: str, email: str, now_micros: int, **details: object) -> None:
    record(connection, action, author=author, now_micros=now_micros, subject=email, details=details)

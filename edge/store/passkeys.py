"""Passkeys: public keys of people's devices; what one signed is checked in ``publisher_dashboard.passkeys``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from edge.store.audit_events import Action, record
from edge.store.people import Person
from edge.store.problems import InvalidValue, NameTaken, UnknownName
from edge.store.tables import passkey, person

NAME_LENGTH_MAX = 100
PASSKEYS_MAX = 20


@dataclass(frozen=True, slots=True)
class Passkey:
    """One device's key; ``used_at_micros`` is None before somebody signed in with it."""

    passkey_id: int
    person_id: int
    name: str
    credential_id: bytes
    public_key: bytes
    sign_count: int
    created_at_micros: int
    used_at_micros: int | None


def list_passkeys(connection: Connection, person_id: int) -> list[Passkey]:
    """A person's keys, the oldest first."""
    query = select(passkey).where(passkey.c.person_id == person_id).order_by(passkey.c.id)
    return [_passkey(row) for row in connection.execute(query)]


def add_passkey(
    connection: Connection,
    owner: Person,
    name: str,
    credential_id: bytes,
    public_key: bytes,
    sign_count: int,
    now_micros: int,
) -> Passkey:
    """Keep a device's key. Raises ``InvalidValue`` and ``NameTaken``."""
    name = name.strip()
    if not name or len(name) > NAME_LENGTH_MAX or not name.isprintable():
        raise InvalidValue(f"a passkey's name is one line of 1 to {NAME_LENGTH_MAX} characters", "name")
    if len(list_passkeys(connection, owner.person_id)) >= PASSKEYS_MAX:
        raise InvalidValue(f"you have {PASSKEYS_MAX} passkeys; remove one first", "name")
    row = {
        "person_id": owner.person_id,
        "name": name,
        "credential_id": credential_id,
        "public_key": public_key,
        "sign_count": sign_count,
        "created_at_micros": now_micros,
    }
    try:
        with connection.begin_nested():
            made = connection.execute(insert(passkey).values(row).returning(passkey.c.id)).scalar_one()
    except IntegrityError as why:
        raise NameTaken("this device is known here already", "name") from why
    _note(connection, Action.PASSKEY_ADDED, owner.email, name, now_micros)
    return _passkey(connection.execute(select(passkey).where(passkey.c.id == made)).one())


def find_credential(connection: Connection, credential_id: bytes) -> tuple[Passkey, Person] | None:
    """The key that a device names, and whose it is."""
    row = connection.execute(select(passkey).where(passkey.c.credential_id == credential_id)).one_or_none()
    if row is None:
        return None
    columns = (person.c.id, person.c.email, person.c.password_hash)
    owner = connection.execute(select(*columns).where(person.c.id == row.person_id)).one()
    return _passkey(row), Person(*owner)


def note_use(connection: Connection, used: Passkey, sign_count: int, now_micros: int) -> None:
    """Write down what the device counted, and when."""
    values = {"sign_count": sign_count, "used_at_micros": now_micros}
    connection.execute(update(passkey).where(passkey.c.id == used.passkey_id).values(values))


def remove_passkey(connection: Connection, owner: Person, passkey_id: int, now_micros: int) -> Passkey:
    """Forget one of a person's keys. Raises ``UnknownName``."""
    found = next((one for one in list_passkeys(connection, owner.person_id) if one.passkey_id == passkey_id), None)
    if found is None:
        raise UnknownName("there is no such passkey", "passkey")
    connection.execute(delete(passkey).where(passkey.c.id == passkey_id))
    _note(connection, Action.PASSKEY_REMOVED, owner.email, found.name, now_micros)
    return found


def _note(connection: Connection, action: Action, email: str, name: str, now_micros: int) -> None:
    record(connection, action, author=email, now_micros=now_micros, subject=email, details={"called": name})


def _passkey(row: Row[tuple[Any, ...]]) -> Passkey:
    return Passkey(
        row.id,
        row.person_id,
        row.name,
        bytes(row.credential_id),
        bytes(row.public_key),
        row.sign_count,
        row.created_at_micros,
        row.used_at_micros,
    )

"""People who may sign in: persons, what they may see, set-up links, and the limits on trying passwords.

Rules of this file
- Every function works inside the transaction of the connection it is given; times are microseconds (UTC).
- Tokens are 256 random bits and only their SHA-256 is stored: a stolen database opens nothing.
- A set-up link is taken by one conditional statement, never by asking first; a try of a password is counted, and
  the count committed, before the password is looked at.
- Whom a person may see comes from ``memberships`` alone; no caller passes a publisher that was not looked up here.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from edge.core.addresses import household
from edge.core.errors import EdgeError
from edge.store.problems import StoreProblem
from edge.store.publishers import add_publisher, list_publishers
from edge.store.tables import membership, person, publisher, setup_link, sign_in_attempt

MINUTE_MICROS = 60 * 1_000_000
SETUP_LINK_LIFE_MICROS = 24 * 60 * MINUTE_MICROS
ATTEMPT_WINDOW_MICROS = 15 * MINUTE_MICROS
ATTEMPTS_PER_ACCOUNT_AND_ADDRESS = 10
ATTEMPTS_PER_ADDRESS = 50
ATTEMPTS_PER_ACCOUNT = 100
"""Within the window. The account's own limit is the widest, so that strangers cannot easily lock an owner out."""


class EmailTaken(EdgeError):
    """Somebody signs in with this address already."""


class LastOwner(StoreProblem):
    """Without this person nobody owns a publisher, or a crawler's team, any more."""


class Role(StrEnum):
    """What a person may do for one publisher: see is common to all; the rest is in the dashboard's table of needs."""

    OWNER = "owner"
    EDITOR = "editor"
    BILLING = "billing"
    VIEWER = "viewer"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who can sign in; ``email`` is in lower case."""

    person_id: int
    email: str
    password_hash: str


@dataclass(frozen=True, slots=True)
class Membership:
    """What one person may do for one publisher."""

    publisher_id: int
    publisher_name: str
    role: Role


@dataclass(frozen=True, slots=True)
class SetupLink:
    """A link that makes one person; ``email`` and ``publisher_id`` are None where whoever opens it says."""

    token_hash: bytes
    email: str | None
    publisher_id: int | None


def new_token() -> str:
    """A secret of 256 bits that can stand in a cookie or a URL."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> bytes:
    """What is stored of a token. No salt is needed: the token is random and long."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


# Persons


def add_person(connection: Connection, email: str, password_hash: str, now_micros: int) -> Person:
    """Add a person; raises ``EmailTaken``."""
    address = email.strip().lower()
    row = {"email": address, "password_hash": password_hash, "created_at_micros": now_micros}
    try:
        with connection.begin_nested():
            key = connection.execute(insert(person).values(row)).inserted_primary_key
    except IntegrityError as why:
        raise EmailTaken(f"{address} has an account already; sign in instead.") from why
    assert key is not None
    return Person(key[0], address, password_hash)


def find_person(connection: Connection, email: str) -> Person | None:
    """The person who signs in with this address, spelled in any case."""
    columns = (person.c.id, person.c.email, person.c.password_hash)
    row = connection.execute(select(*columns).where(person.c.email == email.strip().lower())).first()
    return Person(*row) if row else None


def set_operates(connection: Connection, person_id: int, operates: bool) -> None:
    """Let a person see the operator's pages, or not any more; it counts from their next request on."""
    connection.execute(update(person).where(person.c.id == person_id).values(operates=operates))


def does_operate(connection: Connection, person_id: int) -> bool:
    """Whether a person sees the operator's pages."""
    found = connection.execute(select(person.c.operates).where(person.c.id == person_id)).scalar_one_or_none()
    return bool(found)


def has_people(connection: Connection) -> bool:
    """Whether anyone can sign in; if not, ``farebox serve`` prints a set-up link."""
    return connection.execute(select(person.c.id).limit(1)).first() is not None


def set_password(connection: Connection, person_id: int, password_hash: str) -> None:
    """Replace the stored hash; ending other sessions is the caller's decision."""
    connection.execute(update(person).where(person.c.id == person_id).values(password_hash=password_hash))


# Memberships


def grant(connection: Connection, person_id: int, publisher_id: int, role: Role) -> None:
    """Give a person a role for a publisher, in place of any that they had."""
    where = (membership.c.person_id == person_id) & (membership.c.publisher_id == publisher_id)
    if connection.execute(update(membership).where(where).values(role=role.value)).rowcount == 0:
        row = {"person_id": person_id, "publisher_id": publisher_id, "role": role.value}
        connection.execute(insert(membership).values(row))


def withdraw(connection: Connection, person_id: int, publisher_id: int) -> None:
    """Take a person's role for a publisher away; it counts from their next request on."""
    where = (membership.c.person_id == person_id) & (membership.c.publisher_id == publisher_id)
    connection.execute(delete(membership).where(where))


def memberships(connection: Connection, person_id: int) -> tuple[Membership, ...]:
    """Everything a person may see, by the publisher's name."""
    rows = connection.execute(
        select(membership.c.publisher_id, publisher.c.name, membership.c.role)
        .join(publisher, publisher.c.id == membership.c.publisher_id)
        .where(membership.c.person_id == person_id)
        .order_by(publisher.c.name_key)
    )
    return tuple(Membership(row.publisher_id, row.name, Role(row.role)) for row in rows)


# Set-up links


def create_setup_link(
    connection: Connection, now_micros: int, *, email: str | None = None, publisher_id: int | None = None
) -> str:
    """Make a one-time link's token, good for 24 hours. Without ``publisher_id`` it makes the owner of everything."""
    token = new_token()
    row = {
        "token_hash": token_hash(token),
        "email": email.strip().lower() if email else None,
        "publisher_id": publisher_id,
        "expires_at_micros": now_micros + SETUP_LINK_LIFE_MICROS,
    }
    connection.execute(insert(setup_link).values(row))
    return token


def find_setup_link(connection: Connection, token: str, now_micros: int) -> SetupLink | None:
    """The link of a token, if it can still be used."""
    columns = (setup_link.c.token_hash, setup_link.c.email, setup_link.c.publisher_id)
    row = connection.execute(select(*columns).where(_usable(token, now_micros))).first()
    return SetupLink(*row) if row else None


def use_setup_link(connection: Connection, token: str, now_micros: int) -> bool:
    """Take the link; True for exactly one caller. The person is to be added in the same transaction."""
    taken = connection.execute(update(setup_link).where(_usable(token, now_micros)).values(used_at_micros=now_micros))
    return taken.rowcount == 1


def accept_setup_link(
    connection: Connection, token: str, email: str, password_hash: str, new_publisher: str, now_micros: int
) -> Person | None:
    """Make the link's account: owner of its publisher, of all there are, or of a new one when there is none.

    A link that names an address makes that person, whatever ``email`` says. None when the link was used meanwhile.
    Raises ``EmailTaken``, ``NameTaken`` and ``InvalidValue``; then the link stays usable, if the caller rolls back.
    """
    link = find_setup_link(connection, token, now_micros)
    if link is None or not use_setup_link(connection, token, now_micros):
        return None
    made = add_person(connection, link.email or email, password_hash, now_micros)
    if link.publisher_id is None:
        set_operates(connection, made.person_id, True)  # it is the link that the edge's own log shows
    owned = [link.publisher_id] if link.publisher_id else [one.publisher_id for one in list_publishers(connection)]
    if not owned:
        owned = [add_publisher(connection, new_publisher, made.email, now_micros).publisher_id]
    for publisher_id in owned:
        grant(connection, made.person_id, publisher_id, Role.OWNER)
    return made


def _usable(token: str, now_micros: int) -> ColumnElement[bool]:
    return (
        (setup_link.c.token_hash == token_hash(token))
        & setup_link.c.used_at_micros.is_(None)
        & (setup_link.c.expires_at_micros > now_micros)
    )


# Attempts


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of a password: whom it is counted against, in the order account and address, address, account."""

    subjects: tuple[bytes, bytes, bytes]
    attempted_at_micros: int


def record_attempt(connection: Connection, email: str, address: str, now_micros: int, key: bytes) -> Attempt:
    """Count a try against the account, the address and both together; committed before ``is_over_limit`` is asked.

    Addresses are counted by household. ``key`` is the day's (``AddressKeys``): without it anybody who reads the table
    could try all addresses there are against the hashes. The counts begin anew with it, at midnight UTC.
    """
    attempt = attempt_of(email, address, now_micros, key)
    sweep_attempts(connection, now_micros)
    rows = [{"subject_hash": subject, "attempted_at_micros": now_micros} for subject in attempt.subjects]
    connection.execute(insert(sign_in_attempt), rows)
    return attempt


def attempt_of(email: str, address: str, now_micros: int, key: bytes) -> Attempt:
    """Whom a try at this time is counted against, without counting it."""
    account, place = email.strip().lower(), household(address)
    both = _subject(key, "account and address", account, place)
    return Attempt((both, _subject(key, "address", place), _subject(key, "account", account)), now_micros)


def record_from(connection: Connection, what: str, address: str, now_micros: int, key: bytes) -> bytes:
    """Count something that nobody's name stands on against the address alone; returns whom it is counted against.

    To be committed before ``count_recent`` is asked; ``key`` as for ``record_attempt``.
    """
    subject = _subject(key, what, household(address))
    sweep_attempts(connection, now_micros)
    connection.execute(insert(sign_in_attempt).values(subject_hash=subject, attempted_at_micros=now_micros))
    return subject


def count_recent(connection: Connection, subject: bytes, now_micros: int) -> int:
    """How many tries are counted against a subject within the window."""
    own = sign_in_attempt.c
    recent = (own.subject_hash == subject) & (own.attempted_at_micros > now_micros - ATTEMPT_WINDOW_MICROS)
    count: int = connection.execute(select(func.count()).where(recent)).scalar_one()
    return count


def is_over_limit(connection: Connection, attempt: Attempt) -> bool:
    """Whether this try came after too many others.

    It sees itself and every try committed before it, so of any number at once no more than the limit pass.
    """
    limits = (ATTEMPTS_PER_ACCOUNT_AND_ADDRESS, ATTEMPTS_PER_ADDRESS, ATTEMPTS_PER_ACCOUNT)
    recent = sign_in_attempt.c.attempted_at_micros > attempt.attempted_at_micros - ATTEMPT_WINDOW_MICROS
    rows = connection.execute(
        select(sign_in_attempt.c.subject_hash, func.count())
        .where(sign_in_attempt.c.subject_hash.in_(attempt.subjects), recent)
        .group_by(sign_in_attempt.c.subject_hash)
    )
    counts: dict[bytes, int] = {bytes(subject): number for subject, number in rows}
    return any(counts.get(subject, 0) > most for subject, most in zip(attempt.subjects, limits, strict=True))


def forgive(connection: Connection, attempt: Attempt) -> None:
    """The password was right: this account's tries from this address no longer count, nor does this one elsewhere."""
    both, *others = attempt.subjects
    connection.execute(delete(sign_in_attempt).where(sign_in_attempt.c.subject_hash == both))
    for subject in others:
        own = select(func.max(sign_in_attempt.c.id)).where(
            sign_in_attempt.c.subject_hash == subject,
            sign_in_attempt.c.attempted_at_micros == attempt.attempted_at_micros,
        )
        connection.execute(delete(sign_in_attempt).where(sign_in_attempt.c.id == own.scalar_subquery()))


def sweep_attempts(connection: Connection, now_micros: int) -> int:
    """Forget the tries that no longer count; return how many rows went."""
    old = sign_in_attempt.c.attempted_at_micros <= now_micros - ATTEMPT_WINDOW_MICROS
    return connection.execute(delete(sign_in_attempt).where(old)).rowcount


def _subject(key: bytes, *parts: str) -> bytes:
    return hmac.digest(key, "\0".join(parts).encode("utf-8", "surrogatepass"), "sha256")

"""A publisher's people: who may do what, and that somebody always owns it.

Rules of this file
- The last owner neither goes nor becomes less. Every change here first locks the publisher's row, so that of two owners
  who demote each other at once the second sees what the first did.
- A member is looked for within its publisher; of another it does not exist.
- Who loses the right to invite loses it for the links that they made, too: a link is for an address that they chose,
  and they know it.
- Everything is in the publisher's audit log, in the same transaction. It counts from a person's next request on:
  every request looks the membership up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, select

from edge.store.audit_events import Action, record
from edge.store.people import LastOwner, Role, grant, withdraw
from edge.store.planned import stop_plans_of
from edge.store.problems import UnknownName
from edge.store.tables import invitation, membership, person, publisher

PUBLISHING = frozenset({Role.OWNER, Role.EDITOR})
"""The roles that publish prices; a test holds them to the dashboard's table of needs."""


@dataclass(frozen=True, slots=True)
class Member:
    """One person of a publisher."""

    person_id: int
    email: str
    role: Role


def list_members(connection: Connection, publisher_id: int) -> list[Member]:
    """Everybody of a publisher, by address."""
    return [_member(row) for row in connection.execute(_members(publisher_id).order_by(person.c.email))]


def find_member(connection: Connection, publisher_id: int, person_id: int) -> Member:
    """One person of a publisher; raises ``UnknownName``."""
    row = connection.execute(_members(publisher_id).where(person.c.id == person_id)).one_or_none()
    if row is None:
        raise UnknownName("there is no such person in this team", "member")
    return _member(row)


def set_role(
    connection: Connection, publisher_id: int, person_id: int, role: Role, *, author: str, now_micros: int
) -> Member:
    """Say what somebody may do; whoever was no member becomes one. Raises ``LastOwner`` and ``UnknownName``."""
    lock_team(connection, publisher_id)
    email = connection.execute(select(person.c.email).where(person.c.id == person_id)).scalar_one()
    found = connection.execute(_members(publisher_id).where(person.c.id == person_id)).one_or_none()
    before = _member(found).role if found is not None else None
    if before is role:
        return Member(person_id, email, role)
    if before is Role.OWNER:
        _refuse_last_owner(connection, publisher_id, person_id)
    grant(connection, person_id, publisher_id, role)
    if before is Role.OWNER:
        revoke_invitations_of(connection, publisher_id, email, author=author, now_micros=now_micros)
    if role not in PUBLISHING:
        stop_plans_of(connection, publisher_id, email, "whoever planned it may not publish here any more")
    action = Action.MEMBER_JOINED if before is None else Action.ROLE_CHANGED
    details = {"role": role.value} | ({"before": before.value} if before is not None else {})
    record(
        connection,
        action,
        author=author,
        now_micros=now_micros,
        publisher_id=publisher_id,
        subject=email,
        details=details,
    )
    return Member(person_id, email, role)


def remove_member(connection: Connection, publisher_id: int, person_id: int, *, author: str, now_micros: int) -> Member:
    """Take somebody out of a team; one who does it to themselves has left. Raises ``LastOwner`` and ``UnknownName``."""
    lock_team(connection, publisher_id)
    found = find_member(connection, publisher_id, person_id)
    if found.role is Role.OWNER:
        _refuse_last_owner(connection, publisher_id, person_id)
    withdraw(connection, person_id, publisher_id)
    # A link that waits for them would let them in again.
    mine = (invitation.c.publisher_id == publisher_id) & (invitation.c.email == found.email)
    connection.execute(delete(invitation).where(mine))
    revoke_invitations_of(connection, publisher_id, found.email, author=author, now_micros=now_micros)
    stop_plans_of(connection, publisher_id, found.email, "whoever planned it is not in the team any more")
    action = Action.MEMBER_LEFT if found.email == author else Action.MEMBER_REMOVED
    record(
        connection,
        action,
        author=author,
        now_micros=now_micros,
        publisher_id=publisher_id,
        subject=found.email,
        details={"role": found.role.value},
    )
    return found


def revoke_invitations_of(
    connection: Connection, publisher_id: int, invited_by: str, *, author: str, now_micros: int
) -> None:
    """Whoever made these links may invite nobody any more, and may have meant one for themselves."""
    theirs = (invitation.c.publisher_id == publisher_id) & (invitation.c.invited_by == invited_by)
    gone = delete(invitation).where(theirs).returning(invitation.c.email, invitation.c.role)
    for one in connection.execute(gone).all():
        record(
            connection,
            Action.INVITATION_REVOKED,
            author=author,
            now_micros=now_micros,
            publisher_id=publisher_id,
            subject=one.email,
            details={"role": one.role},
        )


def lock_team(connection: Connection, publisher_id: int) -> None:
    """Let one change of a team after the other (PostgreSQL; on SQLite there is one writer anyway)."""
    connection.execute(select(publisher.c.id).where(publisher.c.id == publisher_id).with_for_update()).one()


def _refuse_last_owner(connection: Connection, publisher_id: int, person_id: int) -> None:
    row = membership.c
    others = (row.publisher_id == publisher_id) & (row.role == Role.OWNER.value) & (row.person_id != person_id)
    if connection.execute(select(row.person_id).where(others).limit(1)).first() is None:
        raise LastOwner("this is the last owner; make somebody else an owner first", "role")


def _members(publisher_id: int) -> Any:
    columns = (person.c.id, person.c.email, membership.c.role)
    joined = membership.join(person, person.c.id == membership.c.person_id)
    return select(*columns).select_from(joined).where(membership.c.publisher_id == publisher_id)


def _member(row: Row[tuple[Any, ...]]) -> Member:
    return Member(row.id, row.email, Role(row.role))

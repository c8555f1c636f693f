"""Invitations to a publisher's team: a link that somebody is given by hand, good for a week, once.

Rules of this file
- An invitation is looked for within its publisher; of another it does not exist.
- It is for one address: whoever has an account of that address, or makes one with the link, may join.
- It goes with the right to invite of whoever made its link (``edge.store.team``).
- A link is taken by deleting its invitation: of any number of callers one deletes it.
- Everything is in the publisher's audit log, in the same transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, select, update

from edge.store.audit_events import Action, record
from edge.store.people import MINUTE_MICROS, Role, add_person, find_person, new_token, token_hash
from edge.store.problems import InvalidValue, NameTaken, UnknownName
from edge.store.publishers import read_email
from edge.store.tables import invitation, publisher
from edge.store.team import list_members, lock_team, set_role

INVITATION_LIFE_MICROS = 7 * 24 * 60 * MINUTE_MICROS
INVITATION_KEPT_MICROS = 30 * 24 * 60 * MINUTE_MICROS
"""How long an expired one stays listed, so that it can be renewed."""

INVITATIONS_MAX = 100
"""Of one publisher, waiting at once."""


@dataclass(frozen=True, slots=True)
class Invitation:
    """Somebody who was asked and has not answered."""

    invitation_id: int
    publisher_id: int
    publisher_name: str
    email: str
    role: Role
    invited_by: str
    created_at_micros: int
    expires_at_micros: int

    def is_open(self, now_micros: int) -> bool:
        """Whether its link still opens."""
        return self.expires_at_micros > now_micros


def invite(
    connection: Connection, publisher_id: int, email: str, role: Role, *, author: str, now_micros: int
) -> tuple[Invitation, str]:
    """Ask somebody to join, and return the token of the link, which is not stored.

    Raises ``InvalidValue`` and ``NameTaken``.
    """
    address = read_email(email).lower()
    lock_team(connection, publisher_id)
    if any(member.email == address for member in list_members(connection, publisher_id)):
        raise NameTaken(f"{address} is in this team already; change the role in the list", "email")
    mine = invitation.c.publisher_id == publisher_id
    known = connection.execute(
        select(invitation.c.expires_at_micros).where(mine, invitation.c.email == address)
    ).first()
    if known is not None:
        raise NameTaken(f"{address} was invited already; make a new link in the list below", "email")
    if connection.execute(select(func.count()).where(mine)).scalar_one() >= INVITATIONS_MAX:
        raise InvalidValue(f"{INVITATIONS_MAX} people are invited already; revoke some first", "email")
    token = new_token()
    row = {
        "publisher_id": publisher_id,
        "email": address,
        "role": role.value,
        "token_hash": token_hash(token),
        "invited_by": author,
        "created_at_micros": now_micros,
        "expires_at_micros": now_micros + INVITATION_LIFE_MICROS,
    }
    made = connection.execute(insert(invitation).values(row).returning(invitation.c.id)).scalar_one()
    found = find_invitation(connection, publisher_id, made)
    _tell(connection, Action.MEMBER_INVITED, found, author, now_micros)
    return found, token


def renew_invitation(
    connection: Connection, publisher_id: int, invitation_id: int, *, author: str, now_micros: int
) -> tuple[Invitation, str]:
    """Make another link, good for a week; the one before opens nothing any more. Raises ``UnknownName``."""
    token = new_token()
    row = {
        "token_hash": token_hash(token),
        "invited_by": author,  # whoever knows the link
        "created_at_micros": now_micros,
        "expires_at_micros": now_micros + INVITATION_LIFE_MICROS,
    }
    connection.execute(update(invitation).where(_mine(publisher_id, invitation_id)).values(row))
    found = find_invitation(connection, publisher_id, invitation_id)
    _tell(connection, Action.INVITATION_RENEWED, found, author, now_micros)
    return found, token


def revoke_invitation(
    connection: Connection, publisher_id: int, invitation_id: int, *, author: str, now_micros: int
) -> Invitation:
    """Take an invitation back. Raises ``UnknownName``, when somebody accepted it meanwhile too."""
    found = find_invitation(connection, publisher_id, invitation_id)
    if connection.execute(delete(invitation).where(_mine(publisher_id, invitation_id))).rowcount != 1:
        raise UnknownName("somebody was faster: there is no such invitation any more", "invitation")
    _tell(connection, Action.INVITATION_REVOKED, found, author, now_micros)
    return found


def list_invitations(connection: Connection, publisher_id: int) -> list[Invitation]:
    """Those who have not answered, the newest first; expired ones too."""
    query = _invitations().where(invitation.c.publisher_id == publisher_id).order_by(invitation.c.id.desc())
    return [_invitation(row) for row in connection.execute(query)]


def find_invitation(connection: Connection, publisher_id: int, invitation_id: int) -> Invitation:
    """One invitation of a publisher; raises ``UnknownName``."""
    row = connection.execute(_invitations().where(_mine(publisher_id, invitation_id))).one_or_none()
    if row is None:
        raise UnknownName("there is no such invitation", "invitation")
    return _invitation(row)


def find_open_invitation(connection: Connection, token: str, now_micros: int) -> Invitation | None:
    """The invitation of a link, if it still opens."""
    row = connection.execute(_invitations().where(_usable(token, now_micros))).one_or_none()
    return None if row is None else _invitation(row)


def accept_invitation(
    connection: Connection, token: str, now_micros: int, *, password_hash: str | None = None
) -> int | None:
    """Join by a link: with a password hash as a new person, without as the one who has the address already.

    Returns the person's id; None when the link was used, revoked or too old. A member keeps the role that they have.
    Raises ``EmailTaken`` for a new person whose address has an account meanwhile.
    """
    found = find_open_invitation(connection, token, now_micros)
    if found is None or connection.execute(delete(invitation).where(_usable(token, now_micros))).rowcount != 1:
        return None
    if password_hash is not None:
        joins = add_person(connection, found.email, password_hash, now_micros)
    else:
        known = find_person(connection, found.email)
        assert known is not None, "who accepts without a password has an account"
        joins = known
    if all(member.person_id != joins.person_id for member in list_members(connection, found.publisher_id)):
        set_role(connection, found.publisher_id, joins.person_id, found.role, author=joins.email, now_micros=now_micros)
    return joins.person_id


def forgotten_invitations(now_micros: int) -> ColumnElement[bool]:
    """For statements: those that expired so long ago that nobody will renew them."""
    return invitation.c.expires_at_micros <= now_micros - INVITATION_KEPT_MICROS


def _tell(connection: Connection, action: Action, found: Invitation, author: str, now_micros: int) -> None:
    record(
        connection,
        action,
        author=author,
        now_micros=now_micros,
        publisher_id=found.publisher_id,
        subject=found.email,
        details={"role": found.role.value},
    )


def _mine(publisher_id: int, invitation_id: int) -> ColumnElement[bool]:
    return (invitation.c.id == invitation_id) & (invitation.c.publisher_id == publisher_id)


def _usable(token: str, now_micros: int) -> ColumnElement[bool]:
    return (invitation.c.token_hash == token_hash(token)) & (invitation.c.expires_at_micros > now_micros)


def _invitations() -> Any:
    joined = invitation.join(publisher, publisher.c.id == invitation.c.publisher_id)
    return select(invitation, publisher.c.name.label("publisher_name")).select_from(joined)


def _invitation(row: Row[tuple[Any, ...]]) -> Invitation:
    return Invitation(
        invitation_id=row.id,
        publisher_id=row.publisher_id,
        publisher_name=row.publisher_name,
        email=row.email,
        role=Role(row.role),
        invited_by=row.invited_by,
        created_at_micros=row.created_at_micros,
        expires_at_micros=row.expires_at_micros,
    )

"""People of a crawler's team: who may see its account in the portal, and the links that let them in.

Rules of this file
- Whose account a person sees comes from ``crawler_memberships`` alone; no caller passes a crawler that was not looked
  up here.
- An invitation is for one address, works once, for a week, and only its token's SHA-256 is kept. It is taken by one
  conditional statement. It says nothing about whether that address has an account here.
- The last owner of a team neither leaves nor becomes less by the team's own doing. Every change first locks the
  crawler's row, so that of two owners who take each other out at once the second sees what the first did.
- Everything is in the log of the crawler's team, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, Row, Select, delete, func, insert, select, update

from edge.store.audit_events import Action, record
from edge.store.people import LastOwner, Person, add_person, new_token, token_hash
from edge.store.problems import InvalidValue, UnknownName
from edge.store.publishers import read_email
from edge.store.tables import audit_event, crawler, crawler_invitation, crawler_member, person

INVITATION_LIFE_MICROS = 7 * 86_400_000_000


class TeamRole(StrEnum):
    """What a person may do for a crawler: an owner sets budgets, tokens and the team; a viewer looks."""

    OWNER = "owner"
    VIEWER = "viewer"


@dataclass(frozen=True, slots=True)
class CrawlerMembership:
    """What one person may do for one crawler."""

    crawler_id: int
    crawler_name: str
    role: TeamRole


@dataclass(frozen=True, slots=True)
class TeamMember:
    """One person of a crawler's team."""

    person_id: int
    email: str
    role: TeamRole


@dataclass(frozen=True, slots=True)
class Invitation:
    """A link that can still be used: whose team, for whom, as what."""

    crawler_id: int
    crawler_name: str
    email: str
    role: TeamRole
    expires_at_micros: int


def crawler_memberships(connection: Connection, person_id: int) -> tuple[CrawlerMembership, ...]:
    """Every crawler whose account a person may see, by name."""
    rows = connection.execute(
        select(crawler_member.c.crawler_id, crawler.c.name, crawler_member.c.role)
        .join(crawler, crawler.c.id == crawler_member.c.crawler_id)
        .where(crawler_member.c.person_id == person_id)
        .order_by(crawler.c.name_key)
    )
    return tuple(CrawlerMembership(row.crawler_id, row.name, TeamRole(row.role)) for row in rows)


def team_of(connection: Connection, crawler_id: int) -> list[TeamMember]:
    """Everybody who may see a crawler's account, by address."""
    rows = connection.execute(
        select(person.c.id, person.c.email, crawler_member.c.role)
        .join(crawler_member, crawler_member.c.person_id == person.c.id)
        .where(crawler_member.c.crawler_id == crawler_id)
        .order_by(person.c.email)
    )
    return [TeamMember(row.id, row.email, TeamRole(row.role)) for row in rows]


def people_ever(connection: Connection, crawler_id: int) -> frozenset[str]:
    """The addresses of a team's people, those too who left; whoever was erased by their pseudonym."""
    joined = (audit_event.c.crawler_id == crawler_id) & (audit_event.c.action == Action.MEMBER_JOINED.value)
    once = connection.execute(select(audit_event.c.subject).where(joined).distinct()).scalars()
    return frozenset(once) | {one.email for one in team_of(connection, crawler_id)}


def join_team(connection: Connection, person_id: int, crawler_id: int, role: TeamRole) -> None:
    """Let a person see a crawler's account, in place of any role that they had."""
    where = (crawler_member.c.person_id == person_id) & (crawler_member.c.crawler_id == crawler_id)
    if connection.execute(update(crawler_member).where(where).values(role=role.value)).rowcount == 0:
        row = {"person_id": person_id, "crawler_id": crawler_id, "role": role.value}
        connection.execute(insert(crawler_member).values(row))


def remove_from_team(
    connection: Connection,
    crawler_id: int,
    email: str,
    *,
    author: str,
    now_micros: int,
    even_last_owner: bool = False,
) -> None:
    """Take somebody out of a crawler's team, or the invitation of an address back.

    It counts from their next request on. Only the operator takes the last owner out (``even_last_owner``). Raises
    ``UnknownName`` and ``LastOwner``.
    """
    lock_crawler_team(connection, crawler_id)
    email = email.strip().lower()
    members = {one.email: one for one in team_of(connection, crawler_id)}
    member = members.get(email)
    # A link that they were given, or made for themselves, would let them in again.
    links = withdraw_invitations(connection, crawler_id, email, now_micros)
    if member is None and not links:
        raise UnknownName("there is no such person in this team", "email")
    if member is None:
        action, details = Action.INVITATION_REVOKED, {}
    else:
        if not even_last_owner:
            _refuse_last_owner(members.values(), member)
        where = (crawler_member.c.person_id == member.person_id) & (crawler_member.c.crawler_id == crawler_id)
        connection.execute(delete(crawler_member).where(where))
        action = Action.MEMBER_LEFT if email == author else Action.MEMBER_REMOVED
        details = {"role": member.role.value}
        _withdraw_made_by(connection, crawler_id, email, author, now_micros)
    _tell(connection, action, crawler_id, email, author, now_micros, **details)


def lock_crawler_team(connection: Connection, crawler_id: int) -> None:
    """Let one change of a team after the other (PostgreSQL; on SQLite there is one writer anyway)."""
    connection.execute(select(crawler.c.id).where(crawler.c.id == crawler_id).with_for_update()).one()


def invite(connection: Connection, crawler_id: int, email: str, role: TeamRole, *, author: str, now_micros: int) -> str:
    """Make a link's token that lets one address into a crawler's team; raises ``InvalidValue``."""
    token, email = new_token(), read_email(email).lower()
    row = {
        "token_hash": token_hash(token),
        "crawler_id": crawler_id,
        "email": email,
        "role": role.value,
        "invited_by": author,
        "expires_at_micros": now_micros + INVITATION_LIFE_MICROS,
    }
    connection.execute(insert(crawler_invitation).values(row))
    _tell(connection, Action.MEMBER_INVITED, crawler_id, email, author, now_micros, role=role.value)
    return token


def open_invitations(connection: Connection, crawler_id: int, now_micros: int) -> list[Invitation]:
    """The links of a crawler's team that nobody has used yet, by address."""
    mine = (crawler_invitation.c.crawler_id == crawler_id) & _usable(now_micros)
    return [_invitation(row) for row in connection.execute(_invitations().where(mine).order_by("email"))]


def find_invitation(connection: Connection, token: str, now_micros: int) -> Invitation | None:
    """The invitation of a token, if it can still be used."""
    mine = (crawler_invitation.c.token_hash == token_hash(token)) & _usable(now_micros)
    row = connection.execute(_invitations().where(mine)).one_or_none()
    return None if row is None else _invitation(row)


def withdraw_invitations(connection: Connection, crawler_id: int, email: str, now_micros: int) -> int:
    """Take back the open links of one address; return how many there were."""
    mine = (crawler_invitation.c.crawler_id == crawler_id) & (crawler_invitation.c.email == email.strip().lower())
    taken = update(crawler_invitation).where(mine, _usable(now_micros)).values(used_at_micros=now_micros)
    return connection.execute(taken).rowcount


def withdraw_everything_made_by(
    connection: Connection, spellings: Collection[str], author: str, now_micros: int
) -> None:
    """Nobody comes in any more, to any team, by a link that was made under one of these names, in lower case."""
    links = crawler_invitation.c
    mine = func.lower(links.invited_by).in_(spellings) & _usable(now_micros)
    made = select(links.crawler_id, links.invited_by).where(mine).distinct().order_by(links.crawler_id)
    for one in connection.execute(made).all():
        _withdraw_made_by(connection, one.crawler_id, one.invited_by, author, now_micros)


def _withdraw_made_by(connection: Connection, crawler_id: int, invited_by: str, author: str, now_micros: int) -> None:
    """Whoever made these links may invite nobody any more, and may have meant one for themselves."""
    links = crawler_invitation.c
    theirs = (links.crawler_id == crawler_id) & (links.invited_by == invited_by) & _usable(now_micros)
    taken = update(crawler_invitation).where(theirs).values(used_at_micros=now_micros).returning(links.email)
    for email in connection.execute(taken).scalars().all():
        _tell(connection, Action.INVITATION_REVOKED, crawler_id, email, author, now_micros)


def accept_as_new(connection: Connection, token: str, password_hash: str, now_micros: int) -> Person | None:
    """Make the account of the invited address and let it in; None when the link was used meanwhile.

    Raises ``EmailTaken`` when that address signs in here already; then the link stays usable, if the caller rolls back.
    """
    found = find_invitation(connection, token, now_micros)
    if found is None or not _use(connection, token, now_micros):
        return None
    made = add_person(connection, found.email, password_hash, now_micros)
    _join(connection, made.person_id, found, now_micros)
    return made


def accept_as(
    connection: Connection, token: str, person_id: int, email: str, now_micros: int
) -> CrawlerMembership | None:
    """Let somebody in who signs in here already; None when the link was used meanwhile.

    Raises ``InvalidValue`` when the link is for another address, and ``LastOwner`` when it would leave the team none.
    """
    found = find_invitation(connection, token, now_micros)
    if found is not None and found.email != email.strip().lower():
        raise InvalidValue("this link is for another address; sign in with that one", "email")
    if found is None or not _use(connection, token, now_micros):
        return None
    _join(connection, person_id, found, now_micros)
    return CrawlerMembership(found.crawler_id, found.crawler_name, found.role)


def _join(connection: Connection, person_id: int, found: Invitation, now_micros: int) -> None:
    lock_crawler_team(connection, found.crawler_id)
    members = {one.email: one for one in team_of(connection, found.crawler_id)}
    before = members.get(found.email)
    if before is not None and found.role is not TeamRole.OWNER:
        _refuse_last_owner(members.values(), before)
    join_team(connection, person_id, found.crawler_id, found.role)
    if found.role is not TeamRole.OWNER:
        _withdraw_made_by(connection, found.crawler_id, found.email, found.email, now_micros)
    action = Action.MEMBER_JOINED if before is None else Action.ROLE_CHANGED
    details = {"role": found.role.value} | ({"before": before.role.value} if before is not None else {})
    _tell(connection, action, found.crawler_id, found.email, found.email, now_micros, **details)


def _refuse_last_owner(members: Collection[TeamMember], member: TeamMember) -> None:
    others = any(one.role is TeamRole.OWNER and one.person_id != member.person_id for one in members)
    if member.role is TeamRole.OWNER and not others:
        raise LastOwner("this is the last owner; make somebody else an owner first", "email")


def _tell(
    connection: Connection,
    action: Action,
    crawler_id: int,
    email: str,
    author: str,
    now_micros: int,
    **details: str,
) -> None:
    record(
        connection,
        action,
        author=author,
        now_micros=now_micros,
        crawler_id=crawler_id,
        subject=email,
        details=details,
    )


def _use(connection: Connection, token: str, now_micros: int) -> bool:
    mine = (crawler_invitation.c.token_hash == token_hash(token)) & _usable(now_micros)
    return connection.execute(update(crawler_invitation).where(mine).values(used_at_micros=now_micros)).rowcount == 1


def _usable(now_micros: int) -> ColumnElement[bool]:
    return crawler_invitation.c.used_at_micros.is_(None) & (crawler_invitation.c.expires_at_micros > now_micros)


def _invitations() -> Select[tuple[int, str, str, str, int]]:
    own = crawler_invitation.c
    return select(own.crawler_id, crawler.c.name, own.email, own.role, own.expires_at_micros).join(
        crawler, crawler.c.id == own.crawler_id
    )


def _invitation(row: Row[tuple[int, str, str, str, int]]) -> Invitation:
    return Invitation(row.crawler_id, row.name, row.email, TeamRole(row.role), row.expires_at_micros)

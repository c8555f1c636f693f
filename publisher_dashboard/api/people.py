"""Who and what works for the publisher: people, invitations, tokens, and the log of what was changed.

Rules of this file
- A program gives nobody a role that may more than the program itself: whoever holds a token with the scope ``team``
  could otherwise have themselves made an editor or an owner, and so do what the token may not.
- It neither changes nor removes owners, whatever its scopes are.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from edge.store.audit_events import AuditFilter
from edge.store.invitations import Invitation, find_invitation, invite, renew_invitation, revoke_invitation
from edge.store.people import LastOwner, Role
from edge.store.publisher_tokens import Scope, revoke_publisher_token
from edge.store.team import remove_member, set_role
from publisher_dashboard.api.days import Days
from publisher_dashboard.api.operations import Answer, Call
from publisher_dashboard.api.problems import Code, Problem
from publisher_dashboard.api.values import Cursor, Done, Model, Nothing, time_of
from publisher_dashboard.forms import sentence
from publisher_dashboard.rendering import at
from publisher_dashboard.views.audit import audit_log
from publisher_dashboard.views.team import member_shown, team
from publisher_dashboard.views.tokens import TokenLine, token_line, token_list
from publisher_dashboard.visit import GRANTS, SCOPE_GRANTS, Need


class MemberShown(Model):
    """One person."""

    id: int
    email: str
    role: Role


class InvitationShown(Model):
    """Somebody who was asked and has not answered; ``link`` is there only where it was just made."""

    id: int
    email: str
    role: Role
    invited_by: str
    created_at: datetime
    expires_at: datetime
    link: str | None = None


class TeamShown(Model):
    """Everybody of the publisher."""

    members: tuple[MemberShown, ...]
    invitations: tuple[InvitationShown, ...]


class NewInvitation(Model):
    """Whom to ask, and for which role."""

    email: str
    role: Role


class RoleChange(Model):
    """What somebody may do."""

    role: Role


class TokenShown(Model):
    """A token without what opens anything; no ``sites`` means all."""

    id: int
    name: str
    begins: str
    state: str
    scopes: tuple[Scope, ...]
    sites: tuple[str, ...]
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None


class TokenListShown(Model):
    """All tokens, those in force first."""

    data: tuple[TokenShown, ...]


class AuditQuestion(Days):
    """What the log is narrowed to; ``area`` is the part of an action before its point."""

    who: str = ""
    area: str = ""
    after: Annotated[Cursor, Field(pattern="^[0-9]{1,18}$")] | None = None


class AuditEventShown(Model):
    """One thing that somebody changed."""

    id: int
    at: datetime
    author: str
    action: str
    subject: str
    site: str | None
    words: str
    details: dict[str, Any]


class AuditPage(Model):
    """One page of the log, the newest first."""

    data: tuple[AuditEventShown, ...]
    next: str | None


def get_team(call: Call, asked: Nothing) -> TeamShown:
    """Everybody of the publisher, and who was asked to join."""
    with call.desk.database.read() as connection:
        found = team(connection, call.publisher_id)
    return TeamShown(
        members=tuple(MemberShown(id=one.person_id, email=one.email, role=one.role) for one in found.members),
        invitations=tuple(_invited(one, None) for one in found.invitations),
    )


def add_invitation(call: Call, asked: Nothing, body: NewInvitation) -> Answer:
    """Ask somebody to join, in a role that may no more than the token; the link is in this answer alone."""
    _refuse_beyond(call, body.role)
    with call.desk.database.write() as connection:
        made, token = invite(
            connection, call.publisher_id, body.email, body.role, author=call.author, now_micros=call.now_micros
        )
    return Answer(_invited(made, _link(call, token)), 201)


def renew_link(call: Call, asked: Nothing) -> InvitationShown:
    """Another link for somebody who was asked; the one before opens nothing any more."""
    number = call.number("invitation_id")
    with call.desk.database.write() as connection:
        _refuse_beyond(call, find_invitation(connection, call.publisher_id, number).role)
        found, token = renew_invitation(
            connection, call.publisher_id, number, author=call.author, now_micros=call.now_micros
        )
    return _invited(found, _link(call, token))


def delete_invitation(call: Call, asked: Nothing) -> Done:
    """Take an invitation back."""
    number = call.number("invitation_id")
    with call.desk.database.write() as connection:
        revoke_invitation(connection, call.publisher_id, number, author=call.author, now_micros=call.now_micros)
    return Done(changed=True)


def put_role(call: Call, asked: Nothing, body: RoleChange) -> MemberShown:
    """Change what somebody may do, to a role that may no more than the token; it counts from their next request."""
    number = call.number("member_id")
    try:
        with call.desk.database.write() as connection:
            # Of this publisher, or it does not exist.
            _refuse_owner(member_shown(connection, call.publisher_id, number).member.role)
            _refuse_beyond(call, body.role)
            found = set_role(
                connection, call.publisher_id, number, body.role, author=call.author, now_micros=call.now_micros
            )
    except LastOwner as last:
        raise Problem(Code.NOT_POSSIBLE, sentence(str(last))) from None
    return MemberShown(id=found.person_id, email=found.email, role=found.role)


def delete_member(call: Call, asked: Nothing) -> Done:
    """Take somebody out of the team."""
    number = call.number("member_id")
    try:
        with call.desk.database.write() as connection:
            _refuse_owner(member_shown(connection, call.publisher_id, number).member.role)
            remove_member(connection, call.publisher_id, number, author=call.author, now_micros=call.now_micros)
    except LastOwner as last:
        raise Problem(Code.NOT_POSSIBLE, sentence(str(last))) from None
    return Done(changed=True)


def _refuse_beyond(call: Call, role: Role) -> None:
    """Refuse to give a role that covers more than the token's scopes together do."""
    _refuse_owner(role)
    own = frozenset[Need]().union(*(SCOPE_GRANTS[scope] for scope in call.token.scopes))
    if not GRANTS[role] <= own:
        told = f"This token may not do all that a person with the role {role.value} may; it needs these scopes as well."
        missing = [scope.value for scope in Scope if SCOPE_GRANTS[scope] & (GRANTS[role] - own)]
        raise Problem(Code.SCOPE_MISSING, told, more={"scopes": missing})


def _refuse_owner(role: Role) -> None:
    if role is Role.OWNER:
        raise Problem(Code.NOT_POSSIBLE, "Owners are made, changed and removed by owners, in the dashboard.")


def list_tokens(call: Call, asked: Nothing) -> TokenListShown:
    """Every token of the publisher, ended ones too."""
    with call.desk.database.read() as connection:
        found = token_list(connection, call.publisher_id, call.now_micros)
    return TokenListShown(data=tuple(_token(line) for line in (*found.in_force, *found.ended)))


def get_token(call: Call, asked: Nothing) -> TokenShown:
    """One token of the publisher."""
    with call.desk.database.read() as connection:
        return _token(token_line(connection, call.publisher_id, call.number("token_id"), call.now_micros))


def delete_token(call: Call, asked: Nothing) -> Done:
    """Take a token back, at once and for good."""
    number = call.number("token_id")
    with call.desk.database.write() as connection:
        before = token_line(connection, call.publisher_id, number, call.now_micros)
        revoke_publisher_token(connection, call.publisher_id, number, author=call.author, now_micros=call.now_micros)
    return Done(changed=before.state != "revoked")


def list_audit(call: Call, asked: AuditQuestion) -> AuditPage:
    """What people and programs changed."""
    since, until = asked.bounds()
    before = int(asked.after) if asked.after is not None else None
    with call.desk.database.read() as connection:
        log = audit_log(connection, call.publisher_id, AuditFilter(asked.who, asked.area, since, until, before))
    return AuditPage(
        data=tuple(
            AuditEventShown(
                id=line.event.event_id,
                at=at(line.event.at_micros),
                author=line.event.author,
                action=line.event.action,
                subject=line.event.subject,
                site=line.event.site,
                words=line.words,
                details=dict(line.event.details),
            )
            for line in log.lines
        ),
        next=str(log.next_before) if log.next_before is not None else None,
    )


def _link(call: Call, token: str) -> str:
    address = call.desk.address.public_url or str(call.request.base_url)
    return f"{address.rstrip('/')}/invitations/{token}"


def _invited(one: Invitation, link: str | None) -> InvitationShown:
    return InvitationShown(
        id=one.invitation_id,
        email=one.email,
        role=one.role,
        invited_by=one.invited_by,
        created_at=at(one.created_at_micros),
        expires_at=at(one.expires_at_micros),
        link=link,
    )


def _token(line: TokenLine) -> TokenShown:
    one = line.token
    return TokenShown(
        id=one.token_id,
        name=one.name,
        begins=one.hint,
        state=line.state,
        scopes=tuple(scope for scope in Scope if scope in one.scopes),
        sites=one.hosts,
        created_by=one.created_by,
        created_at=at(one.created_at_micros),
        expires_at=time_of(one.expires_at_micros),
        used_at=time_of(one.used_at_micros),
    )

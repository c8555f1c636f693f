"""A publisher's people and invitations, and what each role may do in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edge.store.connection import Connection
from edge.store.invitations import Invitation, list_invitations
from edge.store.people import Role
from edge.store.team import Member, find_member, list_members

ROLE_WORDS: Mapping[Role, str] = {
    Role.OWNER: "Everything: prices, downloads, people, tokens, webhooks and settings.",
    Role.EDITOR: "See everything, change and publish prices, download.",
    Role.BILLING: "See everything and download charges and statements.",
    Role.VIEWER: "See everything, change nothing.",
}


@dataclass(frozen=True, slots=True)
class Team:
    """Who belongs to a publisher, and who was asked to. ``owners`` is how many own it."""

    members: tuple[Member, ...]
    invitations: tuple[Invitation, ...]

    @property
    def owners(self) -> int:
        """How many could let others in."""
        return sum(member.role is Role.OWNER for member in self.members)


@dataclass(frozen=True, slots=True)
class MemberShown:
    """One member; ``is_last_owner`` when neither their role nor their being here can change."""

    member: Member
    is_last_owner: bool


def team(connection: Connection, publisher_id: int) -> Team:
    """Everybody of a publisher."""
    return Team(tuple(list_members(connection, publisher_id)), tuple(list_invitations(connection, publisher_id)))


def member_shown(connection: Connection, publisher_id: int, person_id: int) -> MemberShown:
    """One member of a publisher; raises ``UnknownName``."""
    found = find_member(connection, publisher_id, person_id)
    owners = team(connection, publisher_id).owners
    return MemberShown(found, found.role is Role.OWNER and owners == 1)

"""Erase a person: what may go goes, what may be renamed is, what the books must keep stays, and all of it is recorded.

Rules of this file
- One transaction: either all of it is done and recorded, or nothing.
- A name in an entry, or in what was signed, stays: the chain's hashes are made of it. A publisher's own address stays
  until it has another. Every other name becomes one pseudonym, so that it stays visible who did the same things.
- The last owner of a publisher is erased only when whoever asks says so again: nobody could let the next one in.
- For each publisher that the person belonged to the erasure is noted in the books' chain too, under the pseudonym.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

import orjson
from sqlalchemy import Connection, delete, func, insert, select, update

from edge.store.audit import accounts_owned, change_noted
from edge.store.crawler_people import withdraw_everything_made_by
from edge.store.database import Database
from edge.store.people import LastOwner, Role, memberships
from edge.store.person_data import Place, Who, places
from edge.store.planned import stop_plans_of
from edge.store.policy_version import bump_policy_version
from edge.store.problems import UnknownName
from edge.store.tables import erasure, membership, publisher
from edge.store.tables.personal import OnErase
from edge.store.team import revoke_invitations_of


@dataclass(frozen=True, slots=True)
class Erased:
    """What was done: rows by ``table.column``; ``kept`` still holds the name, ``changed`` does not."""

    pseudonym: str
    changed: dict[str, int]
    kept: dict[str, int]


def erase_person(
    database: Database, name: str, *, author: str, reason: str, now_micros: int, even_last_owner: bool = False
) -> Erased:
    """Erase whoever is called so. Raises ``UnknownName`` when nothing is kept, and ``LastOwner``."""
    pseudonym = f"erased-{secrets.token_hex(6)}"
    with database.read() as connection:
        who = Who.find(connection, name)
        accounts = _accounts(connection, who)

    def change(connection: Connection) -> Erased:
        # Looked up again: another command may have changed who owns what.
        who = Who.find(connection, name)
        if not even_last_owner:
            _refuse_last_owner(connection, who)
        _end_what_they_began(connection, who, author, now_micros)
        return _erase(connection, who, pseudonym, author, reason, now_micros)

    what = {"erased": pseudonym}
    return change_noted(database, accounts, what, change, author=author, reason=reason)


def _erase(connection: Connection, who: Who, pseudonym: str, author: str, reason: str, now_micros: int) -> Erased:
    done = Erased(pseudonym, {}, {})
    for place in places():
        is_kept = place.mark.on_erase in (OnErase.KEPT, OnErase.EXPIRES)
        rows = _count(connection, place, who) if is_kept else _treat(connection, place, who, pseudonym)
        if rows:
            (done.kept if is_kept else done.changed)[f"{place.table.name}.{place.column.name}"] = rows
    if not done.changed and not done.kept:
        raise UnknownName(f"nothing is kept under the name {who.name}; see `farebox person export`", "email")
    if "site.contact" in done.changed:
        bump_policy_version(connection, now_micros)
    counts = orjson.dumps({"changed": done.changed, "kept": done.kept}, option=orjson.OPT_SORT_KEYS).decode()
    row = {"pseudonym": pseudonym, "erased_at_micros": now_micros, "erased_by": author, "reason": reason}
    connection.execute(insert(erasure).values(done=counts, **row))
    return done


def _treat(connection: Connection, place: Place, who: Who, pseudonym: str) -> int:
    where = who.rows(place)
    if where is None:
        return 0
    match place.mark.on_erase:
        case OnErase.DELETED:
            return connection.execute(delete(place.table).where(where)).rowcount
        case OnErase.RENAMED:
            return connection.execute(update(place.table).where(where).values({place.column: pseudonym})).rowcount
        case OnErase.EMPTIED:
            return connection.execute(update(place.table).where(where).values({place.column: None})).rowcount
        case OnErase.KEPT | OnErase.EXPIRES:
            raise AssertionError(f"{place.column} is not changed")
        case _:
            assert_never(place.mark.on_erase)


def _count(connection: Connection, place: Place, who: Who) -> int:
    where = who.rows(place)
    if where is None:
        return 0
    found: int = connection.execute(select(func.count()).select_from(place.table).where(where)).scalar_one()
    return found


def _accounts(connection: Connection, who: Who) -> Sequence[int]:
    """The accounts of the publishers that the person belongs to, in the order in which they are locked."""
    if who.person_id is None:
        return []
    own = memberships(connection, who.person_id)
    return sorted(number for one in own for number in accounts_owned(connection, "publisher", one.publisher_id))


def _end_what_they_began(connection: Connection, who: Who, author: str, now_micros: int) -> None:
    """What they planned is not published under another name, and the links that they made let nobody in."""
    if who.person_id is not None:
        for one in memberships(connection, who.person_id):
            stop_plans_of(connection, one.publisher_id, who.name, "whoever planned it is not in the team any more")
            revoke_invitations_of(connection, one.publisher_id, who.name, author=author, now_micros=now_micros)
    # Whoever operates makes links for teams that they are not in.
    withdraw_everything_made_by(connection, who.spellings, author, now_micros)


def _refuse_last_owner(connection: Connection, who: Who) -> None:
    if who.person_id is None:
        return
    owner = membership.c.role == Role.OWNER.value
    others = select(membership.c.publisher_id).where(owner, membership.c.person_id != who.person_id)
    alone = (
        select(publisher.c.name)
        .join(membership, membership.c.publisher_id == publisher.c.id)
        .where(owner, membership.c.person_id == who.person_id, publisher.c.id.not_in(others))
        .order_by(publisher.c.name_key)
    )
    names = list(connection.execute(alone).scalars())
    if names:
        raise LastOwner(
            f"{who.name} is the last owner of {', '.join(names)}; make somebody else an owner with "
            "`farebox user role`, or say --yes"
        )

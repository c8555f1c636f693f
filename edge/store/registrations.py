"""Registrations: a crawler asks, a person decides, and only then there is a party that can pay.

Rules of this file
- Whoever asks has proved its agent URL before it gets here; everything else is its own word.
- Strangers write these rows: one for each agent, at most ``WAITING_MAX`` that wait and ``HOST_WAITING_MAX`` of one
  host, and those that nobody decided go in time.
- A rejected one takes nobody's place: its row says why for a year, or until ``REJECTED_MAX`` newer ones were rejected.
- Approving makes the crawler and its account in the transaction that says so, and bumps the policy version, so that
  every edge knows it within a second.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import ColumnElement, Connection, Row, delete, func, or_, select, update

from edge.core.identity import CrawlerKind
from edge.core.money import Money
from edge.core.registration import Wish
from edge.store.accounts import Terms, open_crawler_account
from edge.store.audit_events import Action, record
from edge.store.crawlers import NewCrawler, add_crawler
from edge.store.insertion import insert_new
from edge.store.problems import InvalidValue, UnknownName
from edge.store.tables import registration

WAITING_MAX = 500
HOST_WAITING_MAX = 20
REJECTED_MAX = 500
PENDING_DAYS = 90
REJECTED_DAYS = 365
_DAY_MICROS = 86_400_000_000


class Asked(Enum):
    """What became of a crawler's asking."""

    NEW = "new"
    AGAIN = "again"
    DECIDED = "decided"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Registration:
    """One registration as stored; ``state`` is pending, approved or rejected."""

    number: int
    agent_url: str
    thumbprint: str
    name: str
    operator: str
    kind: CrawlerKind
    contact: str
    host: str
    state: str
    asked_at_micros: int
    asked_again_at_micros: int
    decided_at_micros: int | None
    decided_by: str | None
    reason: str | None
    crawler_id: int | None


@dataclass(frozen=True, slots=True)
class Approval:
    """What the person who approves says; what is None is as the crawler asked."""

    name: str | None = None
    operator: str | None = None
    kind: CrawlerKind | None = None
    currency: str = "USD"
    terms: Terms = Terms.PREPAID
    limit: Money | None = None
    allow_dev: bool = False


def ask(connection: Connection, agent_url: str, thumbprint: str, host: str, wish: Wish, now_micros: int) -> Asked:
    """Note that a crawler asks; one that waits already may change its wish, a decided one stays as it is."""
    wished = {
        "thumbprint": thumbprint,
        "name": wish.name,
        "operator": wish.operator,
        "kind": wish.kind.value,
        "contact": wish.contact,
        "host": host,
        "asked_again_at_micros": now_micros,
    }
    row = registration.c
    waits = (row.agent_url == agent_url) & (row.state == "pending")
    if connection.execute(update(registration).where(waits).values(wished)).rowcount:
        return Asked.AGAIN
    if find_by_agent(connection, agent_url) is not None:
        return Asked.DECIDED
    if not _has_room(connection, agent_url):
        return Asked.FULL
    new = {**wished, "agent_url": agent_url, "state": "pending", "asked_at_micros": now_micros}
    return Asked.NEW if insert_new(connection, registration, new) else Asked.AGAIN


def _has_room(connection: Connection, agent_url: str) -> bool:
    """Whether one more may wait: in all, and of the agent's host, whose paths cost nothing to make up."""
    row = registration.c
    agents = list(connection.execute(select(row.agent_url).where(row.state == "pending")).scalars())
    host = urlsplit(agent_url).hostname
    of_host = sum(urlsplit(one).hostname == host for one in agents)
    return len(agents) < WAITING_MAX and of_host < HOST_WAITING_MAX


def find_by_agent(connection: Connection, agent_url: str) -> Registration | None:
    """The registration of an agent, by its identity URL."""
    row = connection.execute(select(registration).where(registration.c.agent_url == agent_url)).one_or_none()
    return None if row is None else _registration(row)


def find_registration(connection: Connection, number: int) -> Registration:
    """One registration; raises ``UnknownName``."""
    row = connection.execute(select(registration).where(registration.c.id == number)).one_or_none()
    if row is None:
        raise UnknownName(f"there is no registration {number}; `farebox registration list --all` shows all", "id")
    return _registration(row)


def list_registrations(connection: Connection, *, decided_too: bool = False) -> list[Registration]:
    """What waits for a decision, the oldest first; with ``decided_too`` all."""
    query = select(registration).order_by(registration.c.id)
    if not decided_too:
        query = query.where(registration.c.state == "pending")
    return [_registration(row) for row in connection.execute(query)]


def count_waiting(connection: Connection) -> int:
    """How many wait for a decision."""
    query = select(func.count()).select_from(registration).where(registration.c.state == "pending")
    counted: int = connection.execute(query).scalar_one()
    return counted


def approve(
    connection: Connection, number: int, approval: Approval, *, author: str, reason: str | None, now_micros: int
) -> Registration:
    """Make the crawler and its account; also of one that was rejected.

    Raises ``UnknownName``, ``InvalidValue`` when it is approved already or a value does not fit, and ``NameTaken`` when
    the name or the agent is another crawler's.
    """
    asked = _lock(connection, number)
    if asked.state == "approved":
        raise InvalidValue(f"registration {number} is approved already", "id")
    operator = asked.operator if approval.operator is None else approval.operator
    kind = approval.kind or asked.kind
    new = NewCrawler(approval.name or asked.name, asked.agent_url, kind, operator, allow_dev=approval.allow_dev)
    made = add_crawler(connection, new, now_micros)
    open_crawler_account(connection, made.crawler_id, approval.currency, terms=approval.terms, limit=approval.limit)
    record(
        connection,
        Action.REGISTRATION_APPROVED,
        author=author,
        now_micros=now_micros,
        crawler_id=made.crawler_id,
        subject=made.name,
        details={"agent": made.agent_url, "kind": made.kind.value, "terms": approval.terms.value},
    )
    return _decide(connection, number, "approved", author, reason, now_micros, made.crawler_id)


def reject(connection: Connection, number: int, *, author: str, reason: str, now_micros: int) -> Registration:
    """Say no, with a reason that the crawler may read. Raises ``UnknownName`` and ``InvalidValue``."""
    asked = _lock(connection, number)
    if not reason.strip():
        raise InvalidValue("say why: the crawler's team may read it", "reason")
    if asked.state != "pending":
        words = "suspend the crawler instead" if asked.state == "approved" else "nothing was done"
        raise InvalidValue(f"registration {number} is {asked.state} already; {words}", "id")
    done = _decide(connection, number, "rejected", author, reason.strip(), now_micros, None)
    _forget_oldest_rejected(connection)
    record(
        connection,
        Action.REGISTRATION_REJECTED,
        author=author,
        now_micros=now_micros,
        subject=asked.agent_url,
        details={"registration": number},
    )
    return done


def _forget_oldest_rejected(connection: Connection) -> None:
    row = registration.c
    newest = (row.decided_at_micros.desc(), row.id.desc())
    kept = select(row.id).where(row.state == "rejected").order_by(*newest).limit(REJECTED_MAX)
    numbers = list(connection.execute(kept).scalars())
    if len(numbers) == REJECTED_MAX:
        connection.execute(delete(registration).where(row.state == "rejected", row.id.not_in(numbers)))


def over(now_micros: int) -> ColumnElement[bool]:
    """Those whose time is over: nobody decided for long, or rejected long ago."""
    row = registration.c
    return or_(
        (row.state == "pending") & (row.asked_again_at_micros < now_micros - PENDING_DAYS * _DAY_MICROS),
        (row.state == "rejected") & (row.decided_at_micros < now_micros - REJECTED_DAYS * _DAY_MICROS),
    )


def _lock(connection: Connection, number: int) -> Registration:
    """The registration, held until the transaction ends: two people decide one after the other."""
    connection.execute(select(registration.c.id).where(registration.c.id == number).with_for_update())
    return find_registration(connection, number)


def _decide(
    connection: Connection,
    number: int,
    state: str,
    author: str,
    reason: str | None,
    now_micros: int,
    crawler_id: int | None,
) -> Registration:
    values = {
        "state": state,
        "decided_at_micros": now_micros,
        "decided_by": author,
        "reason": reason,
        "crawler_id": crawler_id,
    }
    connection.execute(update(registration).where(registration.c.id == number).values(values))
    return find_registration(connection, number)


def _registration(row: Row[tuple[Any, ...]]) -> Registration:
    return Registration(
        number=row.id,
        agent_url=row.agent_url,
        thumbprint=row.thumbprint,
        name=row.name,
        operator=row.operator,
        kind=CrawlerKind(row.kind),
        contact=row.contact,
        host=row.host,
        state=row.state,
        asked_at_micros=row.asked_at_micros,
        asked_again_at_micros=row.asked_again_at_micros,
        decided_at_micros=row.decided_at_micros,
        decided_by=row.decided_by,
        reason=row.reason,
        crawler_id=row.crawler_id,
    )

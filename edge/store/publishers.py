"""Publishers: the parties that earn."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from sqlalchemy import Connection, Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from edge.store.audit_events import Action, record
from edge.store.problems import InvalidValue, NameTaken, StoreProblem, UnknownName
from edge.store.tables import publisher

NAME_LENGTH_MAX = 200
LETTERHEAD_LINES_MAX = 6
LETTERHEAD_LINE_MAX = 60
"""What fits into the third of a page that a statement has for a party."""
EMAIL_LENGTH_MAX = 320


@dataclass(frozen=True, slots=True)
class Publisher:
    """A publisher; ``created_at_micros`` counts microseconds since the epoch.

    ``share_ppm`` is the operator's share, in parts per million. ``letterhead`` is the postal address and the tax
    number, a line each, as statements print them below the name.
    """

    publisher_id: int
    name: str
    email: str
    created_at_micros: int
    share_ppm: int = 0
    letterhead: str = ""


def add_publisher(connection: Connection, name: str, email: str, now_micros: int, *, share_ppm: int = 0) -> Publisher:
    """Register a publisher; raises ``NameTaken`` (names compare without case) or ``InvalidValue``."""
    name, email = read_name(name), read_email(email)
    values = {
        "name": name,
        "name_key": name.lower(),
        "email": email,
        "created_at_micros": now_micros,
        "share_ppm": share_ppm,
    }
    try:
        with connection.begin_nested():
            made = connection.execute(insert(publisher).values(values).returning(publisher.c.id)).scalar_one()
    except IntegrityError as why:
        raise NameTaken(f"there is a publisher named {name!r} already; choose another name", "name") from why
    return Publisher(made, name, email, now_micros, share_ppm)


def set_share(connection: Connection, name: str, share_ppm: int) -> Publisher:
    """Change the operator's share of every month that is not closed yet; raises ``UnknownName``."""
    found = find_publisher(connection, name)
    changed = update(publisher).where(publisher.c.id == found.publisher_id).values(share_ppm=share_ppm)
    connection.execute(changed)
    return replace(found, share_ppm=share_ppm)


class PublisherMoved(StoreProblem):
    """Somebody else changed the publisher meanwhile; ``theirs`` is what is there now."""

    def __init__(self, theirs: Publisher) -> None:
        super().__init__("somebody else changed these settings meanwhile; look at theirs and decide again")
        self.theirs = theirs


def publisher_mark(found: Publisher) -> str:
    """What a form carries to say which settings it was filled from."""
    return hashlib.sha256(f"{found.name}\0{found.email}\0{found.letterhead}".encode()).hexdigest()[:16]


def read_publisher(connection: Connection, publisher_id: int) -> Publisher:
    """One publisher by number; the caller knows that there is one."""
    return _publisher(connection.execute(select(publisher).where(publisher.c.id == publisher_id)).one())


def change_publisher(
    connection: Connection,
    publisher_id: int,
    name: str,
    email: str,
    *,
    author: str,
    now_micros: int,
    seen: str,
    letterhead: str | None = None,
) -> Publisher:
    """Change what statements say of it, if it is as it was seen, and write it down; None leaves the letterhead.

    Raises ``InvalidValue``, ``NameTaken`` and ``PublisherMoved``.
    """
    name, email = read_name(name), read_email(email)
    lines = None if letterhead is None else read_letterhead(letterhead)
    # Locked, so that of two who save at once the second is told.
    connection.execute(select(publisher.c.id).where(publisher.c.id == publisher_id).with_for_update()).one()
    before = read_publisher(connection, publisher_id)
    if publisher_mark(before) != seen:
        raise PublisherMoved(before)
    after = replace(before, name=name, email=email, letterhead=before.letterhead if lines is None else lines)
    if after == before:
        return before
    try:
        with connection.begin_nested():
            values = {"name": name, "name_key": name.lower(), "email": email, "letterhead": after.letterhead}
            connection.execute(update(publisher).where(publisher.c.id == publisher_id).values(values))
    except IntegrityError as why:
        raise NameTaken(f"there is a publisher named {name!r} already; choose another name", "name") from why
    details: dict[str, object] = {} if email == before.email else {"email": "changed"}
    if name != before.name:
        details["name"] = {"before": before.name, "after": name}
    if after.letterhead != before.letterhead:
        details["letterhead"] = "changed"
    record(
        connection,
        Action.PUBLISHER_CHANGED,
        author=author,
        now_micros=now_micros,
        publisher_id=publisher_id,
        details=details,
    )
    return after


def list_publishers(connection: Connection) -> list[Publisher]:
    """All publishers by name."""
    return [_publisher(row) for row in connection.execute(select(publisher).order_by(publisher.c.name_key))]


def publisher_by_id(connection: Connection, publisher_id: int) -> Publisher | None:
    """The publisher of that number."""
    row = connection.execute(select(publisher).where(publisher.c.id == publisher_id)).one_or_none()
    return None if row is None else _publisher(row)


def find_publisher(connection: Connection, name: str) -> Publisher:
    """The publisher of that name, case aside; raises ``UnknownName``."""
    row = connection.execute(select(publisher).where(publisher.c.name_key == name.strip().lower())).one_or_none()
    if row is None:
        message = f"there is no publisher named {name!r}; add it with `farebox publisher add`"
        raise UnknownName(message, "publisher")
    return _publisher(row)


def read_name(text: str) -> str:
    """A name for people: one line of 1 to 200 printable characters; raises ``InvalidValue``."""
    name = text.strip()
    if not name or len(name) > NAME_LENGTH_MAX or not name.isprintable():
        raise InvalidValue(f"a name is one line of 1 to {NAME_LENGTH_MAX} characters", "name")
    return name


def read_email(text: str) -> str:
    """An e-mail address, roughly: whoever gets no mail will say so; raises ``InvalidValue``."""
    email = text.strip()
    local, separator, domain = email.rpartition("@")
    plain = email.isprintable() and " " not in email and len(email) <= EMAIL_LENGTH_MAX
    if not email:
        raise InvalidValue("write an e-mail address, such as editor@news.example", "email")
    if not separator or not local or not domain or "@" in local or not plain:
        raise InvalidValue(f"{text!r} is not an e-mail address; write it like editor@news.example", "email")
    return email


def read_letterhead(text: str) -> str:
    """Lines to print below a name, stripped, empty ones at the ends left out; raises ``InvalidValue``."""
    lines = [line.strip() for line in text.strip().splitlines()]
    fits = all(line.isprintable() and len(line) <= LETTERHEAD_LINE_MAX for line in lines)
    if len(lines) > LETTERHEAD_LINES_MAX or not fits:
        why = f"write up to {LETTERHEAD_LINES_MAX} lines of up to {LETTERHEAD_LINE_MAX} characters"
        raise InvalidValue(why, "letterhead")
    return "\n".join(lines)


def _publisher(row: Row[tuple[object, ...]]) -> Publisher:
    return Publisher(row.id, row.name, row.email, row.created_at_micros, row.share_ppm, row.letterhead)

"""A site's rules over time: the draft that is being edited, and the published versions, which never change.

Rules of this file
- Whoever saves, discards or publishes says which revision of the draft, or which live version, they looked at; when
  it is no longer that one nothing happens and ``DraftMoved`` or ``VersionMoved`` says what is there now.
- Publishing is one transaction: the new version, the site's pointer, the end of the draft, the policy counter,
  and the news of it (``edge.store.outbox``).
  The pointer moves by a conditional statement, so of two people who publish at once one is told (409).
- Going back publishes the old document as a new version: history only grows.
- A new draft's revision starts at the clock's second, so that the revision of a discarded draft does not come back.
"""

from __future__ import annotations

from dataclasses import dataclass

import orjson
from sqlalchemy import ColumnElement, Connection, Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from edge.core.rule_file import from_document, to_document
from edge.core.rules import RuleSet
from edge.core.webhooks import WebhookEvent, timestamp_text
from edge.store import outbox
from edge.store.audit_events import Action, record
from edge.store.policy_version import bump_policy_version
from edge.store.problems import InvalidValue, StoreProblem, UnknownName
from edge.store.tables import planned_publication, rule_draft, rule_set, site

NOTE_CHARACTERS_MAX = 1000


@dataclass(frozen=True, slots=True)
class Version:
    """One published version; it is live when the site says so."""

    site_id: int
    version: int
    rules: RuleSet
    note: str | None
    published_by: str
    published_at_micros: int


@dataclass(frozen=True, slots=True)
class Draft:
    """Rules that are not live yet; ``base_version`` is what they were begun from, 0 for nothing."""

    site_id: int
    rules: RuleSet
    base_version: int
    revision: int
    edited_by: str
    edited_at_micros: int


class DraftMoved(StoreProblem):
    """Somebody else saved, discarded or published the draft meanwhile; ``theirs`` is what is there now."""

    def __init__(self, theirs: Draft | None) -> None:
        super().__init__("somebody else changed this draft meanwhile; look at theirs and decide again")
        self.theirs = theirs


class VersionMoved(StoreProblem):
    """Another version went live meanwhile; ``live_version`` is its number."""

    def __init__(self, live_version: int) -> None:
        super().__init__(f"version {live_version} was published meanwhile; review again")
        self.live_version = live_version


def live_version(connection: Connection, site_id: int) -> Version | None:
    """The version in force, or None before the first publication."""
    return _version(connection, rule_set.c.version == site.c.live_version, site_id)


def find_version(connection: Connection, site_id: int, number: int) -> Version | None:
    """One published version of a site."""
    return _version(connection, rule_set.c.version == number, site_id)


def version_at(connection: Connection, site_id: int, at_micros: int) -> Version | None:
    """The version that was in force at a time: the newest that was published by then, or None before the first."""
    published = (rule_set.c.site_id == site_id) & (rule_set.c.published_at_micros <= at_micros)
    row = connection.execute(select(rule_set).where(published).order_by(rule_set.c.version.desc()).limit(1)).first()
    return None if row is None else _read_version(row)


def history(connection: Connection, site_id: int, *, before: int | None = None, limit: int = 50) -> list[Version]:
    """Published versions, the newest first; ``before`` continues a list below that number."""
    where = rule_set.c.site_id == site_id
    if before is not None:
        where &= rule_set.c.version < before
    rows = connection.execute(select(rule_set).where(where).order_by(rule_set.c.version.desc()).limit(limit))
    return [_read_version(row) for row in rows]


def find_draft(connection: Connection, site_id: int) -> Draft | None:
    """The site's draft, if one is open."""
    row = connection.execute(select(rule_draft).where(rule_draft.c.site_id == site_id)).mappings().first()
    if row is None:
        return None
    values = {name: value for name, value in row.items() if name != "document"}
    return Draft(rules=_read(row["document"]), **values)


def save_draft(
    connection: Connection, site_id: int, rules: RuleSet, seen_revision: int | None, author: str, now_micros: int
) -> Draft:
    """Save the draft over the revision that was seen, or open one (None). Raises ``DraftMoved``."""
    document = _write(rules)
    if seen_revision is None:
        return _open_draft(connection, site_id, document, author, now_micros)
    saved = connection.execute(
        update(rule_draft)
        .where(rule_draft.c.site_id == site_id, rule_draft.c.revision == seen_revision)
        .values(document=document, revision=seen_revision + 1, edited_by=author, edited_at_micros=now_micros)
    )
    if saved.rowcount != 1:
        raise DraftMoved(find_draft(connection, site_id))
    return _present(find_draft(connection, site_id))


def discard_draft(connection: Connection, site_id: int, seen_revision: int) -> None:
    """Forget the draft that was seen, and the plan to publish it. Raises ``DraftMoved``."""
    where = (rule_draft.c.site_id == site_id) & (rule_draft.c.revision == seen_revision)
    if connection.execute(delete(rule_draft).where(where)).rowcount != 1:
        raise DraftMoved(find_draft(connection, site_id))
    connection.execute(delete(planned_publication).where(planned_publication.c.site_id == site_id))


def give_up_draft(connection: Connection, site_id: int, seen_revision: int, author: str, now_micros: int) -> None:
    """Forget the draft that was seen because somebody says so, and write down who. Raises ``DraftMoved``."""
    discard_draft(connection, site_id, seen_revision)
    where = connection.execute(select(site.c.host, site.c.publisher_id).where(site.c.id == site_id)).one()
    record(
        connection,
        Action.DRAFT_DISCARDED,
        author=author,
        now_micros=now_micros,
        publisher_id=where.publisher_id,
        site_id=site_id,
        subject=where.host,
    )


def publish_draft(
    connection: Connection,
    site_id: int,
    seen_revision: int,
    seen_version: int,
    note: str | None,
    author: str,
    now_micros: int,
) -> Version:
    """Make the draft that was seen the successor of the live version that was seen (0: none yet).

    Raises ``DraftMoved`` and ``VersionMoved``.
    """
    found = find_draft(connection, site_id)
    if found is None or found.revision != seen_revision:
        raise DraftMoved(found)
    version = publish_rules(connection, site_id, found.rules, seen_version, note, author, now_micros)
    discard_draft(connection, site_id, seen_revision)
    return version


def publish_rules(
    connection: Connection,
    site_id: int,
    rules: RuleSet,
    seen_version: int,
    note: str | None,
    author: str,
    now_micros: int,
    *,
    action: Action = Action.RULES_PUBLISHED,
) -> Version:
    """Publish rules as the successor of the live version that was seen; an open draft stays.

    Raises ``VersionMoved``, and ``InvalidValue`` for a note that is too long.
    """
    # One statement decides between two who publish at once: the pointer moves from the version that was seen, or not.
    seen: ColumnElement[bool] = site.c.live_version == seen_version if seen_version else site.c.live_version.is_(None)
    number = seen_version + 1
    note = read_note(note)
    moved = connection.execute(update(site).where(site.c.id == site_id, seen).values(live_version=number))
    if moved.rowcount != 1:
        raise VersionMoved(_live_number(connection, site_id))
    row = {
        "site_id": site_id,
        "version": number,
        "document": _write(rules),
        "note": note,
        "published_by": author,
        "published_at_micros": now_micros,
    }
    connection.execute(insert(rule_set).values(row))
    bump_policy_version(connection, now_micros)
    version = Version(site_id, number, rules, note, author, now_micros)
    _tell(connection, version, action)
    return version


def roll_back(
    connection: Connection,
    site_id: int,
    to_version: int,
    seen_version: int,
    note: str | None,
    author: str,
    now_micros: int,
) -> Version:
    """Publish an old version's rules again, as a new version. Raises ``VersionMoved`` and ``UnknownName``."""
    old = find_version(connection, site_id, to_version)
    if old is None:
        raise UnknownName(f"there is no version {to_version}; see the history", "version")
    said = note or f"Back to version {to_version}"
    back = Action.RULES_ROLLED_BACK
    return publish_rules(connection, site_id, old.rules, seen_version, said, author, now_micros, action=back)


def _tell(connection: Connection, version: Version, action: Action) -> None:
    """Tell whoever listens, and write it down."""
    where = connection.execute(select(site.c.host, site.c.publisher_id).where(site.c.id == version.site_id)).one()
    data = {
        "site": where.host,
        "version": version.version,
        "rules": len(version.rules.rules),
        "note": version.note,
        "published_by": version.published_by,
        "published_at": timestamp_text(version.published_at_micros),
    }
    outbox.add(
        connection,
        WebhookEvent.RULES_PUBLISHED,
        f"{where.host} version {version.version}",
        data,
        publisher_id=where.publisher_id,
        at_micros=version.published_at_micros,
    )
    record(
        connection,
        action,
        author=version.published_by,
        now_micros=version.published_at_micros,
        publisher_id=where.publisher_id,
        site_id=version.site_id,
        subject=where.host,
        details={"version": version.version, "rules": len(version.rules.rules)},
    )


def _open_draft(connection: Connection, site_id: int, document: str, author: str, now_micros: int) -> Draft:
    row = {
        "site_id": site_id,
        "document": document,
        "base_version": _live_number(connection, site_id),
        "revision": now_micros // 1_000_000,
        "edited_by": author,
        "edited_at_micros": now_micros,
    }
    try:
        with connection.begin_nested():
            connection.execute(insert(rule_draft).values(row))
    except IntegrityError as why:
        raise DraftMoved(find_draft(connection, site_id)) from why
    return _present(find_draft(connection, site_id))


def _live_number(connection: Connection, site_id: int) -> int:
    return connection.execute(select(site.c.live_version).where(site.c.id == site_id)).scalar_one() or 0


def _version(connection: Connection, where: ColumnElement[bool], site_id: int) -> Version | None:
    found = select(rule_set).join(site, site.c.id == rule_set.c.site_id).where(site.c.id == site_id, where)
    row = connection.execute(found).first()
    return _read_version(row) if row else None


def _read_version(row: Row[tuple[object, ...]]) -> Version:
    return Version(row.site_id, row.version, _read(row.document), row.note, row.published_by, row.published_at_micros)


def _present(found: Draft | None) -> Draft:
    if found is None:
        raise AssertionError("a draft that was just saved in this transaction is gone")
    return found


def _read(document: str) -> RuleSet:
    return from_document(orjson.loads(document))


def _write(rules: RuleSet) -> str:
    return orjson.dumps(to_document(rules)).decode()


def read_note(note: str | None) -> str | None:
    """A version's note; None for an empty one. Raises ``InvalidValue`` for one that is too long."""
    text = (note or "").strip()
    if len(text) > NOTE_CHARACTERS_MAX:
        raise InvalidValue(f"write at most {NOTE_CHARACTERS_MAX} characters", "note")
    return text or None

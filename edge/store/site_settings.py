"""Change how a site is served, seen against what somebody looked at, and write down who did it.

Rules of this file
- Pages and commands come through here, so that both check the same and leave the same line in the audit log.
- Whoever changes a form says which state they saw (``site_mark``); when it is no longer that one nothing happens and
  ``SiteMoved`` says what is there now. The row is locked first, so of two who save at once the second is told.
- Details name no person: of a contact only that it changed.
"""

from __future__ import annotations

import hashlib
from dataclasses import fields

from sqlalchemy import Connection, select, update

from edge.store.audit_events import Action, record
from edge.store.policy_version import bump_policy_version
from edge.store.problems import StoreProblem, UnknownName
from edge.store.site_values import EdgeAddresses
from edge.store.sites import Site, SiteOptions, add_site, find_site, list_sites, remove_site, set_site
from edge.store.tables import site

_SETTINGS = tuple(field.name for field in fields(SiteOptions))
_PERSONAL = frozenset({"contact"})


class SiteMoved(StoreProblem):
    """Somebody else changed the site meanwhile; ``theirs`` is what is there now."""

    def __init__(self, theirs: Site) -> None:
        super().__init__("somebody else changed these settings meanwhile; look at theirs and decide again")
        self.theirs = theirs


def site_mark(found: Site) -> str:
    """What a form carries to say which settings it was filled from."""
    values = "\0".join(_text(getattr(found, name)) for name in _SETTINGS)
    return hashlib.sha256(values.encode()).hexdigest()[:16]


def begin_site(
    connection: Connection,
    host: str,
    publisher_id: int,
    options: SiteOptions,
    edge: EdgeAddresses,
    *,
    author: str,
    now_micros: int,
) -> Site:
    """Serve a host from now on, and write down who wanted it. Raises ``InvalidValue`` and ``NameTaken``."""
    made = add_site(connection, host, publisher_id, options, edge, now_micros)
    _tell(connection, Action.SITE_ADDED, made, author, now_micros, {"origin": made.origin, "currency": made.currency})
    return made


def change_site(
    connection: Connection,
    host: str,
    options: SiteOptions,
    edge: EdgeAddresses,
    *,
    author: str,
    now_micros: int,
    seen: str | None = None,
) -> Site:
    """Change what ``options`` names; with ``seen`` only what was seen so.

    Raises ``UnknownName``, ``InvalidValue`` and ``SiteMoved``.
    """
    found = find_site(connection, host)
    connection.execute(select(site.c.id).where(site.c.id == found.site_id).with_for_update()).one()
    before = find_site(connection, host)
    if seen is not None and seen != site_mark(before):
        raise SiteMoved(before)
    after = set_site(connection, host, options, edge, now_micros)
    changes = site_changes(before, after)
    if changes:
        _tell(connection, Action.SITE_CHANGED, after, author, now_micros, changes)
    return after


def site_changes(before: Site, after: Site) -> dict[str, object]:
    """Every setting that differs, by name, as the log keeps it."""
    changed = (name for name in _SETTINGS if getattr(before, name) != getattr(after, name))
    return {name: _change(name, getattr(before, name), getattr(after, name)) for name in changed}


def pause_site(connection: Connection, host: str, *, author: str, now_micros: int) -> Site:
    """Stop serving a host; its rules and history stay. Raises ``UnknownName``."""
    gone = remove_site(connection, host, now_micros)
    _tell(connection, Action.SITE_PAUSED, gone, author, now_micros, {})
    return gone


def resume_site(connection: Connection, publisher_id: int, site_id: int, *, author: str, now_micros: int) -> Site:
    """Serve a host of this publisher again, as it was; doing it twice changes nothing. Raises ``UnknownName``."""
    own = (site.c.id == site_id) & (site.c.publisher_id == publisher_id)
    resumed = connection.execute(update(site).where(own, site.c.active.is_(False)).values(active=True)).rowcount
    found = next((one for one in list_sites(connection, publisher_id) if one.site_id == site_id), None)
    if found is None:
        raise UnknownName("there is no such site", "site")
    if resumed:
        bump_policy_version(connection, now_micros)
        _tell(connection, Action.SITE_RESUMED, found, author, now_micros, {})
    return found


def _tell(
    connection: Connection, action: Action, found: Site, author: str, now_micros: int, details: dict[str, object]
) -> None:
    record(
        connection,
        action,
        author=author,
        now_micros=now_micros,
        publisher_id=found.publisher_id,
        site_id=found.site_id,
        subject=found.host,
        details=details,
    )


def _change(name: str, before: object, after: object) -> object:
    if name in _PERSONAL:
        return "changed"
    return {"before": _plain(before), "after": _plain(after)}


def _plain(value: object) -> object:
    return sorted(str(one) for one in value) if isinstance(value, frozenset) else value


def _text(value: object) -> str:
    return ",".join(sorted(str(one) for one in value)) if isinstance(value, frozenset) else repr(value)

"""Estimates of access logs that were kept: a site's own, a few of them, gone when somebody deletes them.

Rule of this file: keeping and deleting are in the publisher's audit log, in the same transaction.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import orjson
from sqlalchemy import Connection, Row, delete, func, insert, select

from edge.core.log_result import LogEstimate, from_document, to_document
from edge.store.audit_events import Action, record
from edge.store.problems import InvalidValue
from edge.store.tables import log_estimate, site

KEPT_MAX = 50
NAME_CHARACTERS_MAX = 200


@dataclass(frozen=True, slots=True)
class KeptEstimate:
    """One estimate as it was kept."""

    estimate_id: int
    site_id: int
    log_name: str
    rules_name: str
    estimate: LogEstimate
    kept_by: str
    kept_at_micros: int


def keep_estimate(
    connection: Connection,
    site_id: int,
    names: tuple[str, str],
    estimate: LogEstimate,
    author: str,
    now_micros: int,
) -> int:
    """Keep an estimate; ``names`` are the log's and the rules'. Raises ``InvalidValue`` when a site has too many.

    Lines that could not be read are counted and not kept: they are the log's.
    """
    mine = log_estimate.c.site_id == site_id
    if connection.execute(select(func.count()).where(mine)).scalar_one() >= KEPT_MAX:
        raise InvalidValue(f"{KEPT_MAX} estimates are kept already; delete one first", "keep")
    log_name, rules_name = (name[:NAME_CHARACTERS_MAX] for name in names)
    values = {
        "site_id": site_id,
        "log_name": log_name,
        "rules_name": rules_name,
        "document": orjson.dumps(to_document(replace(estimate, bad_samples=()))).decode(),
        "kept_by": author,
        "kept_at_micros": now_micros,
    }
    made = insert(log_estimate).values(values).returning(log_estimate.c.id)
    number = int(connection.execute(made).scalar_one())
    _tell(connection, Action.ESTIMATE_KEPT, site_id, log_name, rules_name, author, now_micros)
    return number


def list_estimates(connection: Connection, site_id: int) -> list[KeptEstimate]:
    """A site's kept estimates, the newest first."""
    query = select(log_estimate).where(log_estimate.c.site_id == site_id).order_by(log_estimate.c.id.desc())
    return [_kept(row) for row in connection.execute(query)]


def find_estimate(connection: Connection, site_id: int, estimate_id: int) -> KeptEstimate | None:
    """One of a site's kept estimates."""
    where = (log_estimate.c.site_id == site_id) & (log_estimate.c.id == estimate_id)
    row = connection.execute(select(log_estimate).where(where)).one_or_none()
    return None if row is None else _kept(row)


def delete_estimate(connection: Connection, site_id: int, estimate_id: int, *, author: str, now_micros: int) -> bool:
    """Delete one; whether it was there."""
    where = (log_estimate.c.site_id == site_id) & (log_estimate.c.id == estimate_id)
    gone = delete(log_estimate).where(where).returning(log_estimate.c.log_name, log_estimate.c.rules_name)
    row = connection.execute(gone).one_or_none()
    if row is None:
        return False
    _tell(connection, Action.ESTIMATE_DELETED, site_id, row.log_name, row.rules_name, author, now_micros)
    return True


def _tell(
    connection: Connection, action: Action, site_id: int, log: str, rules: str, author: str, now_micros: int
) -> None:
    publisher_id = connection.execute(select(site.c.publisher_id).where(site.c.id == site_id)).scalar_one()
    record(
        connection,
        action,
        author=author,
        now_micros=now_micros,
        publisher_id=publisher_id,
        site_id=site_id,
        subject=log,
        details={"under": rules},
    )


def _kept(row: Row[tuple[object, ...]]) -> KeptEstimate:
    found = from_document(orjson.loads(row.document))
    return KeptEstimate(row.id, row.site_id, row.log_name, row.rules_name, found, row.kept_by, row.kept_at_micros)

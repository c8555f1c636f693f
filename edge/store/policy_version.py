"""One counter that says whether anything changed which ``decide()`` sees.

Rule: whoever changes a site, a rule set in force, a crawler, a key or an account's standing calls
``bump_policy_version`` on the same connection, so that the change and the news of it commit together.
"""

from __future__ import annotations

from sqlalchemy import Connection, insert, select, update

from edge.store.tables import policy_version


def bump_policy_version(connection: Connection, now_micros: int) -> None:
    """Count one change. The row is locked until the transaction ends, so versions follow commits."""
    changed = connection.execute(
        update(policy_version)
        .where(policy_version.c.id == 1)
        .values(version=policy_version.c.version + 1, changed_at_micros=now_micros)
    )
    if changed.rowcount == 0:
        connection.execute(insert(policy_version).values(id=1, version=1, changed_at_micros=now_micros))


def read_policy_version(connection: Connection) -> int:
    """The version of what is stored now; 0 before anything was ever set."""
    version: int | None = connection.execute(select(policy_version.c.version)).scalar_one_or_none()
    return version or 0

"""Whether a publisher has put the list of first steps aside."""

from __future__ import annotations

from sqlalchemy import Connection, select

from edge.store.insertion import insert_new
from edge.store.tables import first_steps


def are_dismissed(connection: Connection, publisher_id: int) -> bool:
    """Whether somebody has put the list aside, for everybody of this publisher."""
    where = first_steps.c.publisher_id == publisher_id
    return connection.execute(select(first_steps.c.publisher_id).where(where)).first() is not None


def dismiss_first_steps(connection: Connection, publisher_id: int, author: str, now_micros: int) -> None:
    """Put the list aside, for good."""
    row = {"publisher_id": publisher_id, "dismissed_by": author, "dismissed_at_micros": now_micros}
    insert_new(connection, first_steps, row)

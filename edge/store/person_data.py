"""Everything that is kept about one person, found by the marks of the columns (``edge.store.tables.personal``).

Rules of this file
- A person is looked for by what they sign in with, spelled in any case; commands write the system's name of their user,
  which finds them too. Rows that only hold a person's id are found through their account.
- Secrets (hashes, tokens) are left out: they are no information about anybody, and could open something.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, LargeBinary, Table, func, select

from edge.core.webhooks import timestamp_text
from edge.store.people import find_person
from edge.store.tables import metadata, webhook_event
from edge.store.tables.personal import MARK, Finds, OnErase, Personal

COMMAND_LINE = "{} (command line)"


@dataclass(frozen=True, slots=True)
class Place:
    """A column that finds a person's rows."""

    table: Table
    column: Column[Any]
    mark: Personal


@dataclass(frozen=True, slots=True)
class Who:
    """A person as rows name them: by what they are called, and by their account's id, if they have one."""

    name: str
    person_id: int | None

    @classmethod
    def find(cls, connection: Connection, name: str) -> Who:
        """``name`` is an address, or the system's name of somebody who uses the command line."""
        known = find_person(connection, name)
        return cls(name.strip().lower(), known.person_id if known else None)

    @property
    def spellings(self) -> tuple[str, str]:
        """What rows call them, in lower case: as themselves, and as a user of the command line."""
        return self.name, COMMAND_LINE.format(self.name)

    def rows(self, place: Place) -> ColumnElement[bool] | None:
        """The condition that finds this person's rows at a place; None where they cannot have any."""
        if place.mark.finds is Finds.PERSON_ID:
            return None if self.person_id is None else place.column == self.person_id
        if place.mark.finds is Finds.EMAIL_OR_THING and "@" not in self.name:
            return None
        # That it is not null is said too, because the index of the entries' authors asks for it.
        return place.column.is_not(None) & func.lower(place.column).in_(self.spellings)


def places() -> tuple[Place, ...]:
    """Every column that finds people, in an order in which rows can be deleted."""
    found = (
        Place(table, column, column.info[MARK])
        for table in reversed(metadata.sorted_tables)
        for column in table.columns
        if MARK in column.info
    )
    return tuple(place for place in found if place.mark.finds is not Finds.NOTHING)


def export_person(connection: Connection, who: Who) -> dict[str, Any]:
    """What is kept, by ``table.column``, as plain JSON; what erasing would do stands beside it."""
    kept = {}
    for place in places():
        rows = list(_rows(connection, place, who))
        if rows:
            kept[f"{place.table.name}.{place.column.name}"] = {
                "when_erased": place.mark.on_erase.value,
                "rows": rows,
            }
    told = list(_told(connection, who))
    if told:
        kept["webhook_event.body"] = {"when_erased": OnErase.EXPIRES.value, "rows": told}
    return kept


def _rows(connection: Connection, place: Place, who: Who) -> Iterator[dict[str, Any]]:
    where = who.rows(place)
    if where is None:
        return
    beside = place.mark.beside
    shown = [column for column in place.table.columns if _is_shown(column)]
    if beside:
        shown = [column for column in shown if column.name in (*beside, place.column.name)]
    order = list(place.table.primary_key.columns)
    for row in connection.execute(select(*shown).where(where).order_by(*order)).mappings():
        yield dict(_readable(name, value) for name, value in row.items())


def _told(connection: Connection, who: Who) -> Iterator[dict[str, Any]]:
    """Events that name the person; the text is what is signed, so it is never changed."""
    event = webhook_event.c
    names_them = func.lower(event.body).contains(f'"{who.name}', autoescape=True)
    columns = (event.id, event.event, event.subject, event.at_micros)
    for row in connection.execute(select(*columns).where(names_them).order_by(event.id)).mappings():
        yield dict(_readable(name, value) for name, value in row.items())


def _is_shown(column: Column[Any]) -> bool:
    mark: Personal | None = column.info.get(MARK)
    return not isinstance(column.type, LargeBinary) and not (mark is not None and mark.secret)


def _readable(name: str, value: Any) -> tuple[str, Any]:
    """Times as people write them; amounts and all else as they are stored."""
    if name.endswith("at_micros") and value is not None:
        return name.removesuffix("_micros"), timestamp_text(value)
    return str(name), value  # SQLAlchemy's names are a kind of text that is no JSON key

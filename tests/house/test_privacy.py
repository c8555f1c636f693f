"""Every column with personal data is marked, and docs/privacy.md says where, how long and why, of each and no other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Column

from edge.store.tables import metadata
from edge.store.tables.personal import MARK, Finds, OnErase, Personal
from tests.support.source_tree import ROOT

SOUNDS_PERSONAL = re.compile(
    r"email|mail|address|contact|phone|author|_by$|person|user_agent|password|csrf|subject_hash|reason|note$|(^|_)ip($|_)"
)
NOBODYS = {
    "unmatched_payment.reason": "a sentence of the program's own",
    "activity.user_agent_id": "a number; what it stands for is marked",
}
"""Columns that sound so and are not, each with its reason."""


def columns() -> Iterator[tuple[str, Column[Any]]]:
    for table in metadata.tables.values():
        for column in table.columns:
            yield f"{table.name}.{column.name}", column


def marks() -> dict[str, Personal]:
    return {name: column.info[MARK] for name, column in columns() if MARK in column.info}


def rows() -> dict[str, list[str]]:
    text = (ROOT / "docs" / "privacy.md").read_text(encoding="utf-8")
    found = {}
    for line in text.splitlines():
        named = re.match(r"\| `(\w+\.\w+)` \|", line)
        if named:
            found[named[1]] = [cell.strip() for cell in line.strip("|").split("|")]
    return found


def test_every_column_that_sounds_like_a_person_is_marked() -> None:
    unmarked = {name for name, column in columns() if SOUNDS_PERSONAL.search(column.name) and MARK not in column.info}
    assert unmarked == set(NOBODYS), (
        "mark it with info=personal(...) of edge.store.tables.personal and add it to docs/privacy.md, "
        f"or say in NOBODYS why it is nobody's: {sorted(unmarked ^ set(NOBODYS))}"
    )


def test_the_page_names_every_marked_column_and_no_other() -> None:
    assert set(marks()) == set(rows()), f"docs/privacy.md and the marks differ in {sorted(set(marks()) ^ set(rows()))}"


def test_each_row_says_what_how_long_why_and_what_erasing_does() -> None:
    for name, cells in rows().items():
        assert len(cells) == 5, name
        assert all(cells), name
        assert cells[4] == marks()[name].on_erase.value, name


def test_what_erasing_changes_can_be_found() -> None:
    """A name that becomes a pseudonym or goes is looked for by itself; what goes with its row is found by another."""
    for name, mark in marks().items():
        table = name.partition(".")[0]
        finders = [other for at, other in marks().items() if at.partition(".")[0] == table and is_finder(other)]
        if mark.on_erase in (OnErase.RENAMED, OnErase.EMPTIED):
            assert mark.finds in (Finds.EMAIL, Finds.EMAIL_OR_THING), name
        if mark.on_erase is OnErase.DELETED:
            assert any(other.on_erase is OnErase.DELETED for other in finders), name


def is_finder(mark: Personal) -> bool:
    return mark.finds is not Finds.NOTHING


def test_what_stands_beside_a_name_exists() -> None:
    for name, mark in marks().items():
        table = metadata.tables[name.partition(".")[0]]
        assert set(mark.beside) <= set(table.columns.keys()), name

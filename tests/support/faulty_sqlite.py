"""A SQLite connection that fails when told to: the border between the ledger and a disk, with a fake behind it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, event

from edge.store.database import sqlite_module


@dataclass(slots=True)
class Faults:
    """What the next calls do. `before_commit` and `after_commit` are used up by the next COMMIT of a ledger batch."""

    before_commit: str | None = None
    after_commit: str | None = None
    every_statement: str | None = None
    commits: int = 0


@contextmanager
def faulty_sqlite() -> Iterator[Faults]:
    """Give every SQLite connection opened in this block a commit and a cursor that obey the faults."""
    module, faults = sqlite_module(), Faults()

    class FaultyCursor(module.Cursor):  # type: ignore[name-defined, misc]
        def execute(self, statement: str, *parameters: Any) -> Any:
            self.connection.holds_batch |= statement.startswith("INSERT INTO batch")
            return super().execute(statement, *parameters)

    class Faulty(module.Connection):  # type: ignore[name-defined, misc]
        holds_batch = False

        def commit(self) -> None:
            if not self.holds_batch:
                super().commit()
                return
            self.holds_batch = False
            message, faults.before_commit = faults.before_commit, None
            if message is not None:
                self.rollback()
                raise module.OperationalError(message)
            super().commit()
            faults.commits += 1
            message, faults.after_commit = faults.after_commit, None
            if message is not None:
                raise module.OperationalError(message)

        def cursor(self, factory: Any = FaultyCursor) -> Any:
            if faults.every_statement is not None:
                raise module.OperationalError(faults.every_statement)
            return super().cursor(factory)

    def use(dialect: Any, record: Any, arguments: list[Any], named: dict[str, Any]) -> None:
        if dialect.name == "sqlite":
            named["factory"] = Faulty

    event.listen(Engine, "do_connect", use)
    try:
        yield faults
    finally:
        event.remove(Engine, "do_connect", use)

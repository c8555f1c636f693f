"""SQLite connections that fail when told to, or commit late: the border between the ledger and a disk, with a fake."""

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

    with _connections_of(Faulty):
        yield faults


@contextmanager
def late_commits() -> Iterator[None]:
    """Let every COMMIT in this block say that it is done, and be done when the connection is next used."""
    module = sqlite_module()

    class Late(module.Connection):  # type: ignore[name-defined, misc]
        owes = False

        def commit(self) -> None:
            self.owes = self.in_transaction

        def rollback(self) -> None:
            if not self.owes:
                super().rollback()

        def cursor(self, *arguments: Any) -> Any:
            self._pay()
            return super().cursor(*arguments)

        def close(self) -> None:
            self._pay()
            super().close()

        def _pay(self) -> None:
            if self.owes:
                self.owes = False
                super().commit()

    with _connections_of(Late):
        yield


@contextmanager
def _connections_of(factory: type) -> Iterator[None]:
    def use(dialect: Any, record: Any, arguments: list[Any], named: dict[str, Any]) -> None:
        if dialect.name == "sqlite":
            named["factory"] = factory

    event.listen(Engine, "do_connect", use)
    try:
        yield
    finally:
        event.remove(Engine, "do_connect", use)

"""Tell database errors apart: an outage, a conflict that a new try resolves, a broken disk, a bad value."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from edge.core.ledger import LedgerUnavailable

_SERIALIZATION = frozenset({"40001", "40P01"})


class StorageFailed(LedgerUnavailable):
    """The disk returned an error: what it holds is uncertain until the process has started again and read it."""


def is_outage(error: DBAPIError) -> bool:
    """Whether the database as a whole could not do it, whoever had asked for whatever."""
    return error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)


def is_transient(error: DBAPIError) -> bool:
    """Whether the same transaction may work at once: a stale connection was dropped, or a rival went first."""
    return error.connection_invalidated or getattr(error.orig, "sqlstate", None) in _SERIALIZATION


def is_storage_failure(error: DBAPIError) -> bool:
    """Whether SQLite met an input or output error; a full disk is not one, it passes when space returns."""
    name = getattr(error.orig, "sqlite_errorname", None) or ""
    return name.startswith("SQLITE_IOERR") or "disk I/O error" in str(error.orig)


def unavailable(error: DBAPIError) -> LedgerUnavailable:
    """Say it in the ledger's words: ``StorageFailed`` for a broken disk, else ``LedgerUnavailable``."""
    if is_storage_failure(error):
        return StorageFailed(f"the disk failed under the ledger: {error.orig}")
    return LedgerUnavailable(f"the ledger cannot be written: {error.orig}")

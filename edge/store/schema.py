"""The shape of the database: where it stands, where this version of farebox wants it, and how to get there.

The migrations lie at the top of a checkout and inside the package of an installed wheel.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from edge.core.errors import EdgeError
from edge.store.database import Database

_STORE = Path(__file__).resolve().parent


class WrongSchema(EdgeError):
    """The database is older or newer than this version of farebox; the message says what to do."""


def upgrade(database: Database) -> str:
    """Bring the database to this version's shape, in one transaction; return the revision it then has."""
    with database.write() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return wanted()


def current(database: Database) -> str | None:
    """Return the database's revision, or None for an empty one."""
    with database.read() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def wanted() -> str:
    """Return the revision that this version of farebox works with."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if head is None:
        raise AssertionError("there are no migrations beside edge/store")
    return head


def check(database: Database) -> None:
    """Refuse to work on any other shape; raises ``WrongSchema``."""
    found, needed = current(database), wanted()
    if found == needed:
        return
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if found is None or found in known:
        raise WrongSchema(f"the database is at {found or 'nothing yet'}; run `farebox db upgrade` to reach {needed}")
    raise WrongSchema(f"the database is at {found}, made by a newer farebox; install that version")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_migrations()).replace("%", "%%"))
    return config


def _migrations() -> Path:
    installed = _STORE.parent / "migrations"
    return installed if installed.is_dir() else _STORE.parent.parent / "migrations"

"""``farebox db``: bring the database to the shape that this program works with."""

from __future__ import annotations

from edge.cli.nouns import noun
from edge.cli.terminal import CommandFailed, JsonFlag, PartlyDone, first_line, say, show_fields
from edge.cli.workplace import opened, settings_here
from edge.settings import Settings
from edge.store import schema
from edge.store.append_only import missing_triggers

app = noun("The database's shape: make it, look at it, check it.")


@app.command("upgrade", epilog="Example: farebox db upgrade")
def upgrade(as_json: JsonFlag = False) -> None:
    """Make the tables, or bring them to this program's version, in one transaction."""
    settings = settings_here()
    before, after = upgrade_database(settings)
    if as_json:
        show_fields({"before": before, "after": after}, as_json)
    elif before == after:
        say(f"the database is at {after} already")
    else:
        say(f"the database is at {after} now" + (f", it was at {before}" if before else ""))


@app.command("current", epilog="Example: farebox db current --json")
def current(as_json: JsonFlag = False) -> None:
    """Show at which version the database is, and which one this program wants."""
    with opened(settings_here(), at_any_version=True) as database:
        show_fields({"current": schema.current(database), "wanted": schema.wanted()}, as_json)


@app.command("check", epilog="Example: farebox db check && farebox serve")
def check(as_json: JsonFlag = False) -> None:
    """Fail unless the database is at the version that this program wants, with the locks on its books in place."""
    with opened(settings_here()) as database:
        with database.read() as connection:
            missing = missing_triggers(connection)
        if missing:
            raise CommandFailed(
                f"the books can be changed by hand: the triggers {', '.join(missing)} are missing; "
                "run `farebox verify`, and restore from a backup"
            )
        show_fields({"version": schema.wanted(), "ok": True}, as_json)


@app.command("sweep", epilog="Example: farebox db sweep")
def sweep(as_json: JsonFlag = False) -> None:
    """Delete what is over its time now, and say how many rows went. A running edge does so every hour by itself."""
    # The web server's libraries: no other command of this group should wait for them to load.
    from edge.proxy.app import housekeeper

    settings = settings_here()
    faults: list[str] = []
    with opened(settings) as database:
        gone = housekeeper(settings, database, lambda what, error: faults.append(f"{what}: {error}")).go_round()
    if faults:
        raise PartlyDone(f"not everything was deleted ({first_line(faults[0])}); try again")
    show_fields(dict(gone), as_json)


def upgrade_database(settings: Settings) -> tuple[str | None, str]:
    """Upgrade, and say from which revision to which; None stands for an empty database."""
    with opened(settings, at_any_version=True) as database:
        return schema.current(database), schema.upgrade(database)
